//! A run of imports: what `analyze` and `import` share.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tidemill::import::{BadRow, ImportOptions, ImportReport, Input, Observer, import};
use tidemill::parse::Format;
use tidemill::{ErrorKind, Store};

use crate::args::{BadRowArgs, InputFormat, ReadArgs};
use crate::outcome::{Outcome, message, say, usage};
use crate::progress::Progress;

/// Bad rows that are shown.
const MAX_SHOWN_BAD_ROWS: u64 = 10;

/// What became of the inputs.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    /// Those that are in, and how long each took.
    pub(crate) files: Vec<(Input, ImportReport, Duration)>,
    /// How many could not be read.
    pub(crate) failed: usize,
}

impl Imported {
    /// All reports as one.
    pub(crate) fn total(&self) -> ImportReport {
        let mut total = ImportReport::default();
        for (_, report, _) in &self.files {
            total.read_bytes += report.read_bytes;
            total.text_bytes += report.text_bytes;
            total.rows += report.rows;
            total.bad_rows += report.bad_rows;
            total.duplicates += report.duplicates;
            total.late += report.late;
            total.untimed += report.untimed;
        }
        total
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let is_clean = self.failed == 0 && self.total().bad_rows == 0;
        if is_clean { Outcome::Done } else { Outcome::Refused }
    }
}

impl ReadArgs {
    /// How rows are read.
    pub(crate) fn options(&self, cancel: Arc<AtomicBool>) -> ImportOptions {
        ImportOptions {
            format: self.format.map(|format| match format {
                InputFormat::Lp => Format::LineProtocol,
                InputFormat::Csv => Format::Csv,
                InputFormat::Ndjson => Format::Ndjson,
                InputFormat::Parquet => Format::Parquet,
            }),
            table: self.table.clone(),
            precision: self.precision,
            time: self.time.clone(),
            tags: self.tags.clone(),
            tz: self.tz.clone(),
            max_line_bytes: self.max_line_bytes.0,
            cancel,
            ..ImportOptions::default()
        }
    }
}

/// Imports one input after the other. One that cannot be read is said and left out, and so is one
/// with a bad row if none is allowed; the others are in.
///
/// # Errors
/// When the store fails, a bad row cannot be written down, or it is asked to stop.
pub(crate) fn run(
    store: &Store,
    inputs: Vec<Input>,
    options: &ImportOptions,
    bad_rows: &BadRowArgs,
) -> anyhow::Result<Imported> {
    let mut rejects = bad_rows.rejects.as_deref().map(|path| Rejects::create(path, &inputs));
    let mut rejects = rejects.take().transpose()?;
    let mut imported = Imported::default();
    let mut shown = 0;
    for input in inputs {
        let started = Instant::now();
        let mut watcher = Watcher {
            name: input.name(),
            progress: Progress::new(&input.name(), input.bytes()),
            rejects: rejects.as_mut().map(Rejects::begin),
            shown: &mut shown,
            places: Vec::new(),
        };
        let result = import(store.inner(), &input, options, &mut watcher);
        drop(watcher);
        match result {
            Ok(report) => {
                if report.is_empty {
                    say(&format!("note: {}: is empty", input.name()));
                }
                imported.files.push((input, report, started.elapsed()));
            }
            Err(error) if is_of_the_file(error.kind(), options) => {
                say(&message(&error.into()));
                imported.failed += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(rejects) = rejects {
        rejects.finish()?;
    }
    Ok(imported)
}

fn is_of_the_file(kind: ErrorKind, options: &ImportOptions) -> bool {
    let is_of_the_file = matches!(kind, ErrorKind::Read | ErrorKind::Format | ErrorKind::BadRow);
    is_of_the_file && !options.cancel.load(Ordering::Relaxed)
}

/// Shows how an import goes.
struct Watcher<'a> {
    name: String,
    progress: Progress,
    rejects: Option<&'a mut Rejects>,
    /// Bad rows shown so far, of all inputs.
    shown: &'a mut u64,
    /// Where those of this input are: it may be read again, and they are on the screen.
    places: Vec<(u64, u64)>,
}

impl Observer for Watcher<'_> {
    fn progress(&mut self, read_bytes: u64, rows: u64) {
        self.progress.set(read_bytes, rows);
    }

    fn bad_row(&mut self, row: &BadRow<'_>) -> io::Result<()> {
        let BadRow { file, line, column, reason, .. } = row;
        if *self.shown < MAX_SHOWN_BAD_ROWS && !self.places.contains(&(*line, *column)) {
            self.places.push((*line, *column));
            self.progress.say(&format!("{file}:{line}:{column}: {reason}"));
            *self.shown += 1;
            if *self.shown == MAX_SHOWN_BAD_ROWS {
                self.progress.say("further bad rows are counted, not shown");
            }
        }
        self.rejects.as_mut().map_or(Ok(()), |rejects| rejects.write(row.text))
    }

    fn restart(&mut self) -> io::Result<()> {
        self.rejects.as_mut().map_or(Ok(()), |rejects| rejects.restart())
    }

    fn note(&mut self, text: &str) {
        self.progress.say(&format!("{}: {text}", self.name));
    }
}

/// The file that bad rows are written to.
struct Rejects {
    file: BufWriter<File>,
    /// Where the rows of the present input begin; nowhere, if it is a pipe or a device.
    start: Option<u64>,
}

impl Rejects {
    fn create(path: &Path, inputs: &[Input]) -> anyhow::Result<Self> {
        let is_input = |input: &Input| match input {
            Input::File(input) => input.canonicalize().ok() == path.canonicalize().ok(),
            Input::Stdin => false,
        };
        if path.exists() && inputs.iter().any(is_input) {
            return Err(usage(format!("--rejects {} is one of the inputs", path.display())));
        }
        let file = File::create(path);
        let file = file.with_context(|| format!("{}: could not be created", path.display()))?;
        Ok(Self { file: BufWriter::new(file), start: None })
    }

    /// Readies it for the rows of another input.
    fn begin(&mut self) -> &mut Self {
        let is_file = self.file.get_ref().metadata().is_ok_and(|metadata| metadata.is_file());
        self.start = is_file.then(|| self.file.stream_position().ok()).flatten();
        self
    }

    /// Takes back the rows of the present input.
    fn restart(&mut self) -> io::Result<()> {
        let Some(start) = self.start else { return Ok(()) };
        self.file.seek(io::SeekFrom::Start(start))?;
        self.file.get_ref().set_len(start)
    }

    fn write(&mut self, row: &[u8]) -> io::Result<()> {
        // A row that is no text has no line.
        if row.is_empty() {
            return Ok(());
        }
        self.file.write_all(row)?;
        self.file.write_all(b"\n")
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.file.flush().context("the file of --rejects could not be written")
    }
}
