//! A lock that can be taken inside an allocator: std's may allocate on some systems.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

/// Turns before the processor is given to somebody else: the holder may have been put aside.
const SPINS: u32 = 100;

/// Turns after which somebody who cannot wait gives up.
const PATIENCE: u32 = 100_000;

/// Held for hundreds of instructions at most while blocks come and go, in which nothing is allocated.
#[derive(Debug, Default)]
pub(crate) struct Lock<T> {
    raw: RawLock,
    value: UnsafeCell<T>,
}

/// A lock of nothing.
#[derive(Debug, Default)]
pub(crate) struct RawLock {
    is_taken: AtomicBool,
}

impl RawLock {
    const fn new() -> Self {
        Self { is_taken: AtomicBool::new(false) }
    }

    pub(crate) fn take(&self) {
        loop {
            for _ in 0..SPINS {
                if self.try_take() {
                    return;
                }
                std::hint::spin_loop();
            }
            std::thread::yield_now();
        }
    }

    fn try_take(&self) -> bool {
        !self.is_taken.load(Ordering::Relaxed) && !self.is_taken.swap(true, Ordering::Acquire)
    }

    /// # Safety
    /// The caller took it.
    pub(crate) unsafe fn give_back(&self) {
        self.is_taken.store(false, Ordering::Release);
    }
}

// SAFETY: only the holder touches the value.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { raw: RawLock::new(), value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> Held<'_, T> {
        self.raw.take();
        Held { lock: self }
    }

    pub(crate) fn try_lock(&self) -> Option<Held<'_, T>> {
        self.raw.try_take().then_some(Held { lock: self })
    }

    /// `None` if it is not given back for long: whoever holds it may be what this thread interrupted.
    pub(crate) fn lock_soon(&self) -> Option<Held<'_, T>> {
        (0..PATIENCE).find_map(|_| {
            let held = self.try_lock();
            if held.is_none() {
                std::hint::spin_loop();
            }
            held
        })
    }

    /// For who forks.
    #[cfg(feature = "preload")]
    pub(crate) fn raw(&self) -> &RawLock {
        &self.raw
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
        // SAFETY: this is the holder.
        unsafe { self.lock.raw.give_back() };
    }
}
