//! System calls through libc.

use std::io;
use std::os::fd::RawFd;

use super::{Clock, clock_id};

pub(super) fn write(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads `bytes`, no more.
    let count = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

pub(super) fn read(fd: RawFd, bytes: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes to `bytes`, no further.
    let count = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

pub(super) fn exit(code: i32) -> ! {
    // SAFETY: it runs nothing of the program's.
    unsafe { libc::_exit(code) }
}

pub(super) fn clock_gettime(clock: Clock) -> io::Result<libc::timespec> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is there to be written.
    match unsafe { libc::clock_gettime(clock_id(clock), &mut time) } {
        0 => Ok(time),
        _ => Err(io::Error::last_os_error()),
    }
}

pub(super) fn getpid() -> u32 {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::getpid() }.unsigned_abs()
}
