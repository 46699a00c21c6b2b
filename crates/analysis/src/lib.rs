//! What a report says, and the native plans behind common queries.
#![forbid(unsafe_code)]

pub mod anomaly;
mod error;
pub mod native;
mod numeric;
mod points;

#[cfg(test)]
mod testing;

pub use error::{Error, ErrorKind};
pub use points::{Cell, Points};
