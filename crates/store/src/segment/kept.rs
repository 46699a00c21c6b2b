use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_memory::{Budget, Reservation};

use super::file::Segment;
use super::statistics::StoredAggregate;
use crate::read::BlockTimes;

/// What was read of a segment and is kept as long as it is open: little, and asked for again by every
/// query.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The segment's, in this process.
    number: u64,
    columns: OnceLock<Columns>,
}

impl Default for Kept {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), columns: OnceLock::new() }
    }
}

impl Kept {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

/// Of each block, once it was read.
#[derive(Debug)]
struct Columns {
    /// Times that have a constant interval.
    times: Slots<BlockTimes>,
    /// Of each column those of [`PAGE_BLOCKS`] blocks, once one of them was asked for. They are side
    /// by side: queries of many series ask for one after the other, and the next is on its way then.
    statistics: Box<[OnceLock<Counted<Slots<BlockStatistics>>>]>,
    _memory: Reservation,
}

/// Few enough that a query of one series takes little memory.
const PAGE_BLOCKS: usize = 64;

/// By block.
type Slots<T> = Box<[OnceLock<Counted<T>>]>;

#[derive(Debug)]
struct Counted<T> {
    what: T,
    _memory: Reservation,
}

fn slots<T>(count: usize) -> Box<[OnceLock<T>]> {
    (0..count).map(|_| OnceLock::new()).collect()
}

/// The statistics of a column of a block.
#[derive(Debug, Default)]
pub(crate) struct BlockStatistics {
    /// Of slices of the block's rows, ascending.
    pub(crate) slices: Vec<StoredAggregate>,
    /// Of all rows together, where they are of one series and slices have them all.
    pub(crate) whole: Option<StoredAggregate>,
}

impl BlockStatistics {
    /// Puts the slices of a block of so many runs and rows together.
    pub(crate) fn find_whole(&mut self, runs: usize, rows: usize) {
        let follow = self.slices.windows(2).all(|pair| pair[0].rows.end == pair[1].rows.start);
        self.whole = match &self.slices[..] {
            [first, rest @ ..] if runs == 1 && follow && first.rows.start == 0 => {
                rest.iter().try_fold(first.clone(), |all, slice| all.merge(slice))
            }
            _ => None,
        };
        self.whole.take_if(|whole| whole.rows.end != rows);
    }
}

impl Segment {
    fn page(&self, block: usize, column: usize) -> usize {
        (column - 1) * self.blocks().div_ceil(PAGE_BLOCKS) + block / PAGE_BLOCKS
    }

    /// The statistics of a column (1 and up) of a block, if they are kept.
    pub(crate) fn kept_statistics(&self, block: usize, column: usize) -> Option<&BlockStatistics> {
        let page = self.kept.columns.get()?.statistics[self.page(block, column)].get()?;
        Some(&page.what[block % PAGE_BLOCKS].get()?.what)
    }

    /// The times of a block, if they are kept.
    pub(crate) fn kept_times(&self, block: usize) -> Option<&BlockTimes> {
        Some(&self.kept.columns.get()?.times[block].get()?.what)
    }

    /// Keeps the times of a block if they are few bytes and there is memory for that.
    pub(crate) fn keep_times(
        &self,
        block: usize,
        times: &BlockTimes,
        budget: &Budget,
    ) -> Option<&BlockTimes> {
        let bytes = times.linear_bytes()?;
        let columns = self.columns(budget)?;
        let memory = budget.try_reserve(bytes).ok()?;
        let counted = || Counted { what: times.clone_linear(), _memory: memory };
        Some(&columns.times[block].get_or_init(counted).what)
    }

    /// Keeps them if there is memory for that, or gives them back.
    pub(crate) fn keep_statistics(
        &self,
        block: usize,
        column: usize,
        mut statistics: Box<BlockStatistics>,
        budget: &Budget,
    ) -> Result<&BlockStatistics, Box<BlockStatistics>> {
        let Some(slot) = self.slot(block, column, budget) else { return Err(statistics) };
        let Ok(memory) = budget.try_reserve(size_of_val(&statistics.slices[..])) else {
            return Err(statistics);
        };
        statistics.slices.shrink_to_fit();
        let counted = || Counted { what: *statistics, _memory: memory };
        // Another thread may have been first, with the same.
        Ok(&slot.get_or_init(counted).what)
    }

    /// Where the statistics of a column of a block are kept.
    fn slot(
        &self,
        block: usize,
        column: usize,
        budget: &Budget,
    ) -> Option<&OnceLock<Counted<BlockStatistics>>> {
        let page = &self.columns(budget)?.statistics[self.page(block, column)];
        let page = match page.get() {
            Some(page) => page,
            None => {
                let blocks = self.blocks() - block / PAGE_BLOCKS * PAGE_BLOCKS;
                let blocks = blocks.min(PAGE_BLOCKS);
                let bytes = blocks * size_of::<OnceLock<Counted<BlockStatistics>>>();
                let memory = budget.try_reserve(bytes).ok()?;
                page.get_or_init(|| Counted { what: slots(blocks), _memory: memory })
            }
        };
        Some(&page.what[block % PAGE_BLOCKS])
    }

    fn columns(&self, budget: &Budget) -> Option<&Columns> {
        if let Some(columns) = self.kept.columns.get() {
            return Some(columns);
        }
        let (blocks, fields) = (self.blocks(), self.footer.fields.len());
        let pages = fields * blocks.div_ceil(PAGE_BLOCKS);
        let bytes = blocks * size_of::<OnceLock<Counted<BlockTimes>>>()
            + pages * size_of::<OnceLock<Counted<Slots<BlockStatistics>>>>();
        let memory = budget.try_reserve(bytes).ok()?;
        let columns =
            || Columns { times: slots(blocks), statistics: slots(pages), _memory: memory };
        Some(self.kept.columns.get_or_init(columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::AnyAggregate;
    use tidemill_model::Aggregate;

    #[test]
    fn whole_blocks_of_one_series_are_put_together() {
        let slice = |rows: std::ops::Range<usize>| {
            let values = rows.clone().map(|row| row as i64);
            let aggregate = AnyAggregate::Int(Aggregate::of_all(values));
            StoredAggregate { valid: rows.len() as u64, rows, aggregate }
        };
        let whole = |slices: &[(usize, usize)], runs, rows| {
            let slices = slices.iter().map(|(start, end)| slice(*start..*end)).collect();
            let mut statistics = BlockStatistics { slices, whole: None };
            statistics.find_whole(runs, rows);
            statistics.whole
        };
        let all = whole(&[(0, 1024), (1024, 2048), (2048, 2300)], 1, 2300).unwrap();
        assert_eq!((all.rows, all.valid), (0..2300, 2300));
        let AnyAggregate::Int(all) = all.aggregate else { panic!("not of integers") };
        assert_eq!((all.sum, all.min, all.max, all.last), (2300 * 2299 / 2, 0, 2299, 2299));
        assert_eq!(whole(&[(0, 1024), (1024, 2048)], 1, 2100), None, "no slice has the last rows");
        assert_eq!(whole(&[(0, 1024), (1024, 2048)], 2, 2048), None, "two series");
        assert_eq!(whole(&[(0, 500), (600, 1024)], 1, 1024), None, "no slice has rows between");
        assert_eq!(whole(&[(500, 1024)], 1, 1024), None, "no slice has the first rows");
        assert_eq!(whole(&[], 1, 100), None);
    }
}
