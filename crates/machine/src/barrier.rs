//! Memory barriers.
//!
//! Programs that synchronise threads want [`std::sync::atomic::fence`]: the compiler knows what it
//! means, and on x86-64 all but `fence(SeqCst)` cost nothing. What std lacks is what these are for:
//! non-temporal stores ([`sfence`]) and the order of instructions ([`lfence`]). In the terms of Rust's
//! memory model each is a `fence(SeqCst)` at most; all are barriers to the compiler.
//!
//! They clobber nothing. Elsewhere than on x86-64 each is `fence(SeqCst)`.

use crate::arch;

/// No load or store after it happens before one before it is visible to all. `mfence`; 49 cycles.
///
/// `fence(SeqCst)` does the same and may be cheaper (a locked instruction).
#[inline]
pub fn mfence() {
    arch::barrier::mfence();
}

/// No instruction after it starts before all before it have been executed. `lfence`; 9 cycles, and what was on its way.
///
/// For measurements, and against speculation. Not for synchronising threads: loads are in order on
/// x86-64 anyway.
#[inline]
pub fn lfence() {
    arch::barrier::lfence();
}

/// No store after it is visible before those before it, non-temporal ones included. `sfence`; a cycle, if no such
/// store is on its way.
///
/// Needed between non-temporal stores and the release of the data to another thread.
#[inline]
pub fn sfence() {
    arch::barrier::sfence();
}
