//! A thread's homes, and what closes them.

use std::cell::{Cell, RefCell};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::home::{Home, Limits};
use crate::Recycle;
use crate::sync::per_thread;

/// A pool's number, which is never given twice, and whether the pool is still there.
pub(super) struct PoolId {
    number: u64,
    is_alive: Arc<AtomicBool>,
}

/// Numbers of threads and of pools: never 0, never twice.
static NEXT: AtomicU64 = AtomicU64::new(1);

per_thread! {
    /// This thread's number; 0 before it is first asked for. (Addresses of threads' variables
    /// return with other threads, numbers do not.)
    static THREAD: Cell<u64> = Cell::new(0);
    /// The pool that was used last, and its home.
    static LAST: Cell<(u64, *mut ())> = Cell::new((0, null_mut()));
    /// All homes of this thread. Dropped when it ends.
    static HOMES: Homes = Homes(RefCell::new(Vec::new()));
}

struct Homes(RefCell<Vec<Entry>>);

impl Homes {
    fn find(&self, pool: u64) -> Option<NonNull<()>> {
        self.0.borrow().iter().find(|entry| entry.pool == pool).map(|entry| entry.home)
    }
}

struct Entry {
    pool: u64,
    is_pool_alive: Arc<AtomicBool>,
    home: NonNull<()>,
    close: unsafe fn(NonNull<()>),
}

/// This thread's number; 0, which is no thread's, where its variables are gone already.
#[inline(always)]
pub(super) fn current_thread() -> u64 {
    let number = THREAD.try_with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    });
    number.unwrap_or(0)
}

fn set_last(pool: u64, home: *mut ()) {
    // Where it is gone, it is not read either.
    let _ = LAST.try_with(|last| last.set((pool, home)));
}

impl PoolId {
    pub(super) fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { number, is_alive: Arc::new(AtomicBool::new(true)) }
    }

    /// This thread's home for the pool; none while the thread is ending.
    ///
    /// # Safety
    /// Always with the same `T` for the same pool.
    #[inline(always)]
    pub(super) unsafe fn home<T: Recycle + Send>(
        &self,
        limits: Limits,
    ) -> Option<NonNull<Home<T>>> {
        let (pool, home) = LAST.try_with(Cell::get).unwrap_or((0, null_mut()));
        if pool == self.number {
            return NonNull::new(home.cast());
        }
        // SAFETY: as the caller says.
        unsafe { self.find_home(limits) }
    }

    /// # Safety
    /// That of [`home`](Self::home).
    #[cold]
    unsafe fn find_home<T: Recycle + Send>(&self, limits: Limits) -> Option<NonNull<Home<T>>> {
        let home = match HOMES.try_with(|homes| homes.find(self.number)).ok()? {
            Some(home) => home,
            None => {
                // Destructors run here, and may open this very home.
                close_all(|entry| !entry.is_pool_alive.load(Ordering::Relaxed));
                match HOMES.try_with(|homes| homes.find(self.number)).ok()? {
                    Some(home) => home,
                    None => self.add::<T>(limits)?,
                }
            }
        };
        set_last(self.number, home.as_ptr());
        Some(home.cast())
    }

    fn add<T: Recycle + Send>(&self, limits: Limits) -> Option<NonNull<()>> {
        /// # Safety
        /// That of `Home::close`, of a home of `T`.
        unsafe fn close<T: Recycle + Send>(home: NonNull<()>) {
            // SAFETY: as the caller says.
            unsafe { Home::<T>::close(home.cast()) };
        }
        let home = Home::<T>::open(limits).cast::<()>();
        let is_pool_alive = Arc::clone(&self.is_alive);
        let entry = Entry { pool: self.number, is_pool_alive, home, close: close::<T> };
        // The thread is not ending: `find_home` has just looked into its homes.
        HOMES.try_with(|homes| homes.0.borrow_mut().push(entry)).ok()?;
        Some(home)
    }

    /// The pool is gone: closes this thread's home for it, and leaves the others' to them.
    pub(super) fn retire(&self) {
        self.is_alive.store(false, Ordering::Relaxed);
        close_all(|entry| entry.pool == self.number);
    }
}

/// Closes those of this thread's homes that `which` says.
fn close_all(which: impl Fn(&Entry) -> bool) {
    // Taken out before they are closed: destructors of what is in them may come back here.
    let closed: Vec<Entry> = HOMES
        .try_with(|homes| homes.0.borrow_mut().extract_if(.., |entry| which(entry)).collect())
        .unwrap_or_default();
    close(closed);
}

fn close(entries: Vec<Entry>) {
    set_last(0, null_mut());
    for entry in entries {
        // SAFETY: this thread's, out of its list, and so closed once.
        unsafe { (entry.close)(entry.home) };
    }
}

impl Drop for Homes {
    fn drop(&mut self) {
        close(self.0.take());
    }
}
