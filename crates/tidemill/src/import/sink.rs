//! Where parsed chunks go: into a bulk load, with every bad row reported.

use std::sync::atomic::Ordering;

use tidemill_model::Batch;
use tidemill_parse::{Misfit, RowError, locate};
use tidemill_store::{Bulk, BulkMap, Rejection};

use super::pipeline::count_newlines;
use super::row_text::row_text;
use super::{BadRow, Error, ImportOptions, ImportReport, Observer, Result};

/// Takes in the chunks of one input, in order.
pub(super) struct Sink<'a, 's> {
    bulk: &'a mut Bulk<'s>,
    observer: &'a mut dyn Observer,
    options: &'a ImportOptions,
    file: &'a str,
    pub(super) report: ImportReport,
    /// Whether a value that a wider type would take ends the pass.
    stops_at_misfit: bool,
    pub(super) misfit: Option<Misfit>,
    lines: u64,
    start_ns: i64,
    /// How many rows there were, refused ones included: the next one's place among them.
    next_ordinal: u64,
    is_csv: bool,
    rejections: Vec<Rejection>,
}

impl<'a, 's> Sink<'a, 's> {
    pub(super) fn new(
        bulk: &'a mut Bulk<'s>,
        observer: &'a mut dyn Observer,
        options: &'a ImportOptions,
        file: &'a str,
        start_ns: i64,
        stops_at_misfit: bool,
    ) -> Self {
        Self {
            bulk,
            observer,
            options,
            file,
            report: ImportReport::default(),
            stops_at_misfit,
            misfit: None,
            lines: 0,
            start_ns,
            next_ordinal: 0,
            is_csv: false,
            rejections: Vec::new(),
        }
    }

    /// Whether the rows are those of a CSV.
    pub(super) fn of_csv(self, is_csv: bool) -> Self {
        Self { is_csv, ..self }
    }

    pub(super) fn file(&self) -> &str {
        self.file
    }

    pub(super) fn progress(&mut self, read_bytes: u64) -> Result<()> {
        self.observer.progress(read_bytes, self.report.rows);
        if self.options.cancel.load(Ordering::Relaxed) { Err(Error::cancelled()) } else { Ok(()) }
    }

    /// Whether rows were taken since the last commit.
    pub(super) fn has_rows(&self) -> bool {
        self.bulk.rows() > 0
    }

    /// Makes what was taken part of the store.
    pub(super) fn commit(&mut self) -> Result<()> {
        let loaded = self.bulk.commit()?;
        self.report.add(&loaded);
        Ok(())
    }

    /// Takes the rows of `text` that are in `batch`.
    pub(super) fn take(
        &mut self,
        text: &[u8],
        newlines: u64,
        batch: &mut Batch,
        map: &mut BulkMap,
        errors: &[RowError],
    ) -> Result<()> {
        if self.stops_at_misfit
            && let Some(misfit) = errors.iter().find_map(|error| error.misfit)
        {
            self.misfit = Some(misfit);
            return Err(Error::misfit());
        }
        self.settle_times(batch);
        let rows_before = self.bulk.rows();
        self.rejections.clear();
        self.bulk.append(batch, map, &mut self.rejections)?;
        self.report.rows += self.bulk.rows() - rows_before;
        self.report.text_bytes += text.len() as u64;
        if !errors.is_empty() || !self.rejections.is_empty() {
            self.report_bad_rows(text, errors)?;
        }
        self.lines += newlines;
        Ok(())
    }

    /// The line behind what was taken is longer than allowed and left out.
    pub(super) fn giant(&mut self, head: &[u8]) -> Result<()> {
        self.giant_at(self.lines + 1, head)
    }

    /// A line is longer than allowed and left out.
    pub(super) fn giant_at(&mut self, line: u64, head: &[u8]) -> Result<()> {
        let reason = format!("a line of more than {} bytes", self.options.max_line_bytes);
        self.bad_row(line, 1, &reason, head)
    }

    /// Gives rows without a time the start of the import plus their ordinal, which is that of the
    /// text whatever tables its lines are of.
    fn settle_times(&mut self, batch: &mut Batch) {
        let first = self.next_ordinal;
        self.next_ordinal += batch.rows() as u64;
        if batch.tables().iter().all(|table| table.untimed().is_empty()) {
            return;
        }
        let tables = batch.tables().iter().enumerate();
        let mut rows: Vec<(u32, usize, u32)> = tables
            .flat_map(|(index, table)| {
                let rows = table.positions().iter().zip(0..);
                rows.map(move |(position, row)| (*position, index, row))
            })
            .collect();
        rows.sort_unstable();
        for (ordinal, (_, table, row)) in (first..).zip(rows) {
            let table = &mut batch.tables_mut()[table];
            if table.untimed().binary_search(&row).is_ok() {
                let ordinal = i64::try_from(ordinal).unwrap_or(i64::MAX);
                table.times_mut()[row as usize] = self.start_ns.saturating_add(ordinal);
                self.report.untimed += 1;
            }
        }
    }

    fn report_bad_rows(&mut self, text: &[u8], errors: &[RowError]) -> Result<()> {
        let rejections = std::mem::take(&mut self.rejections);
        let parsed = errors.iter().map(|e| (e.row_start, e.at, e.reason.as_str()));
        let refused = rejections.iter().map(|r| {
            let start = r.position as usize;
            (start, start + place_of_field(text, start, r.field.as_deref()), r.reason.as_str())
        });
        let mut all: Vec<(usize, usize, &str)> = parsed.chain(refused).collect();
        all.sort_unstable();
        // Places come in order: newlines are counted once.
        let (mut counted, mut line) = (0, self.lines + 1);
        for (start, at, reason) in all {
            let at = at.min(text.len());
            if counted <= at {
                line += count_newlines(&text[counted..at]);
                counted = at;
            } else {
                line = self.lines + locate(text, at).0;
            }
            let line_start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1);
            let column = (at - line_start + 1) as u64;
            self.bad_row(line, column, reason, row_text(text, start, at, self.is_csv))?;
        }
        self.rejections = rejections;
        Ok(())
    }

    fn bad_row(&mut self, line: u64, column: u64, reason: &str, text: &[u8]) -> Result<()> {
        self.report.bad_rows += 1;
        let row = BadRow { file: self.file, line, column, reason, text };
        self.observer.bad_row(&row).map_err(Error::rejects)?;
        if self.options.is_strict { Err(Error::strict()) } else { Ok(()) }
    }
}

/// Where the name of a field stands in its row, in bytes; 0 when it is not found.
fn place_of_field(text: &[u8], start: usize, field: Option<&str>) -> usize {
    let Some(field) = field else { return 0 };
    let row = text.get(start..).unwrap_or_default();
    let row = &row[..memchr::memchr(b'\n', row).unwrap_or(row.len())];
    memchr::memmem::find_iter(row, field)
        .find(|at| {
            let before = at.checked_sub(1).map(|before| row[before]);
            before.is_none_or(|byte| matches!(byte, b' ' | b',' | b'"'))
                && row.get(at + field.len()).is_some_and(|byte| matches!(byte, b'=' | b'"'))
        })
        .unwrap_or(0)
}
