//! Objects kept for their memory, by thread.

mod home;
mod homes;

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::{OutOfMemory, Recycle};
use home::{Home, Limits, Node};
use homes::PoolId;

/// Objects that are kept for their memory, on a shelf for each thread.
///
/// Getting an object and dropping it on the same thread is a look at a thread's own list: no lock,
/// and no atomic instruction. An object dropped on another thread goes home by a lock-free return
/// list (a stack of Treiber, *Systems Programming: Coping with Parallelism*, 1986, of which the
/// owner takes all at once), from which its thread fills its shelf when that is empty.
///
/// A thread keeps at most `max_idle` objects on its shelf, and as many in its return list, each of at
/// most `max_object_bytes`; others are freed. What a thread keeps is freed when it ends, and when
/// the pool is dropped: at once by the thread that drops it, by others when they end or come to a
/// pool that is new to them. Objects that are out live on, and are freed when dropped.
///
/// ```
/// let pool = tidemill_memory::ThreadLocalPool::<Vec<u8>>::new(16, 1 << 20);
/// let mut buffer = pool.get();
/// buffer.extend_from_slice(b"made here, dropped there, kept here");
/// std::thread::spawn(move || drop(buffer)).join();
/// assert!(pool.get().capacity() >= 35);
/// ```
pub struct ThreadLocalPool<T: Recycle + Send + 'static> {
    id: PoolId,
    limits: Limits,
    objects: PhantomData<fn() -> T>,
}

impl<T: Recycle + Send + 'static> ThreadLocalPool<T> {
    /// A pool that keeps up to `max_idle` objects a thread, of up to `max_object_bytes` each.
    #[must_use]
    pub fn new(max_idle: usize, max_object_bytes: usize) -> Self {
        Self::try_new(max_idle, max_object_bytes).unwrap_or_else(|refused| refused.raise())
    }

    /// A pool that keeps up to `max_idle` objects a thread, of up to `max_object_bytes` each.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn try_new(max_idle: usize, max_object_bytes: usize) -> Result<Self, OutOfMemory> {
        let limits = Limits { max_idle, max_object_bytes };
        Ok(Self { id: PoolId::try_new()?, limits, objects: PhantomData })
    }

    /// An object as good as new: one that this thread has kept, if there is one.
    #[must_use]
    #[inline]
    pub fn get(&self) -> LocalRecycled<T> {
        self.try_get().unwrap_or_else(|refused| refused.raise())
    }

    /// An object as good as new: one that this thread has kept, if there is one.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    #[inline]
    pub fn try_get(&self) -> Result<LocalRecycled<T>, OutOfMemory> {
        // SAFETY: the home is this thread's, and open: those that are closed are not found.
        let home = unsafe { self.id.home(self.limits) }?;
        let kept = home.and_then(|home: NonNull<Home<T>>| {
            // SAFETY: a home that is found is alive, and this thread's.
            unsafe { home.as_ref().take() }
        });
        let node = match kept {
            Some(node) => node,
            // SAFETY: as above.
            None => unsafe { Node::make(home) }?,
        };
        Ok(LocalRecycled { node, owns: PhantomData })
    }
}

impl<T: Recycle + Send + 'static> Drop for ThreadLocalPool<T> {
    fn drop(&mut self) {
        self.id.retire();
    }
}

/// An object of a [`ThreadLocalPool`], which goes home when dropped, on whichever thread.
pub struct LocalRecycled<T: Recycle + Send + 'static> {
    node: NonNull<Node<T>>,
    owns: PhantomData<T>,
}

// SAFETY: the object is the handle's alone, and may change threads.
unsafe impl<T: Recycle + Send> Send for LocalRecycled<T> {}
// SAFETY: a shared handle gives a shared object.
unsafe impl<T: Recycle + Send + Sync> Sync for LocalRecycled<T> {}

impl<T: Recycle + Send> Deref for LocalRecycled<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: a node that is out holds an object, and belongs to its handle alone.
        unsafe { &(*self.node.as_ptr()).object }
    }
}

impl<T: Recycle + Send> DerefMut for LocalRecycled<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`, and the handle is borrowed alone.
        unsafe { &mut (*self.node.as_ptr()).object }
    }
}

impl<T: Recycle + Send> Drop for LocalRecycled<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the node is the handle's, which gives it up here.
        unsafe { Node::give_up(self.node) };
    }
}

impl<T: Recycle + Send> fmt::Debug for ThreadLocalPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadLocalPool").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl<T: Recycle + Send + fmt::Debug> fmt::Debug for LocalRecycled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
