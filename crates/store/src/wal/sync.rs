//! What the log's threads share: the standard library's, or loom's, which tries every order of events
//! (`loom_tests.rs` says how).

use std::sync::PoisonError;
use std::time::Duration;

#[cfg(loom)]
pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
pub(super) use std::sync::{Condvar, Mutex, MutexGuard};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a change.
pub(super) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Waits as long as `waits` says, for `timeout` at most.
#[cfg(not(loom))]
pub(super) fn wait_timeout_while<'a, T>(
    (_, condvar): (&'a Mutex<T>, &Condvar),
    guard: MutexGuard<'a, T>,
    timeout: Duration,
    waits: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    let waited = condvar.wait_timeout_while(guard, timeout, waits);
    waited.unwrap_or_else(PoisonError::into_inner).0
}

/// Loom has no time: it passes whenever the others have come anywhere.
#[cfg(loom)]
pub(super) fn wait_timeout_while<'a, T>(
    (mutex, _): (&'a Mutex<T>, &Condvar),
    guard: MutexGuard<'a, T>,
    _timeout: Duration,
    _waits: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    drop(guard);
    loom::thread::yield_now();
    lock(mutex)
}
