//! The largest blocks.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::lock::Lock;
use crate::stack::{Frame, Stack};
use crate::{Block, Observer, json, thread};

/// Keeps the `N` largest blocks that were ever allocated, or reallocated to, and where that was.
///
/// A smaller block than those costs a load. Of blocks of the same size the earlier stay.
#[derive(Debug)]
pub struct Largest<const N: usize> {
    /// What a block has to exceed: the least of `N`, or 0.
    bar: AtomicUsize,
    list: Lock<List<N>>,
}

#[derive(Debug)]
struct List<const N: usize> {
    blocks: [Large; N],
    count: usize,
}

#[derive(Clone, Copy, Debug)]
struct Large {
    size: usize,
    align: usize,
    thread: usize,
    stack: Stack,
}

impl<const N: usize> Default for Largest<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Largest<N> {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N > 0) };
        const NONE: Large = Large { size: 0, align: 0, thread: 0, stack: Stack::EMPTY };
        Self { bar: AtomicUsize::new(0), list: Lock::new(List { blocks: [NONE; N], count: 0 }) }
    }

    /// The blocks, largest first.
    #[must_use]
    pub fn report(&self) -> LargestReport {
        // Copied first: names allocate, and come back here.
        let list = self.list.lock();
        let (blocks, count) = (list.blocks, list.count);
        drop(list);
        let named = blocks.iter().take(count).map(|large| LargeBlock {
            size: large.size,
            align: large.align,
            thread: large.thread,
            frames: large.stack.resolve(),
        });
        LargestReport { blocks: named.collect() }
    }

    /// Forgets all.
    pub fn clear(&self) {
        let mut list = self.list.lock();
        list.count = 0;
        self.bar.store(0, Ordering::Relaxed);
    }

    #[inline]
    fn see(&self, block: Block) {
        if block.size > self.bar.load(Ordering::Relaxed) {
            self.keep(block);
        }
    }

    #[cold]
    #[inline(never)]
    fn keep(&self, block: Block) {
        let Block { size, align, .. } = block;
        let large = Large { size, align, thread: thread::number(), stack: Stack::capture() };
        let mut list = self.list.lock();
        let place = list.blocks.iter().take(list.count).filter(|other| other.size >= size).count();
        list.count = (list.count + 1).min(N);
        let count = list.count;
        // Sorted, largest first: the last one goes, perhaps this one, if others came in between.
        if let Some(behind @ [_, ..]) = list.blocks.get_mut(place..count) {
            behind.rotate_right(1);
            behind[0] = large;
        }
        let bar = if count == N { list.blocks.last().map_or(0, |last| last.size) } else { 0 };
        self.bar.store(bar, Ordering::Relaxed);
    }
}

// SAFETY: what allocates in `capture` finds it busy; nothing else here allocates or unwinds.
unsafe impl<const N: usize> Observer for Largest<N> {
    #[inline]
    fn allocated(&self, block: Block) {
        self.see(block);
    }

    #[inline]
    fn deallocating(&self, _: Block) {}

    #[inline]
    fn reallocated(&self, _: Block, new: Option<Block>) {
        if let Some(new) = new {
            self.see(new);
        }
    }
}

/// The largest blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargestReport {
    /// Largest first.
    pub blocks: Vec<LargeBlock>,
}

/// A large block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargeBlock {
    /// Bytes.
    pub size: usize,
    /// Their alignment.
    pub align: usize,
    /// The number of the thread that allocated it.
    pub thread: usize,
    /// Where, innermost first; at most [`MAX_FRAMES`](crate::MAX_FRAMES) addresses.
    pub frames: Vec<Frame>,
}

impl LargestReport {
    /// As a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let blocks = self.blocks.iter().map(|block| {
            let LargeBlock { size, align, thread, frames } = block;
            let frames = json::list(frames.iter().map(Frame::to_json));
            format!("{{\"size\":{size},\"align\":{align},\"thread\":{thread},\"frames\":{frames}}}")
        });
        format!("{{\"blocks\":{}}}", json::list(blocks))
    }
}

impl fmt::Display for LargestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for block in &self.blocks {
            writeln!(f, "{} bytes by thread {}", block.size, block.thread)?;
            block.frames.iter().try_for_each(|frame| writeln!(f, "    {frame}"))?;
        }
        Ok(())
    }
}
