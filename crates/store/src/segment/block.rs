use std::ops::Range;

use tidemill_codec::{Compression, Encoder};
use tidemill_memory::Recycle;
use tidemill_model::{Column, TimeRange, Values};

use super::{BlockPlan, HAS_STATISTICS, HAS_VALIDITY, slices, statistics};
use crate::bytes::Put;

/// The rows of one block, column by column.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockData {
    pub(crate) times: Vec<i64>,
    /// One a field of the segment; `None`: no row has a value.
    pub(crate) columns: Vec<Option<Column>>,
}

/// What encoding blocks one after the other needs.
#[derive(Default)]
pub(crate) struct BlockScratch {
    pub(crate) data: BlockData,
    pub(crate) encoder: BlockEncoder,
}

impl Recycle for BlockScratch {
    fn clear(&mut self) {
        self.data.times.clear();
        self.data.columns.iter_mut().flatten().for_each(Column::clear);
    }

    fn memory_bytes(&self) -> usize {
        let columns = self.data.columns.iter().flatten();
        columns.map(Column::memory_bytes).sum::<usize>()
            + self.data.times.capacity() * size_of::<i64>()
            + self.encoder.scratch.capacity()
            + self.encoder.encoder.memory_bytes()
    }
}

impl Recycle for EncodedBlock {
    fn clear(&mut self) {
        self.runs.clear();
        self.bytes.clear();
        self.chunks.clear();
    }

    fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.chunks.capacity() * size_of::<(u32, u32)>()
            + self.runs.capacity() * size_of::<(u32, usize, TimeRange)>()
    }
}

/// A block as it will stand in the file.
#[derive(Debug, Default)]
pub(crate) struct EncodedBlock {
    pub(crate) rows: usize,
    /// Series, rows, first and last time of each run.
    pub(crate) runs: Vec<(u32, usize, TimeRange)>,
    pub(crate) bytes: Vec<u8>,
    /// Length and checksum of each chunk: times, then the fields.
    pub(crate) chunks: Vec<(u32, u32)>,
}

/// Encodes blocks; reused, it allocates nothing.
#[derive(Default)]
pub(crate) struct BlockEncoder {
    encoder: Encoder,
    starts: Vec<u32>,
    scratch: Vec<u8>,
}

impl BlockEncoder {
    /// Puts a block over `block`.
    pub(crate) fn encode_into(
        &mut self,
        plan: &BlockPlan,
        data: &BlockData,
        compression: Compression,
        block: &mut EncodedBlock,
    ) {
        let rows = data.times.len();
        self.encoder.set_compression(compression);
        block.rows = rows;
        block.clear();
        block.runs.extend(runs_with_times(plan, &data.times));
        block.bytes.reserve(rows * (data.columns.len() + 1));
        let mut starts = std::mem::take(&mut self.starts);
        starts.clear();
        starts.extend(plan.runs.iter().map(|run| run.1));
        block.bytes.put(&[0]);
        self.encoder.times(&data.times, &starts, &mut block.bytes);
        block.close_chunk(0);
        for column in &data.columns {
            let start = block.bytes.len();
            if let Some(column) = column {
                self.encode_column(column, slices(&starts, rows), &mut block.bytes);
            }
            block.close_chunk(start);
        }
        self.starts = starts;
    }

    fn encode_column(
        &mut self,
        column: &Column,
        slices: impl Iterator<Item = Range<usize>>,
        out: &mut Vec<u8>,
    ) {
        let flags_at = out.len();
        out.put(&[0]);
        self.scratch.clear();
        if let Some(validity) = column.validity().filter(|bits| bits.count_ones() < bits.len()) {
            out[flags_at] |= HAS_VALIDITY;
            self.encoder.validity(validity, &mut self.scratch);
            out.put_u32(self.scratch.len() as u32);
        }
        let statistics_at = self.scratch.len();
        statistics::encode(column, slices, &mut self.scratch);
        if self.scratch.len() > statistics_at {
            out[flags_at] |= HAS_STATISTICS;
            out.put_u32((self.scratch.len() - statistics_at) as u32);
        }
        out.put(&self.scratch);
        let rows = column.len();
        match column.values() {
            Values::Float(values) => self.encoder.floats(values, out),
            Values::Int(values) => self.encoder.ints(values, out),
            Values::UInt(values) => self.encoder.uints(values, out),
            Values::Bool(values) => self.encoder.bools(values, out),
            Values::Text(values) => self.encoder.texts(rows, |row| values.get(row), out),
        }
    }
}

impl EncodedBlock {
    fn close_chunk(&mut self, start: usize) {
        let bytes = &self.bytes[start..];
        self.chunks.push((bytes.len() as u32, crc32c::crc32c(bytes)));
    }
}

fn runs_with_times(
    plan: &BlockPlan,
    times: &[i64],
) -> impl Iterator<Item = (u32, usize, TimeRange)> {
    let ends = plan.runs.iter().skip(1).map(|run| run.1 as usize).chain([times.len()]);
    let run = move |(&(series, start), end): (&(u32, u32), usize)| {
        let range = TimeRange::new(times[start as usize], times[end - 1]);
        (series, end - start as usize, range)
    };
    plan.runs.iter().zip(ends).map(run)
}
