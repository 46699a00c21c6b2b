//! The time-stamp counter.

use std::arch::asm;

use crate::cpu::{CpuFeatures, Feature};

#[inline(always)]
pub(crate) fn rdtsc() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: RDTSC writes EAX and EDX (and clears the upper halves of RAX and RDX), nothing else.
    unsafe {
        asm!("rdtsc", out("rax") low, out("rdx") high, options(nomem, nostack, preserves_flags));
    }
    high << 32 | low
}

#[inline(always)]
pub(crate) fn rdtscp() -> (u64, u32) {
    if !CpuFeatures::get().has(Feature::Rdtscp) {
        return (fenced(), u32::MAX);
    }
    let (low, high, processor): (u64, u64, u64);
    // SAFETY: the processor has RDTSCP; it writes EAX, EDX and ECX, nothing else. The block is no
    // `nomem`, so that the compiler too leaves what stands before it there.
    unsafe {
        asm!(
            "rdtscp",
            out("rax") low, out("rdx") high, out("rcx") processor,
            options(nostack, preserves_flags),
        );
    }
    (high << 32 | low, processor as u32)
}

/// Reads between two LFENCEs.
#[inline(always)]
pub(crate) fn fenced() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: as `rdtsc`; LFENCE changes no register.
    unsafe {
        asm!(
            "lfence", "rdtsc", "lfence",
            out("rax") low, out("rdx") high,
            options(nostack, preserves_flags),
        );
    }
    high << 32 | low
}

/// RDTSCP, then LFENCE.
#[inline(always)]
pub(crate) fn fenced_end() -> u64 {
    let (count, _) = rdtscp();
    super::barrier::lfence();
    count
}
