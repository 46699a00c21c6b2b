use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::tz::TimeZone;
use tidemill_model::Duplicates;
use tidemill_parse::Format;
use tidemill_parse::line::Precision;
use tidemill_store::{Loaded, LoadedTable};

/// How files are imported.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The format; `None`: recognised from the content.
    pub format: Option<Format>,
    /// The table, for formats that don't name it; `None`: the file's stem.
    pub table: Option<String>,
    /// The unit of times in line protocol.
    pub precision: Precision,
    /// The time column of CSV, NDJSON, Parquet; `None`: it is found.
    pub time: Option<String>,
    /// The tag columns of CSV, NDJSON, Parquet; `None`: they are found.
    pub tags: Option<Vec<String>>,
    /// Where times without an offset were written.
    pub tz: TimeZone,
    /// What tables created by this import do with duplicate rows.
    pub duplicates: Duplicates,
    /// Stop at the first bad row and keep nothing of its file.
    pub is_strict: bool,
    /// A stream is committed at least this often, so that what came is safe before it ends.
    pub commit_every: Duration,
    /// A line longer than this is a bad row.
    pub max_line_bytes: usize,
    /// Set to stop: what is not committed is taken back.
    pub cancel: Arc<AtomicBool>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            format: None,
            table: None,
            precision: Precision::default(),
            time: None,
            tags: None,
            tz: TimeZone::UTC,
            duplicates: Duplicates::default(),
            is_strict: false,
            commit_every: Duration::from_secs(1),
            max_line_bytes: 16 << 20,
            cancel: Arc::default(),
        }
    }
}

/// A row that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRow<'a> {
    /// The input's name.
    pub file: &'a str,
    /// Where, from 1; the column counts bytes.
    pub line: u64,
    /// See `line`.
    pub column: u64,
    /// Why.
    pub reason: &'a str,
    /// The row as it stands in the input, without its newline; of a line that is longer than
    /// allowed, how it begins; nothing for a row of Parquet, which is no text.
    pub text: &'a [u8],
}

/// Who wants to know how an import goes.
pub trait Observer {
    /// How many bytes of the input were read, and how many rows are in.
    fn progress(&mut self, _read_bytes: u64, _rows: u64) {}

    /// A row was refused.
    ///
    /// # Errors
    /// Who cannot note it (a full disk under `--rejects`) stops the import.
    fn bad_row(&mut self, _row: &BadRow<'_>) -> std::io::Result<()> {
        Ok(())
    }

    /// The input is read again from its beginning: what was told of its rows is void.
    ///
    /// # Errors
    /// As [`Observer::bad_row`].
    fn restart(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    /// What was found out about the file, for people.
    fn note(&mut self, _text: &str) {}
}

/// Nobody.
impl Observer for () {}

/// What an import did with one input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Bytes of the input, before decompression.
    pub read_bytes: u64,
    /// Bytes of text, after decompression.
    pub text_bytes: u64,
    /// Rows taken, those that overwrote others included.
    pub rows: u64,
    /// Rows refused.
    pub bad_rows: u64,
    /// Rows that overwrote others of the same series and time (or gave way to them).
    pub duplicates: u64,
    /// Rows that came after a later row of their series.
    pub late: u64,
    /// Rows without a time, which got the import's start plus their ordinal in nanoseconds.
    pub untimed: u64,
    /// Late rows and duplicates by table, where there are any.
    pub tables: BTreeMap<String, LoadedTable>,
    /// Whether the input was empty.
    pub is_empty: bool,
}

impl ImportReport {
    /// Counts what a commit did.
    pub(crate) fn add(&mut self, loaded: &Loaded) {
        self.late += loaded.late;
        self.duplicates += loaded.duplicates;
        for (name, counts) in &loaded.tables {
            let table = self.tables.entry(name.clone()).or_default();
            table.late += counts.late;
            table.duplicates += counts.duplicates;
        }
    }
}
