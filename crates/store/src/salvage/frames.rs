use std::path::PathBuf;
use std::sync::Arc;

use super::damage::{Lost, Report};
use super::remains::Remains;
use crate::chunk::Chunk;
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::wal::{LogScan, decode_record, read_frame};
use tidemill_model::TimeRange;

/// A log file.
#[derive(Debug)]
pub(crate) struct LogRemains {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) scan: LogScan,
}

/// Reads writes from logs, one at a time.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    bytes: Vec<u8>,
}

impl FrameReader {
    fn payload(&mut self, log: &LogRemains, offset: u64) -> Result<&[u8]> {
        let read = read_frame(&*log.file, offset, &mut self.bytes);
        if !read.map_err(|e| Error::io(&log.path, "read the log", e))? {
            return Err(Error::corrupt(
                &log.path,
                offset,
                "a write that changed while it was read",
            ));
        }
        Ok(&self.bytes)
    }

    /// Calls `each(table, addition)` for what a write defines.
    pub(crate) fn additions(
        &mut self,
        log: &LogRemains,
        offset: u64,
        mut each: impl FnMut(u32, &[u8]),
    ) -> Result<()> {
        let payload = self.payload(log, offset)?;
        let record = decode_record(payload).map_err(|m| {
            let at = offset + m.at as u64;
            Error::corrupt(&log.path, at, format!("a write that does not decode: {}", m.what))
        })?;
        record.additions.into_iter().for_each(|(table, addition)| each(table, addition));
        Ok(())
    }

    /// The rows of a write whose series are known, with their known fields, by table. What is not
    /// known goes to the report. The `bool` says whether fields of the rows are missing.
    pub(crate) fn rows(
        &mut self,
        remains: &Remains,
        (log, offset): (usize, u64),
        is_wanted: impl Fn(u32) -> bool,
        report: &mut Report,
    ) -> Vec<(u32, Chunk, bool)> {
        let Some(log) = remains.logs.get(log) else { return Vec::new() };
        let record = self.payload(log, offset).and_then(|payload| {
            decode_record(payload)
                .map_err(|m| Error::corrupt(&log.path, offset + m.at as u64, m.what))
        });
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                report.damage(error, Lost::unknown("the rows of this write"));
                return Vec::new();
            }
        };
        let wanted = record.rows.into_iter().filter(|(table, _)| is_wanted(*table));
        let known = wanted.map(|(table, chunk)| {
            let (chunk, is_partial) = known_rows(remains, log, offset, (table, chunk), report);
            (table, chunk, is_partial)
        });
        known.collect()
    }
}

/// Takes out of a chunk what nothing readable defines.
fn known_rows(
    remains: &Remains,
    log: &LogRemains,
    offset: u64,
    (id, mut chunk): (u32, Chunk),
    report: &mut Report,
) -> (Chunk, bool) {
    let table = remains.table(id);
    let mut is_partial = false;
    let range = chunk.range();
    let rows = chunk.rows() as u64;
    chunk.columns.retain(|(field, column)| {
        let is_known = table.field(*field, column.ty()).is_some();
        if !is_known {
            is_partial = true;
            let message = format!("values of field number {field}, whose definition is lost");
            let lost = Lost {
                table: table.name(),
                range: Some(range),
                rows: Some(rows),
                field: Some(format!("number {field}")),
                ..Lost::default()
            };
            report.damage(Error::corrupt(&log.path, offset, message), lost);
        }
        is_known
    });
    let is_known = |row: &usize| chunk.series[*row] < table.series_count();
    let kept: Vec<usize> = (0..chunk.rows()).filter(is_known).collect();
    if kept.len() < chunk.rows() {
        let unknown = (0..chunk.rows()).filter(|row| !is_known(row));
        let times = unknown.map(|row| chunk.times[row]);
        let range = times.fold(TimeRange::EMPTY, TimeRange::including);
        let lost = Lost {
            table: table.name(),
            range: Some(range),
            rows: Some((chunk.rows() - kept.len()) as u64),
            ..Lost::default()
        };
        let message = "rows of series whose definition is lost";
        report.damage(Error::corrupt(&log.path, offset, message), lost);
        chunk.keep(&kept);
    }
    (chunk, is_partial)
}
