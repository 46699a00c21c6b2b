//! SIMD families behind safe functions, dispatched at run time.
//!
//! * [`bitpack`]: vectors of 1,024 integers at 0 to 64 bits each, unpacked, summed or searched for
//!   their extremes without leaving the registers.
//! * [`delta`]: differences, prefix sums, zigzag.
//! * [`image`]: RGB to gray, rounded exactly, and Gaussian blur.
//! * [`matrix`]: products and transposes.
//! * [`reduce`]: sums with a bounded error, extremes, and all moments of a slice in one pass, with
//!   or without a validity bitmap.
//! * [`scan`]: the field ends of a CSV text, quotes respected.
//!
//! Each function has several implementations that give the same answer (a product of matrices: but
//! for its rounding), and calls the fastest
//! this processor can run; see [`Isa`].

mod arch;
pub mod bitpack;
pub mod delta;
mod dispatch;
pub mod image;
pub mod matrix;
pub mod reduce;
pub mod scan;

pub use dispatch::{Isa, IsaError};
