use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tidemill_model::Batch;
use tidemill_parse::line::{LineOptions, LineReader};
use tidemill_parse::{RowError, RowReader, Taken, locate};
use tidemill_store::{Options, Snapshot, Writer, Written};

use crate::error::{Error, ErrorKind, Result};
use crate::scan::{Scan, Scanned};
#[cfg(feature = "sql")]
use crate::sql::Sql;

/// A text handed to [`Store::write_line_protocol`] at most, in bytes: a write is one record of the
/// log.
pub const MAX_WRITE_BYTES: usize = 64 << 20;

/// Readers that wait for the next write, with all they know of its series.
const MAX_IDLE_WRITERS: usize = 64;

/// Keys of series that one of them remembers, in bytes; beyond it starts anew.
const MAX_SERIES_KEY_BYTES: usize = 32 << 20;

/// An open store.
///
/// All methods take `&self` and may be called from many threads.
#[derive(Debug)]
pub struct Store {
    pub(crate) store: tidemill_store::Store,
    idle: Mutex<Vec<LineWriter>>,
    #[cfg(feature = "sql")]
    pub(crate) sql: Sql,
}

/// What became of a text in line protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenLines {
    /// Rows that are in.
    pub rows: u64,
    /// Lines that are not, and why; the rest is in.
    pub bad_lines: Vec<BadLine>,
}

/// A line that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1, in bytes.
    pub column: u64,
    /// Why.
    pub reason: String,
}

/// A reader and a writer that know each other's series.
#[derive(Debug)]
struct LineWriter {
    reader: LineReader,
    batch: Batch,
    errors: Vec<RowError>,
    writer: Writer,
}

impl Store {
    /// Opens the store in `dir`, or creates one there.
    ///
    /// # Errors
    /// When another process writes to it, or files are damaged: see [`tidemill_store::Store::open`].
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        let store = tidemill_store::Store::open(dir, options)?;
        Ok(Self {
            store,
            idle: Mutex::default(),
            #[cfg(feature = "sql")]
            sql: Sql::default(),
        })
    }

    /// Writes a text in line protocol, of at most [`MAX_WRITE_BYTES`]. When this returns, its rows
    /// are as durable as the store was opened to make them; all of them are in, or after a crash
    /// before, none. (Where each row has other fields, thousands of them, a write is several such
    /// steps: what they take is bounded in memory, too.)
    ///
    /// # Errors
    /// When the disk fails. Bad lines are no error: [`WrittenLines::bad_lines`].
    pub fn write_line_protocol(&self, text: &[u8]) -> Result<WrittenLines> {
        if text.len() > MAX_WRITE_BYTES {
            let message = format!(
                "a text of {} bytes; at most {MAX_WRITE_BYTES} are written at once",
                text.len()
            );
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut writer = idle.unwrap_or_else(|| LineWriter {
            reader: LineReader::new(LineOptions::default()),
            batch: Batch::new(),
            errors: Vec::new(),
            writer: self.store.writer(),
        });
        let written = writer.write(text)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE_WRITERS {
            idle.push(writer);
        }
        Ok(written)
    }

    /// Writes the rows of a batch and leaves it empty: see [`tidemill_store::Store::write`].
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(&self, batch: &mut Batch) -> Result<Written> {
        Ok(self.store.write(batch)?)
    }

    /// Reads the rows of one table, series by series.
    ///
    /// # Errors
    /// When there is no such table or field.
    pub fn scan(&self, table: &str, scan: &Scan) -> Result<Scanned> {
        Scanned::new(&self.snapshot(), table, scan)
    }

    /// All tables as they are now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.store.snapshot()
    }

    /// The store below, for what is not here.
    #[must_use]
    pub fn inner(&self) -> &tidemill_store::Store {
        &self.store
    }

    /// Writes all rows in memory to segments.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn flush(&self) -> Result<()> {
        Ok(self.store.flush()?)
    }

    /// Flushes and closes.
    ///
    /// # Errors
    /// When the disk fails; what was acknowledged is safe in the log.
    pub fn close(self) -> Result<()> {
        Ok(self.store.close()?)
    }
}

impl LineWriter {
    fn write(&mut self, text: &[u8]) -> Result<WrittenLines> {
        let mut written = WrittenLines::default();
        let (mut at, mut lines) = (0, 0);
        loop {
            let taken = self.write_batch(&text[at..], lines, &mut written)?;
            self.forget_if_many();
            if !taken.is_full {
                return Ok(written);
            }
            lines += locate(&text[at..], taken.bytes).0 - 1;
            at += taken.bytes;
        }
    }

    /// A batch knows every series it ever held: of a stream of ever new ones, too many.
    fn forget_if_many(&mut self) {
        let keys = self.batch.tables().iter().map(|table| table.series_keys().memory_bytes());
        if keys.sum::<usize>() > MAX_SERIES_KEY_BYTES {
            self.batch = Batch::new();
        }
    }

    /// Writes as many rows of `text`, which stands behind so many lines, as a batch holds.
    fn write_batch(
        &mut self,
        text: &[u8],
        lines: u64,
        written: &mut WrittenLines,
    ) -> Result<Taken> {
        let Self { reader, batch, errors, writer } = self;
        errors.clear();
        let taken = reader.read(text, true, batch, errors);
        let Written { rows, rejections } = writer.write(batch)?;
        written.rows += rows;
        let parsed = errors.drain(..).map(|error| (error.at, error.reason));
        let refused = rejections.into_iter().map(|r| (r.position as usize, r.reason));
        let mut all: Vec<_> = parsed.chain(refused).collect();
        all.sort_unstable();
        // Places come in order: lines are counted from one to the next.
        let (mut line_start, mut line) = (0, lines + 1);
        for (at, reason) in all {
            let (further, column) = locate(&text[line_start..], at - line_start);
            line += further - 1;
            line_start = at + 1 - column as usize;
            written.bad_lines.push(BadLine { line, column, reason });
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_forgets_series_when_they_are_many() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        let value = "x".repeat(30 << 10);
        for time in 1..=2 {
            let line = |series: u32| format!("t,tag={series}{value} v={time} {time}\n");
            let text: String = (0..1200).map(line).collect();
            assert_eq!(store.write_line_protocol(text.as_bytes()).unwrap().rows, 1200);
            let idle = store.idle.lock().unwrap();
            assert!(idle.iter().all(|writer| writer.batch.tables().is_empty()));
        }
        store.write_line_protocol(b"t v=3 3\n").unwrap();
        assert_eq!(store.idle.lock().unwrap()[0].batch.tables().len(), 1);
        let view = store.snapshot().table("t").unwrap().clone();
        assert_eq!((view.series_count(), view.max_rows()), (1201, 2401));
    }
}
