//! JSON objects, one a line.
//!
//! A nested object's members are columns, too, their names joined with dots: `{"a":{"b":1}}` is
//! `a.b`. Arrays are refused. A string is text, whatever it says; an integer is one in full
//! precision while it fits 64 bits. `null` is as good as no member at all, and so is an empty
//! string. Of members with the same name the last one counts. A member that the plan
//! does not know is a new field, of the type of its first value.
//!
//! * [`survey`]: the plan of a file from a sample of it.
//! * [`NdjsonReader`]: rows into batches.
//! * [`points`]: one [`Point`](crate::Point) at a time, for people and tests.

mod keys;
mod layout;
mod line;
mod points;
mod reader;
mod string;
mod survey;
mod token;

pub use keys::{MAX_DEPTH, MAX_KEYS};
pub use points::{Points, points};
pub use reader::NdjsonReader;
pub use survey::survey;

pub(crate) use survey::survey_types;
