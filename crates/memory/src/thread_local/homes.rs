//! A thread's homes, and what closes them.

use std::cell::{Cell, RefCell};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::home::{Home, Limits};
use crate::shared::Shared;
use crate::sync::per_thread;
use crate::{OutOfMemory, Recycle};

/// A pool's number, which is never given twice, and whether the pool is still there.
pub(super) struct PoolId {
    number: u64,
    is_alive: Shared<AtomicBool>,
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
    is_pool_alive: Shared<AtomicBool>,
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
    pub(super) fn try_new() -> Result<Self, OutOfMemory> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { number, is_alive: Shared::try_new(AtomicBool::new(true))? })
    }

    /// This thread's home for the pool; none while the thread is ending.
    ///
    /// # Safety
    /// Always with the same `T` for the same pool.
    #[inline(always)]
    pub(super) unsafe fn home<T: Recycle + Send>(
        &self,
        limits: Limits,
    ) -> Result<Option<NonNull<Home<T>>>, OutOfMemory> {
        let (pool, home) = LAST.try_with(Cell::get).unwrap_or((0, null_mut()));
        if pool == self.number {
            return Ok(NonNull::new(home.cast()));
        }
        // SAFETY: as the caller says.
        unsafe { self.find_home(limits) }
    }

    /// # Safety
    /// That of [`home`](Self::home).
    #[cold]
    unsafe fn find_home<T: Recycle + Send>(
        &self,
        limits: Limits,
    ) -> Result<Option<NonNull<Home<T>>>, OutOfMemory> {
        let find = || HOMES.try_with(|homes| homes.find(self.number)).unwrap_or(None);
        let mut found = find();
        if found.is_none() {
            // Destructors run here, and may open this very home.
            close_all(|entry| !entry.is_pool_alive.load(Ordering::Relaxed));
            found = find();
        }
        if found.is_none() {
            found = self.add::<T>(limits)?;
        }
        if let Some(home) = found {
            set_last(self.number, home.as_ptr());
        }
        Ok(found.map(NonNull::cast))
    }

    /// Opens a home; none while the thread is ending.
    fn add<T: Recycle + Send>(&self, limits: Limits) -> Result<Option<NonNull<()>>, OutOfMemory> {
        /// # Safety
        /// That of `Home::close`, of a home of `T`.
        unsafe fn close<T: Recycle + Send>(home: NonNull<()>) {
            // SAFETY: as the caller says.
            unsafe { Home::<T>::close(home.cast()) };
        }
        let added = HOMES.try_with(|homes| {
            let mut homes = homes.0.borrow_mut();
            // First the place in the list, then the home: nothing fails between.
            homes.try_reserve(1).map_err(|_| OutOfMemory::array::<Entry>(homes.len() + 1))?;
            let home = Home::<T>::try_open(limits)?.cast::<()>();
            let is_pool_alive = self.is_alive.clone();
            homes.push(Entry { pool: self.number, is_pool_alive, home, close: close::<T> });
            Ok(home)
        });
        added.ok().transpose()
    }

    /// The pool is gone: closes this thread's home for it, and leaves the others' to them.
    pub(super) fn retire(&self) {
        self.is_alive.store(false, Ordering::Relaxed);
        close_all(|entry| entry.pool == self.number);
    }
}

/// Closes those of this thread's homes that `which` says.
fn close_all(which: impl Fn(&Entry) -> bool) {
    // Each is taken out before it is closed: destructors of what is in it may come back here.
    let take_one = || {
        let taken = HOMES.try_with(|homes| {
            let mut homes = homes.0.borrow_mut();
            let at = homes.iter().position(&which)?;
            Some(homes.swap_remove(at))
        });
        taken.unwrap_or(None)
    };
    while let Some(entry) = take_one() {
        close(entry);
    }
}

fn close(entry: Entry) {
    set_last(0, null_mut());
    // SAFETY: this thread's, out of its list, and so closed once.
    unsafe { (entry.close)(entry.home) };
}

impl Drop for Homes {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(close);
    }
}
