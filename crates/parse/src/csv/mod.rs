//! Comma-separated values (RFC 4180), with any of four delimiters.
//!
//! A cell that begins with a quote ends with one; `""` in it is a quote, and delimiters and
//! newlines in it are text. Elsewhere quotes are text. A row ends with a newline, which a carriage
//! return may precede. Blank lines are skipped. An empty cell, quoted or not, is a missing value.
//! Blanks around numbers and times are ignored; in texts and tags they count. A file may begin
//! with a byte order mark.
//!
//! * [`survey`]: the plan of a file from a sample of it.
//! * [`CsvReader`]: rows into batches. What it does most of the time is in `fast.rs` (`stretch.rs`
//!   recognises tags and what is between them, `rows.rs` holds numbers until they are many), what
//!   it does with any row in `careful.rs`.
//! * [`points`]: one [`Point`](crate::Point) at a time, for people and tests.

mod careful;
mod cursor;
mod fast;
mod numbers;
mod points;
mod reader;
mod record;
mod rows;
mod stretch;
mod survey;

pub use points::{Points, points};
pub use reader::CsvReader;
pub use record::MAX_QUOTED_CELL_BYTES;
pub use survey::survey;

pub(crate) use survey::survey_types;
