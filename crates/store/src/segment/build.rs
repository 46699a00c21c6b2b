//! Segments out of sorted rows, wherever those come from: blocks are filled and encoded in
//! parallel and written in order.

use std::path::Path;

use tidemill_codec::Compression;
use tidemill_model::{Column, FieldType};

use super::{BlockData, BlockPlan, SegmentWriter};
use crate::disk::Disk;
use crate::error::Result;
use crate::manifest::SegmentEntry;
use crate::recycle::Spare;
use crate::sorted::{SortedRows, Span};
use crate::stages;
use crate::workers::in_order;

/// Blocks that are encoded or wait until those before them are written.
const MAX_BLOCKS_IN_FLIGHT: usize = 32;
/// …and their values, in bytes before encoding, unless a single block has more.
const MAX_BYTES_IN_FLIGHT: usize = 64 << 20;

/// Sorted rows, to be filled into blocks from several threads.
pub(crate) trait BlockSource: Sync {
    /// What a thread keeps between blocks.
    type Worker;
    /// Starts a thread.
    fn worker(&self) -> Self::Worker;
    /// Puts the rows of a block over `data`, whose columns are those of `fields`.
    fn fill(
        &self,
        worker: &mut Self::Worker,
        plan: &BlockPlan,
        fields: &[(u32, FieldType)],
        data: &mut BlockData,
    ) -> Result<()>;
}

/// Where a segment goes and what it is.
#[derive(Debug)]
pub(crate) struct SegmentTarget<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) dir: &'a Path,
    pub(crate) file: u64,
    pub(crate) table: u32,
    pub(crate) sequence: u64,
    pub(crate) fields: Vec<(u32, FieldType)>,
    /// What a row holds, roughly.
    pub(crate) row_bytes: usize,
    pub(crate) compression: Compression,
}

/// Writes a segment and makes it durable. After an error no file is left.
pub(crate) fn build_segment<S: BlockSource>(
    target: SegmentTarget<'_>,
    spare: &Spare,
    plans: Vec<BlockPlan>,
    source: &S,
) -> Result<SegmentEntry> {
    let SegmentTarget { disk, dir, file, table, sequence, fields, row_bytes, compression } = target;
    let fields_of_file = fields.clone();
    let mut writer =
        SegmentWriter::create(disk, dir, file, table, sequence, fields_of_file, compression)?;
    let path = writer.path().to_owned();
    let mut write = || {
        let longest = plans.iter().map(|plan| plan.rows.len()).max().unwrap_or(0);
        let block_bytes = longest.saturating_mul(row_bytes).max(1);
        let in_flight = (MAX_BYTES_IN_FLIGHT / block_bytes).clamp(1, MAX_BLOCKS_IN_FLIGHT);
        let encode = |worker: &mut S::Worker, place: usize| {
            let _encoding = stages::ENCODE.enter();
            let mut scratch = spare.blocks.take();
            source.fill(worker, &plans[place], &fields, &mut scratch.data)?;
            let mut block = spare.encoded.take();
            scratch.encoder.encode_into(&plans[place], &scratch.data, compression, &mut block);
            spare.blocks.put(scratch);
            Ok(block)
        };
        in_order(
            plans.len(),
            in_flight,
            || source.worker(),
            encode,
            |block| {
                writer.push(&block)?;
                spare.encoded.put(block);
                Ok(())
            },
        )
    };
    let written = write();
    // A footer of many series takes memory, too.
    drop(plans);
    let written = written.and_then(|()| writer.finish());
    if written.is_err() {
        // The error that matters is the one above; an orphan is removed at the next opening.
        let _ = disk.remove(&path);
    }
    written
}

impl BlockSource for SortedRows {
    type Worker = Vec<Span>;

    fn worker(&self) -> Vec<Span> {
        Vec::new()
    }

    fn fill(
        &self,
        spans: &mut Vec<Span>,
        plan: &BlockPlan,
        fields: &[(u32, FieldType)],
        data: &mut BlockData,
    ) -> Result<()> {
        let rows = || plan.rows.clone();
        spans.clear();
        spans.extend(self.spans(rows()));
        data.times.clear();
        self.times_from(rows(), spans.iter().cloned(), &mut data.times);
        data.columns.resize_with(fields.len(), || None);
        for ((field, ty), slot) in fields.iter().zip(&mut data.columns) {
            let mut column = slot.take().filter(|column| column.ty() == *ty);
            let mut column = column.take().unwrap_or_else(|| Column::new(*ty));
            let any = self.gather_from(*field as usize, rows(), spans, &mut column);
            *slot = any.then_some(column);
        }
        Ok(())
    }
}
