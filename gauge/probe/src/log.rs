//! Every event as a line of text, written by a raw system call.

use std::alloc::Layout;
use std::fmt::{self, Write};
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::str::FromStr;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use tidemill_machine::sys;

use crate::{Block, Observer, thread};

/// No line is longer, its end included.
pub const MAX_LINE_BYTES: usize = 128;

const OFF: RawFd = -1;
const STDERR: RawFd = 2;

/// Writes a [`LogLine`] for every event, once it is started; before, an event costs a look at it.
///
/// Lines are put together on the stack and written unbuffered and without a lock, each by one `write`
/// unless the system takes only part of it: lines of different threads come whole, in some order, into
/// a pipe or a file opened to append. A line that cannot be written is counted as lost.
///
/// What cannot be written at once is waited for, by whoever allocates: let another process read a
/// pipe, since a reader in this one waits for itself when it allocates.
#[derive(Debug)]
pub struct Log {
    fd: AtomicI32,
    lost: AtomicU64,
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

impl Log {
    /// Off.
    #[must_use]
    pub const fn new() -> Self {
        Self { fd: AtomicI32::new(OFF), lost: AtomicU64::new(0) }
    }

    /// Writes to a file, pipe or socket from now on. It stays open until the process ends: a thread
    /// might be writing to it.
    pub fn start(&self, to: impl Into<OwnedFd>) {
        self.fd.store(to.into().into_raw_fd(), Ordering::Release);
    }

    /// Writes to the standard error from now on.
    pub fn start_stderr(&self) {
        self.fd.store(STDERR, Ordering::Release);
    }

    /// Writes no more; a line that another thread has begun still comes.
    pub fn stop(&self) {
        self.fd.store(OFF, Ordering::Release);
    }

    /// Lines that could not be written.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    #[inline]
    fn event(&self, event: LogEvent) {
        let fd = self.fd.load(Ordering::Relaxed);
        if fd != OFF {
            self.write(fd, event);
        }
    }

    #[cold]
    #[inline(never)]
    fn write(&self, fd: RawFd, event: LogEvent) {
        let mut line = Line { bytes: [0; MAX_LINE_BYTES], length: 0 };
        let is_whole = writeln!(line, "{}", LogLine { thread: thread::number(), event }).is_ok();
        let text = line.bytes.get(..line.length).unwrap_or_default();
        // SAFETY: `start` took it and nobody closes it; the standard error is there, or the write
        // fails.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        if !is_whole || sys::write_all(fd, text).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// SAFETY: formatting of numbers into an array, and a system call; neither allocates or unwinds.
unsafe impl Observer for Log {
    #[inline]
    fn allocated(&self, block: Block) {
        self.event(LogEvent::Allocated(block));
    }

    #[inline]
    fn deallocating(&self, block: Block) {
        self.event(LogEvent::Deallocated(block));
    }

    #[inline]
    fn reallocated(&self, old: Block, new: Option<Block>) {
        let (address, size) = new.map_or((0, 0), |new| (new.address, new.size));
        self.event(LogEvent::Reallocated { old, address, size });
    }

    #[inline]
    fn failed(&self, layout: Layout) {
        self.event(LogEvent::Failed { size: layout.size(), align: layout.align() });
    }
}

/// A line of the log. Numbers are decimal, addresses hexadecimal with `0x`, one space between:
///
/// ```text
/// a THREAD ADDRESS SIZE ALIGN                         allocated
/// d THREAD ADDRESS SIZE ALIGN                         deallocated
/// r THREAD ADDRESS SIZE ALIGN NEW_ADDRESS NEW_SIZE    reallocated; not, if the new address is 0x0
/// f THREAD SIZE ALIGN                                 an allocation failed
/// ```
///
/// Threads are numbered from 0 in the order in which they were first seen. Writing (`Display`) and reading
/// (`FromStr`) are each other's reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The thread's number.
    pub thread: usize,
    /// What it did.
    pub event: LogEvent,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// A block was allocated.
    Allocated(Block),
    /// A block was deallocated.
    Deallocated(Block),
    /// A block was reallocated; if the new address is 0 that failed.
    Reallocated {
        /// What it was.
        old: Block,
        /// Where it is now.
        address: usize,
        /// Its size now.
        size: usize,
    },
    /// An allocation failed.
    Failed {
        /// Bytes asked for.
        size: usize,
        /// Their alignment.
        align: usize,
    },
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thread = self.thread;
        match self.event {
            LogEvent::Allocated(Block { address, size, align }) => {
                write!(f, "a {thread} {address:#x} {size} {align}")
            }
            LogEvent::Deallocated(Block { address, size, align }) => {
                write!(f, "d {thread} {address:#x} {size} {align}")
            }
            LogEvent::Reallocated { old, address: new, size: new_size } => {
                let Block { address, size, align } = old;
                write!(f, "r {thread} {address:#x} {size} {align} {new:#x} {new_size}")
            }
            LogEvent::Failed { size, align } => write!(f, "f {thread} {size} {align}"),
        }
    }
}

/// A line that is not one of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotALogLine;

impl fmt::Display for NotALogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a line of an allocation log")
    }
}

impl std::error::Error for NotALogLine {}

impl FromStr for LogLine {
    type Err = NotALogLine;
    fn from_str(line: &str) -> Result<Self, NotALogLine> {
        let mut words = line.split(' ');
        let kind = words.next().ok_or(NotALogLine)?;
        let mut number = || {
            let word = words.next().ok_or(NotALogLine)?;
            let parsed = match word.strip_prefix("0x") {
                Some(digits) => usize::from_str_radix(digits, 16),
                None => word.parse(),
            };
            parsed.map_err(|_| NotALogLine)
        };
        let thread = number()?;
        let mut block = || Ok(Block { address: number()?, size: number()?, align: number()? });
        let event = match kind {
            "a" => LogEvent::Allocated(block()?),
            "d" => LogEvent::Deallocated(block()?),
            "r" => LogEvent::Reallocated { old: block()?, address: number()?, size: number()? },
            "f" => LogEvent::Failed { size: number()?, align: number()? },
            _ => return Err(NotALogLine),
        };
        words.next().is_none().then_some(Self { thread, event }).ok_or(NotALogLine)
    }
}

/// A line being put together.
struct Line {
    bytes: [u8; MAX_LINE_BYTES],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
