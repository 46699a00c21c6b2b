//! Numbers of threads.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads that were numbered so far.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// How many threads have a number.
pub(crate) fn count() -> usize {
    THREADS.load(Ordering::Acquire)
}

/// This thread's number: 0, 1, .. in the order in which they first ask. Never given again.
#[inline]
pub(crate) fn number() -> usize {
    thread_local! {
        // The number plus one. No destructor, no lazy value: safe inside an allocator, and until
        // the thread's last instruction.
        static NUMBER: Cell<usize> = const { Cell::new(0) };
    }
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(THREADS.fetch_add(1, Ordering::AcqRel) + 1);
        }
        number.get() - 1
    })
}
