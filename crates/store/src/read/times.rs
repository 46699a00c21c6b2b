use std::ops::Range;

use tidemill_codec::{TimeColumn, TimeHeader, VECTOR_ROWS};

use super::cache::{rows_of, undecoded, vectors};
use super::shared::ChunkBytes;
use crate::error::{Error, Result};
use crate::segment::Segment;
use crate::stages;

/// Of a block of more series the times are not kept with the segment.
const MAX_KEPT_RUNS: usize = 64;

/// The times of a block.
#[derive(Debug, Default)]
pub(crate) struct BlockTimes {
    /// The one interval that all have…
    step: Option<i64>,
    /// …and the runs' first rows and first times.
    runs: Vec<(usize, i64)>,
    /// Otherwise the first time of each vector…
    anchors: Vec<i64>,
    /// …and the times of those that were decoded: bit `i` is for rows `i * 1024` and on.
    decoded: u64,
    times: Vec<i64>,
}

/// What was read of a chunk of times, to be found by the next who decodes some of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadTimes {
    run_starts: Vec<u32>,
    header: TimeHeader,
}

impl ReadTimes {
    /// Reads the header of a block's times, given their chunk.
    pub(super) fn read(&mut self, segment: &Segment, block: usize, bytes: &[u8]) -> Result<()> {
        let _decoding = stages::DECODE.enter();
        self.run_starts.clear();
        self.run_starts.extend(segment.runs_of(block).1);
        let (values, rows) = (values(segment, block, bytes)?, segment.block_rows(block));
        let read = self.header.read(values, rows, &self.run_starts);
        read.map_err(|error| at_values(segment, block, error))
    }

    fn column<'a>(
        &'a self,
        segment: &Segment,
        block: usize,
        bytes: &'a [u8],
    ) -> Result<TimeColumn<'a>> {
        let (values, rows) = (values(segment, block, bytes)?, segment.block_rows(block));
        let column = self.header.column(values, rows, &self.run_starts);
        column.map_err(|error| at_values(segment, block, error))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let run_starts = self.run_starts.capacity() * size_of::<u32>();
        size_of::<Self>() + run_starts + self.header.memory_bytes()
    }

    /// Gives back the memory of others it was read into.
    pub(super) fn shrink_to_fit(&mut self) {
        self.run_starts.shrink_to_fit();
        self.header.shrink_to_fit();
    }
}

impl ChunkBytes {
    fn column_of_times(&self, segment: &Segment, block: usize) -> Result<TimeColumn<'_>> {
        let times =
            self.times.as_ref().ok_or_else(|| Error::invalid("times that were not read"))?;
        times.column(segment, block, &self.bytes)
    }
}

impl BlockTimes {
    /// Begins with a block's times, whose header was read.
    pub(super) fn open(
        &mut self,
        segment: &Segment,
        block: usize,
        chunk: &ChunkBytes,
    ) -> Result<()> {
        let column = chunk.column_of_times(segment, block)?;
        self.step = column.constant_step();
        self.decoded = 0;
        self.runs.clear();
        self.anchors.clear();
        if self.step.is_some() {
            let runs =
                (0..column.runs()).map(|run| (column.run_rows(run).start, column.first(run)));
            self.runs.extend(runs);
        } else {
            self.anchors.extend((0..column.vectors()).map(|vector| column.anchor(vector)));
        }
        Ok(())
    }

    /// Decodes vectors, and those between them.
    pub(super) fn decode(
        &mut self,
        segment: &Segment,
        block: usize,
        chunk: &ChunkBytes,
        missing: u64,
    ) -> Result<()> {
        let _decoding = stages::DECODE.enter();
        let column = chunk.column_of_times(segment, block)?;
        let rows = rows_of(missing, column.rows());
        if self.times.len() < rows.end {
            self.times.resize(column.rows(), 0);
        }
        let decoded = column.decode_into(rows.clone(), &mut self.times[rows.clone()]);
        // Vectors between those that were missing are decoded once more.
        self.decoded &= !vectors(&rows);
        decoded.map_err(|error| at_values(segment, block, error))?;
        self.decoded |= vectors(&rows);
        Ok(())
    }

    /// The vectors that must be decoded before these rows are asked for.
    pub(super) fn missing(&self, rows: &Range<usize>) -> u64 {
        if self.are_linear() || rows.is_empty() { 0 } else { vectors(rows) & !self.decoded }
    }

    /// Whether all have one interval, so that nothing is to be decoded.
    pub(crate) fn are_linear(&self) -> bool {
        self.step.is_some()
    }

    /// What a copy takes, where the interval is constant and there are few series: where many stand in a block it
    /// is as much as reading it again is worth.
    pub(crate) fn linear_bytes(&self) -> Option<usize> {
        let is_kept = self.step.is_some() && self.runs.len() <= MAX_KEPT_RUNS;
        is_kept.then(|| size_of_val(&self.runs[..]))
    }

    pub(crate) fn clone_linear(&self) -> Self {
        Self { step: self.step, runs: self.runs.clone(), ..Self::default() }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let times = self.times.capacity() + self.anchors.capacity();
        times * size_of::<i64>() + self.runs.capacity() * size_of::<(usize, i64)>()
    }

    /// The first time and the interval of these rows, which are of one run, where the interval is
    /// constant.
    pub(crate) fn linear(&self, rows: &Range<usize>) -> Option<(i64, i64)> {
        let step = self.step?;
        let run = self.runs.partition_point(|(start, _)| *start <= rows.start) - 1;
        let (start, first) = self.runs[run];
        Some((first.wrapping_add(step.wrapping_mul((rows.start - start) as i64)), step))
    }

    pub(crate) fn time(&self, row: usize) -> i64 {
        self.linear(&(row..row + 1)).map_or_else(|| self.times[row], |(first, _)| first)
    }

    /// Of these rows, which are of one run, those among which the first is that is not before `time`, unless it
    /// is the one after them: a vector's.
    pub(super) fn around(&self, rows: &Range<usize>, time: i64) -> Range<usize> {
        let first = rows.start / VECTOR_ROWS;
        let inside = first + 1..rows.end.div_ceil(VECTOR_ROWS).max(first + 1);
        let later = self.anchors.get(inside).unwrap_or_default();
        let vector = first + later.partition_point(|anchor| *anchor < time);
        rows.start.max(vector * VECTOR_ROWS)..rows.end.min((vector + 1) * VECTOR_ROWS)
    }

    /// How many of these rows, which are of one run, are before `time`.
    pub(crate) fn rows_before(&self, rows: &Range<usize>, time: i64) -> usize {
        match self.linear(rows) {
            None => {
                let around = self.around(rows, time);
                let before = self.times[around.clone()].partition_point(|t| *t < time);
                around.start + before - rows.start
            }
            Some((first, _)) if time <= first => 0,
            Some((_, 0)) => rows.len(),
            Some((first, step)) => {
                // The distance of two i64 fits a u64.
                let distance = time.wrapping_sub(first) as u64;
                usize::try_from(distance.div_ceil(step as u64))
                    .unwrap_or(usize::MAX)
                    .min(rows.len())
            }
        }
    }

    /// Appends the times of these rows, which are of one run.
    pub(crate) fn append(&self, rows: &Range<usize>, out: &mut Vec<i64>) {
        if rows.is_empty() {
            return;
        }
        match self.linear(rows) {
            None => out.extend_from_slice(&self.times[rows.clone()]),
            Some((first, step)) => {
                out.extend(
                    (0..rows.len() as i64).map(|row| first.wrapping_add(step.wrapping_mul(row))),
                );
            }
        }
    }
}

/// The column in a chunk of times.
fn values<'a>(segment: &Segment, block: usize, bytes: &'a [u8]) -> Result<&'a [u8]> {
    bytes.get(1..).filter(|_| bytes.first() == Some(&0)).ok_or_else(|| {
        let (offset, what) =
            (segment.chunk_offset(block, 0), format!("block {block} has no times"));
        Error::corrupt(segment.path(), offset, what)
    })
}

/// Why that was not decoded.
fn at_values(segment: &Segment, block: usize, error: tidemill_codec::Error) -> Error {
    undecoded(segment, segment.chunk_offset(block, 0) + 1, error)
}
