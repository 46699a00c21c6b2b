//! Readings of the time-stamp counter.
//!
//! The counter counts at a constant rate, whatever the processor's clock does (see
//! [`CycleClock::is_invariant`](crate::CycleClock::is_invariant)): its "cycles" are units of time, not
//! of work. On processors other than x86-64 it counts the nanoseconds of std's monotonic clock.
//!
//! A processor runs instructions out of order, the reading of the counter among them. [`read`] says
//! roughly when; a measurement of few instructions reads by [`read_start`] before and by [`read_end`]
//! after (Paoloni, "How to Benchmark Code Execution Times on Intel IA-32 and IA-64 Instruction Set
//! Architectures", 2010, with LFENCE in the place of CPUID: it orders as much and does not trap
//! into the hypervisor of a virtual machine, which takes 9,700 cycles).

use crate::arch;

/// The counter, now or a few instructions earlier or later. `rdtsc`; 24 cycles.
///
/// Clobbers nothing; the compiler may move memory accesses across it, but not other readings.
/// For timing whole loops and operators; std's [`Instant`](std::time::Instant) is as good where
/// 56 cycles don't matter.
#[inline]
#[must_use]
pub fn read() -> u64 {
    arch::counter::rdtsc()
}

/// The counter once all instructions before have been executed, and the number of the processor
/// (on Linux: the NUMA node times 4096, plus the processor), `u32::MAX` if it is not known. `rdtscp`; 44 cycles.
///
/// Instructions after it may start before it reads. Processors without `rdtscp` (before 2008) read
/// between two `lfence`. A compiler's barrier, too.
#[inline]
#[must_use]
pub fn read_with_processor() -> (u64, u32) {
    arch::counter::rdtscp()
}

/// The counter after everything before it, and before everything after it. `lfence; rdtsc; lfence`; 48 cycles.
///
/// For the start of a measurement. Stores before it may still be on their way to the cache:
/// [`mfence`](crate::barrier::mfence) before it waits for them. A compiler's barrier, too.
#[inline]
#[must_use]
pub fn read_start() -> u64 {
    arch::counter::fenced()
}

/// The counter after everything before it, and before everything after it. `rdtscp; lfence`; 55 cycles.
///
/// For the end of a measurement. A compiler's barrier, too.
#[inline]
#[must_use]
pub fn read_end() -> u64 {
    arch::counter::fenced_end()
}
