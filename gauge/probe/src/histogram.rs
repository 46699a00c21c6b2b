//! How large blocks are.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Block, Observer, json, thread};

/// Classes of sizes: four to a doubling.
pub const SIZE_CLASSES: usize = 4 * 63;

/// Threads that share counts: their number modulo this.
const SHARDS: usize = 8;

/// Counts blocks by their size.
///
/// Exact within a class; classes are a seventh to a quarter of their size wide. Threads are spread over
/// 8 sets of counts, so that they seldom wait for each other's cache lines.
#[derive(Debug)]
pub struct Histogram {
    shards: [Shard; SHARDS],
}

#[derive(Debug)]
#[repr(align(128))]
struct Shard([Class; SIZE_CLASSES]);

#[derive(Debug)]
struct Class {
    /// Blocks that got a size of this class, and that lost it.
    came: AtomicU64,
    went: AtomicU64,
    bytes_came: AtomicU64,
    bytes_went: AtomicU64,
}

impl Class {
    const fn new() -> Self {
        Self {
            came: AtomicU64::new(0),
            went: AtomicU64::new(0),
            bytes_came: AtomicU64::new(0),
            bytes_went: AtomicU64::new(0),
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// Nothing counted yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { shards: [const { Shard([const { Class::new() }; SIZE_CLASSES]) }; SHARDS] }
    }

    /// The classes that had blocks, smallest first.
    #[must_use]
    pub fn report(&self) -> HistogramReport {
        let rows = (0..SIZE_CLASSES).filter_map(|class| {
            let sum = |of: fn(&Class) -> &AtomicU64| {
                let counts = self.shards.iter().filter_map(|shard| shard.0.get(class));
                counts.map(|class| of(class).load(Ordering::Acquire)).sum::<u64>()
            };
            // What went is read before what came: it came before it went.
            let (went, bytes_went) = (sum(|class| &class.went), sum(|class| &class.bytes_went));
            let (blocks, bytes) = (sum(|class| &class.came), sum(|class| &class.bytes_came));
            let (smallest, largest) = bounds(class);
            let (live_blocks, live_bytes) = (blocks - went, bytes.saturating_sub(bytes_went));
            let row = SizeClass { smallest, largest, blocks, bytes, live_blocks, live_bytes };
            (blocks > 0).then_some(row)
        });
        HistogramReport { classes: rows.collect() }
    }

    #[inline]
    fn class(&self, size: usize) -> Option<&Class> {
        self.shards.get(thread::number() % SHARDS)?.0.get(class_of(size))
    }

    #[inline]
    fn came(&self, size: usize) {
        if let Some(class) = self.class(size) {
            class.came.fetch_add(1, Ordering::Release);
            class.bytes_came.fetch_add(size as u64, Ordering::Release);
        }
    }

    #[inline]
    fn went(&self, size: usize) {
        if let Some(class) = self.class(size) {
            class.went.fetch_add(1, Ordering::Release);
            class.bytes_went.fetch_add(size as u64, Ordering::Release);
        }
    }
}

// SAFETY: additions to atomics.
unsafe impl Observer for Histogram {
    #[inline]
    fn allocated(&self, block: Block) {
        self.came(block.size);
    }

    #[inline]
    fn deallocating(&self, block: Block) {
        self.went(block.size);
    }

    #[inline]
    fn reallocated(&self, old: Block, new: Option<Block>) {
        if let Some(new) = new {
            self.went(old.size);
            self.came(new.size);
        }
    }
}

/// 0 to 7 have classes of their own; from there on the highest bit and the two below it count.
#[inline]
pub(crate) fn class_of(size: usize) -> usize {
    if size < 8 {
        return size;
    }
    let highest = size.ilog2() as usize;
    4 * (highest - 1) + (size >> (highest - 2) & 3)
}

/// The smallest and the largest size of a class.
pub(crate) fn bounds(class: usize) -> (usize, usize) {
    if class < 8 {
        return (class, class);
    }
    let shift = class / 4 - 1;
    let smallest = (4 + class % 4) << shift;
    (smallest, smallest + ((1 << shift) - 1))
}

/// Blocks by size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramReport {
    /// Smallest first; without the classes that never had a block.
    pub classes: Vec<SizeClass>,
}

/// Blocks of about one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeClass {
    /// The smallest size in it, in bytes.
    pub smallest: usize,
    /// The largest one.
    pub largest: usize,
    /// Blocks that got such a size, allocated or reallocated.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that have it still.
    pub live_blocks: u64,
    /// Their bytes.
    pub live_bytes: u64,
}

impl SizeClass {
    /// As a JSON object; allocates nothing.
    pub(crate) fn write_json(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let Self { smallest, largest, blocks, bytes, live_blocks, live_bytes } = self;
        write!(
            out,
            "{{\"smallest\":{smallest},\"largest\":{largest},\"blocks\":{blocks},\
             \"bytes\":{bytes},\"live_blocks\":{live_blocks},\"live_bytes\":{live_bytes}}}"
        )
    }
}

impl HistogramReport {
    /// As a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let rows = self.classes.iter().map(|class| {
            let mut row = String::new();
            // A string takes whatever is written.
            let _ = class.write_json(&mut row);
            row
        });
        format!("{{\"classes\":{}}}", json::list(rows))
    }
}

impl fmt::Display for HistogramReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>24} {:>12} {:>16} {:>12} {:>16}",
            "size", "blocks", "bytes", "live", "bytes"
        )?;
        for class in &self.classes {
            let SizeClass { smallest, largest, blocks, bytes, live_blocks, live_bytes } = class;
            let size = format!("{smallest} to {largest}");
            writeln!(f, "{size:>24} {blocks:>12} {bytes:>16} {live_blocks:>12} {live_bytes:>16}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_where_they_say() {
        let mut last = None;
        for class in 0..SIZE_CLASSES {
            let (smallest, largest) = bounds(class);
            assert_eq!((class_of(smallest), class_of(largest)), (class, class));
            assert_eq!(last.map_or(0, |last: usize| last + 1), smallest);
            last = Some(largest);
        }
        assert_eq!(last, Some(usize::MAX));
    }
}
