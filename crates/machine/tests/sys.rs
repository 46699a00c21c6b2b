//! System calls: pipes, signals, the end of a process.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidemill_machine::sys::{self, Clock};

/// What makes the child of `exit_ends_the_process` one.
const CHILD: &str = "TIDEMILL_TEST_EXIT_CODE";

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn on_signal(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::SeqCst);
}

/// Calls that wait are interrupted by SIGUSR1, and not taken up again by the kernel.
fn interrupt_calls() {
    // SAFETY: the action is complete; the handler does nothing but add to an atomic.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
}

/// A hundred signals more have arrived at the thread, one after the other.
fn pester(thread: libc::pthread_t) {
    for _ in 0..100 {
        let before = SIGNALS.load(Ordering::SeqCst);
        // SAFETY: the thread lives: it waits for what comes after this.
        unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
        while SIGNALS.load(Ordering::SeqCst) == before {
            std::thread::yield_now();
        }
    }
}

#[test]
fn write_once() {
    let (mut reader, writer) = io::pipe().unwrap();
    assert_eq!(sys::write(writer.as_fd(), b"test\n").unwrap(), 5);
    assert_eq!(sys::write(writer.as_fd(), b"").unwrap(), 0);
    drop(writer);
    let mut got = String::new();
    reader.read_to_string(&mut got).unwrap();
    assert_eq!(got, "test\n");
}

/// More than a pipe holds, so that there are partial writes and short reads; with signals meanwhile.
#[test]
fn write_all_and_read_exact_whatever_happens() {
    interrupt_calls();
    let bytes: Vec<u8> = (0..1 << 20).map(|index: u32| (index % 251) as u8).collect();
    // SAFETY: it takes nothing and cannot fail.
    let me = unsafe { libc::pthread_self() } as usize;
    // Each side owns its end, so that one that fails does not leave the other waiting.
    let (reader, writer) = io::pipe().unwrap();
    let mut got = vec![0; bytes.len()];
    std::thread::scope(|scope| {
        let (writer, got) = (writer, &mut got);
        scope.spawn(move || {
            // The pipe is full, so the writer waits.
            while rustix::io::ioctl_fionread(&reader).unwrap() < 4096 {
                std::thread::yield_now();
            }
            pester(me as libc::pthread_t);
            sys::read_exact(reader.as_fd(), got).unwrap();
        });
        sys::write_all(writer.as_fd(), &bytes).unwrap();
    });
    assert!(got == bytes);
    let (reader, writer) = io::pipe().unwrap();
    std::thread::scope(|scope| {
        let (reader, bytes) = (reader, &bytes);
        scope.spawn(move || {
            pester(me as libc::pthread_t);
            bytes.chunks(1000).for_each(|chunk| sys::write_all(writer.as_fd(), chunk).unwrap());
        });
        got.fill(0);
        sys::read_exact(reader.as_fd(), &mut got).unwrap();
    });
    assert!(got == bytes);
}

#[test]
fn ends_and_errors() {
    let mut file = tempfile();
    file.write_all(b"abc").unwrap();
    file.rewind().unwrap();
    let mut bytes = [0; 2];
    sys::read_exact(file.as_fd(), &mut bytes).unwrap();
    assert_eq!(&bytes, b"ab");
    let error = sys::read_exact(file.as_fd(), &mut bytes).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(sys::read(file.as_fd(), &mut bytes).unwrap(), 0);
    sys::read_exact(file.as_fd(), &mut []).unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let error = sys::write_all(reader.as_fd(), b"x").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    // Rust's runtime ignores SIGPIPE.
    drop(reader);
    let error = sys::write_all(writer.as_fd(), b"x").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPIPE));
}

/// A file without a name.
fn tempfile() -> File {
    let path = std::env::temp_dir().join(format!("tidemill-sys-{}", sys::getpid()));
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

#[test]
fn clocks_go_on() {
    assert_eq!(sys::getpid(), std::process::id());
    let clocks =
        [Clock::Realtime, Clock::Monotonic, Clock::MonotonicRaw, Clock::Process, Clock::Thread];
    for clock in clocks {
        let first = sys::clock_gettime(clock).unwrap();
        let second = sys::clock_gettime(clock).unwrap();
        assert!(second >= first && !second.is_zero(), "{clock:?}");
    }
    let now = sys::clock_gettime(Clock::Realtime).unwrap();
    let later = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    assert!(later >= now && later.as_secs() - now.as_secs() < 3600);
}

/// In a child: `exit` runs no destructor, flushes nothing, and ends the other threads too.
#[test]
fn exit_ends_the_process() {
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            eprintln!("dropped");
        }
    }
    if let Ok(code) = std::env::var(CHILD) {
        let _loud = Loud;
        std::thread::spawn(|| {
            loop {
                std::thread::park();
            }
        });
        let mut buffered = io::BufWriter::new(io::stderr());
        buffered.write_all(b"flushed").unwrap();
        sys::exit(code.parse().unwrap());
    }
    for code in [0, 42, 255] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "exit_ends_the_process", "--nocapture"])
            .env(CHILD, code.to_string())
            .output()
            .unwrap();
        assert_eq!(child.status.code(), Some(code));
        assert_eq!(String::from_utf8_lossy(&child.stderr), "");
    }
}
