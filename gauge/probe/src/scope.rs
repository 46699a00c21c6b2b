//! What a stretch of code allocates.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::marker::PhantomData;

use crate::{Counters, Counts};

thread_local! {
    /// The scope that began last on this thread and has not ended: its number.
    static INNERMOST: Cell<u64> = const { Cell::new(0) };
    static BEGUN: Cell<u64> = const { Cell::new(0) };
}

/// A stretch of code whose allocations are counted, of this thread and of the process.
///
/// The counts are exact. To prove that a loop allocates nothing: run it once to warm up, and again in a
/// scope; then [`ScopeCounts::process`] has no [`requests`](Counts::requests). In a process with other threads,
/// those of the test harness for instance, look at [`ScopeCounts::thread`], or make the test a program of its
/// own (`harness = false`). Threads that are joined, or hand over a result, within the scope are in it
/// with all they did.
///
/// Neither starting nor stopping allocates. Scopes nest.
#[derive(Debug)]
pub struct Scope {
    thread: Counts,
    process: Counts,
    /// This thread's live bytes at the start, and its peak before.
    live: i64,
    peak: i64,
    number: u64,
    outer: u64,
    /// It belongs to its thread.
    not_send: PhantomData<*const ()>,
}

/// What was counted in a [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeCounts {
    /// By this thread.
    pub thread: Counts,
    /// By all threads.
    pub process: Counts,
    /// The most bytes that this thread had live at one time, beyond those at the start. `None` if the
    /// scopes of this thread did not end in the reverse order of their starts. (The
    /// process's: [`Peak`](crate::Peak).)
    pub thread_peak_bytes: Option<u64>,
}

impl Scope {
    /// Counts from here.
    ///
    /// # Panics
    /// When nothing is counted, because the program's allocator has no [`Counters`]: a test would pass for
    /// the wrong reason.
    #[must_use]
    pub fn start() -> Self {
        if Counters::process().allocations == 0 {
            drop(black_box(Box::new(0u8)));
            let counted = Counters::process().allocations;
            assert!(counted > 0, "a Scope needs Counters in the #[global_allocator]");
        }
        let number = BEGUN.get() + 1;
        BEGUN.set(number);
        let outer = INNERMOST.replace(number);
        let process = Counters::process();
        let (live, peak) = Counters::restart_peak();
        Self {
            thread: Counters::thread(),
            process,
            live,
            peak,
            number,
            outer,
            not_send: PhantomData,
        }
    }

    /// Counts up to here.
    #[must_use]
    pub fn stop(self) -> ScopeCounts {
        let (thread, process) = (Counters::thread(), Counters::process());
        let peak = self.end();
        let counts = ScopeCounts {
            thread: thread - self.thread,
            process: process - self.process,
            thread_peak_bytes: peak.map(|peak| (peak - self.live).unsigned_abs()),
        };
        std::mem::forget(self);
        counts
    }

    /// The peak, if it is this scope's.
    fn end(&self) -> Option<i64> {
        if INNERMOST.get() != self.number {
            // The peak is that of a scope that began later; and those that began before won't find
            // their number either.
            return None;
        }
        INNERMOST.set(self.outer);
        Some(Counters::end_peak(self.peak))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.end();
    }
}

impl ScopeCounts {
    /// As a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { thread, process, thread_peak_bytes } = self;
        let peak = thread_peak_bytes.map_or("null".to_owned(), |bytes| bytes.to_string());
        let (thread, process) = (thread.to_json(), process.to_json());
        format!("{{\"thread\":{thread},\"process\":{process},\"thread_peak_bytes\":{peak}}}")
    }
}

impl fmt::Display for ScopeCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "thread:  {}", self.thread)?;
        write!(f, "process: {}", self.process)
    }
}
