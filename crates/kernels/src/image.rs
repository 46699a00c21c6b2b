//! Pixels of 8-bit channels: gray, and Gaussian blur.
//!
//! An image of `width` x `height` pixels is a slice of their channels, interleaved, row by row, the
//! top row first, without padding. All levels ([`Isa`](crate::Isa)) give the same bytes: the
//! arithmetic is of integers and stated where the function is.

mod blur;
mod gray;

pub use blur::{Blur, MAX_RADIUS};
pub use gray::{rgb_to_gray, rgba_to_gray};

pub(crate) use blur::{COLUMN_SHIFT, ROW_SHIFT, clamped};
pub(crate) use gray::{BLUE, GREEN, HALF, RED, luma};

use std::fmt;

/// What an image cannot be made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ImageError {
    /// A slice does not have the bytes that the pixels take.
    Length {
        /// Which slice.
        slice: &'static str,
        /// How many bytes it has.
        bytes: usize,
        /// How many it should have; `None` when that is more than a `usize`.
        expected: Option<usize>,
    },
    /// The radius of a blur is above [`MAX_RADIUS`].
    Radius(usize),
    /// The standard deviation of a blur is not a positive number.
    Sigma(f64),
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { slice, bytes, expected: Some(expected) } => {
                write!(f, "{slice} has {bytes} bytes, not {expected}")
            }
            Self::Length { slice, bytes, expected: None } => {
                write!(f, "{slice} has {bytes} bytes, less than so many pixels take")
            }
            Self::Radius(radius) => write!(f, "a radius of {radius} is above {MAX_RADIUS}"),
            Self::Sigma(sigma) => write!(f, "a standard deviation of {sigma}"),
        }
    }
}

impl std::error::Error for ImageError {}

/// Checks the length of a slice.
fn check(slice: &'static str, bytes: usize, expected: Option<usize>) -> Result<(), ImageError> {
    if expected == Some(bytes) {
        return Ok(());
    }
    Err(ImageError::Length { slice, bytes, expected })
}
