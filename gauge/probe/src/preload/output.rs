//! The snapshot, written without allocating: the process may be in the middle of an allocation.

use std::ffi::CStr;
use std::fmt::{self, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use tidemill_machine::sys;

use super::SITES;
use crate::{SNAPSHOT_VERSION, json};

const BUFFER: usize = 4096;

/// A file that is written through a buffer.
struct Out {
    file: OwnedFd,
    buffer: [u8; BUFFER],
    used: usize,
}

impl Out {
    fn flush(&mut self) -> fmt::Result {
        let written = self.buffer.get(..self.used).unwrap_or_default();
        let result = sys::write_all(self.file.as_fd(), written);
        self.used = 0;
        result.map_err(|_| fmt::Error)
    }
}

impl Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            if self.used == BUFFER {
                self.flush()?;
            }
            let room = self.buffer.get_mut(self.used..).unwrap_or_default();
            let count = room.len().min(rest.len());
            let (now, later) = rest.split_at(count);
            room[..count].copy_from_slice(now);
            self.used += count;
            rest = later;
        }
        Ok(())
    }
}

/// What is known of the process from its start.
pub(super) struct Process {
    /// The executable and the arguments, as JSON.
    pub(super) executable: String,
    pub(super) command: String,
    /// The folder to write to.
    pub(super) folder: String,
}

/// Writes the snapshot of this process, which ends because of `ended`. What cannot be written is not: there is nobody to tell.
///
/// It gets its name when it is whole: a process can be killed at any time.
pub(super) fn write(process: &Process, ended: &str) {
    let pid = sys::getpid();
    let (mut part, mut whole) = (Path::EMPTY, Path::EMPTY);
    let named = write!(part, "{}/{pid}.part", process.folder)
        .and_then(|()| write!(whole, "{}/{pid}.json", process.folder));
    if named.is_err() {
        return;
    }
    let Some(file) = part.open(libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC) else { return };
    let mut out = Out { file, buffer: [0; BUFFER], used: 0 };
    if write_all(&mut out, process, pid, ended).and_then(|()| out.flush()).is_ok() {
        part.rename(&whole);
    }
}

fn write_all(out: &mut Out, process: &Process, pid: u32, ended: &str) -> fmt::Result {
    let Process { executable, command, .. } = process;
    write!(
        out,
        "{{\"gauge_probe\":{SNAPSHOT_VERSION},\"process\":{{\"pid\":{pid},\
         \"executable\":{executable},\"command\":{command},\"ended\":\"{ended}\"}},\"maps\":\""
    )?;
    write_maps(out)?;
    out.write_str("\",\"sites\":")?;
    SITES.write_json(out)?;
    out.write_str("}\n")
}

/// The kernel's list of mappings, as the inside of a JSON string.
fn write_maps(out: &mut Out) -> fmt::Result {
    let mut path = Path::EMPTY;
    path.write_str("/proc/self/maps")?;
    let Some(file) = path.open(libc::O_RDONLY) else { return Ok(()) };
    let mut bytes = [0; BUFFER];
    while let Ok(count @ 1..) = sys::read(file.as_fd(), &mut bytes) {
        for &byte in bytes.get(..count).unwrap_or_default() {
            // A name that is not ASCII: each byte as the character of its number.
            json::write_letter(out, char::from(byte))?;
        }
    }
    Ok(())
}

/// A path with a zero at its end.
struct Path {
    bytes: [u8; BUFFER],
    used: usize,
}

impl Write for Path {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used + text.len();
        // One byte less: a zero stays.
        if end >= BUFFER {
            return Err(fmt::Error);
        }
        self.bytes[self.used..end].copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

impl Path {
    const EMPTY: Self = Self { bytes: [0; BUFFER], used: 0 };

    /// What stood there under the new name is gone.
    fn rename(&self, new: &Self) {
        let paths = [self, new].map(|path| CStr::from_bytes_until_nul(&path.bytes));
        if let [Ok(old), Ok(new)] = paths {
            // SAFETY: C strings. Nobody could be told if it failed.
            let _ = unsafe { libc::rename(old.as_ptr(), new.as_ptr()) };
        }
    }

    fn open(&self, flags: libc::c_int) -> Option<OwnedFd> {
        let path = CStr::from_bytes_until_nul(&self.bytes).ok()?;
        // SAFETY: a C string; the descriptor is new and nobody else's.
        unsafe {
            let fd = libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o666);
            (fd >= 0).then(|| OwnedFd::from_raw_fd(fd))
        }
    }
}
