//! What a stretch of a program took.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::LocalKey;

use tidemill_machine::{CycleClock, Cycles, counter};

use crate::Counters;

/// What a stretch of the program took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Cycles of the time-stamp counter.
    pub cycles: u64,
    /// Requests to the allocator: allocations and reallocations.
    pub allocations: u64,
    /// Bytes allocated, and what blocks grew by.
    pub bytes: u64,
}

impl Spent {
    pub(crate) const NOTHING: Self = Self { cycles: 0, allocations: 0, bytes: 0 };

    fn plus(self, other: Self) -> Self {
        Self {
            cycles: self.cycles.wrapping_add(other.cycles),
            allocations: self.allocations.wrapping_add(other.allocations),
            bytes: self.bytes.wrapping_add(other.bytes),
        }
    }

    /// What is more than `other`; two readings of the counter may come in any order.
    fn beyond(self, other: Self) -> Self {
        Self {
            cycles: self.cycles.saturating_sub(other.cycles),
            allocations: self.allocations.saturating_sub(other.allocations),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    /// The cycles as time.
    #[must_use]
    pub fn duration(&self) -> std::time::Duration {
        CycleClock::shared().duration(Cycles(self.cycles))
    }

    pub(crate) fn to_json(self) -> String {
        let Self { cycles, allocations, bytes } = self;
        let nanos = self.duration().as_nanos();
        format!(
            "{{\"cycles\":{cycles},\"ns\":{nanos},\"allocations\":{allocations},\"bytes\":{bytes}}}"
        )
    }

    /// Of this thread, since it began.
    fn of_this_thread() -> Self {
        let counts = Counters::thread();
        Self {
            cycles: counter::read(),
            allocations: counts.requests(),
            bytes: counts.bytes_allocated,
        }
    }
}

/// What stretches took, over all threads.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    cycles: AtomicU64,
    allocations: AtomicU64,
    bytes: AtomicU64,
}

impl Sums {
    pub(crate) const fn new() -> Self {
        Self { cycles: AtomicU64::new(0), allocations: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    pub(crate) fn add(&self, spent: Spent) {
        self.cycles.fetch_add(spent.cycles, Ordering::Relaxed);
        self.allocations.fetch_add(spent.allocations, Ordering::Relaxed);
        self.bytes.fetch_add(spent.bytes, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Spent {
        Spent {
            cycles: self.cycles.load(Ordering::Relaxed),
            allocations: self.allocations.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn clear(&self) {
        self.cycles.store(0, Ordering::Relaxed);
        self.allocations.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }
}

/// What the stretches of one kind within the innermost one of this thread have taken.
pub(crate) type Within = &'static LocalKey<Cell<Spent>>;

/// A stretch that this thread is in.
#[derive(Debug)]
pub(crate) struct Running {
    start: Spent,
    /// What the stretches within the one around had taken before.
    around: Spent,
}

impl Running {
    pub(crate) fn begin(within: Within) -> Self {
        Self { around: within.replace(Spent::NOTHING), start: Spent::of_this_thread() }
    }

    /// What it took, and what it took without the stretches within it.
    pub(crate) fn end(&self, within: Within) -> (Spent, Spent) {
        let whole = Spent::of_this_thread().beyond(self.start);
        let own = whole.beyond(within.replace(self.around.plus(whole)));
        (whole, own)
    }
}

/// Runs what is no work: its cycles are not those of the stretch around.
pub(crate) fn waiting<R>(within: Within, wait: impl FnOnce() -> R) -> R {
    let before = within.get();
    let start = counter::read();
    let result = wait();
    // What was within it, on this thread, took some of these cycles: they count once.
    let cycles = before.cycles.wrapping_add(counter::read().saturating_sub(start));
    within.set(Spent { cycles, ..within.get() });
    result
}
