//! Which site a thread is at: fast by frame pointers where they can be trusted, else by unwinding.
//!
//! The fast way hashes the chain of frame records. A chain that was never seen before is looked into: the
//! unwinder, which reads tables and is right, says which stack it is. Where the chain tells the same,
//! it is that site from then on; where it does not (a function was built without frame
//! pointers), it is remembered that this one has to be unwound each time.
//!
//! A chain that was believed once may be believed again: a function without a record of its own hides its caller
//! each time, and would have done so the first time.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use tidemill_machine::frames::Frames;

use super::keys::{Keys, MAX_NUMBER};
use super::table::Table;
#[cfg(feature = "preload")]
use crate::lock::RawLock;
use crate::stack::{MAX_FRAMES, Stack};

/// Sites, over the life of the process: 16 MiB of address space.
pub(super) const MAX_SITES: usize = 1 << 16;
/// Chains of frame records.
const MAX_KEYS: usize = 1 << 18;

/// The site of blocks whose stack is not known: allocated while unwinding, or when the table was full.
pub(super) const UNKNOWN: u32 = 0;
/// In the place of a site: this chain has to be unwound.
const UNWIND: u32 = MAX_NUMBER;

/// Frames at the outer end, of the C library's start of threads and programs, that chains may lack.
const OUTER_FRAMES: usize = 2;

pub(super) struct Stacks {
    by_chain: Keys<MAX_KEYS>,
    by_stack: Keys<{ 2 * MAX_SITES }>,
    stacks: Table<[AtomicUsize; MAX_FRAMES], MAX_SITES>,
    count: AtomicU32,
    unwound: AtomicU64,
}

impl Stacks {
    pub(super) const fn new() -> Self {
        Self {
            by_chain: Keys::new(),
            by_stack: Keys::new(),
            stacks: Table::new(),
            count: AtomicU32::new(UNKNOWN + 1),
            unwound: AtomicU64::new(0),
        }
    }

    pub(super) fn map(&self) -> bool {
        self.by_chain.map() && self.by_stack.map() && self.stacks.map()
    }

    /// The site at which the frames begin.
    #[inline(always)]
    pub(super) fn site(
        &self,
        frames: Frames,
        unwind: impl FnOnce(&Self, u64, Frames) -> u32,
    ) -> u32 {
        let hash = hash_of(frames.clone());
        match self.by_chain.get(hash) {
            Some(site) if site != UNWIND => site,
            _ => unwind(self, hash, frames),
        }
    }

    /// The site of a chain that is new, or cannot be trusted. Unwinding may allocate: the caller sees to
    /// it that this does not come here again.
    pub(super) fn unwind(&self, hash: u64, frames: Frames) -> u32 {
        self.unwound.fetch_add(1, Ordering::Relaxed);
        let mut chain = Stack::EMPTY;
        for (place, record) in chain.0.iter_mut().zip(frames.clone()) {
            *place = record.address;
        }
        let unwound = Stack::capture_above(frames.stack_pointer());
        let is_trusted = tells_the_same(&chain, &unwound);
        // Where the unwinder has no tables, the chain may go on.
        let stack = if is_trusted && chain.len() > unwound.len() { chain } else { unwound };
        let site = self.site_of(&stack);
        if site != UNKNOWN {
            self.by_chain.get_or_add(hash, || Some(if is_trusted { site } else { UNWIND }));
        }
        site
    }

    fn site_of(&self, stack: &Stack) -> u32 {
        if *stack == Stack::EMPTY {
            return UNKNOWN;
        }
        let hash = stack.0.iter().map(|&address| address as u64).fold(0, mix);
        let hash = hash ^ hash >> 32;
        let known = self.by_stack.get(hash).or_else(|| {
            self.by_stack.get_or_add(hash, || {
                let site = self.count.load(Ordering::Relaxed);
                let places = self.stacks.get(site as usize)?;
                for (place, &address) in places.iter().zip(&stack.0) {
                    place.store(address, Ordering::Relaxed);
                }
                self.count.store(site + 1, Ordering::Release);
                Some(site)
            })
        });
        known.unwrap_or(UNKNOWN)
    }

    /// Sites so far; each number below is one.
    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// How often the stack was unwound.
    pub(super) fn unwound(&self) -> u64 {
        self.unwound.load(Ordering::Relaxed)
    }

    /// The stack of a site that exists.
    pub(super) fn stack(&self, site: u32) -> Stack {
        let mut stack = Stack::EMPTY;
        if let Some(places) = self.stacks.get(site as usize) {
            for (address, place) in stack.0.iter_mut().zip(places) {
                *address = place.load(Ordering::Relaxed);
            }
        }
        stack
    }

    /// Its locks.
    #[cfg(feature = "preload")]
    pub(super) fn locks(&self) -> [&RawLock; 2] {
        [self.by_chain.lock(), self.by_stack.lock()]
    }
}

#[inline(always)]
fn hash_of(frames: Frames) -> u64 {
    let addresses = frames.take(MAX_FRAMES).map(|record| record.address as u64);
    let hash = addresses.fold(0, mix);
    hash ^ hash >> 32
}

/// A rotation and a product (as Firefox's hash), which take less time than the next record's way from memory.
#[inline(always)]
fn mix(hash: u64, value: u64) -> u64 {
    (hash.rotate_left(23) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Whether a chain is as the unwinder says, but for frames at the outer end.
fn tells_the_same(chain: &Stack, unwound: &Stack) -> bool {
    let (in_chain, in_unwound) = (chain.len(), unwound.len());
    let common = in_chain.min(in_unwound);
    common > 0
        && chain.0[..common] == unwound.0[..common]
        && (in_chain == MAX_FRAMES || in_unwound - common <= OUTER_FRAMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_believed_or_not() {
        let stack = |addresses: &[usize]| {
            let mut stack = Stack::EMPTY;
            stack.0[..addresses.len()].copy_from_slice(addresses);
            stack
        };
        let full: Vec<usize> = (1..=MAX_FRAMES).collect();
        let check = |chain: &[usize], unwound: &[usize], wanted| {
            assert_eq!(tells_the_same(&stack(chain), &stack(unwound)), wanted, "{chain:?}");
        };
        check(&[1, 2, 3], &[1, 2, 3], true);
        check(&[1, 2, 3], &[1, 2, 3, 4, 5], true);
        check(&[1, 2, 3], &[1, 2, 3, 4, 5, 6], false);
        check(&[1, 2, 3, 4], &[1, 2], true);
        check(&[1, 3], &[1, 2, 3], false);
        check(&[], &[1], false);
        check(&[1], &[], false);
        check(&full, &full, true);
        check(&full[..MAX_FRAMES - 3], &full, false);
    }

    #[test]
    fn sites_keep_their_numbers() {
        static STACKS: Stacks = Stacks::new();
        assert!(STACKS.map());
        let stack = |number: usize| Stack(std::array::from_fn(|at| number + at));
        let numbers: Vec<u32> = (1..100).map(|number| STACKS.site_of(&stack(number))).collect();
        assert_eq!(numbers, (1..100).collect::<Vec<_>>());
        assert_eq!((STACKS.site_of(&stack(7)), STACKS.count()), (7, 100));
        assert_eq!((STACKS.stack(7), STACKS.site_of(&Stack::EMPTY)), (stack(7), UNKNOWN));
    }
}
