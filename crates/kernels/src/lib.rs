//! SIMD families behind safe functions, dispatched at run time.
//!
//! * [`bitpack`]: vectors of 1,024 integers at 0 to 64 bits each, unpacked, summed or searched for
//!   their extremes without leaving the registers.
//!
//! Each function has several implementations that give the same answer, and calls the fastest
//! this processor can run; see [`Isa`].

mod arch;
pub mod bitpack;
mod dispatch;

pub use dispatch::{Isa, IsaError};
