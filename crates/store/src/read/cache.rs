use std::collections::VecDeque;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use tidemill_codec::TimeScratch;
use tidemill_memory::PooledBuffer;
use tidemill_model::{Column, FieldType};

use crate::bytes::Malformed;
use crate::column_codec;
use crate::error::{Error, Result};
use crate::segment::{ColumnChunk, Segment};

/// Blocks a reader keeps decoded, times and columns, at least; more where a row has more columns.
const MIN_SLOTS: usize = 64;
/// What they hold, in bytes, unless two of them hold more.
const MAX_BYTES: usize = 32 << 20;

/// The last decoded blocks of a reader.
pub(crate) struct BlockCache {
    slots: HashMap<Key, Content, RandomState>,
    /// The oldest first.
    order: VecDeque<Key>,
    max_slots: usize,
    scratch: TimeScratch,
}

/// Source, block, column; 0 is that of the times.
type Key = (u32, u32, u32);

#[derive(Debug)]
enum Content {
    Times(BlockTimes),
    Column(BlockColumn),
}

impl Content {
    fn memory_bytes(&self) -> usize {
        match self {
            Self::Times(times) => times.times.capacity() * size_of::<i64>(),
            Self::Column(column) => {
                column.bytes.capacity() + column.decoded.as_ref().map_or(0, Column::memory_bytes)
            }
        }
    }
}

/// The times of a block.
#[derive(Debug)]
pub(crate) struct BlockTimes {
    /// With one interval for all: the runs' first rows and first times.
    linear: Option<(i64, Vec<(usize, i64)>)>,
    /// Otherwise all times.
    times: Vec<i64>,
}

/// A column of a block: its bytes, and its values once asked for.
#[derive(Debug)]
pub(crate) struct BlockColumn {
    bytes: PooledBuffer,
    /// `None`: no row has a value.
    offset: Option<u64>,
    ty: FieldType,
    decoded: Option<Column>,
}

impl BlockCache {
    /// Of tables with this many fields: of two blocks, all columns are kept.
    pub(crate) fn new(fields: usize) -> Self {
        let max_slots = MIN_SLOTS.max(2 * (1 + fields));
        Self {
            slots: HashMap::default(),
            order: VecDeque::new(),
            max_slots,
            scratch: TimeScratch::default(),
        }
    }

    /// The times of a block.
    pub(crate) fn times(
        &mut self,
        source: u32,
        segment: &Segment,
        block: usize,
        buffer: impl FnOnce() -> PooledBuffer,
    ) -> Result<&BlockTimes> {
        let key = (source, block as u32, 0);
        if !self.slots.contains_key(&key) {
            let times = BlockTimes::read(segment, block, &mut buffer(), &mut self.scratch)?;
            self.put(key, Content::Times(times));
        }
        match self.slots.get(&key) {
            Some(Content::Times(times)) => Ok(times),
            _ => unreachable!("column 0 holds the times"),
        }
    }

    /// A column (1 and up) of a block.
    pub(crate) fn column(
        &mut self,
        source: u32,
        segment: &Segment,
        block: usize,
        (column, ty): (usize, FieldType),
        buffer: impl FnOnce() -> PooledBuffer,
    ) -> Result<&mut BlockColumn> {
        let key = (source, block as u32, column as u32);
        if !self.slots.contains_key(&key) {
            let mut bytes = buffer();
            let offset = segment.read_chunk(block, column, &mut bytes)?;
            self.put(key, Content::Column(BlockColumn { bytes, offset, ty, decoded: None }));
        }
        match self.slots.get_mut(&key) {
            Some(Content::Column(column)) => Ok(column),
            _ => unreachable!("columns are numbered from 1"),
        }
    }

    fn put(&mut self, key: Key, content: Content) {
        // Columns grow when they are decoded, so that they are counted anew.
        let mut bytes: usize = self.slots.values().map(Content::memory_bytes).sum();
        while self.slots.len() >= self.max_slots || (bytes > MAX_BYTES && self.slots.len() > 2) {
            let Some(oldest) = self.order.pop_front().and_then(|key| self.slots.remove(&key))
            else {
                break;
            };
            bytes -= oldest.memory_bytes();
        }
        self.order.push_back(key);
        self.slots.insert(key, content);
    }
}

impl BlockTimes {
    fn read(
        segment: &Segment,
        block: usize,
        bytes: &mut Vec<u8>,
        scratch: &mut TimeScratch,
    ) -> Result<Self> {
        let offset = segment.read_chunk(block, 0, bytes)?;
        let corrupt = |at: usize, what: String| {
            Error::corrupt(segment.path(), offset.unwrap_or_default() + at as u64, what)
        };
        let Some(values) = bytes.get(1..).filter(|_| bytes.first() == Some(&0)) else {
            return Err(corrupt(0, format!("block {block} has no times")));
        };
        let rows = segment.block_rows(block);
        let starts: Vec<u32> = segment.runs_of(block).1.collect();
        let column = tidemill_codec::times(values, rows, &starts, scratch)
            .map_err(|e| corrupt(1 + e.offset(), e.reason().to_owned()))?;
        if let Some(step) = column.constant_step() {
            let runs = starts.iter().enumerate();
            let runs = runs.map(|(run, start)| (*start as usize, column.first(run))).collect();
            return Ok(Self { linear: Some((step, runs)), times: Vec::new() });
        }
        let mut times = Vec::with_capacity(rows);
        let decoded = column.decode(0..rows, &mut times);
        decoded.map_err(|e| corrupt(1 + e.offset(), e.reason().to_owned()))?;
        Ok(Self { linear: None, times })
    }

    /// The first time and the interval of these rows, which are of one run, where the interval is
    /// constant.
    pub(crate) fn linear(&self, rows: &Range<usize>) -> Option<(i64, i64)> {
        let (step, runs) = self.linear.as_ref()?;
        let run = runs.partition_point(|(start, _)| *start <= rows.start) - 1;
        let (start, first) = runs[run];
        Some((first.wrapping_add(step.wrapping_mul((rows.start - start) as i64)), *step))
    }

    pub(crate) fn time(&self, row: usize) -> i64 {
        self.linear(&(row..row + 1)).map_or_else(|| self.times[row], |(first, _)| first)
    }

    /// How many of these rows, which are of one run, are before `time`.
    pub(crate) fn rows_before(&self, rows: &Range<usize>, time: i64) -> usize {
        match self.linear(rows) {
            None => self.times[rows.clone()].partition_point(|t| *t < time),
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

impl BlockColumn {
    /// The column's chunk; `None`: no row has a value.
    pub(crate) fn chunk(&self, segment: &Segment) -> Result<Option<ColumnChunk<'_>>> {
        let Some(offset) = self.offset else { return Ok(None) };
        let parsed = ColumnChunk::parse(&self.bytes);
        parsed.map(Some).map_err(|m| Error::corrupt(segment.path(), offset + m.at as u64, m.what))
    }

    /// An error about byte `m.at` of the chunk.
    pub(crate) fn corrupt(&self, segment: &Segment, m: Malformed) -> Error {
        Error::corrupt(segment.path(), self.offset.unwrap_or_default() + m.at as u64, m.what)
    }

    /// The decoded values; `None`: no row has one.
    pub(crate) fn decoded(&mut self, segment: &Segment, block: usize) -> Result<Option<&Column>> {
        if self.decoded.is_none() {
            let Some(chunk) = self.chunk(segment)? else { return Ok(None) };
            let rows = segment.block_rows(block);
            let column = column_codec::decode(chunk.validity, chunk.values, self.ty, rows);
            let at_byte =
                |(at, what): (usize, &'static str)| Malformed { at, what: what.to_owned() };
            self.decoded = Some(column.map_err(|e| self.corrupt(segment, at_byte(e)))?);
        }
        Ok(self.decoded.as_ref())
    }
}
