//! The implementations, one module for each level, and in it one for each family.
//!
//! `scalar` defines the answer. `generic` has the algorithm, written once, `#[inline(always)]`:
//! as it stands it is the portable implementation, and inlined into the functions of `x86_64`,
//! which only switch instructions on, it is theirs too, save where hand-written code was measured
//! to be faster.

pub(crate) mod generic;
pub(crate) mod scalar;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;
