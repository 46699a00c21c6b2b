//! Targets of `tidemill-store`: files of any content behind sound magic, lengths and checksums, and
//! sequences of operations.

pub(crate) mod formats;
mod frame;
mod opened;
pub(crate) mod operations;
mod sample;
