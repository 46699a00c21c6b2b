//! Writing what can be read of a damaged store into a new one.

use std::path::Path;

use tidemill_model::{Batch, Column, Duplicates};

use crate::backup::refuse_files;
use crate::bulk::{Bulk, BulkMap};
use crate::chunk::Chunk;
use crate::error::{Error, Result};
use crate::ingest::Rejection;
use crate::options::Options;
use crate::salvage::{
    BlockReader, BlockRows, Found, FrameReader, Lost, Remains, Report, Source, TableRemains,
};
use crate::segment::Segment;
use crate::store::Store;

/// A batch that knows so many bytes of series keys is replaced by a new one.
const MAX_SERIES_KEY_BYTES: usize = 32 << 20;

/// What a repair did.
#[derive(Debug, Default)]
pub struct Repaired {
    /// By table, in the order of their names.
    pub tables: Vec<RepairedTable>,
    /// What was read, and what could not be: all that is not in the new store.
    pub report: Report,
}

/// What of a table is in the new store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairedTable {
    /// Its name.
    pub name: String,
    /// Rows salvaged, duplicates left out.
    pub rows: u64,
    /// Rows of the same series and time as another: what counts of them is the table's policy.
    pub duplicates: u64,
}

impl Repaired {
    /// Rows salvaged.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// Writes everything that can be read of the store in `from` into a new one in `to`, which must
/// not exist or be empty. `from` is only read, and need not open; `options` are those of the new
/// store. Rows are written by the names of their table, tags and fields, older ones first, and each
/// table keeps its policy for duplicates and its retention; memory stays within the budget.
///
/// A table of which no row can be read is not in the new store. Where a value is lost that had
/// replaced another one, that one may be back. Without a manifest, so may rows that
/// were deleted, or never committed.
///
/// # Errors
/// When there is no store in `from`, it is of a version this program does not know, `to` holds
/// something, or the new store cannot be written: remove it then. Damage is no error: see
/// [`Repaired::report`].
pub fn repair(from: impl AsRef<Path>, to: impl AsRef<Path>, options: Options) -> Result<Repaired> {
    repair_with_progress(from, to, options, |_, _| {})
}

/// [`repair`] that tells `progress` how many bytes of segments and how many rows are read, now
/// and then.
///
/// # Errors
/// As [`repair`].
pub fn repair_with_progress(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    options: Options,
    mut progress: impl FnMut(u64, u64),
) -> Result<Repaired> {
    let (disk, to) = (std::sync::Arc::clone(&options.disk), to.as_ref());
    let mut repaired = Repaired::default();
    let report = &mut repaired.report;
    let remains = Remains::read(Found::open(&*disk, from.as_ref())?, report)?;
    refuse_files(&*disk, to, &[])?;
    let store = Store::open(to, Options { create: true, read_only: false, ..options })?;
    let (sources, mut bytes) = (remains.sources(), 0);
    for policy in [Duplicates::Last, Duplicates::Keep, Duplicates::Error] {
        let is_of = |id: u32| remains.table(id).definition.schema.duplicates == policy;
        let mut writer = Writer::new(store.bulk(policy)?);
        let mut frames = FrameReader::default();
        for source in &sources {
            match *source {
                Source::Frame(log, offset) => {
                    for (id, chunk, is_partial) in
                        frames.rows(&remains, (log, offset), is_of, report)
                    {
                        let table = remains.table(id);
                        writer.chunk(table, &chunk, is_partial, report)?;
                    }
                }
                Source::Segment(index) => {
                    let segment = &remains.segments[index];
                    if is_of(segment.entry.table) {
                        remains.judge_segment(segment, report);
                        let table = remains.table(segment.entry.table);
                        writer.segment(table, segment, report, |rows| progress(bytes, rows))?;
                        bytes += segment.entry.bytes;
                    }
                }
            }
        }
        repaired.tables.extend(writer.finish()?);
    }
    repaired.tables.sort_by(|a, b| a.name.cmp(&b.name));
    for table in &repaired.tables {
        if let Some(keep) = remains.retention(&table.name) {
            store.set_retention(&table.name, Some(keep))?;
        }
    }
    store.close()?;
    repaired.report.remove_repeated();
    Ok(repaired)
}

/// Rows of tables with one policy, on their way into the new store.
struct Writer<'a> {
    bulk: Bulk<'a>,
    batch: Batch,
    map: BulkMap,
    tables: std::collections::BTreeMap<String, RepairedTable>,
    key: Vec<u8>,
}

/// Rows of one table: series and times, and columns with the field each is.
struct Rows<'a> {
    series: &'a dyn Fn(usize) -> u32,
    times: &'a [i64],
    columns: &'a [(u32, Column)],
    is_partial: bool,
}

impl<'a> Writer<'a> {
    fn new(bulk: Bulk<'a>) -> Self {
        let (batch, map) = (Batch::new(), BulkMap::default());
        Self { bulk, batch, map, tables: std::collections::BTreeMap::new(), key: Vec::new() }
    }

    fn segment(
        &mut self,
        table: &TableRemains,
        segment: &Segment,
        report: &mut Report,
        mut progress: impl FnMut(u64),
    ) -> Result<()> {
        let mut reader = BlockReader::default();
        for block in 0..segment.blocks() {
            let Some(rows) = reader.read(segment, block, table, report)? else { continue };
            let BlockRows { runs, times, columns, is_partial } = rows;
            let series = |row: usize| {
                let run = runs.partition_point(|(_, start)| *start <= row) - 1;
                runs[run].0
            };
            let rows = Rows { series: &series, times: &times, columns: &columns, is_partial };
            let left = self.append(table, &rows)?;
            if left > 0 {
                let lost = Lost {
                    table: table.name(),
                    range: Some(segment.footer.block_ranges[block]),
                    rows: Some(left),
                    ..Lost::default()
                };
                let message = format!("rows of block {block} of which no value is left");
                report.damage(Error::corrupt(segment.path(), 0, message), lost);
            }
            report.rows += times.len() as u64;
            progress(report.rows);
        }
        Ok(())
    }

    fn chunk(
        &mut self,
        table: &TableRemains,
        chunk: &Chunk,
        is_partial: bool,
        report: &mut Report,
    ) -> Result<()> {
        let series = |row: usize| chunk.series[row];
        let (times, columns) = (&chunk.times[..], &chunk.columns[..]);
        report.rows += times.len() as u64;
        // Rows without a value were said with the field they lost.
        self.append(table, &Rows { series: &series, times, columns, is_partial })?;
        Ok(())
    }

    /// Hands rows to the new store, those of known series. Returns how many are left because they
    /// have lost all their values.
    fn append(&mut self, table: &TableRemains, rows: &Rows<'_>) -> Result<u64> {
        let Some(name) = table.name() else { return Ok(0) };
        let index = self.batch.table(&name);
        let batch = &mut self.batch.tables_mut()[index];
        let columns: Vec<(usize, &Column)> = rows
            .columns
            .iter()
            .filter_map(|(field, column)| {
                let name = table.field(*field, column.ty())?;
                Some((batch.column(name, column.ty()), column))
            })
            .collect();
        let (mut last, mut left) = (None, 0);
        for (row, time) in rows.times.iter().enumerate() {
            let id = (rows.series)(row);
            let series = match last {
                Some((last, series)) if last == id => series,
                _ if table.series_key(id, &mut self.key) => Some(batch.series(&self.key)),
                _ => None,
            };
            last = Some((id, series));
            let Some(series) = series else { continue };
            let mut values =
                columns.iter().filter_map(|(at, c)| Some((*at, c.get(row)?))).peekable();
            if rows.is_partial && values.peek().is_none() {
                left += 1;
                continue;
            }
            values.for_each(|(column, value)| batch.set(column, value));
            batch.end_row(series, Some(*time), 0);
        }
        batch.finish();
        self.hand_over(&name)?;
        Ok(left)
    }

    fn hand_over(&mut self, name: &str) -> Result<()> {
        let mut rejections: Vec<Rejection> = Vec::new();
        let before = self.bulk.rows();
        self.bulk.append(&mut self.batch, &mut self.map, &mut rejections)?;
        let rows = self.bulk.rows() - before;
        if rows == 0 && rejections.is_empty() {
            // Nothing of it can be read, so that there is no such table.
            return Ok(());
        }
        let counts = self.tables.entry(name.to_owned()).or_default();
        counts.rows += rows;
        // The only thing the schema refuses twice is what a table without duplicates has already.
        counts.duplicates += rejections.len() as u64;
        let keys = self.batch.tables().iter().map(|table| table.series_keys().memory_bytes());
        if keys.sum::<usize>() > MAX_SERIES_KEY_BYTES {
            (self.batch, self.map) = (Batch::new(), BulkMap::default());
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<RepairedTable>> {
        let loaded = self.bulk.commit()?;
        let count = |(name, mut table): (String, RepairedTable)| {
            let duplicates = loaded.tables.get(&name).map_or(0, |table| table.duplicates);
            table.rows = table.rows.saturating_sub(duplicates);
            table.duplicates += duplicates;
            RepairedTable { name, ..table }
        };
        Ok(self.tables.into_iter().map(count).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimDisk;
    use tidemill_model::SeriesKey;

    #[test]
    fn a_batch_that_knows_many_series_is_replaced() {
        let disk = std::sync::Arc::new(SimDisk::new(0));
        let store = Store::open("/store", Options { disk, ..Options::default() }).unwrap();
        let mut writer = Writer::new(store.bulk(Duplicates::Last).unwrap());
        let (mut largest, mut key) = (0, Vec::new());
        for number in 0..600 {
            let host = format!("{number:060000}");
            SeriesKey::encode(&mut [("host", &*host)], &mut key).unwrap();
            let table = writer.batch.table("t");
            let table = &mut writer.batch.tables_mut()[table];
            let series = table.series(&key);
            let bytes = table.series_keys().memory_bytes();
            assert!(bytes < MAX_SERIES_KEY_BYTES * 2, "{bytes} bytes");
            largest = bytes.max(largest);
            table.end_row(series, Some(number), 0);
            table.finish();
            writer.hand_over("t").unwrap();
        }
        assert!(
            largest > MAX_SERIES_KEY_BYTES / 2
                && writer.batch.tables()[0].series_keys().len() < 600
        );
        assert_eq!(writer.finish().unwrap()[0].rows, 600);
    }
}
