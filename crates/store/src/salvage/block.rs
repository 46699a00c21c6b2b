use tidemill_model::{Column, TimeRange};

use super::damage::{Lost, Report};
use super::tables::TableRemains;
use crate::error::{Error, ErrorKind, Result};
use crate::read::{BlockCache, ChunkCache};
use crate::segment::Segment;

/// What of a block can be read.
#[derive(Debug, Default)]
pub(crate) struct BlockRows {
    /// Series, and the rows of it: from here to where the next starts.
    pub(crate) runs: Vec<(u32, usize)>,
    pub(crate) times: Vec<i64>,
    /// The number of a field among the table's, and its values.
    pub(crate) columns: Vec<(u32, Column)>,
    /// Whether values are missing that were there.
    pub(crate) is_partial: bool,
}

/// Reads the blocks of one segment.
#[derive(Default)]
pub(crate) struct BlockReader {
    cache: BlockCache,
    /// All is read from the disk.
    nothing: ChunkCache,
}

impl BlockReader {
    /// Reads a block; `None`: its times are lost, and with them its rows. What cannot be read goes
    /// to the report.
    pub(crate) fn read(
        &mut self,
        segment: &Segment,
        block: usize,
        table: &TableRemains,
        report: &mut Report,
    ) -> Result<Option<BlockRows>> {
        let (runs, starts) = segment.runs_of(block);
        let of_run = |run| segment.footer.runs.series(run);
        let series = &runs.clone().filter_map(of_run).collect::<Vec<u32>>()[..];
        let lost = |field: Option<String>, rows: usize| Lost {
            table: table.name(),
            series: table.series_names(series),
            series_count: series.len() as u64,
            range: Some(segment.footer.block_ranges[block]),
            rows: Some(rows as u64),
            field,
            ..Lost::default()
        };
        let rows = segment.block_rows(block);
        let mut out = BlockRows::default();
        out.runs.extend(series.iter().copied().zip(starts.map(|start| start as usize)));
        match self.read_times(segment, block, &runs, &mut out) {
            Ok(()) => {}
            // No memory: that says nothing of the file.
            Err(error) if error.kind() == ErrorKind::Budget => return Err(error),
            Err(error) => {
                report.damage(error, lost(None, rows));
                return Ok(None);
            }
        }
        for (at, (field, ty)) in segment.footer.fields.iter().enumerate() {
            let name = table.field(*field, *ty);
            let column = (at + 1, *ty);
            match self.cache.column(&self.nothing, 0, segment, block, column, &(0..rows)) {
                // That no definition names it is said once for the segment.
                Ok(Some(_)) if name.is_none() => out.is_partial = true,
                Ok(Some(column)) => out.columns.push((*field, column.clone())),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Budget => return Err(error),
                Err(error) => {
                    let name = name.map_or_else(|| format!("number {field}"), str::to_owned);
                    report.damage(error, lost(Some(name), rows));
                    out.is_partial = true;
                }
            }
        }
        report.blocks += u64::from(!out.is_partial);
        Ok(Some(out))
    }

    fn read_times(
        &mut self,
        segment: &Segment,
        block: usize,
        runs: &std::ops::Range<usize>,
        out: &mut BlockRows,
    ) -> Result<()> {
        let rows = segment.block_rows(block);
        let times = self.cache.times(&self.nothing, 0, segment, block, |_| 0..rows)?;
        let footer = &segment.footer;
        let ends = out.runs.iter().skip(1).map(|run| run.1).chain([rows]);
        for ((run, (_, start)), end) in runs.clone().zip(&out.runs).zip(ends) {
            times.append(&(*start..end), &mut out.times);
            let times = out.times.get(*start..).unwrap_or_default();
            let range = footer.runs.times(run).intersect(footer.block_ranges[block]);
            if !are_within(times, range) {
                let message = format!("the times of block {block} are not those the footer says");
                return Err(Error::corrupt(segment.path(), chunk_offset(segment, block), message));
            }
        }
        Ok(())
    }
}

fn are_within(times: &[i64], range: TimeRange) -> bool {
    let ends = times.first().zip(times.last());
    times.is_sorted_by(|a, b| a < b)
        && ends.is_some_and(|(first, last)| range.contains(*first) && range.contains(*last))
}

fn chunk_offset(segment: &Segment, block: usize) -> u64 {
    let chunk = segment.footer.chunks.get(block * (1 + segment.footer.fields.len()));
    chunk.map_or(0, |chunk| chunk.offset)
}
