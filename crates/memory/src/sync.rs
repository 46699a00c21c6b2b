//! What threads share: the standard library's, or loom's, which tries every order of events
//! (`RUSTFLAGS="--cfg loom" cargo test -p tidemill-memory --release --test loom`).

#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// `std::cell::UnsafeCell` by loom's interface.
#[cfg(not(loom))]
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// A `thread_local!` whose first value is a constant (to loom, which knows no such thing, any).
macro_rules! per_thread {
    ($($(#[$meta:meta])* static $name:ident: $type:ty = $first:expr;)*) => {
        #[cfg(loom)]
        loom::thread_local! { $($(#[$meta])* static $name: $type = $first;)* }
        #[cfg(not(loom))]
        std::thread_local! { $($(#[$meta])* static $name: $type = const { $first };)* }
    };
}
pub(crate) use per_thread;
