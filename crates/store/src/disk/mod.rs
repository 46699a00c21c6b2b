//! Everything the store asks of the machine: files, directories, the clock, random numbers.
//!
//! All of it goes through [`Disk`], so that a test can make any call fail or cut the power
//! between two of them, and a seed replays a run. [`RealDisk`] is the machine's own; [`SimDisk`]
//! loses what was not synced when its power is cut; [`FaultyDisk`] fails where it is told to. The
//! latter two are public so that programs which embed the store can test themselves with them.

mod faulty;
mod real;
mod sim;
mod sim_choices;
mod sim_inode;
mod sim_state;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use faulty::{Failure, Fault, FaultyDisk, Operation};
pub use real::RealDisk;
pub use sim::{Lie, SimDisk};

/// A file system with a clock.
pub trait Disk: Send + Sync + Debug {
    /// Creates a directory and its parents; it may be there already.
    ///
    /// # Errors
    /// As the operating system says; so for all methods.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Creates a file, or empties the one that is there, to be read and written.
    ///
    /// # Errors
    /// As the operating system says.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that is there, to be read, and written when `writable`.
    ///
    /// # Errors
    /// As the operating system says.
    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, replacing the one that has it. Durable after
    /// [`Disk::sync_dir`].
    ///
    /// # Errors
    /// As the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; readers that have it open keep it.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, in no particular order.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes the entries of a directory durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the lock file `path` for this process, until the guard is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;

    /// Nanoseconds since the Unix epoch.
    fn now_ns(&self) -> i64;

    /// Whether time passes by itself, so that a thread may wait for some of it. A simulated disk
    /// says no, so that a seed replays a run.
    fn has_real_time(&self) -> bool {
        true
    }
}

/// An open file. Positions are the caller's; calls may come from several threads.
#[expect(clippy::len_without_is_empty, reason = "a question about the disk, not a collection")]
pub trait DiskFile: Send + Sync + Debug {
    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file is shorter; else as the system says.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// As the operating system says; part of the bytes may have been written then.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes content and length durable. After an error what is durable is unknown: the call
    /// must not be repeated.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync(&self) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn len(&self) -> io::Result<u64>;

    /// Cuts or extends (with zeros) to `len` bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn set_len(&self, len: u64) -> io::Result<()>;
}

/// Reads a whole file of at most `max_bytes`.
pub(crate) fn read_file(disk: &dyn Disk, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, false)?;
    let len = file.len()?;
    if len > max_bytes {
        let message = format!("{len} bytes, at most {max_bytes} expected");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
