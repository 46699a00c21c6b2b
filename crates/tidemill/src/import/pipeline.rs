//! Chunks are parsed in parallel and taken in in order.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
}

impl Lane {
    /// Tells the other lanes the series that are new.
    fn share(&mut self) {
        let Self { reader, batch, map } = self;
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

/// What a thread made of a job; nothing, if it panicked.
type Outcome = Option<Parsed>;

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
        let (chunk_sender, chunks) = bounded::<io::Result<TextChunk>>(2);
        let (buffer_sender, buffers) = bounded::<Vec<u8>>(lanes + 4);
        let (job_sender, jobs) = bounded::<Job>(lanes);
        let (parsed_sender, parsed) = bounded::<Outcome>(lanes);
        thread::scope(|scope| {
            // The scope waits for its threads, and one of them may wait for a stream.
            let _over = SetAtEnd(&self.is_over);
            scope.spawn(move || read_chunks(chunker, start, &chunk_sender, &buffers));
            for _ in 0..workers {
                let (jobs, parsed_sender) = (jobs.clone(), parsed_sender.clone());
                scope.spawn(move || {
                    // The channel closes when the sink is done, or has failed.
                    while let Ok(job) = jobs.recv() {
                        let outcome = catch_unwind(AssertUnwindSafe(|| parse(job))).ok();
                        if parsed_sender.send(outcome).is_err() {
                            return;
                        }
                    }
                });
            }
            drop((jobs, parsed_sender));
            let channels = Channels { chunks, jobs: job_sender, parsed, buffers: buffer_sender };
            self.drive(&channels, lanes, carry, sink)
        })
    }

    fn drive(
        &self,
        channels: &Channels,
        lanes: usize,
        mut carry: Carry,
        sink: &mut Sink<'_, '_>,
    ) -> Result<()> {
        let make = |is_first| Lane {
            reader: (self.make_reader)(is_first),
            batch: Batch::new(),
            map: BulkMap::default(),
        };
        let mut free: VecDeque<Lane> = (0..lanes).map(|lane| make(lane == 0)).collect();
        let mut waiting: BTreeMap<u64, Parsed> = BTreeMap::new();
        let (mut sent, mut next) = (0, 0);
        let mut is_ended = false;
        let mut committed = self.since;
        loop {
            // The first chunk goes to the lane whose reader begins at the file's beginning.
            while !is_ended && let Some(lane) = free.pop_front() {
                let is_idle = sent == next;
                let Some(chunk) = channels.next_chunk(is_idle, self.wait(committed, sink), sink)?
                else {
                    free.push_front(lane);
                    break;
                };
                is_ended = chunk.is_last;
                let job = Job { number: sent, chunk, lane };
                channels.jobs.send(job).map_err(|_| Error::stopped(sink.file()))?;
                sent += 1;
            }
            if sent > next {
                let outcome = channels.parsed.recv().ok().flatten();
                let parsed = outcome.ok_or_else(|| Error::stopped(sink.file()))?;
                waiting.insert(parsed.job.number, parsed);
            }
            while let Some(parsed) = waiting.remove(&next) {
                let mut job = take(parsed, &mut carry, sink)?;
                job.lane.share();
                // Who does not read on any more needs no buffers.
                let _ = channels.buffers.try_send(job.chunk.bytes);
                free.push_back(job.lane);
                next += 1;
                sink.progress(self.read_bytes.load(Ordering::Relaxed))?;
            }
            let is_late = self.commit_every.is_some_and(|every| committed.elapsed() >= every);
            if is_late && sink.has_rows() {
                sink.commit()?;
                committed = Instant::now();
            }
            if is_ended && sent == next {
                return Ok(());
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

struct Channels {
    chunks: Receiver<io::Result<TextChunk>>,
    jobs: Sender<Job>,
    parsed: Receiver<Outcome>,
    buffers: Sender<Vec<u8>>,
}

impl Channels {
    /// The next chunk, if one comes in time; only who has nothing else to do waits for it.
    fn next_chunk(
        &self,
        is_idle: bool,
        wait: Duration,
        sink: &Sink<'_, '_>,
    ) -> Result<Option<TextChunk>> {
        let wait = if is_idle { wait } else { Duration::ZERO };
        match self.chunks.recv_timeout(wait) {
            Ok(Ok(chunk)) => Ok(Some(chunk)),
            Ok(Err(error)) => Err(Error::read(sink.file(), error)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            // There is a last chunk, or an error.
            Err(RecvTimeoutError::Disconnected) => Err(Error::stopped(sink.file())),
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

fn read_chunks(
    mut chunker: Chunker,
    start: TextChunk,
    chunks: &Sender<io::Result<TextChunk>>,
    buffers: &Receiver<Vec<u8>>,
) {
    let mut next = Some(Ok(start));
    while let Some(chunk) = next {
        // Whoever is gone has an error of their own.
        if chunks.send(chunk).is_err() {
            return;
        }
        let buffer = buffers.try_recv().unwrap_or_default();
        // After a panic the channel closes before the last chunk, which says enough.
        let read = catch_unwind(AssertUnwindSafe(|| stages::READ.run(|| chunker.next(buffer))));
        next = read.ok().and_then(io::Result::transpose);
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
