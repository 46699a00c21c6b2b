//! What a report says, and the native plans behind common queries.
#![forbid(unsafe_code)]

mod error;
pub mod native;

pub use error::{Error, ErrorKind};
