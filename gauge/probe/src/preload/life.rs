//! From before `main` to the end of the process.

#![expect(unreachable_pub, reason = "the loader reaches it by name")]

use std::ffi::c_int;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use tidemill_machine::sys::{self, Clock};

use super::output::{self, Process};
use super::{SITES, allocator};
use crate::json;

/// The folder to write to; without it nothing is remembered.
const FOLDER: &str = "GAUGE_HEAP_FOLDER";

/// Signals that end a process, and can be handled.
const ENDINGS: [(c_int, &str); 4] = [
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGINT, "SIGINT"),
    (libc::SIGHUP, "SIGHUP"),
];

static PROCESS: OnceLock<Process> = OnceLock::new();
/// The process whose memory this is. A child that `vfork` made has its own number, and borrows the memory.
static OWNER: AtomicU32 = AtomicU32::new(0);
/// The thread that writes the snapshot; [`NOBODY`] yet, or it is [`WRITTEN`].
static WRITER: AtomicI32 = AtomicI32::new(NOBODY);
const NOBODY: i32 = 0;
const WRITTEN: i32 = -1;

/// How long who would end the process waits for the snapshot that another thread writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The loader calls it before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    allocator::find_all();
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let executable = std::env::current_exe().unwrap_or_default();
    let command = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    let words = command.strip_suffix(&[0]).unwrap_or(&command).split(|&byte| byte == 0);
    let process = Process {
        executable: json::quoted(&executable.to_string_lossy()),
        command: json::list(words.map(|word| json::quoted(&String::from_utf8_lossy(word)))),
        folder,
    };
    OWNER.store(sys::getpid(), Ordering::Relaxed);
    if PROCESS.set(process).is_err() || !SITES.start() {
        return;
    }
    // SAFETY: functions of this library, which is never unloaded.
    unsafe {
        libc::atexit(at_exit);
        libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_child));
    }
    for (signal, _) in ENDINGS {
        handle(signal);
    }
}

/// Takes the signal, if nobody has and it is not ignored.
fn handle(signal: c_int) {
    // SAFETY: the old action is written before it is read; the new one is complete, its handler does what
    // handlers may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, std::ptr::null(), &mut action) != 0
            || action.sa_sigaction != libc::SIG_DFL
        {
            return;
        }
        let handler: extern "C" fn(c_int) = at_signal;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        action.sa_mask = endings();
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

/// The set of [`ENDINGS`].
fn endings() -> libc::sigset_t {
    // SAFETY: the set is made before it is added to.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        for (signal, _) in ENDINGS {
            libc::sigaddset(&mut set, signal);
        }
        set
    }
}

/// Writes the snapshot, if this process has one and nobody has begun to. Returns when it is written: the process ends then.
fn write(ended: &str) {
    let Some(process) = PROCESS.get() else { return };
    if OWNER.load(Ordering::Relaxed) != sys::getpid() {
        return;
    }
    let before = mask(libc::SIG_BLOCK, &endings());
    // SAFETY: it only tells this thread's number.
    let me = unsafe { libc::gettid() };
    match WRITER.compare_exchange(NOBODY, me, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            SITES.stop();
            output::write(process, ended);
            WRITER.store(WRITTEN, Ordering::Release);
        }
        // Within a handler of the program's that interrupted this thread's own writing: nothing to wait for.
        Err(writer) if writer == me => {}
        Err(_) => wait_until_written(),
    }
    mask(libc::SIG_SETMASK, &before);
}

fn wait_until_written() {
    let now = || sys::clock_gettime(Clock::Monotonic).unwrap_or(Duration::MAX);
    let start = now();
    while WRITER.load(Ordering::Acquire) != WRITTEN && now().saturating_sub(start) < PATIENCE {
        std::thread::yield_now();
    }
}

/// Changes which signals this thread takes; those that it did not take before.
fn mask(how: c_int, set: &libc::sigset_t) -> libc::sigset_t {
    // SAFETY: the old set is written where there is room for one.
    unsafe {
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::pthread_sigmask(how, set, &mut before);
        before
    }
}

extern "C" fn at_exit() {
    write("exit");
}

extern "C" fn at_signal(signal: c_int) {
    let known = ENDINGS.iter().find(|(number, _)| *number == signal);
    write(known.map_or("signal", |(_, name)| name));
    // SAFETY: both may be called in a handler. The signal comes again once this returns, and ends the
    // process as it would have.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// The C library's: ends the process without `atexit`'s functions. Shells and children of servers do.
#[unsafe(no_mangle)]
pub extern "C" fn _exit(code: c_int) -> ! {
    write("_exit");
    sys::exit(code)
}

/// As [`_exit`].
#[unsafe(no_mangle)]
pub extern "C" fn _Exit(code: c_int) -> ! {
    _exit(code)
}

/// No other thread is within what is locked while the process is doubled.
extern "C" fn before_fork() {
    SITES.locks().for_each(|lock| lock.take());
}

extern "C" fn after_fork() {
    // SAFETY: `before_fork` took them, on this thread.
    SITES.locks().for_each(|lock| unsafe { lock.give_back() });
}

extern "C" fn in_child() {
    OWNER.store(sys::getpid(), Ordering::Relaxed);
    // A thread that was writing is not here.
    if WRITER.load(Ordering::Relaxed) != WRITTEN {
        WRITER.store(NOBODY, Ordering::Relaxed);
    }
    after_fork();
}
