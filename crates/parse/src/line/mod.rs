//! InfluxDB line protocol.
//!
//! ```text
//! measurement,tag=value,tag=value field=1.5,field=2i,field=3u,field=t,field="text" 1451606400000000000
//! ```
//!
//! * [`LineReader`] fills a batch: the fast reader.
//! * [`points`] hands out one [`Point`](crate::Point) at a time: for people and tests.
//! * [`write_row`] writes what both read.
//!
//! The grammar is that of InfluxDB 1 and 2. In a measurement a backslash before a comma or space
//! takes its meaning away; in tags and field names before an equals sign too; in a string before a
//! quote or a backslash. Before anything else it is a backslash, which is why a name cannot end in
//! one. A row ends at `\n` or `\r\n`; a string may hold newlines. Blank lines and lines whose first
//! character is `#` are skipped, and so is a byte order mark before a line; more spaces than one
//! are as good as one between sections. The last of several fields of one name wins.

mod escape;
mod grammar;
mod keys;
mod known;
mod layout;
mod memory;
mod options;
mod packed;
mod points;
mod reader;
mod value;
mod write;

pub use grammar::MAX_COLUMNS;
pub use keys::SharedSeries;
pub use options::{LineOptions, Precision};
pub use points::{Points, points};
pub use reader::{LineReader, MAX_TABLES};
pub use write::{Unwritable, write_row};
