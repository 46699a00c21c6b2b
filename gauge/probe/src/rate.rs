//! Allocations over time.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidemill_machine::{CycleClock, Cycles, counter};

use crate::lock::Lock;
use crate::{Block, Counters, Counts, Observer, json};

/// No reading of the counter comes after it.
const NEVER: u64 = u64::MAX;

/// The process's counts at regular times, the last `N` of them.
///
/// It takes them from [`Counters`], which must be among the observers (and before it, so that the event that
/// makes a sample is in it). Off until [`start`](Self::start): then an event costs a load. On, it costs a
/// reading of the time-stamp counter; the first event after an interval's end takes the sample.
#[derive(Debug)]
pub struct Rate<const N: usize> {
    /// When the next sample is due, and cycles from one to the next.
    due: AtomicU64,
    interval: AtomicU64,
    ring: Lock<Ring<N>>,
}

#[derive(Debug)]
struct Ring<const N: usize> {
    samples: [Sample; N],
    /// Samples ever taken.
    taken: usize,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: u64,
    counts: Counts,
}

impl<const N: usize> Default for Rate<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Rate<N> {
    /// Off.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N >= 2, "a rate is between two samples") };
        let counts = Counts {
            allocations: 0,
            deallocations: 0,
            reallocations: 0,
            failures: 0,
            bytes_allocated: 0,
            bytes_deallocated: 0,
        };
        Self {
            due: AtomicU64::new(NEVER),
            interval: AtomicU64::new(0),
            ring: Lock::new(Ring { samples: [Sample { at: 0, counts }; N], taken: 0 }),
        }
    }

    /// Begins anew, with a sample now and one every `interval`.
    pub fn start(&self, interval: Duration) {
        let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        let Cycles(cycles) = CycleClock::shared().cycles(nanos);
        let mut ring = self.ring.lock();
        ring.taken = 0;
        self.interval.store(cycles.max(1), Ordering::Relaxed);
        self.take(&mut ring, counter::read());
    }

    /// Takes a last sample, and no more.
    pub fn stop(&self) {
        let mut ring = self.ring.lock();
        if self.due.load(Ordering::Relaxed) != NEVER {
            self.take(&mut ring, counter::read());
            self.due.store(NEVER, Ordering::Relaxed);
        }
    }

    /// What happened between the samples.
    #[must_use]
    pub fn report(&self) -> RateReport {
        let ring = self.ring.lock();
        let (samples, taken) = (ring.samples, ring.taken);
        drop(ring);
        let clock = CycleClock::shared();
        let kept: Vec<Sample> =
            (taken.saturating_sub(N)..taken).map(|number| samples[number % N]).collect();
        let first = kept.first().map_or(0, |sample| sample.at);
        let between = kept.iter().zip(kept.iter().skip(1)).map(|(from, to)| RateInterval {
            start: clock.duration(Cycles(from.at.saturating_sub(first))),
            length: clock.duration(Cycles(to.at.saturating_sub(from.at))),
            counts: to.counts - from.counts,
        });
        RateReport { intervals: between.collect(), overwritten: taken.saturating_sub(N) }
    }

    #[inline]
    fn event(&self) {
        let due = self.due.load(Ordering::Relaxed);
        if due != NEVER && counter::read() >= due {
            self.sample();
        }
    }

    /// By the first that comes; the others go on.
    #[cold]
    #[inline(never)]
    fn sample(&self) {
        let Some(mut ring) = self.ring.try_lock() else { return };
        let now = counter::read();
        if now >= self.due.load(Ordering::Relaxed) {
            self.take(&mut ring, now);
        }
    }

    fn take(&self, ring: &mut Ring<N>, at: u64) {
        ring.samples[ring.taken % N] = Sample { at, counts: Counters::process() };
        ring.taken += 1;
        let due = at.saturating_add(self.interval.load(Ordering::Relaxed)).min(NEVER - 1);
        self.due.store(due, Ordering::Relaxed);
    }
}

// SAFETY: reads counters and writes to an array under a lock; nothing allocates or unwinds.
unsafe impl<const N: usize> Observer for Rate<N> {
    #[inline]
    fn allocated(&self, _: Block) {
        self.event();
    }

    #[inline]
    fn deallocating(&self, _: Block) {
        self.event();
    }

    #[inline]
    fn reallocated(&self, _: Block, _: Option<Block>) {
        self.event();
    }
}

/// Allocations over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateReport {
    /// Oldest first.
    pub intervals: Vec<RateInterval>,
    /// Samples that gave way to later ones.
    pub overwritten: usize,
}

/// What happened between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateInterval {
    /// Since the oldest sample.
    pub start: Duration,
    /// As long as was asked for, or longer where nothing happened.
    pub length: Duration,
    /// What was counted.
    pub counts: Counts,
}

impl RateInterval {
    /// Allocations and reallocations a second.
    #[must_use]
    pub fn requests_a_second(&self) -> f64 {
        self.counts.requests() as f64 / self.length.as_secs_f64().max(1e-9)
    }

    /// Bytes allocated a second.
    #[must_use]
    pub fn bytes_a_second(&self) -> f64 {
        self.counts.bytes_allocated as f64 / self.length.as_secs_f64().max(1e-9)
    }
}

impl RateReport {
    /// As a JSON object; times in nanoseconds.
    #[must_use]
    pub fn to_json(&self) -> String {
        let intervals = self.intervals.iter().map(|RateInterval { start, length, counts }| {
            let (start, length) = (start.as_nanos(), length.as_nanos());
            let counts = counts.to_json();
            format!("{{\"start_ns\":{start},\"length_ns\":{length},\"counts\":{counts}}}")
        });
        let intervals = json::list(intervals);
        format!("{{\"overwritten\":{},\"intervals\":{intervals}}}", self.overwritten)
    }
}

impl fmt::Display for RateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.overwritten > 0 {
            writeln!(f, "{} older samples were overwritten", self.overwritten)?;
        }
        writeln!(f, "{:>12} {:>12} {:>16} {:>16}", "second", "long", "requests/s", "bytes/s")?;
        for interval in &self.intervals {
            let (start, length) = (interval.start.as_secs_f64(), interval.length.as_secs_f64());
            let (requests, bytes) = (interval.requests_a_second(), interval.bytes_a_second());
            writeln!(f, "{start:>12.3} {length:>12.3} {requests:>16.0} {bytes:>16.0}")?;
        }
        Ok(())
    }
}
