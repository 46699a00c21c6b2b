//! Counting, by thread, so that threads don't wait for each other's cache lines.
//!
//! Every thread has a slot of its own, which only it writes: an addition is a load and a store, no
//! locked instruction. The process's counts are the sums over the slots. A thread's slot is never given to
//! another one (to know when a thread ends would take a destructor, which an allocator must not have),
//! so there is a named number of them; threads beyond it share one slot, by locked additions.

use std::alloc::Layout;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::{Block, Counts, Observer, thread};

/// Threads, over the life of the process, that count without locked instructions: 128 KiB of zeros,
/// of which those of threads that never were are never touched.
pub const MAX_COUNTED_THREADS: usize = 1024;

static SLOTS: [Slot; MAX_COUNTED_THREADS] = [const { Slot(Tally::new()) }; MAX_COUNTED_THREADS];
/// Of all threads beyond.
static CROWD: Slot = Slot(Tally::new());

thread_local! {
    static THREAD: Thread = const {
        Thread { own: Cell::new(None), tally: Tally::new() }
    };
}

/// Counts allocations, deallocations, reallocations, failures and bytes, by thread and process.
///
/// The counts are exact. They are one set per process: whichever allocators in it have `Counters`, and a
/// program usually has one.
///
/// A reader sees everything that threads did before they were joined, or otherwise synchronised with it;
/// of a thread that runs meanwhile it sees some moment, and never a deallocation without its allocation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters;

impl Counters {
    /// What the process has done. Reads a cache line for each thread that ever was; allocates nothing.
    #[must_use]
    pub fn process() -> Counts {
        let mut counts = Counts::default();
        // What takes away is read first: what it took away was added before, perhaps by a
        // thread that did not exist when this began.
        for Slot(tally) in slots() {
            counts.deallocations += tally.deallocations.load(Ordering::Acquire);
            counts.bytes_deallocated += tally.bytes_deallocated.load(Ordering::Acquire);
        }
        for Slot(tally) in slots() {
            counts.allocations += tally.allocations.load(Ordering::Acquire);
            counts.reallocations += tally.reallocations.load(Ordering::Acquire);
            counts.failures += tally.failures.load(Ordering::Acquire);
            counts.bytes_allocated += tally.bytes_allocated.load(Ordering::Acquire);
        }
        counts
    }

    /// What this thread has done; allocates nothing.
    #[must_use]
    pub fn thread() -> Counts {
        own(|tally| Counts {
            allocations: tally.allocations.load(Ordering::Relaxed),
            deallocations: tally.deallocations.load(Ordering::Relaxed),
            reallocations: tally.reallocations.load(Ordering::Relaxed),
            failures: tally.failures.load(Ordering::Relaxed),
            bytes_allocated: tally.bytes_allocated.load(Ordering::Relaxed),
            bytes_deallocated: tally.bytes_deallocated.load(Ordering::Relaxed),
        })
    }

    /// Whether allocations are counted now: whether one that it makes is.
    #[must_use]
    pub fn are_counting() -> bool {
        let before = Self::thread().allocations;
        drop(black_box(Box::new(0u8)));
        Self::thread().allocations != before
    }

    /// Sets this thread's peak to what it has live now; gives both.
    pub(crate) fn restart_peak() -> (i64, i64) {
        own(|tally| {
            let live = tally.live();
            let peak = tally.peak_live_bytes.load(Ordering::Relaxed);
            tally.peak_live_bytes.store(live, Ordering::Relaxed);
            (live, peak)
        })
    }

    /// This thread's peak since it was restarted; it goes on as if it had not been.
    pub(crate) fn end_peak(before: i64) -> i64 {
        own(|tally| {
            let peak = tally.peak_live_bytes.load(Ordering::Relaxed);
            tally.peak_live_bytes.store(peak.max(before), Ordering::Relaxed);
            peak
        })
    }
}

// SAFETY: additions to statics and to thread-local cells without a destructor.
unsafe impl Observer for Counters {
    #[inline]
    fn allocated(&self, block: Block) {
        record(Event::Allocated(block.size as u64));
    }

    #[inline]
    fn deallocating(&self, block: Block) {
        record(Event::Deallocated(block.size as u64));
    }

    #[inline]
    fn reallocated(&self, old: Block, new: Option<Block>) {
        let (old, new) = (old.size as u64, new.map(|new| new.size as u64));
        record(match new {
            None => Event::Failed,
            Some(new) if new >= old => Event::Grown(new - old),
            Some(new) => Event::Shrunk(old - new),
        });
    }

    #[inline]
    fn failed(&self, _: Layout) {
        record(Event::Failed);
    }
}

/// What is counted at once, with bytes.
#[derive(Clone, Copy)]
enum Event {
    Allocated(u64),
    Deallocated(u64),
    Grown(u64),
    Shrunk(u64),
    Failed,
}

/// Where a thread's counts are.
struct Thread {
    /// Its slot, once it has one.
    own: Cell<Option<&'static Slot>>,
    /// Its counts if there was no slot left for it.
    tally: Tally,
}

/// Two cache lines, since processors fetch pairs.
#[repr(align(128))]
struct Slot(Tally);

struct Tally {
    allocations: AtomicU64,
    deallocations: AtomicU64,
    reallocations: AtomicU64,
    failures: AtomicU64,
    bytes_allocated: AtomicU64,
    bytes_deallocated: AtomicU64,
    /// The most that was allocated less deallocated. Means nothing in `CROWD`.
    peak_live_bytes: AtomicI64,
}

impl Tally {
    const fn new() -> Self {
        Self {
            allocations: AtomicU64::new(0),
            deallocations: AtomicU64::new(0),
            reallocations: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            bytes_allocated: AtomicU64::new(0),
            bytes_deallocated: AtomicU64::new(0),
            peak_live_bytes: AtomicI64::new(0),
        }
    }

    #[inline]
    fn live(&self) -> i64 {
        let added = self.bytes_allocated.load(Ordering::Relaxed);
        added.wrapping_sub(self.bytes_deallocated.load(Ordering::Relaxed)) as i64
    }

    /// By the thread whose tally it is.
    #[inline]
    fn count(&self, event: Event) {
        self.apply(event, |count, by| {
            count.store(count.load(Ordering::Relaxed) + by, Ordering::Release);
        });
        if matches!(event, Event::Allocated(_) | Event::Grown(_)) {
            let live = self.live();
            if live > self.peak_live_bytes.load(Ordering::Relaxed) {
                self.peak_live_bytes.store(live, Ordering::Relaxed);
            }
        }
    }

    #[inline]
    fn apply(&self, event: Event, add: impl Fn(&AtomicU64, u64)) {
        match event {
            Event::Allocated(bytes) => {
                add(&self.allocations, 1);
                add(&self.bytes_allocated, bytes);
            }
            Event::Deallocated(bytes) => {
                add(&self.deallocations, 1);
                add(&self.bytes_deallocated, bytes);
            }
            Event::Grown(bytes) => {
                add(&self.reallocations, 1);
                add(&self.bytes_allocated, bytes);
            }
            Event::Shrunk(bytes) => {
                add(&self.reallocations, 1);
                add(&self.bytes_deallocated, bytes);
            }
            Event::Failed => add(&self.failures, 1),
        }
    }
}

#[inline]
fn record(event: Event) {
    THREAD.with(|thread| match thread.own.get() {
        Some(Slot(tally)) => tally.count(event),
        None => record_without_slot(thread, event),
    });
}

/// A thread's first event, or any of one for which there is no slot.
#[cold]
#[inline(never)]
fn record_without_slot(thread: &Thread, event: Event) {
    if let Some(slot) = SLOTS.get(thread::number()) {
        thread.own.set(Some(slot));
        return slot.0.count(event);
    }
    thread.tally.count(event);
    CROWD.0.apply(event, |count, by| {
        count.fetch_add(by, Ordering::Release);
    });
}

/// The slots of the threads there are.
fn slots() -> impl Iterator<Item = &'static Slot> {
    SLOTS.iter().take(thread::count()).chain([&CROWD])
}

/// This thread's own counts.
fn own<R>(read: impl FnOnce(&Tally) -> R) -> R {
    THREAD.with(|thread| match thread.own.get().or_else(|| SLOTS.get(thread::number())) {
        Some(Slot(tally)) => read(tally),
        None => read(&thread.tally),
    })
}
