//! Where text comes from: files and streams, compressed or not.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tidemill_parse::Compression;

/// Bytes looked at to tell a compression: no more than the shortest row has, which a stream may
/// send and then be silent.
const MAGIC_BYTES: usize = 4;
/// How the names of compressed files end.
pub(super) const COMPRESSED_ENDINGS: [&str; 4] = ["gz", "gzip", "zst", "zstd"];
/// How long a stream is waited for before looking whether to stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Something to read: a file, or a stream that can be read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file; what has a path may be a stream all the same (a pipe, a device).
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// The name shown to people.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// The table named after the file: its stem, without a compression's ending.
    #[must_use]
    pub fn stem(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        let mut stem = Path::new(path.file_name()?).to_owned();
        for ending in COMPRESSED_ENDINGS {
            if stem.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending)) {
                stem = stem.with_extension("");
            }
        }
        Some(stem.file_stem()?.to_string_lossy().into_owned()).filter(|stem| !stem.is_empty())
    }

    /// The bytes of the file, if it is one.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        let Self::File(path) = self else { return None };
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file);
        metadata.map(|metadata| metadata.len())
    }

    /// Opens it; `read_bytes` counts what is taken from it, before decompression.
    /// A read of a stream waits no longer than until it is to stop.
    pub(crate) fn open(&self, read_bytes: Arc<AtomicU64>, stop: Stop) -> io::Result<Source> {
        let (fd, is_stream): (OwnedFd, bool) = match self {
            Self::Stdin => (io::stdin().as_fd().try_clone_to_owned()?, true),
            Self::File(path) => {
                let file = File::open(path)?;
                let kind = file.metadata()?.file_type();
                if kind.is_dir() {
                    return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
                }
                (file.into(), !kind.is_file())
            }
        };
        let wait = is_stream.then(|| stop.clone());
        let mut counted =
            Counted { file: File::from(fd), read_bytes, stop: wait, start: Vec::new() };
        let mut start = vec![0; MAGIC_BYTES];
        let length = read_full(&mut counted, &mut start)?;
        start.truncate(length);
        let compression = Compression::detect(&start);
        counted.start = start;
        let poll = is_stream.then(|| counted.file.try_clone()).transpose()?;
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(counted),
            Compression::Gzip => Box::new(MultiGzDecoder::new(io::BufReader::new(counted))),
            Compression::Zstd => Box::new(zstd::Decoder::new(counted)?),
        };
        let poll = poll.filter(|_| compression == Compression::None);
        Ok(Source {
            reader,
            poll,
            stop,
            is_stream,
            #[cfg(feature = "sql")]
            is_decompressed: compression != Compression::None,
        })
    }
}

/// Says to who waits for a stream that it is time to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    /// The user wants it.
    pub(crate) cancel: Arc<AtomicBool>,
    /// Nobody will take what comes: the import is over, or has failed.
    pub(crate) is_over: Arc<AtomicBool>,
}

impl Stop {
    fn is_set(&self) -> bool {
        self.cancel.load(Ordering::Relaxed) || self.is_over.load(Ordering::Relaxed)
    }
}

/// Counts what is read; hands the bytes that were looked at out again.
struct Counted {
    file: File,
    read_bytes: Arc<AtomicU64>,
    /// Of a stream.
    stop: Option<Stop>,
    start: Vec<u8>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.start.is_empty() {
            let count = self.start.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.start[..count]);
            self.start.drain(..count);
            return Ok(count);
        }
        if let Some(stop) = &self.stop {
            while !is_readable(&self.file, STOP_CHECK_INTERVAL) {
                if stop.is_set() {
                    return Err(io::Error::other("the import was stopped"));
                }
            }
        }
        let count = self.file.read(buffer)?;
        self.read_bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// An opened input.
pub(crate) struct Source {
    reader: Box<dyn Read + Send>,
    /// Of a stream: to ask whether more is there without waiting for it.
    poll: Option<File>,
    stop: Stop,
    /// Whether it can be read once only.
    pub(crate) is_stream: bool,
    #[cfg(feature = "sql")]
    pub(crate) is_decompressed: bool,
}

impl Source {
    /// Waits until a read of a stream would not wait (also for nothing: it ends, it is to stop),
    /// until `deadline`; returns whether it would not.
    pub(super) fn wait(&self, deadline: Instant) -> bool {
        let Some(file) = &self.poll else { return true };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if is_readable(file, left.min(STOP_CHECK_INTERVAL)) || self.stop.is_set() {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }

    /// A source that is not one of the system's.
    #[cfg(test)]
    pub(super) fn of(reader: impl Read + Send + 'static) -> Self {
        Self {
            reader: Box::new(reader),
            poll: None,
            stop: Stop::default(),
            is_stream: false,
            #[cfg(feature = "sql")]
            is_decompressed: false,
        }
    }

    /// Fills the buffer from byte `filled` on up to byte `length`; of a stream, with what is there after
    /// at least one byte came. Returns whether the input has ended. What the buffer holds behind
    /// means nothing: it is longer than it is full, so that nothing is zeroed twice.
    pub(super) fn fill(
        &mut self,
        buffer: &mut Vec<u8>,
        filled: &mut usize,
        length: usize,
    ) -> io::Result<bool> {
        if buffer.len() < length {
            buffer.resize(length, 0);
        }
        while *filled < length {
            match self.reader.read(&mut buffer[*filled..length]) {
                Ok(0) => return Ok(true),
                Ok(count) => *filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if self.poll.is_some() && !self.has_more_now() {
                break;
            }
        }
        Ok(false)
    }

    fn has_more_now(&self) -> bool {
        self.poll.as_ref().is_none_or(|file| is_readable(file, Duration::ZERO))
    }
}

/// Whether a read would not wait, within some time. (An error is the read's to report.)
fn is_readable(file: &File, within: Duration) -> bool {
    let mut fds = [PollFd::new(file, PollFlags::IN)];
    let timeout =
        Timespec { tv_sec: within.as_secs() as i64, tv_nsec: within.subsec_nanos().into() };
    !matches!(poll(&mut fds, Some(&timeout)), Ok(0) | Err(rustix::io::Errno::INTR))
}
