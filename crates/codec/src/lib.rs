//! The encodings of one column of one block of a segment.
//!
//! A block has up to [`MAX_BLOCK_ROWS`] rows in vectors of [`VECTOR_ROWS`], the last of which may
//! be shorter. An [`Encoder`] chooses the encoding by estimated size; a column is read by the
//! function of its type ([`ints()`], [`floats()`], [`bits()`], [`texts()`], [`times()`]), which checks its header and
//! borrows its bytes. A column can then be decoded whole, by vector or by range of rows. It knows
//! neither its type nor its number of rows: who stores it does.
//!
//! All bytes are untrusted. Corrupt ones are an [`Error`] or other values, never a panic, and
//! never more memory than the rows asked for.
//!
//! The module of each type begins with the layout of its bytes.
#![forbid(unsafe_code)]

mod bits;
mod bytes;
mod decimal;
mod dictionary;
mod encoder;
mod error;
mod floats;
mod floats_encoder;
mod ints;
mod ints_encoder;
mod pages;
mod pages_encoder;
mod texts;
mod texts_encoder;
mod times;
mod times_encoder;
mod vector;
mod vector_encoder;
mod window;

pub use bits::{BitColumn, bits};
pub use encoder::{Compression, Encoder};
pub use error::Error;
pub use floats::{FloatColumn, floats, floats_with};
pub use ints::{IntColumn, Integer, Places, ints, ints_with};
pub use texts::{TextColumn, TextScratch, texts};
pub use times::{TimeColumn, TimeHeader, times};

/// Rows of a vector.
pub const VECTOR_ROWS: usize = 1024;

/// The most rows of a block.
pub const MAX_BLOCK_ROWS: usize = 8192;
