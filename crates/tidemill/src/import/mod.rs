//! From files to a store.
//!
//! A file is read in chunks, which are parsed in parallel and taken in in order, past the log
//! into segments; it becomes part of the store whole, by one commit, or not at all. A stream is
//! committed again and again.

mod input;
mod options;
mod pipeline;
mod plan;
mod rows;
mod sink;

pub use input::Input;
pub use options::{BadRow, ImportOptions, ImportReport, Observer};
pub use plan::{TextPlan, plan_text};
pub use rows::{Row, read_rows};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tidemill_store::Store;

pub(crate) use crate::error::{Error, ErrorKind, Result};
use input::{Chunker, TextChunk};
use pipeline::Pipeline;
use sink::Sink;

/// Text is parsed in chunks of up to this many bytes; less when the budget is small.
const MAX_CHUNK_BYTES: usize = 4 << 20;
const MIN_CHUNK_BYTES: usize = 128 << 10;
/// The part of the budget that a chunk may be: some ten of them are on their way.
const CHUNK_BUDGET_PART: usize = 64;

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
    let name = input.name();
    let mut opened = Opened::new(store, input, options)?;
    let Some(first) = opened.first()? else {
        return Ok(ImportReport { is_empty: true, ..ImportReport::default() });
    };
    #[cfg(feature = "sql")]
    if plan::is_parquet(&first, options) {
        return crate::parquet::import(store, input, opened.into_text(first), options, observer);
    }
    let mut plan = plan_text(&name, &first.bytes, first.is_last, input.stem(), options)?;
    let snapshot = store.snapshot();
    plan.respect(&snapshot);
    for line in plan.describe().lines() {
        observer.note(line);
    }
    let can_restart = matches!(input, Input::File(_)) && plan.can_widen();
    match run(store, opened, first, &plan, options, observer, can_restart) {
        Err(error) if error.kind() == ErrorKind::Misfit => {}
        result => return result,
    }
    // A value deep in the file does not fit what the beginning looked like: look at all of it,
    // and read it again.
    let mut opened = Opened::new(store, input, options)?;
    opened.survey(&mut plan)?;
    plan.respect(&snapshot);
    observer
        .note("a value further down does not fit its column's type, so the file is read again:");
    for line in plan.describe().lines() {
        observer.note(line);
    }
    drop(opened);
    let mut opened = Opened::new(store, input, options)?;
    let Some(first) = opened.first()? else {
        return Err(Error::format(&name, "the file changed while it was read"));
    };
    run(store, opened, first, &plan, options, observer, false)
}

fn run(
    store: &Store,
    opened: Opened,
    first: TextChunk,
    plan: &TextPlan,
    options: &ImportOptions,
    observer: &mut dyn Observer,
    can_restart: bool,
) -> Result<ImportReport> {
    let Opened { chunker, read_bytes, stop, name, is_stream, start_ns } = opened;
    let mut bulk = store.bulk(options.duplicates)?;
    let mut sink = Sink::new(&mut bulk, observer, options, &name, start_ns, can_restart);
    let pipeline = Pipeline {
        make_reader: &|is_first| plan.reader(is_first),
        read_bytes: Arc::clone(&read_bytes),
        stop,
        commit_every: is_stream.then_some(options.commit_every),
    };
    pipeline.run(chunker, vec![first], &mut sink)?;
    sink.commit()?;
    let read_bytes = read_bytes.load(Ordering::Relaxed);
    Ok(ImportReport { read_bytes, ..sink.report })
}

/// The bytes of an input, decompressed.
#[cfg(feature = "sql")]
pub(crate) struct Text {
    chunker: Chunker,
    first: Option<Vec<u8>>,
}

#[cfg(feature = "sql")]
impl Text {
    /// Whether they are not those of the file itself.
    pub(crate) fn is_decompressed(&self) -> bool {
        self.chunker.is_decompressed()
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
    stop: Arc<AtomicBool>,
    name: String,
    is_stream: bool,
    start_ns: i64,
}

impl Opened {
    fn new(store: &Store, input: &Input, options: &ImportOptions) -> Result<Self> {
        let (read_bytes, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let name = input.name();
        let source = input.open(Arc::clone(&read_bytes), Arc::clone(&options.cancel));
        let source = source.map_err(|error| Error::read(&name, error))?;
        let chunk_bytes = store.budget().limit_bytes() / CHUNK_BUDGET_PART;
        let chunk_bytes = chunk_bytes.clamp(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES);
        let chunker = Chunker::new(source, chunk_bytes, options.max_line_bytes);
        let start_ns = jiff::Timestamp::now().as_nanosecond().try_into().unwrap_or(i64::MAX);
        let is_stream = *input == Input::Stdin;
        Ok(Self { chunker, read_bytes, stop, name, is_stream, start_ns })
    }

    /// The first chunk; `None` when there is no byte.
    fn first(&mut self) -> Result<Option<TextChunk>> {
        let first =
            self.chunker.next(Vec::new()).map_err(|error| Error::read(&self.name, error))?;
        Ok(first.filter(|chunk| !(chunk.is_last && chunk.bytes.is_empty())))
    }

    /// All bytes of the input.
    #[cfg(feature = "sql")]
    fn into_text(self, first: TextChunk) -> Text {
        Text { chunker: self.chunker.without_lines(), first: Some(first.bytes) }
    }

    /// Widens a plan to all values of the input.
    fn survey(&mut self, plan: &mut TextPlan) -> Result<()> {
        let mut rest = Vec::new();
        let mut is_first = true;
        while let Some(chunk) =
            self.chunker.next(Vec::new()).map_err(|e| Error::read(&self.name, e))?
        {
            let text =
                if rest.is_empty() { chunk.bytes } else { [&rest[..], &chunk.bytes].concat() };
            let taken = plan.survey(&text, is_first, chunk.is_last);
            is_first &= taken == 0;
            rest = text[taken..].to_vec();
        }
        Ok(())
    }
}
