//! SIMD families behind safe functions, dispatched at run time.
//!
//! * [`base64`]: RFC 4648's base64, both alphabets, with or without padding and white space.
//! * [`bitpack`]: vectors of 1,024 integers at 0 to 64 bits each, unpacked, summed or searched for
//!   their extremes without leaving the registers.
//! * [`bitstream`]: the same for fewer integers, one after the other.
//! * [`decimal`]: cells of CSV that are short numbers, eight at a time.
//! * [`delta`]: differences, prefix sums, zigzag.
//! * [`elementwise`]: columns added, compared into bitmaps, filtered, looked up.
//! * [`image`]: RGB to gray, rounded exactly, and Gaussian blur.
//! * [`matrix`]: products and transposes.
//! * [`reduce`]: sums and dot products with a bounded error, extremes, and all moments of a slice in
//!   one pass, with or without a validity bitmap.
//! * [`scan`]: where the structure of CSV and of line protocol is; newlines and white space.
//! * [`sieve`]: primes, counted, listed or as a set, by one thread or by all.
//! * [`text`]: lines and words of a text counted, and how often each word is there.
//!
//! Each function has several implementations that give the same answer, and calls the fastest this
//! processor can run; see [`Isa`] for what "the same" is where numbers are rounded.

mod arch;
pub mod base64;
pub mod bitpack;
pub mod bitstream;
pub mod decimal;
pub mod delta;
mod dispatch;
pub mod elementwise;
pub mod image;
pub mod matrix;
pub mod reduce;
pub mod scan;
pub mod sieve;
pub mod text;

pub use dispatch::{Isa, IsaError};

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
