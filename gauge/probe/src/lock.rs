//! A lock that can be taken inside an allocator: std's may allocate on some systems.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

/// Turns before the processor is given to somebody else: the holder may have been put aside.
const SPINS: u32 = 100;

/// Held for hundreds of instructions at most while blocks come and go, in which nothing is allocated.
#[derive(Debug, Default)]
pub(crate) struct Lock<T> {
    is_taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: only the holder touches the value.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { is_taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> Held<'_, T> {
        loop {
            for _ in 0..SPINS {
                if let Some(held) = self.try_lock() {
                    return held;
                }
                std::hint::spin_loop();
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn try_lock(&self) -> Option<Held<'_, T>> {
        let was_taken =
            self.is_taken.load(Ordering::Relaxed) || self.is_taken.swap(true, Ordering::Acquire);
        (!was_taken).then_some(Held { lock: self })
    }
}

/// The lock, until it is dropped.
pub(crate) struct Held<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Deref for Held<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: this is the only holder.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this is the only holder.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.lock.is_taken.store(false, Ordering::Release);
    }
}
