//! Targets of `tidemill-store`: files of any content behind sound magic, lengths and checksums, and
//! sequences of operations.

mod cells;
mod damaged;
pub(crate) mod formats;
mod frame;
mod opened;
pub(crate) mod operations;
mod sample;
