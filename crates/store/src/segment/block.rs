use std::ops::Range;

use tidemill_codec::Encoder;
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

/// A block as it will stand in the file.
#[derive(Debug)]
pub(crate) struct EncodedBlock {
    pub(crate) rows: usize,
    /// Series, rows, first and last time of each run.
    pub(crate) runs: Vec<(u32, usize, TimeRange)>,
    pub(crate) bytes: Vec<u8>,
    /// Length and checksum of each chunk: times, then the fields.
    pub(crate) chunks: Vec<(u32, u32)>,
}

/// Encodes blocks; reused, it allocates only what it returns.
pub(crate) struct BlockEncoder {
    encoder: Encoder,
    scratch: Vec<u8>,
}

impl BlockEncoder {
    pub(crate) fn new() -> Self {
        Self { encoder: Encoder::new(), scratch: Vec::new() }
    }

    pub(crate) fn encode(&mut self, plan: &BlockPlan, data: &BlockData) -> EncodedBlock {
        let rows = data.times.len();
        let starts: Vec<u32> = plan.runs.iter().map(|run| run.1).collect();
        let mut block = EncodedBlock {
            rows,
            runs: runs_with_times(plan, &data.times),
            bytes: Vec::with_capacity(rows * (data.columns.len() + 1)),
            chunks: Vec::with_capacity(data.columns.len() + 1),
        };
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
        block
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

fn runs_with_times(plan: &BlockPlan, times: &[i64]) -> Vec<(u32, usize, TimeRange)> {
    let ends = plan.runs.iter().skip(1).map(|run| run.1 as usize).chain([times.len()]);
    let run = |(&(series, start), end): (&(u32, u32), usize)| {
        let range = TimeRange::new(times[start as usize], times[end - 1]);
        (series, end - start as usize, range)
    };
    plan.runs.iter().zip(ends).map(run).collect()
}
