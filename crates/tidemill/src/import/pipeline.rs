//! Chunks are parsed in parallel and taken in in order.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use tidemill_model::Batch;
use tidemill_parse::{RowError, RowReader};
use tidemill_store::BulkMap;

use super::input::{Chunker, TextChunk};
use super::sink::Sink;
use super::{Error, Result};

/// Lanes for each processor: one being parsed, one being taken in.
const LANES_PER_WORKER: usize = 2;

/// A reader with the batch it fills, and what the batch's numbers mean in the store.
struct Lane {
    reader: Box<dyn RowReader>,
    batch: Batch,
    map: BulkMap,
}

struct Job {
    number: u64,
    chunk: TextChunk,
    lane: Lane,
}

struct Parsed {
    job: Job,
    errors: Vec<RowError>,
    taken: usize,
    newlines: u64,
}

/// What runs a file's text through readers into a sink.
pub(super) struct Pipeline<'a> {
    /// Makes a reader; the flag says whether it begins at the file's beginning.
    pub(super) make_reader: &'a (dyn Fn(bool) -> Box<dyn RowReader> + Sync),
    pub(super) read_bytes: Arc<AtomicU64>,
    /// Set at the end, so that nobody waits for a stream.
    pub(super) stop: Arc<AtomicBool>,
    /// Commit at least this often, if it is a stream.
    pub(super) commit_every: Option<Duration>,
}

impl Pipeline<'_> {
    /// Reads to the end, or to the first error that ends an import.
    pub(super) fn run(
        &self,
        chunker: Chunker,
        start: Vec<TextChunk>,
        sink: &mut Sink<'_, '_>,
    ) -> Result<()> {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let lanes = workers * LANES_PER_WORKER;
        let (chunk_sender, chunks) = bounded::<io::Result<TextChunk>>(2);
        let (buffer_sender, buffers) = bounded::<Vec<u8>>(lanes + 4);
        let (job_sender, jobs) = bounded::<Job>(lanes);
        let (parsed_sender, parsed) = bounded::<Parsed>(lanes);
        thread::scope(|scope| {
            scope.spawn(move || read_chunks(chunker, start, &chunk_sender, &buffers));
            for _ in 0..workers {
                let (jobs, parsed_sender) = (jobs.clone(), parsed_sender.clone());
                scope.spawn(move || {
                    // The channel closes when the sink is done, or has failed.
                    while let Ok(job) = jobs.recv() {
                        if parsed_sender.send(parse(job)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop((jobs, parsed_sender));
            let channels = Channels { chunks, jobs: job_sender, parsed, buffers: buffer_sender };
            let result = self.drive(channels, lanes, sink);
            // A thread that waits for a stream would be waited for.
            self.stop.store(true, Ordering::Relaxed);
            result
        })
    }

    fn drive(&self, channels: Channels, lanes: usize, sink: &mut Sink<'_, '_>) -> Result<()> {
        let make = |is_first| Lane {
            reader: (self.make_reader)(is_first),
            batch: Batch::new(),
            map: BulkMap::default(),
        };
        let mut free: VecDeque<Lane> = (0..lanes).map(|lane| make(lane == 0)).collect();
        let mut waiting: BTreeMap<u64, Parsed> = BTreeMap::new();
        let (mut sent, mut next) = (0, 0);
        let mut is_ended = false;
        let mut rest = Vec::new();
        let mut committed = Instant::now();
        loop {
            // The first chunk goes to the lane whose reader begins at the file's beginning.
            while !is_ended && let Some(lane) = free.pop_front() {
                let is_idle = sent == next;
                match channels.next_chunk(is_idle, self.wait(committed)) {
                    Ok(Some(chunk)) => {
                        is_ended = chunk.is_last;
                        let job = Job { number: sent, chunk, lane };
                        channels.jobs.send(job).map_err(|_| Error::stopped())?;
                        sent += 1;
                    }
                    Ok(None) => {
                        free.push_front(lane);
                        break;
                    }
                    Err(error) => return Err(Error::read(sink.file(), error)),
                }
            }
            if sent > next {
                let parsed = channels.parsed.recv().map_err(|_| Error::stopped())?;
                waiting.insert(parsed.job.number, parsed);
            }
            while let Some(parsed) = waiting.remove(&next) {
                let job = self.take(parsed, &mut rest, sink)?;
                // Who does not read on any more needs no buffers.
                let _ = channels.buffers.try_send(job.chunk.bytes);
                free.push_back(job.lane);
                next += 1;
                sink.progress(self.read_bytes.load(Ordering::Relaxed))?;
            }
            if self.commit_every.is_some_and(|every| committed.elapsed() >= every) {
                sink.commit()?;
                committed = Instant::now();
            }
            if is_ended && sent == next {
                return Ok(());
            }
        }
    }

    /// How long to wait for text before looking whether it is time to commit.
    fn wait(&self, committed: Instant) -> Duration {
        let every = self.commit_every.unwrap_or(Duration::from_secs(1));
        every
            .saturating_sub(committed.elapsed())
            .clamp(Duration::from_millis(1), Duration::from_millis(100))
    }

    /// Takes a parsed chunk in. When the chunk before it ended inside a row, it was parsed from
    /// the wrong place: it is joined to the rest and parsed again.
    fn take(&self, parsed: Parsed, rest: &mut Vec<u8>, sink: &mut Sink<'_, '_>) -> Result<Job> {
        let Parsed { mut job, mut errors, mut taken, mut newlines } = parsed;
        if !rest.is_empty() {
            job.lane.batch.clear_rows();
            errors.clear();
            let tail = std::mem::replace(&mut job.chunk.bytes, std::mem::take(rest));
            if job.chunk.bytes.len() > sink.max_line_bytes() {
                sink.giant(&job.chunk.bytes)?;
                job.chunk.bytes.clear();
            }
            job.chunk.bytes.extend_from_slice(&tail);
            let lane = &mut job.lane;
            taken =
                lane.reader.read(&job.chunk.bytes, job.chunk.is_last, &mut lane.batch, &mut errors);
            newlines = count_newlines(&job.chunk.bytes[..taken]);
        }
        let chunk = &job.chunk;
        rest.extend_from_slice(&chunk.bytes[taken..]);
        sink.take(
            &chunk.bytes[..taken],
            newlines,
            &mut job.lane.batch,
            &mut job.lane.map,
            &errors,
        )?;
        if chunk.has_giant {
            sink.giant(b"")?;
        }
        Ok(job)
    }
}

struct Channels {
    chunks: Receiver<io::Result<TextChunk>>,
    jobs: Sender<Job>,
    parsed: Receiver<Parsed>,
    buffers: Sender<Vec<u8>>,
}

impl Channels {
    /// The next chunk, if one comes in time; only who has nothing else to do waits for it.
    fn next_chunk(&self, is_idle: bool, wait: Duration) -> io::Result<Option<TextChunk>> {
        let wait = if is_idle { wait } else { Duration::ZERO };
        match self.chunks.recv_timeout(wait) {
            Ok(chunk) => chunk.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
        }
    }
}

fn read_chunks(
    mut chunker: Chunker,
    start: Vec<TextChunk>,
    chunks: &Sender<io::Result<TextChunk>>,
    buffers: &Receiver<Vec<u8>>,
) {
    for chunk in start {
        if chunks.send(Ok(chunk)).is_err() {
            return;
        }
    }
    loop {
        let buffer = buffers.try_recv().unwrap_or_default();
        match chunker.next(buffer) {
            Ok(None) => return,
            Ok(Some(chunk)) => {
                if chunks.send(Ok(chunk)).is_err() {
                    return;
                }
            }
            Err(error) => {
                // Whoever is gone has an error of their own.
                let _ = chunks.send(Err(error));
                return;
            }
        }
    }
}

fn parse(mut job: Job) -> Parsed {
    let mut errors = Vec::new();
    let Lane { reader, batch, .. } = &mut job.lane;
    let taken = reader.read(&job.chunk.bytes, job.chunk.is_last, batch, &mut errors);
    let newlines = count_newlines(&job.chunk.bytes[..taken]);
    Parsed { job, errors, taken, newlines }
}

pub(super) fn count_newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}
