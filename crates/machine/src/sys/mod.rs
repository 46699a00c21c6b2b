//! System calls: on x86-64 Linux by the instruction `syscall`, on other Unixes by libc.
//!
//! The kernel takes the number of a call in RAX, arguments in RDI, RSI, RDX, R10, R8, R9, and answers in
//! RAX: what a call gives, or minus the number of an error. It leaves its way back in RCX and the flags in R11;
//! all other registers are as before.
//!
//! std's [`File`](std::fs::File) and the crate `rustix` are the better choice in programs. These are for
//! places where nothing else may run, such as inside an allocator: none of them allocates, locks or
//! touches thread-local storage.

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
mod raw;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
use raw as calls;

#[cfg(any(test, miri, not(all(target_os = "linux", target_arch = "x86_64"))))]
#[cfg_attr(
    all(target_os = "linux", target_arch = "x86_64", not(miri)),
    expect(dead_code, reason = "compared in tests")
)]
mod by_libc;
#[cfg(any(miri, not(all(target_os = "linux", target_arch = "x86_64"))))]
use by_libc as calls;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::time::Duration;

/// A clock of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Since 1970; it may be set.
    Realtime,
    /// Since the machine started; its rate is adjusted.
    Monotonic,
    /// Since the machine started, as the hardware counts. [`Monotonic`](Self::Monotonic) where there
    /// is none.
    MonotonicRaw,
    /// The processors' time of this process.
    Process,
    /// The processor's time of this thread.
    Thread,
}

/// Writes once: some of the bytes, perhaps all. `write`, number 1; 360 cycles, and what the kernel does
/// with the bytes.
///
/// # Errors
/// What the kernel says; `Interrupted` if a signal came before the first byte.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    calls::write(fd.as_raw_fd(), bytes)
}

/// Writes all bytes, in as many calls as the kernel wants; goes on after a signal.
///
/// # Errors
/// What the kernel says, and `WriteZero` if it takes nothing; some bytes may have been written.
pub fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads once: some bytes, perhaps as many as there is room for; 0 at the end. `read`, number 0.
///
/// # Errors
/// What the kernel says; `Interrupted` if a signal came before the first byte.
pub fn read(fd: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<usize> {
    calls::read(fd.as_raw_fd(), bytes)
}

/// Reads until `bytes` is full, in as many calls as the kernel wants; goes on after a signal.
///
/// # Errors
/// What the kernel says, and `UnexpectedEof` if the end comes before; some bytes may have been read.
pub fn read_exact(fd: BorrowedFd<'_>, mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match read(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => bytes = bytes.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends the process, all its threads, at once. `exit_group`, number 231.
///
/// No destructor runs, no buffer is flushed, no `atexit` function is called:
/// [`std::process::exit`] is the better choice. (The call named `exit`, number 60, ends one thread
/// and takes its stack from under whoever borrowed from it: it cannot be safe.)
pub fn exit(code: i32) -> ! {
    calls::exit(code)
}

/// What a clock shows. `clock_gettime`, number 228.
///
/// A real system call, 400 cycles: std's clocks read the same from a page of the kernel's in the process
/// (vDSO) in 56.
///
/// # Errors
/// What the kernel says (`EINVAL` for a clock that it does not have), and `InvalidData` for a time
/// before 1970.
pub fn clock_gettime(clock: Clock) -> io::Result<Duration> {
    let time = calls::clock_gettime(clock)?;
    let seconds = u64::try_from(time.tv_sec).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0)))
}

/// The number of this process. `getpid`, number 39: the cheapest call there is, and so the measure
/// of what a call costs: 240 cycles.
#[must_use]
pub fn getpid() -> u32 {
    calls::getpid()
}

/// Zeroed memory that nobody else has, for as long as the process runs; aligned to a page. `mmap`, number 9.
///
/// Pages take memory when they are first touched, and address space alone until then: no swap is
/// reserved, and huge pages, which would take memory for their neighbours, are declined. For tables of which most is never used, in
/// places that must not allocate.
///
/// # Errors
/// What the kernel says, `OutOfMemory` when it refuses so much address space.
pub fn map_zeroed(bytes: usize) -> io::Result<NonNull<u8>> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: no address is asked for, so that nothing is replaced.
    let mapped = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    #[cfg(target_os = "linux")]
    // SAFETY: advice on what was just mapped; that it may be refused changes nothing.
    unsafe {
        libc::madvise(mapped, bytes, libc::MADV_NOHUGEPAGE);
    }
    NonNull::new(mapped.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

fn clock_id(clock: Clock) -> libc::clockid_t {
    match clock {
        Clock::Realtime => libc::CLOCK_REALTIME,
        Clock::Monotonic => libc::CLOCK_MONOTONIC,
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        Clock::MonotonicRaw => libc::CLOCK_MONOTONIC_RAW,
        #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
        Clock::MonotonicRaw => libc::CLOCK_MONOTONIC,
        Clock::Process => libc::CLOCK_PROCESS_CPUTIME_ID,
        Clock::Thread => libc::CLOCK_THREAD_CPUTIME_ID,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// Both ways to call, so that the other one is tested too.
    #[test]
    fn raw_calls_and_libc_agree() {
        assert_eq!(calls::getpid(), std::process::id());
        assert_eq!(by_libc::getpid(), std::process::id());
        let (mut pipe, out) = std::io::pipe().unwrap();
        assert_eq!(calls::write(out.as_raw_fd(), b"raw ").unwrap(), 4);
        assert_eq!(by_libc::write(out.as_raw_fd(), b"libc").unwrap(), 4);
        let mut bytes = [0; 4];
        assert_eq!(by_libc::read(pipe.as_raw_fd(), &mut bytes).unwrap(), 4);
        assert_eq!(&bytes, b"raw ");
        assert_eq!(calls::read(pipe.as_raw_fd(), &mut bytes).unwrap(), 4);
        assert_eq!(&bytes, b"libc");
        drop(out);
        assert_eq!(std::io::Read::read(&mut pipe, &mut bytes).unwrap(), 0);
        for clock in [Clock::Realtime, Clock::Monotonic, Clock::MonotonicRaw] {
            let first = by_libc::clock_gettime(clock).unwrap();
            let second = calls::clock_gettime(clock).unwrap();
            let third = by_libc::clock_gettime(clock).unwrap();
            let key = |time: libc::timespec| (time.tv_sec, time.tv_nsec);
            assert!(key(first) <= key(second) && key(second) <= key(third), "{clock:?}");
        }
    }

    #[test]
    fn mapped_memory_is_zeroed_and_writable() {
        let bytes = 1 << 30;
        let memory = map_zeroed(bytes).unwrap();
        for at in [0, bytes / 2, bytes - 1] {
            // SAFETY: within what was mapped.
            unsafe {
                let place = memory.add(at);
                assert_eq!(place.read(), 0);
                place.write(1);
                assert_eq!(place.read(), 1);
            }
        }
        let error = map_zeroed(usize::MAX / 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    }

    #[test]
    fn errors_are_the_kernels() {
        let (reader, writer) = std::io::pipe().unwrap();
        let got = read(writer.as_fd(), &mut [0; 8]).unwrap_err();
        assert_eq!(got.raw_os_error(), Some(libc::EBADF));
        assert_eq!(write(reader.as_fd(), b"x").unwrap_err().raw_os_error(), Some(libc::EBADF));
        assert_eq!(
            by_libc::write(reader.as_raw_fd(), b"x").unwrap_err().raw_os_error(),
            Some(libc::EBADF)
        );
    }
}
