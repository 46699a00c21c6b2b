//! The instructions behind the safe functions: inline assembly on x86-64, std elsewhere.
//!
//! Both modules have the same functions. Tests compile both and compare them. Miri, which runs no
//! assembly, takes the portable one.

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) mod x86_64;
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) use x86_64::{barrier, bits, call, counter, cpuid, cstr, prefetch};

#[cfg(any(test, miri, not(target_arch = "x86_64")))]
#[cfg_attr(all(target_arch = "x86_64", not(miri)), expect(dead_code, reason = "compared in tests"))]
pub(crate) mod portable;
#[cfg(any(miri, not(target_arch = "x86_64")))]
pub(crate) use portable::{barrier, bits, call, counter, cpuid, cstr, prefetch};
