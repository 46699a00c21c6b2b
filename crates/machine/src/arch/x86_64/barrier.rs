//! Memory barriers. None is `nomem`: they are barriers to the compiler, too.

use std::arch::asm;

#[inline(always)]
pub(crate) fn mfence() {
    // SAFETY: it orders memory accesses and changes nothing.
    unsafe { asm!("mfence", options(nostack, preserves_flags)) };
}

#[inline(always)]
pub(crate) fn lfence() {
    // SAFETY: it orders loads and instructions and changes nothing.
    unsafe { asm!("lfence", options(nostack, preserves_flags)) };
}

#[inline(always)]
pub(crate) fn sfence() {
    // SAFETY: it orders stores and changes nothing.
    unsafe { asm!("sfence", options(nostack, preserves_flags)) };
}
