//! From files to a store.
//!
//! A file is read in chunks, which are parsed in parallel and taken in in order, past the log
//! into segments; it becomes part of the store whole, by one commit, or not at all. A stream is
//! committed again and again.

mod carry;
mod chunker;
mod input;
mod options;
mod pipeline;
mod plan;
mod row_text;
mod rows;
mod sink;
mod stages;
mod start;

pub use input::Input;
pub use options::{BadRow, ImportOptions, ImportReport, Observer};
#[cfg(feature = "sql")]
pub(crate) use plan::table_name;
pub use plan::{TextPlan, plan_text};
pub use rows::{Row, read_rows};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tidemill_parse::line::SharedSeries;
use tidemill_store::Store;

pub(crate) use crate::error::{Error, ErrorKind, Result};
use carry::Carry;
use chunker::Chunker;
use input::Stop;
use pipeline::Pipeline;
use sink::Sink;
use start::Start;

/// Text is parsed in chunks of up to this many bytes; less when the budget is small.
const MAX_CHUNK_BYTES: usize = 2 << 20;
const MIN_CHUNK_BYTES: usize = 128 << 10;
/// The part of the budget that a chunk may be: two a processor are on their way.
const CHUNK_BUDGET_PART: usize = 64;
/// What is known of the series of an input takes up to this many bytes…
const MAX_SHARED_BYTES: usize = 256 << 20;
/// …and this part of the budget.
const SHARED_BUDGET_PART: usize = 8;

/// Imports one input into a store.
///
/// Bad rows are told to the observer and left out; the rest is kept.
///
/// # Errors
/// When the input cannot be read, is in no known format, or the disk fails; when it is stopped or,
/// if strict, at the first bad row. Nothing of the file is in the store then (of a stream: nothing
/// since the last commit).
pub fn import(
    store: &Store,
    input: &Input,
    options: &ImportOptions,
    observer: &mut dyn Observer,
) -> Result<ImportReport> {
    let imported = import_input(store, input, options, observer);
    imported.map_err(|error| error.or_cancelled(options))
}

fn import_input(
    store: &Store,
    input: &Input,
    options: &ImportOptions,
    observer: &mut dyn Observer,
) -> Result<ImportReport> {
    let name = input.name();
    let mut opened = Opened::new(store, input, options)?;
    let Some(start) = opened.start(options)? else {
        return Ok(ImportReport { is_empty: true, ..ImportReport::default() });
    };
    #[cfg(feature = "sql")]
    if plan::is_parquet(&start.chunk, options) {
        return crate::parquet::import(store, input, opened.into_text(start), options, observer);
    }
    let mut plan = start.plan(&name, input.stem(), options)?;
    let snapshot = store.snapshot();
    plan.respect(&snapshot);
    for line in plan.describe().lines() {
        observer.note(line);
    }
    if matches!(plan, TextPlan::Lines(_)) && options.table.is_some() {
        observer.note("line protocol names its tables itself: --table is not used");
    }
    let can_restart = !opened.is_stream() && plan.can_widen();
    match run(store, opened, start, &plan, options, observer, can_restart) {
        Err(error) if error.kind() == ErrorKind::Misfit => {}
        result => return result,
    }
    // A value deep in the file does not fit what the beginning looked like: look at all of it,
    // and read it again.
    plan.survey(&mut Opened::new(store, input, options)?.chunker, &name, options)?;
    plan.respect(&snapshot);
    observer.restart().map_err(Error::rejects)?;
    observer
        .note("a value further down does not fit its column's type, so the file is read again:");
    for line in plan.describe().lines() {
        observer.note(line);
    }
    let mut opened = Opened::new(store, input, options)?;
    let Some(start) = opened.start(options)? else {
        return Err(Error::format(&name, "the file changed while it was read"));
    };
    run(store, opened, start, &plan, options, observer, false)
}

fn run(
    store: &Store,
    opened: Opened,
    start: Start,
    plan: &TextPlan,
    options: &ImportOptions,
    observer: &mut dyn Observer,
    can_restart: bool,
) -> Result<ImportReport> {
    let is_stream = opened.is_stream();
    let Opened { chunker, read_bytes, stop, name, since, start_ns } = opened;
    let mut bulk = store.bulk(options.duplicates)?;
    let sink = Sink::new(&mut bulk, observer, options, &name, start_ns, can_restart);
    let mut sink = sink.of_csv(plan.is_csv());
    for (line, head) in &start.giants {
        sink.giant_at(*line, head)?;
    }
    let shared_bytes = (store.budget().limit_bytes() / SHARED_BUDGET_PART).min(MAX_SHARED_BYTES);
    let shared = Arc::new(SharedSeries::new(shared_bytes));
    let pipeline = Pipeline {
        make_reader: &|is_first| plan.reader(is_first, &shared),
        read_bytes: Arc::clone(&read_bytes),
        is_over: stop.is_over,
        commit_every: is_stream.then_some(options.commit_every),
        since,
    };
    let carry = Carry::new(plan, options.max_line_bytes);
    pipeline.run(chunker, start.chunk, carry, &mut sink)?;
    // Series are not looked up any more, and committing takes memory, too.
    drop(pipeline);
    drop(shared);
    let mut report = sink.report;
    report.add(&bulk.finish()?);
    Ok(ImportReport { read_bytes: read_bytes.load(Ordering::Relaxed), ..report })
}

/// The bytes of an input, decompressed.
#[cfg(feature = "sql")]
pub(crate) struct Text {
    chunker: Chunker,
    first: Option<Vec<u8>>,
}

#[cfg(feature = "sql")]
impl Text {
    fn new(chunker: Chunker, start: Start) -> Self {
        Self { chunker: chunker.without_lines(), first: Some(start.chunk.bytes) }
    }

    /// Whether they are those of a file, which can be opened again and read in any order.
    pub(crate) fn is_file(&self) -> bool {
        let source = self.chunker.source();
        !source.is_stream && !source.is_decompressed
    }

    /// The next ones.
    pub(crate) fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => Ok(self.chunker.next(Vec::new())?.map(|chunk| chunk.bytes)),
        }
    }
}

/// An input on its way.
struct Opened {
    chunker: Chunker,
    read_bytes: Arc<AtomicU64>,
    stop: Stop,
    name: String,
    /// When it was opened.
    since: Instant,
    start_ns: i64,
}

impl Opened {
    fn new(store: &Store, input: &Input, options: &ImportOptions) -> Result<Self> {
        let (read_bytes, name) = (Arc::new(AtomicU64::new(0)), input.name());
        let stop = Stop { cancel: Arc::clone(&options.cancel), ..Stop::default() };
        let source = input.open(Arc::clone(&read_bytes), stop.clone());
        let source = source.map_err(|error| Error::read(&name, error))?;
        let since = Instant::now();
        let chunk_bytes = store.budget().limit_bytes() / CHUNK_BUDGET_PART;
        let chunk_bytes = chunk_bytes.clamp(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES);
        let chunker = Chunker::new(source, chunk_bytes, options.max_line_bytes);
        let start_ns = jiff::Timestamp::now().as_nanosecond().try_into().unwrap_or(i64::MAX);
        Ok(Self { chunker, read_bytes, stop, name, since, start_ns })
    }

    /// Whether it can be read once only, and may be silent for long.
    fn is_stream(&self) -> bool {
        self.chunker.source().is_stream
    }

    /// Its beginning; `None` when there is no byte.
    fn start(&mut self, options: &ImportOptions) -> Result<Option<Start>> {
        Start::read(&mut self.chunker, options).map_err(|error| Error::read(&self.name, error))
    }

    /// All bytes of the input.
    #[cfg(feature = "sql")]
    fn into_text(self, start: Start) -> Text {
        Text::new(self.chunker, start)
    }
}
