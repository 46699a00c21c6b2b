//! Sampling what this thread's children do, by the kernel's `perf_event_open`: a clock for each processor time
//! that they use, and a ring of records that the kernel writes.
//!
//! ```no_run
//! use std::process::Command;
//! use gauge_probe::perf::{Options, Record, Sampler};
//!
//! let mut sampler = Sampler::open(&Options::default()).unwrap();
//! let mut child = Command::new("true").spawn().unwrap();
//! child.wait().unwrap();
//! let mut samples = 0;
//! sampler.drain(|record| samples += u64::from(matches!(record, Record::Sample(_)))).unwrap();
//! ```

mod attributes;
mod record;
mod ring;

use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

pub use record::{CONTEXT_MARKERS, Mapped, Record, Registers, Sample, Taken};

use attributes::Attributes;
use ring::Ring;

/// The largest ring of one processor: at 1,000 samples a second with 2 KiB of stack each, two seconds.
pub const MAX_RING_BYTES: usize = 4 << 20;
/// The smallest: below that, samples would be lost all the time.
const MIN_RING_BYTES: usize = 128 << 10;

/// How to sample.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Samples a second of processor time.
    pub frequency: u32,
    /// Also what the kernel does for them, where it is allowed.
    pub kernel: bool,
    /// Bytes of each sample's stack to copy, a multiple of 8 below 64 KiB; none if 0.
    pub stack_bytes: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { frequency: 999, kernel: true, stack_bytes: 0 }
    }
}

/// Samples every process that this thread starts from now on, and all that those start, from its `exec` on.
///
/// This thread itself is not sampled. Other threads of this process, and what they start, are not either.
#[derive(Debug)]
pub struct Sampler {
    rings: Vec<Ring>,
    has_kernel: bool,
    stack_bytes: u32,
    buffer: Vec<u8>,
}

/// Why it cannot be sampled.
#[derive(Debug)]
pub enum Refused {
    /// The kernel does not let this user: `kernel.perf_event_paranoid`, or a container's filter of system calls.
    Permission(io::Error),
    /// The kernel allows no such frequency: `kernel.perf_event_max_sample_rate`.
    Frequency(io::Error),
    /// No memory for the rings may be locked: `kernel.perf_event_mlock_kb`, `RLIMIT_MEMLOCK`.
    Memory(io::Error),
    /// The kernel has no such call, or no clock for it.
    Missing(io::Error),
    /// Something else.
    Other(io::Error),
}

impl Sampler {
    /// Opens one clock and one ring a processor, both closed when this is dropped.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open(options: &Options) -> Result<Self, Refused> {
        match Self::open_as(options, options.kernel) {
            Err(Refused::Permission(_)) if options.kernel => Self::open_as(options, false),
            other => other,
        }
    }

    fn open_as(options: &Options, kernel: bool) -> Result<Self, Refused> {
        let attributes = Attributes::new(options, kernel);
        let mut opened = Vec::new();
        for processor in processors() {
            match attributes.open(processor) {
                Ok(descriptor) => opened.push(descriptor),
                // One that was switched off meanwhile.
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
                Err(error) => return Err(Refused::by(error)),
            }
        }
        let rings = map_all(opened)?;
        let stack_bytes = if attributes::HAS_REGISTERS { options.stack_bytes } else { 0 };
        Ok(Self { rings, has_kernel: kernel, stack_bytes, buffer: Vec::new() })
    }

    /// Whether the kernel's own time is sampled too.
    #[must_use]
    pub fn has_kernel(&self) -> bool {
        self.has_kernel
    }

    /// Bytes of stack that each sample copies; 0 where that was not asked for, or this processor's registers are
    /// not known here.
    #[must_use]
    pub fn stack_bytes(&self) -> u32 {
        self.stack_bytes
    }

    /// Bytes of each ring.
    #[must_use]
    pub fn ring_bytes(&self) -> usize {
        self.rings.first().map_or(0, Ring::len)
    }

    /// What to poll for reading: ready when a ring is a quarter full.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.rings.iter().map(Ring::descriptor)
    }

    /// Hands over all records that there are, ring by ring, each ring's in the order of its writing; makes room.
    ///
    /// # Errors
    /// When a record is not as the kernel's documents say: the rest of that ring is dropped.
    pub fn drain(&mut self, mut each: impl FnMut(Record<'_>)) -> io::Result<()> {
        let mut result = Ok(());
        for ring in &mut self.rings {
            ring.take(&mut self.buffer);
            let mut rest = self.buffer.as_slice();
            while !rest.is_empty() {
                match record::parse(rest, self.stack_bytes > 0) {
                    Some((record, after)) => {
                        each(record);
                        rest = after;
                    }
                    None => {
                        let what = "the kernel wrote a record that is not understood";
                        result = Err(io::Error::new(io::ErrorKind::InvalidData, what));
                        break;
                    }
                }
            }
        }
        result
    }
}

/// The largest rings that the kernel lets all of them have.
fn map_all(descriptors: Vec<OwnedFd>) -> Result<Vec<Ring>, Refused> {
    let mut bytes = MAX_RING_BYTES;
    let mut free = descriptors;
    loop {
        let mut rings = Vec::new();
        let mut failed = None;
        while let Some(descriptor) = free.pop() {
            match Ring::map(descriptor, bytes) {
                Ok(ring) => rings.push(ring),
                Err((descriptor, error)) => {
                    free.push(descriptor);
                    failed = Some(error);
                    break;
                }
            }
        }
        let Some(error) = failed else { return Ok(rings) };
        if bytes <= MIN_RING_BYTES {
            return Err(Refused::Memory(error));
        }
        free.extend(rings.into_iter().map(Ring::unmap));
        bytes /= 2;
    }
}

/// The numbers of the processors that are on.
fn processors() -> Vec<i32> {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let listed = parse_list(list.trim());
    if !listed.is_empty() {
        return listed;
    }
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    (0..i32::try_from(count).unwrap_or(1)).collect()
}

/// `0-3,8`.
fn parse_list(list: &str) -> Vec<i32> {
    let ranges = list.split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<i32>().ok()?..=last.parse::<i32>().ok()?)
    });
    ranges.flatten().collect()
}

impl Refused {
    fn by(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => Self::Permission(error),
            Some(libc::EINVAL) => Self::Frequency(error),
            Some(libc::ENOSYS | libc::ENOENT) => Self::Missing(error),
            _ => Self::Other(error),
        }
    }

    fn cause(&self) -> &io::Error {
        let (Self::Permission(error)
        | Self::Frequency(error)
        | Self::Memory(error)
        | Self::Missing(error)
        | Self::Other(error)) = self;
        error
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            Self::Permission(_) => "the kernel does not let this user sample",
            Self::Frequency(_) => "the kernel does not sample so often",
            Self::Memory(_) => "the kernel gives no memory for the samples",
            Self::Missing(_) => "the kernel cannot sample",
            Self::Other(_) => "perf_event_open failed",
        };
        write!(f, "{why} ({})", self.cause())
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.cause())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors() {
        assert_eq!(parse_list("0-3,8"), [0, 1, 2, 3, 8]);
        assert_eq!(parse_list("5"), [5]);
        assert_eq!(parse_list(""), []);
        assert!(!processors().is_empty());
    }

    #[test]
    fn refusals_are_told_apart() {
        let by = |code| Refused::by(io::Error::from_raw_os_error(code));
        assert!(matches!(by(libc::EACCES), Refused::Permission(_)));
        assert!(matches!(by(libc::EPERM), Refused::Permission(_)));
        assert!(matches!(by(libc::EINVAL), Refused::Frequency(_)));
        assert!(matches!(by(libc::ENOSYS), Refused::Missing(_)));
        assert!(matches!(by(libc::EMFILE), Refused::Other(_)));
        assert!(by(libc::EACCES).to_string().contains("does not let this user"));
    }
}
