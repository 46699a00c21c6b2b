use std::path::PathBuf;
use std::sync::Arc;

use super::damage::{Lost, Report};
use super::remains::Remains;
use crate::chunk::Chunk;
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::wal::{End, LogScan, decode_record, read_frame};
use tidemill_model::TimeRange;

/// A log file.
#[derive(Debug)]
pub(crate) struct LogRemains {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) scan: LogScan,
}

/// What the logs should hold.
#[derive(Debug)]
pub(super) struct Expected {
    /// Writes up to this one are in segments.
    pub(super) flushed: u64,
    /// The next write, if it is known.
    pub(super) next: Option<u64>,
}

impl LogRemains {
    /// Reports holes, and what is missing before and between the writes.
    pub(super) fn judge(&self, is_last: bool, expected: &mut Expected, report: &mut Report) {
        let (path, scan) = (&self.path, &self.scan);
        if let Some(header) = &scan.header {
            let error = Error::corrupt(path, header.at as u64, header.what.clone());
            let lost = match scan.closed {
                Some(_) => Lost::nothing("writes are found without the header"),
                None => Lost::unknown("writes that may have stood behind those that are found"),
            };
            report.damage(error, lost);
        }
        if let Some(offset) = scan.damaged_mark {
            let error = Error::corrupt(path, offset, "a mark of the log is damaged");
            report.damage(error, Lost::nothing("there is another one"));
        }
        // In a file that is damaged elsewhere an end that is no write may be damage as well.
        let mut is_damaged = scan.header.is_some() || scan.damaged_mark.is_some();
        let mut torn = None;
        for hole in &scan.holes {
            let bytes = hole.end - hole.start;
            let is_unread = hole.end == scan.length && scan.error.is_some();
            // Nothing but the header can stand before the first write.
            if scan.header.is_some() && hole.end <= LogScan::MAX_HEADER_BYTES {
                continue;
            }
            if is_last && hole.start > 0 && hole.start >= scan.synced && !is_unread {
                // Nothing says that this was durable, nor what stands behind it.
                torn = torn.or(Some(hole.start));
                if !is_damaged {
                    report.notes.push(format!(
                        "{} holds {bytes} bytes at byte {} that are no whole write, behind what is \
                         sure to have been durable: one that was cut off",
                        path.display(),
                        hole.start
                    ));
                    continue;
                }
            }
            let error = match &scan.error {
                Some(error) if is_unread => {
                    let error = std::io::Error::new(error.kind(), error.to_string());
                    Error::io(path, &format!("read the log from byte {} on", hole.start), error)
                }
                _ => {
                    let message = format!("{bytes} bytes of the log are no write");
                    Error::corrupt(path, hole.start, message)
                }
            };
            report.damage(error, Lost::unknown("the writes that stood there"));
            is_damaged = true;
        }
        if scan.length < scan.synced {
            let message =
                format!("the log ends here; its first {} bytes were durable", scan.synced);
            let lost = Lost::unknown("the writes that stood behind");
            report.damage(Error::corrupt(path, scan.length, message), lost);
        } else if !is_last && !scan.is_closed(End::OfFile) {
            let message = "the log ends too early: it was not closed, but later files follow it";
            let lost = Lost::unknown("writes that may have stood behind");
            report.damage(Error::corrupt(path, scan.length, message), lost);
        } else if is_last && !scan.is_closed(End::OfLog) {
            report.notes.push(format!(
                "{} was not closed: a writer is at work, or was ended; {} bytes of writes stand \
                 behind its last mark",
                path.display(),
                scan.length - scan.closed.map_or(scan.length, |(_, synced)| synced)
            ));
        }
        self.judge_sequence(torn.unwrap_or(scan.length), expected, report);
    }

    fn judge_sequence(&self, end: u64, expected: &mut Expected, report: &mut Report) {
        let missing = |from: u64, to: u64, offset: u64| {
            let message = format!("writes {from} to {to} are missing before this one");
            (Error::corrupt(&self.path, offset, message), Lost::unknown("the rows of these writes"))
        };
        if let Some(from) = expected.next.filter(|from| *from < self.scan.base_sequence) {
            let (error, lost) = missing(from, self.scan.base_sequence - 1, 0);
            report.damage(error, lost);
            expected.next = Some(self.scan.base_sequence);
        }
        let mut own = self.scan.base_sequence;
        for (offset, sequence) in self.scan.frames.iter().filter(|(offset, _)| *offset < end) {
            let is_flushed = *sequence <= expected.flushed;
            let next = expected.next.filter(|_| !is_flushed);
            // One that belongs elsewhere stands where another should.
            let least = next.unwrap_or(0).max(own);
            if *sequence < least {
                let message = format!("write {sequence} where write {least} is expected");
                let lost = Lost::unknown("the writes that stood there");
                report.damage(Error::corrupt(&self.path, *offset, message), lost);
                continue;
            }
            if let Some(next) = next.filter(|next| *next < *sequence) {
                let (error, lost) = missing(next, *sequence - 1, *offset);
                report.damage(error, lost);
            }
            own = *sequence + 1;
            if !is_flushed {
                expected.next = Some(own);
            }
        }
    }
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
    let is_known = |row: &u32| chunk.series[*row as usize] < table.series_count();
    let rows = || 0..chunk.rows() as u32;
    let kept: Vec<u32> = rows().filter(is_known).collect();
    if kept.len() < chunk.rows() {
        let unknown = rows().filter(|row| !is_known(row));
        let times = unknown.map(|row| chunk.times[row as usize]);
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
