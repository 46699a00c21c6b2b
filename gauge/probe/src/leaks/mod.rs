//! Which blocks live, and where they were allocated.

mod blocks;
mod report;
mod sites;

pub use report::{LeakReport, LeakSite};

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::stack::Stack;
use crate::{Block, Observer};

use blocks::{Blocks, Live};
use sites::Sites;

/// Remembers the live blocks and the places in the program that allocated them.
///
/// Off until [`start`](Self::start): then an event costs a load. On, an allocation costs the unwinding of the
/// stack (microseconds), unless it is not in the sample, and a deallocation a look into a table.
///
/// The tables are part of the static, as large as the type says, and take memory as they fill: `BLOCKS`
/// live blocks of 24 bytes (a multiple of 1024; seven eighths of them are used) and `SITES` places of about
/// 250. What does not fit is counted, not guessed: see [`LeakReport`].
///
/// ```
/// use std::alloc::System;
/// use gauge_probe::{Counters, Leaks, Observed};
///
/// #[global_allocator]
/// static ALLOCATOR: Observed<System, (Counters, Leaks<65536, 1024>)> =
///     Observed::with(System, (Counters, Leaks::new()));
///
/// let (_, leaks) = ALLOCATOR.observer();
/// leaks.start(1);
/// std::mem::forget(vec![0u8; 1000]);
/// leaks.stop();
/// let report = leaks.report();
/// assert_eq!((report.live_blocks, report.live_bytes), (1, 1000));
/// println!("{report}");
/// ```
#[derive(Debug)]
pub struct Leaks<const BLOCKS: usize, const SITES: usize> {
    /// Whether allocations are remembered.
    is_on: AtomicBool,
    /// Whether there ever were any, so that deallocations have to be looked up.
    was_on: AtomicBool,
    /// Bytes from one sample to the next.
    every_bytes: AtomicU64,
    untracked_blocks: AtomicU64,
    untracked_bytes: AtomicU64,
    blocks: Blocks<BLOCKS>,
    sites: Sites<SITES>,
}

thread_local! {
    /// The byte that is the next sample: 1 is the next one that this thread allocates, 0 says that it
    /// has not begun to count.
    static UNTIL_SAMPLE: Cell<u64> = const { Cell::new(0) };
    /// What is being reallocated, in case that fails.
    static PENDING: Cell<Option<Live>> = const { Cell::new(None) };
}

impl<const BLOCKS: usize, const SITES: usize> Default for Leaks<BLOCKS, SITES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BLOCKS: usize, const SITES: usize> Leaks<BLOCKS, SITES> {
    /// Off.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            is_on: AtomicBool::new(false),
            was_on: AtomicBool::new(false),
            every_bytes: AtomicU64::new(1),
            untracked_blocks: AtomicU64::new(0),
            untracked_bytes: AtomicU64::new(0),
            blocks: Blocks::new(),
            sites: Sites::new(),
        }
    }

    /// Remembers blocks allocated from now on: all of them (1), or of each thread those in which every
    /// n-th allocated byte lies. A reallocated block counts as a new one, allocated there.
    pub fn start(&self, every_bytes: u64) {
        self.every_bytes.store(every_bytes.max(1), Ordering::Relaxed);
        self.was_on.store(true, Ordering::Release);
        self.is_on.store(true, Ordering::Release);
    }

    /// Remembers no more blocks. Those that it knows it forgets when they are deallocated, as before: what
    /// is left when all should be gone has leaked.
    pub fn stop(&self) {
        self.is_on.store(false, Ordering::Release);
    }

    /// The live blocks by the place that allocated them, most bytes first. Finding the names reads the
    /// program's file and allocates.
    #[must_use]
    pub fn report(&self) -> LeakReport {
        let mut sites: Vec<LeakSite> = (0..SITES).filter_map(|at| self.sites.leak(at)).collect();
        sites.sort_by_key(|site| std::cmp::Reverse((site.live_bytes, site.live_blocks)));
        let (unattributed_blocks, unattributed_bytes) = self.sites.overflow();
        let sum = |of: fn(&LeakSite) -> u64| sites.iter().map(of).sum::<u64>();
        LeakReport {
            live_blocks: sum(|site| site.live_blocks) + unattributed_blocks,
            live_bytes: sum(|site| site.live_bytes) + unattributed_bytes,
            unattributed_blocks,
            unattributed_bytes,
            untracked_blocks: self.untracked_blocks.load(Ordering::Relaxed),
            untracked_bytes: self.untracked_bytes.load(Ordering::Relaxed),
            every_bytes: self.every_bytes.load(Ordering::Relaxed),
            sites,
        }
    }

    #[inline]
    fn came(&self, block: Block) {
        if self.is_on.load(Ordering::Acquire) && self.is_sampled(block.size as u64) {
            self.remember(block);
        }
    }

    #[inline]
    fn went(&self, block: Block) -> Option<Live> {
        if self.was_on.load(Ordering::Relaxed) { self.forget(block) } else { None }
    }

    #[inline]
    fn is_sampled(&self, size: u64) -> bool {
        let every = self.every_bytes.load(Ordering::Relaxed);
        UNTIL_SAMPLE.with(|until| {
            let left = match until.get() {
                0 => every,
                // It may have been counting for a larger interval.
                left => left.min(every),
            };
            if size < left {
                until.set(left - size);
                return false;
            }
            until.set(every - (size - left) % every);
            true
        })
    }

    #[cold]
    #[inline(never)]
    fn remember(&self, block: Block) {
        let site = self.sites.find(&Stack::capture());
        self.insert(Live { address: block.address, size: block.size, site });
    }

    fn insert(&self, live: Live) {
        // First the site's count, then the block: nobody takes off what is not there.
        self.sites.came(live.site, live.size as u64);
        if !self.blocks.insert(live) {
            self.sites.never_came(live.site, live.size as u64);
            self.untracked_blocks.fetch_add(1, Ordering::Relaxed);
            self.untracked_bytes.fetch_add(live.size as u64, Ordering::Relaxed);
        }
    }

    #[cold]
    #[inline(never)]
    fn forget(&self, block: Block) -> Option<Live> {
        let live = self.blocks.remove(block.address)?;
        self.sites.went(live.site, live.size as u64);
        Some(live)
    }
}

// SAFETY: tables of a fixed size under locks that are held for some instructions; what allocates in
// `capture` finds it busy and goes on without a stack; no unwinding.
unsafe impl<const BLOCKS: usize, const SITES: usize> Observer for Leaks<BLOCKS, SITES> {
    #[inline]
    fn allocated(&self, block: Block) {
        self.came(block);
    }

    #[inline]
    fn deallocating(&self, block: Block) {
        self.went(block);
    }

    #[inline]
    fn reallocating(&self, old: Block) {
        if let Some(live) = self.went(old) {
            PENDING.set(Some(live));
        }
    }

    #[inline]
    fn reallocated(&self, _: Block, new: Option<Block>) {
        let pending = if self.was_on.load(Ordering::Relaxed) { PENDING.take() } else { None };
        match (new, pending) {
            (Some(new), _) => self.came(new),
            (None, Some(old)) => self.insert(old),
            (None, None) => {}
        }
    }
}
