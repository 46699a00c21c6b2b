//! Loads and stores that a compiler cannot take away, for measuring caches and memory.
//!
//! [`Memory`] is mapped for this alone, in pages of the kind that is asked for. [`Chain`] is a cycle through
//! all of its lines in random order, where each load needs the one before: latency. [`read`], [`write`](fn@write) and
//! [`copy`] go through lines in a row with the widest vectors there are: bandwidth. Nothing here looks at a clock.

mod lines;
mod memory;

pub use lines::{copy, read, vector_bits, write};
pub use memory::{Memory, Pages};

use std::ptr;

/// A line of a cache; those of x86-64 have 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Line(pub [u64; 8]);

/// Bytes of a [`Line`].
pub const LINE_BYTES: usize = size_of::<Line>();

/// A cycle of pointers through the lines of a memory: following it is one dependent load a step.
#[derive(Debug)]
pub struct Chain<'a> {
    at: *const Line,
    lines: usize,
    memory: std::marker::PhantomData<&'a mut Memory>,
}

impl<'a> Chain<'a> {
    /// A cycle through the first `lines` lines (at least 1, at most all), in an order drawn from `seed`: each is met
    /// once before any is met again. It is a random cyclic permutation (Sattolo), which no prefetcher foresees.
    pub fn new(memory: &'a mut Memory, lines: usize, seed: u64) -> Self {
        let all = memory.lines_mut();
        let lines = lines.clamp(1, all.len());
        let used = &mut all[..lines];
        for (index, line) in used.iter_mut().enumerate() {
            line.0[0] = index as u64;
        }
        let mut state = seed;
        for last in (1..lines).rev() {
            let other = ((u128::from(random(&mut state)) * last as u128) >> 64) as usize;
            let (a, b) = (used[last].0[0], used[other].0[0]);
            (used[last].0[0], used[other].0[0]) = (b, a);
        }
        let start = used.as_ptr();
        for line in used {
            line.0[0] = start.wrapping_add(line.0[0] as usize).expose_provenance() as u64;
        }
        Self { at: start, lines, memory: std::marker::PhantomData }
    }

    /// Its lines.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Goes on by `steps` loads, rounded up to 16, and returns how many it made.
    #[inline(never)]
    pub fn walk(&mut self, steps: usize) -> usize {
        let rounds = steps.div_ceil(16);
        let mut at = self.at;
        for _ in 0..rounds {
            for _ in 0..16 {
                // SAFETY: `at` is a line of the memory that this borrows alone, and `new` put the address
                // of another such line into the first word of each; nothing writes there since.
                let next = unsafe { (*at).0[0] };
                at = ptr::with_exposed_provenance(next as usize);
            }
        }
        self.at = std::hint::black_box(at);
        rounds * 16
    }

    /// The number of the line it stands at.
    #[cfg(test)]
    fn position(&self, memory_start: usize) -> usize {
        (self.at.addr() - memory_start) / LINE_BYTES
    }
}

/// The next of a sequence that looks random (SplitMix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_meets_every_line_once_before_any_again() {
        for lines in [1, 2, 3, 16, 63, 64, 1000] {
            let mut memory = Memory::map(1 << 20, Pages::Small).unwrap();
            let start = memory.lines().as_ptr().addr();
            let chain = Chain::new(&mut memory, lines, 7);
            assert_eq!(chain.lines(), lines);
            let mut seen = vec![false; lines];
            let mut at = chain.at;
            for _ in 0..lines {
                let index = (at.addr() - start) / LINE_BYTES;
                assert!(!seen[index], "line {index} of {lines} twice");
                seen[index] = true;
                // SAFETY: as in `walk`.
                at = ptr::with_exposed_provenance(unsafe { (*at).0[0] } as usize);
            }
            assert_eq!(at, chain.at, "{lines} lines are no cycle");
        }
    }

    #[test]
    fn a_walk_makes_the_steps_it_says() {
        let mut memory = Memory::map(1 << 16, Pages::Small).unwrap();
        let start = memory.lines().as_ptr().addr();
        let mut chain = Chain::new(&mut memory, 48, 1);
        let from = chain.position(start);
        assert_eq!(chain.walk(30), 32);
        assert_ne!(chain.position(start), from);
        assert_eq!(chain.walk(16), 16);
        assert_eq!(chain.position(start), from, "48 steps are a lap of 48 lines");
    }

    #[test]
    fn orders_differ_by_seed() {
        let order = |seed| {
            let mut memory = Memory::map(1 << 16, Pages::Small).unwrap();
            let start = memory.lines().as_ptr().addr();
            let mut chain = Chain::new(&mut memory, 1000, seed);
            let mut places = Vec::new();
            for _ in 0..20 {
                chain.walk(16);
                places.push(chain.position(start));
            }
            places
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let steps: Vec<_> = order(3).windows(2).map(|w| w[1].abs_diff(w[0])).collect();
        assert!(steps.iter().any(|step| *step != steps[0]), "a stride is foreseen: {steps:?}");
    }
}
