//! Who allocates: every block by the place in the program that asked for it.

mod blocks;
mod keys;
mod report;
mod shard;
mod stacks;
mod table;
mod totals;

pub use report::{SiteCounts, SiteReport, TimelinePoint};
pub use shard::{LIFETIME_CLASSES, lifetime_from};

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tidemill_machine::frames::{Frames, Stack as Bounds};
use tidemill_machine::{CycleClock, Cycles};

#[cfg(feature = "preload")]
use crate::lock::RawLock;
use crate::{Block, Observer, thread};

use blocks::{Blocks, Live};
use shard::{CROWD, Event, SHARDS, Shard};
use stacks::{Stacks, UNKNOWN};
use table::Table;
use totals::Totals;

/// From one point of the timeline to the next at the start; it doubles when there are 512.
const FIRST_INTERVAL: Duration = Duration::from_millis(1);

/// Counts allocations by the place in the program that made them: how many, how many bytes, what lives, what lived
/// when the whole program's memory was at its peak, and how long blocks lived.
///
/// Off until [`start`](Self::start): then an event costs a load. On, it costs tens of nanoseconds in a program built with
/// frame pointers (`-Cforce-frame-pointers=yes`; std is), and microseconds at each place where a function
/// without them is on the stack: those are unwound by tables, and are right all the same.
///
/// * Lifetimes are told in allocations: how many the program made between a block's allocation and its
///   deallocation.
/// * A block that is reallocated belongs to the place that did that from then on, and keeps its
///   birth. It is neither an allocation nor a deallocation; bytes that it grew by count.
/// * With one thread, everything is exact. With more, peak, lifetimes and timeline may miss what threads have
///   not published: 64 events or 1 MiB a thread; counts, bytes and what lives are exact once threads are joined.
/// * The stack of a site is its innermost [`MAX_FRAMES`](crate::MAX_FRAMES) addresses.
///
/// Tables are mapped by `start` and take memory where they are used: half of what the heap has in small blocks, 256 bytes a site and
/// thread, 9 KiB a thread (256 threads; those beyond share, and wait for each other).
///
/// ```
/// use std::alloc::System;
/// use gauge_probe::{Observed, Sites};
///
/// #[global_allocator]
/// static ALLOCATOR: Observed<System, Sites> = Observed::with(System, Sites::new());
///
/// let sites = ALLOCATOR.observer();
/// sites.start();
/// let kept = vec![0u8; 1000];
/// sites.stop();
/// let report = sites.report();
/// assert_eq!((report.allocations, report.live_bytes, report.peak_bytes), (1, 1000, 1000));
/// println!("{report}");
/// # drop(kept);
/// ```
pub struct Sites {
    /// Whether allocations are remembered.
    is_on: AtomicBool,
    /// Whether there ever were any, so that deallocations have to be looked up.
    was_on: AtomicBool,
    blocks: Blocks,
    stacks: Stacks,
    shards: Table<Shard, SHARDS>,
    totals: Totals,
    /// Blocks for which there was no room, so that their end will not be seen.
    untracked: AtomicU64,
    /// Blocks that were found gone when another one came in their place.
    displaced: AtomicU64,
}

/// What a thread knows about itself.
struct Me {
    /// Its shard's number plus one.
    shard: Cell<usize>,
    stack: Cell<Bounds>,
    /// It is unwinding, or asking for its stack: what allocates meanwhile has no place of its own.
    is_busy: Cell<bool>,
    /// What is being reallocated.
    pending: Cell<Option<Live>>,
}

thread_local! {
    static ME: Me = const {
        Me {
            shard: Cell::new(0),
            stack: Cell::new(Bounds::NONE),
            is_busy: Cell::new(false),
            pending: Cell::new(None),
        }
    };
}

impl Default for Sites {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sites({})", self.stacks.count() - 1)
    }
}

impl Sites {
    /// Off.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            is_on: AtomicBool::new(false),
            was_on: AtomicBool::new(false),
            blocks: Blocks::new(),
            stacks: Stacks::new(),
            shards: Table::new(),
            totals: Totals::new(),
            untracked: AtomicU64::new(0),
            displaced: AtomicU64::new(0),
        }
    }

    /// Remembers blocks allocated from now on; goes on where it stopped. False if the system does not give
    /// the address space (about 40 MiB, and 16 MiB a thread, of which little is touched): then it stays off.
    pub fn start(&self) -> bool {
        let is_mapped = self.blocks.map() && self.stacks.map() && self.shards.map();
        if is_mapped {
            // The clock may measure, and the first thread's stack is asked for now, since that reads a file.
            let Cycles(interval) =
                CycleClock::shared().cycles(FIRST_INTERVAL.as_nanos().try_into().unwrap_or(0));
            self.totals.start(interval);
            ME.with(meet);
            self.was_on.store(true, Ordering::Release);
            self.is_on.store(true, Ordering::Release);
        }
        is_mapped
    }

    /// Remembers no more blocks; of those that it knows it sees the end.
    pub fn stop(&self) {
        self.is_on.store(false, Ordering::Release);
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Its locks: who forks a process takes all of them before, and gives them back in both processes.
    #[cfg(feature = "preload")]
    pub(crate) fn locks(&self) -> impl Iterator<Item = &RawLock> {
        let crowd = self.shards.get(CROWD).map(|shard| &shard.lock);
        crowd.into_iter().chain(self.stacks.locks()).chain(self.totals.locks())
    }

    #[inline(always)]
    fn site(&self, me: &Me) -> u32 {
        if me.shard.get() == 0 {
            meet(me);
        }
        self.stacks.site(Frames::here(me.stack.get()), |stacks, hash, frames| {
            unwind(stacks, me, hash, frames)
        })
    }

    #[inline(always)]
    fn count(&self, me: &Me, event: Event) -> u64 {
        let number = me.shard.get().wrapping_sub(1);
        let Some(shard) = self.shards.get(number) else { return 0 };
        if !shard.is_used.load(Ordering::Relaxed) {
            use_first(shard);
        }
        if number == CROWD {
            return shard.locked(|shard| shard.count(&self.totals, event));
        }
        shard.count(&self.totals, event)
    }

    #[inline(always)]
    fn came(&self, me: &Me, block: Block) {
        let site = self.site(me);
        let size = block.size as u64;
        let birth = self.count(me, Event::Came { site, size });
        self.insert(me, block.address, Live { site, size, birth });
    }

    #[inline(always)]
    fn insert(&self, me: &Me, address: usize, live: Live) {
        match self.blocks.insert(address, live) {
            Ok(None) => {}
            other => self.inserted_badly(me, other, live),
        }
    }

    #[cold]
    #[inline(never)]
    fn inserted_badly(&self, me: &Me, result: Result<Option<Live>, ()>, live: Live) {
        let (gone, counter) = match result {
            // Nobody saw its end: its memory is another's now.
            Ok(Some(before)) => (before, &self.displaced),
            _ => (live, &self.untracked),
        };
        self.went(me, gone);
        counter.fetch_add(1, Ordering::Relaxed);
    }

    #[inline(always)]
    fn went(&self, me: &Me, live: Live) {
        self.count(me, Event::Went(live));
    }

    #[inline(never)]
    fn moved(&self, me: &Me, old: Live, new: Block) {
        let size = new.size as u64;
        if self.is_on() {
            let site = self.site(me);
            self.count(me, Event::Moved { from: old, to: site, size });
            self.insert(me, new.address, Live { site, size, birth: old.birth });
        } else {
            self.went(me, old);
        }
    }
}

/// The first event of a thread: it gets its number, and its stack is found.
#[cold]
#[inline(never)]
fn meet(me: &Me) {
    if me.shard.get() == 0 {
        me.shard.set(thread::number().min(CROWD) + 1);
        let was_busy = me.is_busy.replace(true);
        me.stack.set(Bounds::of_this_thread().unwrap_or(Bounds::NONE));
        me.is_busy.set(was_busy);
    }
}

#[cold]
#[inline(never)]
fn unwind(stacks: &Stacks, me: &Me, hash: u64, frames: Frames) -> u32 {
    if me.is_busy.replace(true) {
        return UNKNOWN;
    }
    let site = stacks.unwind(hash, frames);
    me.is_busy.set(false);
    site
}

#[cold]
#[inline(never)]
fn use_first(shard: &Shard) {
    shard.counts.map();
    shard.is_used.store(true, Ordering::Release);
}

// SAFETY: additions to what was mapped from the system; unwinding, which may allocate, is entered once a
// thread; no thread-local has a destructor; nothing unwinds out.
unsafe impl Observer for Sites {
    #[inline]
    fn allocated(&self, block: Block) {
        if self.is_on() {
            self.allocated_now(block);
        }
    }

    #[inline]
    fn deallocating(&self, block: Block) {
        if self.was_on.load(Ordering::Relaxed) {
            self.deallocating_now(block);
        }
    }

    #[inline]
    fn reallocating(&self, old: Block) {
        if self.was_on.load(Ordering::Relaxed)
            && let Some(live) = self.blocks.remove(old.address)
        {
            ME.with(|me| me.pending.set(Some(live)));
        }
    }

    #[inline]
    fn reallocated(&self, old: Block, new: Option<Block>) {
        if self.was_on.load(Ordering::Relaxed) {
            self.reallocated_now(old, new);
        }
    }
}

impl Sites {
    #[inline(never)]
    fn allocated_now(&self, block: Block) {
        ME.with(|me| self.came(me, block));
    }

    #[inline(never)]
    fn deallocating_now(&self, block: Block) {
        if let Some(live) = self.blocks.remove(block.address) {
            ME.with(|me| {
                if me.shard.get() == 0 {
                    meet(me);
                }
                self.went(me, live);
            });
        }
    }

    #[inline(never)]
    fn reallocated_now(&self, old: Block, new: Option<Block>) {
        ME.with(|me| match (new, me.pending.take()) {
            (Some(new), Some(old)) => self.moved(me, old, new),
            (None, Some(live)) => self.insert(me, old.address, live),
            // One of before the start: it is seen for the first time.
            (Some(new), None) if self.is_on() => self.came(me, new),
            _ => {}
        });
    }
}
