//! Chunks are read one after the other, each by who parses it; parsed in parallel and taken in in
//! order.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use tidemill_model::Batch;
use tidemill_parse::{RowError, RowReader, Taken};
use tidemill_store::BulkMap;

use super::carry::Carry;
use super::chunker::{Chunker, TextChunk};
use super::sink::Sink;
use super::{Error, Result, stages};

/// Lanes for each processor: one being parsed, one being taken in.
const LANES_PER_WORKER: usize = 2;
/// Keys of series in a lane's batch, in bytes; beyond it starts anew.
const MAX_SERIES_KEY_BYTES: usize = 32 << 20;

/// A reader with the batch it fills, and what the batch's numbers mean in the store.
struct Lane {
    reader: Box<dyn RowReader>,
    batch: Batch,
    map: BulkMap,
    /// For the next text.
    buffer: Vec<u8>,
}

impl Lane {
    /// Tells the other lanes the series that are new.
    fn share(&mut self) {
        let Self { reader, batch, map, .. } = self;
        if batch.tables().iter().all(|table| table.series_keys().is_empty()) {
            return;
        }
        let id = batch.id();
        reader.share(batch, &|table, number| map.series_id(id, table, number));
        let keys = batch.tables().iter().map(|table| table.series_keys().memory_bytes());
        if keys.sum::<usize>() > MAX_SERIES_KEY_BYTES {
            batch.forget_series();
        }
    }
}

struct Job {
    number: u64,
    chunk: TextChunk,
    lane: Lane,
}

/// What a thread made of the next text.
enum Outcome {
    Parsed(Box<Parsed>),
    /// The text with this number cannot be read.
    Unreadable(u64, io::Error),
    Panicked,
}

/// What is read next, by one thread at a time.
struct Feed {
    chunker: Chunker,
    /// The first text, which was read already.
    start: Option<TextChunk>,
    number: u64,
    is_ended: bool,
}

struct Parsed {
    job: Job,
    part: Part,
}

/// What was read of a text, up to where its rows end or the batch was full.
struct Part {
    taken: Taken,
    errors: Vec<RowError>,
    newlines: u64,
}

/// What runs a file's text through readers into a sink.
pub(super) struct Pipeline<'a> {
    /// Makes a reader; the flag says whether it begins at the file's beginning.
    pub(super) make_reader: &'a (dyn Fn(bool) -> Box<dyn RowReader> + Sync),
    pub(super) read_bytes: Arc<AtomicU64>,
    /// Set at the end, so that nobody waits for a stream.
    pub(super) is_over: Arc<AtomicBool>,
    /// Commit at least this often, if it is a stream.
    pub(super) commit_every: Option<Duration>,
    /// Since when text has come.
    pub(super) since: Instant,
}

impl Pipeline<'_> {
    /// Reads to the end, or to the first error that ends an import.
    pub(super) fn run(
        &self,
        chunker: Chunker,
        start: TextChunk,
        carry: Carry,
        sink: &mut Sink<'_, '_>,
    ) -> Result<()> {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let lanes = workers * LANES_PER_WORKER;
        let feed = Mutex::new(Feed { chunker, start: Some(start), number: 0, is_ended: false });
        let (free_sender, free) = bounded::<Lane>(lanes);
        let (parsed_sender, parsed) = bounded::<Outcome>(lanes + workers);
        thread::scope(|scope| {
            // The scope waits for its threads, and one of them may wait for a stream, or for what
            // goes with the end of this, however it ends: a lane, or that a text is taken.
            let _over = SetAtEnd(&self.is_over);
            let (parsed, free_sender) = (parsed, free_sender);
            for _ in 0..workers {
                let (feed, free, parsed_sender) = (&feed, free.clone(), parsed_sender.clone());
                scope.spawn(move || work(feed, &free, &parsed_sender));
            }
            drop((free, parsed_sender));
            for lane in 0..lanes {
                // The first text goes to the reader that begins at the file's beginning.
                let reader = (self.make_reader)(lane == 0);
                let (batch, map) = (Batch::new(), BulkMap::default());
                // Who does not read on any more needs no lanes.
                let _ = free_sender.send(Lane { reader, batch, map, buffer: Vec::new() });
            }
            self.drive(&parsed, &free_sender, carry, sink)
        })
    }

    fn drive(
        &self,
        parsed: &Receiver<Outcome>,
        free: &Sender<Lane>,
        mut carry: Carry,
        sink: &mut Sink<'_, '_>,
    ) -> Result<()> {
        let mut waiting: BTreeMap<u64, Parsed> = BTreeMap::new();
        let mut unreadable = None;
        let mut next = 0;
        let mut committed = self.since;
        loop {
            match parsed.recv_timeout(self.wait(committed, sink)) {
                Ok(Outcome::Parsed(parsed)) => drop(waiting.insert(parsed.job.number, *parsed)),
                Ok(Outcome::Unreadable(number, error)) => unreadable = Some((number, error)),
                Err(RecvTimeoutError::Timeout) => {}
                // There is a last text, or an error.
                Ok(Outcome::Panicked) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::stopped(sink.file()));
                }
            }
            while let Some(parsed) = waiting.remove(&next) {
                let Job { chunk, mut lane, .. } = take(parsed, &mut carry, sink)?;
                next += 1;
                sink.progress(self.read_bytes.load(Ordering::Relaxed))?;
                if chunk.is_last {
                    return Ok(());
                }
                lane.share();
                lane.buffer = chunk.bytes;
                let _ = free.send(lane);
            }
            if let Some((_, error)) = unreadable.take_if(|(number, _)| *number == next) {
                return Err(Error::read(sink.file(), error));
            }
            let is_late = self.commit_every.is_some_and(|every| committed.elapsed() >= every);
            if is_late && sink.has_rows() {
                sink.commit()?;
                committed = Instant::now();
            }
        }
    }

    /// How long to wait for text before looking whether it is time to commit.
    fn wait(&self, committed: Instant, sink: &Sink<'_, '_>) -> Duration {
        const LONGEST: Duration = Duration::from_millis(100);
        match self.commit_every {
            Some(every) if sink.has_rows() => {
                every.saturating_sub(committed.elapsed()).clamp(Duration::from_millis(1), LONGEST)
            }
            _ => LONGEST,
        }
    }
}

/// Takes a parsed chunk in. When the chunk before it ended inside a row, it was parsed from the
/// wrong place, and is parsed again with what was carried.
fn take(parsed: Parsed, carry: &mut Carry, sink: &mut Sink<'_, '_>) -> Result<Job> {
    let Parsed { job: Job { number, chunk, mut lane }, part } = parsed;
    let mut part = Some(part);
    if !carry.is_empty() {
        lane.batch.clear_rows();
        part = None;
    }
    carry.feed(&chunk.bytes, chunk.ends_rows(), &mut |text, is_last| {
        take_rows(text, is_last, part.take(), &mut lane, sink)
    })?;
    if let Some(head) = &chunk.giant {
        sink.giant(head)?;
    }
    Ok(Job { number, chunk, lane })
}

/// Takes the rows of `text` in, a full batch at a time, of which the first may have been read
/// before. Returns the bytes of these rows.
fn take_rows(
    text: &[u8],
    is_last: bool,
    mut read_before: Option<Part>,
    lane: &mut Lane,
    sink: &mut Sink<'_, '_>,
) -> Result<usize> {
    let mut at = 0;
    loop {
        let part = read_before.take().unwrap_or_else(|| read(&text[at..], is_last, lane));
        let end = at + part.taken.bytes;
        let Lane { batch, map, .. } = lane;
        sink.take(&text[at..end], part.newlines, batch, map, &part.errors)?;
        at = end;
        if !part.taken.is_full {
            return Ok(at);
        }
    }
}

/// Sets a flag when it is dropped, also by a panic.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads and parses until nothing is left, or nobody takes it.
fn work(feed: &Mutex<Feed>, free: &Receiver<Lane>, parsed: &Sender<Outcome>) {
    loop {
        let parse_next = || match next_job(feed, free)? {
            Ok(job) => Some(Outcome::Parsed(Box::new(parse(job)))),
            Err((number, error)) => Some(Outcome::Unreadable(number, error)),
        };
        let outcome = catch_unwind(AssertUnwindSafe(parse_next)).unwrap_or(Some(Outcome::Panicked));
        let Some(outcome) = outcome else { return };
        if parsed.send(outcome).is_err() {
            return;
        }
    }
}

/// The next text, in the lane that is free first; nothing, when there will be none.
fn next_job(
    feed: &Mutex<Feed>,
    free: &Receiver<Lane>,
) -> Option<std::result::Result<Job, (u64, io::Error)>> {
    let mut feed = feed.lock().unwrap_or_else(PoisonError::into_inner);
    if feed.is_ended {
        return None;
    }
    let mut lane = free.recv().ok()?;
    // Also after a panic.
    feed.is_ended = true;
    let buffer = std::mem::take(&mut lane.buffer);
    let chunk = match feed.start.take() {
        Some(chunk) => Ok(Some(chunk)),
        None => feed.chunker.next(buffer),
    };
    let number = feed.number;
    feed.number += 1;
    match chunk.transpose()? {
        Ok(chunk) => {
            feed.is_ended = chunk.is_last;
            Some(Ok(Job { number, chunk, lane }))
        }
        Err(error) => Some(Err((number, error))),
    }
}

fn parse(mut job: Job) -> Parsed {
    let part = read(&job.chunk.bytes, job.chunk.ends_rows(), &mut job.lane);
    Parsed { job, part }
}

fn read(text: &[u8], is_last: bool, lane: &mut Lane) -> Part {
    let _parsing = stages::PARSE.enter();
    let mut errors = Vec::new();
    let taken = lane.reader.read(text, is_last, &mut lane.batch, &mut errors);
    Part { taken, errors, newlines: count_newlines(&text[..taken.bytes]) }
}

pub(super) fn count_newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests;
