//! System calls by the instruction `syscall`, x86-64 Linux.

use std::arch::asm;
use std::io;
use std::os::fd::RawFd;

use super::{Clock, clock_id};

const READ: isize = 0;
const WRITE: isize = 1;
const GETPID: isize = 39;
const CLOCK_GETTIME: isize = 228;
const EXIT_GROUP: isize = 231;
/// The kernel's answers from here to -1 are errors.
const LOWEST_ERROR: isize = -4095;

pub(super) fn write(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let answer;
    // SAFETY: the kernel reads `bytes`, no more. Not `readonly`: the file may be memory that others
    // see, and who reads it may wake.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") WRITE => answer,
            in("rdi") fd as isize, in("rsi") bytes.as_ptr(), in("rdx") bytes.len(),
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    checked(answer)
}

pub(super) fn read(fd: RawFd, bytes: &mut [u8]) -> io::Result<usize> {
    let answer;
    // SAFETY: the kernel writes to `bytes`, no further.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") READ => answer,
            in("rdi") fd as isize, in("rsi") bytes.as_mut_ptr(), in("rdx") bytes.len(),
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    checked(answer)
}

pub(super) fn exit(code: i32) -> ! {
    // SAFETY: the process ends; nothing that it has can be used any more.
    unsafe {
        asm!(
            "syscall",
            "ud2",
            in("rax") EXIT_GROUP, in("rdi") code as isize,
            options(noreturn, nostack),
        );
    }
}

pub(super) fn clock_gettime(clock: Clock) -> io::Result<libc::timespec> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let answer;
    // SAFETY: the kernel writes to `time`, no further.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") CLOCK_GETTIME => answer,
            in("rdi") clock_id(clock) as isize, in("rsi") &raw mut time,
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    checked(answer).map(|_| time)
}

pub(super) fn getpid() -> u32 {
    let answer: isize;
    // SAFETY: it takes nothing, changes nothing and cannot fail.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") GETPID => answer,
            lateout("rcx") _, lateout("r11") _,
            options(nomem, nostack, preserves_flags),
        );
    }
    answer as u32
}

/// What the kernel answers: a count, or minus the number of an error.
fn checked(answer: isize) -> io::Result<usize> {
    match answer {
        LOWEST_ERROR..=-1 => Err(io::Error::from_raw_os_error(-answer as i32)),
        _ => Ok(answer as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let check = |answer, wanted: Result<usize, i32>| {
            assert_eq!(checked(answer).map_err(|error| error.raw_os_error().unwrap()), wanted);
        };
        check(0, Ok(0));
        check(5, Ok(5));
        check(-1, Err(libc::EPERM));
        check(-4, Err(libc::EINTR));
        check(-4095, Err(4095));
        check(isize::MAX, Ok(isize::MAX as usize));
    }
}
