//! Where text comes from: files and streams, compressed or not, in chunks that end at a line.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tidemill_parse::Compression;

/// Bytes looked at to tell a compression.
const MAGIC_BYTES: usize = 8;
/// How long a stream is waited for before looking whether to stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Something to read: a file, or a stream that can be read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file.
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
        for ending in ["gz", "gzip", "zst", "zstd"] {
            if stem.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending)) {
                stem = stem.with_extension("");
            }
        }
        Some(stem.file_stem()?.to_string_lossy().into_owned()).filter(|stem| !stem.is_empty())
    }

    /// The bytes of the file, if it is one.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::File(path) => std::fs::metadata(path).ok().map(|metadata| metadata.len()),
            Self::Stdin => None,
        }
    }

    /// Opens it; `read_bytes` counts what is taken from it, before decompression.
    /// A read of a stream waits no longer than until `stop` is set.
    pub(crate) fn open(
        &self,
        read_bytes: Arc<AtomicU64>,
        stop: Arc<AtomicBool>,
    ) -> io::Result<Source> {
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
        let stop = is_stream.then_some(stop);
        let mut counted = Counted { file: File::from(fd), read_bytes, stop, start: Vec::new() };
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
            #[cfg(feature = "sql")]
            is_decompressed: compression != Compression::None,
        })
    }
}

/// Counts what is read; hands the bytes that were looked at out again.
struct Counted {
    file: File,
    read_bytes: Arc<AtomicU64>,
    /// Of a stream.
    stop: Option<Arc<AtomicBool>>,
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
                if stop.load(Ordering::Relaxed) {
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
    #[cfg(feature = "sql")]
    is_decompressed: bool,
}

impl Source {
    /// Fills the buffer up to `length` bytes; of a stream, with what is there after at least one
    /// byte came. Returns whether the input has ended.
    fn fill(&mut self, buffer: &mut Vec<u8>, length: usize) -> io::Result<bool> {
        if self.poll.is_none() {
            // Without zeroing what is written over at once.
            let wanted = length.saturating_sub(buffer.len());
            let read = self.reader.by_ref().take(wanted as u64).read_to_end(buffer)?;
            return Ok(read < wanted);
        }
        let mut filled = buffer.len();
        buffer.resize(length, 0);
        let mut is_end = false;
        while filled < length {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => {
                    is_end = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if !self.has_more_now() {
                break;
            }
        }
        buffer.truncate(filled);
        Ok(is_end)
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

/// Text that ends where a row is guessed to end, unless it is the last.
#[derive(Debug, Default)]
pub(crate) struct TextChunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_last: bool,
    /// A line longer than allowed began here and is left out, up to its end.
    pub(crate) has_giant: bool,
}

/// Cuts a source into chunks.
pub(crate) struct Chunker {
    source: Source,
    carry: Vec<u8>,
    chunk_bytes: usize,
    max_line_bytes: usize,
    /// The rest of a line that was too long is being passed over.
    is_skipping: bool,
    is_done: bool,
}

impl Chunker {
    pub(crate) fn new(source: Source, chunk_bytes: usize, max_line_bytes: usize) -> Self {
        Self {
            source,
            carry: Vec::new(),
            // So that a line that is too long begins a chunk.
            chunk_bytes: chunk_bytes.min(max_line_bytes).max(1),
            max_line_bytes,
            is_skipping: false,
            is_done: false,
        }
    }

    /// Hands out all bytes, whatever lines they make.
    #[cfg(feature = "sql")]
    pub(crate) fn without_lines(self) -> Self {
        Self { max_line_bytes: usize::MAX, ..self }
    }

    #[cfg(feature = "sql")]
    pub(crate) fn is_decompressed(&self) -> bool {
        self.source.is_decompressed
    }

    /// The next chunk, in this buffer; `None` after the last one.
    pub(crate) fn next(&mut self, mut buffer: Vec<u8>) -> io::Result<Option<TextChunk>> {
        if self.is_done {
            return Ok(None);
        }
        buffer.clear();
        buffer.append(&mut self.carry);
        let mut target = self.chunk_bytes.max(buffer.len() + self.chunk_bytes / 4);
        loop {
            let is_end = self.source.fill(&mut buffer, target)?;
            if self.is_skipping {
                match memchr::memchr(b'\n', &buffer) {
                    // The newline stays: it is the line that was passed over.
                    Some(end) => {
                        buffer.drain(..end);
                        self.is_skipping = false;
                    }
                    None => buffer.clear(),
                }
            }
            match memchr::memchr(b'\n', &buffer) {
                // The newline stays, as above.
                Some(end) if end > self.max_line_bytes => {
                    self.carry.extend_from_slice(&buffer[end..]);
                    return Ok(Some(Self::giant(buffer, false)));
                }
                None if buffer.len() > self.max_line_bytes => {
                    (self.is_skipping, self.is_done) = (!is_end, is_end);
                    return Ok(Some(Self::giant(buffer, is_end)));
                }
                _ => {}
            }
            if is_end {
                self.is_done = true;
                return Ok(Some(TextChunk { bytes: buffer, is_last: true, has_giant: false }));
            }
            if let Some(newline) = memchr::memrchr(b'\n', &buffer) {
                self.carry.extend_from_slice(&buffer[newline + 1..]);
                buffer.truncate(newline + 1);
                return Ok(Some(TextChunk { bytes: buffer, is_last: false, has_giant: false }));
            }
            target = buffer.len() + self.chunk_bytes;
        }
    }

    /// Stands for a line that is left out.
    fn giant(mut buffer: Vec<u8>, is_last: bool) -> TextChunk {
        buffer.clear();
        TextChunk { bytes: buffer, is_last, has_giant: true }
    }
}
