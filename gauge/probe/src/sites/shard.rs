//! What one thread has done: its counts by site and size, and what it has not published yet.
//!
//! Only its thread writes to a shard, by loads and stores. Threads beyond the number of shards share the last one,
//! under a lock. A block that another thread frees counts down in that thread's shard: the
//! sums over all shards are right, a single one's may be negative.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::blocks::Live;
use super::stacks::MAX_SITES;
use super::table::{Table, Zeroed, add, add_signed};
use super::totals::{Moment, PUBLISH_BYTES, PUBLISH_EVENTS, Totals};
use crate::histogram::{SIZE_CLASSES, class_of};
use crate::lock::RawLock;

/// Shards; the last one is that of the threads beyond.
pub(super) const SHARDS: usize = 257;
pub(super) const CROWD: usize = SHARDS - 1;

/// Classes of lifetimes: 0 allocations, 1 to 3, 4 to 15, and so on by powers of 4.
pub const LIFETIME_CLASSES: usize = 19;

#[repr(align(128))]
pub(super) struct Shard {
    /// For threads that share it.
    pub(super) lock: RawLock,
    /// Whether anything is in it.
    pub(super) is_used: AtomicBool,
    events: AtomicU64,
    allocations: AtomicU64,
    bytes: AtomicU64,
    live: AtomicI64,
    /// The totals, with this thread's last publication.
    all_allocations: AtomicU64,
    all_live: AtomicI64,
    pub(super) sizes: [Size; SIZE_CLASSES],
    pub(super) counts: Table<Count, MAX_SITES>,
}

// SAFETY: atomics and a table that is not mapped.
unsafe impl Zeroed for Shard {}

/// Blocks of a class of sizes.
pub(super) struct Size {
    pub(super) came: AtomicU64,
    pub(super) went: AtomicU64,
    pub(super) bytes_came: AtomicU64,
    pub(super) bytes_went: AtomicU64,
}

/// A site's, by one thread.
#[repr(align(64))]
pub(super) struct Count {
    pub(super) allocations: AtomicU64,
    pub(super) bytes: AtomicU64,
    live_blocks: AtomicI64,
    live_bytes: AtomicI64,
    max_bytes: AtomicI64,
    /// The peak at which the next two were taken.
    epoch: AtomicU64,
    peak_blocks: AtomicI64,
    peak_bytes: AtomicI64,
    max_blocks: AtomicI64,
    pub(super) reallocations: AtomicU64,
    pub(super) lifetime: AtomicU64,
    pub(super) lifetimes: [AtomicU64; LIFETIME_CLASSES],
}

// SAFETY: atomics.
unsafe impl Zeroed for Count {}

impl Count {
    /// What lives, before it changes: if there was a peak since it last did, this is what lived then.
    #[inline(always)]
    fn change(&self, totals: &Totals, blocks: i64, bytes: i64) {
        let epoch = totals.epoch.load(Ordering::Relaxed);
        if self.epoch.load(Ordering::Relaxed) != epoch {
            self.epoch.store(epoch, Ordering::Relaxed);
            self.peak_blocks.store(self.live_blocks.load(Ordering::Relaxed), Ordering::Relaxed);
            self.peak_bytes.store(self.live_bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let blocks = add_signed(&self.live_blocks, blocks);
        let bytes = add_signed(&self.live_bytes, bytes);
        if bytes > self.max_bytes.load(Ordering::Relaxed) {
            self.max_bytes.store(bytes, Ordering::Relaxed);
            self.max_blocks.store(blocks, Ordering::Relaxed);
        }
    }

    /// Blocks and bytes: live now; at the peak, which has a number or is now; and when the bytes were most.
    pub(super) fn live(&self, epoch: u64, is_peak: bool) -> [(i64, i64); 3] {
        let pair = |blocks: &AtomicI64, bytes: &AtomicI64| {
            (blocks.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed))
        };
        let live = pair(&self.live_blocks, &self.live_bytes);
        let has_changed = self.epoch.load(Ordering::Relaxed) == epoch;
        let before = pair(&self.peak_blocks, &self.peak_bytes);
        let peak = if has_changed && !is_peak { before } else { live };
        [live, peak, pair(&self.max_blocks, &self.max_bytes)]
    }
}

/// What happens to blocks at once, and at which sites.
#[derive(Clone, Copy)]
pub(super) enum Event {
    Came { site: u32, size: u64 },
    Went(Live),
    Moved { from: Live, to: u32, size: u64 },
}

impl Shard {
    /// Counts; returns the number of the last allocation. A site without room for its counts is not
    /// counted, but in the totals.
    #[inline(always)]
    pub(super) fn count(&self, totals: &Totals, event: Event) -> u64 {
        let now = match event {
            Event::Came { site, size } => {
                let own = add(&self.allocations, 1);
                add(&self.bytes, size);
                add_signed(&self.live, size as i64);
                self.size_came(size);
                if let Some(count) = self.counts.get(site as usize) {
                    add(&count.allocations, 1);
                    add(&count.bytes, size);
                    count.change(totals, 1, size as i64);
                }
                self.all_allocations.load(Ordering::Relaxed) + own
            }
            Event::Went(live) => {
                self.before_less(totals);
                let now = self.now();
                add_signed(&self.live, -(live.size as i64));
                self.size_went(live.size);
                if let Some(count) = self.counts.get(live.site as usize) {
                    count.change(totals, -1, -(live.size as i64));
                    let age = live.age(now);
                    add(&count.lifetime, age);
                    if let Some(class) = count.lifetimes.get(lifetime_class(age)) {
                        add(class, 1);
                    }
                }
                now
            }
            Event::Moved { from, to, size } => {
                if size < from.size {
                    self.before_less(totals);
                }
                self.moved(totals, from, to, size);
                self.now()
            }
        };
        let live = self.live.load(Ordering::Relaxed);
        if add(&self.events, 1) >= PUBLISH_EVENTS || live.abs() >= PUBLISH_BYTES {
            self.publish(totals);
            totals.tick();
        }
        now
    }

    fn moved(&self, totals: &Totals, from: Live, to: u32, new: u64) {
        let old = from.size;
        add(&self.bytes, new.saturating_sub(old));
        add_signed(&self.live, new as i64 - old as i64);
        self.size_went(old);
        self.size_came(new);
        if let Some(count) = self.counts.get(from.site as usize) {
            count.change(totals, -1, -(old as i64));
        }
        if let Some(count) = self.counts.get(to as usize) {
            add(&count.reallocations, 1);
            add(&count.bytes, new.saturating_sub(old));
            count.change(totals, 1, new as i64);
        }
    }

    fn now(&self) -> u64 {
        self.all_allocations.load(Ordering::Relaxed) + self.allocations.load(Ordering::Relaxed)
    }

    /// Whether less will be live than was ever before: that was a peak.
    #[inline(always)]
    fn before_less(&self, totals: &Totals) {
        let live = self.all_live.load(Ordering::Relaxed) + self.live.load(Ordering::Relaxed);
        if live > totals.peak.load(Ordering::Relaxed) {
            self.publish(totals);
            totals.mark_peak();
        }
    }

    /// What it has not published.
    pub(super) fn unpublished(&self) -> Moment {
        Moment {
            at: 0,
            allocations: self.allocations.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            live: self.live.load(Ordering::Relaxed),
        }
    }

    #[cold]
    #[inline(never)]
    fn publish(&self, totals: &Totals) {
        self.events.store(0, Ordering::Relaxed);
        let allocations = self.allocations.swap(0, Ordering::Relaxed);
        let before = totals.allocations.fetch_add(allocations, Ordering::Relaxed);
        self.all_allocations.store(before + allocations, Ordering::Relaxed);
        totals.bytes.fetch_add(self.bytes.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        let live = self.live.swap(0, Ordering::Relaxed);
        let before = totals.live.fetch_add(live, Ordering::Relaxed);
        self.all_live.store(before + live, Ordering::Relaxed);
    }

    #[inline(always)]
    fn size_came(&self, size: u64) {
        if let Some(class) = self.sizes.get(class_of(size as usize)) {
            add(&class.came, 1);
            add(&class.bytes_came, size);
        }
    }

    #[inline(always)]
    fn size_went(&self, size: u64) {
        if let Some(class) = self.sizes.get(class_of(size as usize)) {
            add(&class.went, 1);
            add(&class.bytes_went, size);
        }
    }

    /// For a shard that is shared.
    #[cold]
    #[inline(never)]
    pub(super) fn locked<R>(&self, run: impl FnOnce(&Self) -> R) -> R {
        self.lock.take();
        let result = run(self);
        // SAFETY: it was taken here.
        unsafe { self.lock.give_back() };
        result
    }
}

/// 0, 1 to 3, 4 to 15, ..
#[inline(always)]
fn lifetime_class(age: u64) -> usize {
    if age == 0 { 0 } else { age.ilog2() as usize / 2 + 1 }
}

/// The shortest lifetime of a class, in allocations.
#[must_use]
pub fn lifetime_from(class: usize) -> u64 {
    if class == 0 { 0 } else { 1 << (2 * (class - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_in_their_class() {
        for class in 0..LIFETIME_CLASSES {
            let from = lifetime_from(class);
            assert_eq!(lifetime_class(from), class);
            assert!(from == 0 || lifetime_class(from - 1) == class - 1);
        }
        // What a block's birth has room for has a class.
        assert_eq!(lifetime_class((1 << 36) - 1), LIFETIME_CLASSES - 1);
    }
}
