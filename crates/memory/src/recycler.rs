use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// What a [`Recycler`] needs to know of its objects.
pub trait Recycle: Default {
    /// Makes the object as good as new and keeps its memory.
    fn clear(&mut self);

    /// Bytes the object holds beside itself; one that holds none is not worth keeping.
    fn memory_bytes(&self) -> usize;
}

impl<T> Recycle for Vec<T> {
    fn clear(&mut self) {
        Self::clear(self);
    }

    fn memory_bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

impl Recycle for String {
    fn clear(&mut self) {
        Self::clear(self);
    }

    fn memory_bytes(&self) -> usize {
        self.capacity()
    }
}

/// Objects that are kept for their memory, and shared between threads.
///
/// A buffer keeps its pages when it goes back, so that a steady state touches no fresh memory: the
/// first touch of a page costs more than a microsecond on a virtual machine. The recycler holds at
/// most `max_idle` objects; one that grew beyond `max_object_bytes` is freed instead of kept.
///
/// Clones share one shelf, behind a lock: for objects that are worth some microseconds.
///
/// ```
/// let buffers = tidemill_memory::Recycler::<Vec<f64>>::new(8, 1 << 20);
/// let mut one = buffers.take();
/// one.resize(1000, 0.0);
/// drop(one);
/// let again = buffers.take();
/// assert!(again.is_empty() && again.capacity() >= 1000);
/// ```
pub struct Recycler<T> {
    shelf: Arc<Shelf<T>>,
}

/// Recycled byte buffers.
pub type BufferPool = Recycler<Vec<u8>>;

/// A buffer of a [`BufferPool`], which goes back when dropped.
pub type PooledBuffer = Recycled<Vec<u8>>;

struct Shelf<T> {
    idle: Mutex<Vec<T>>,
    max_idle: usize,
    max_object_bytes: usize,
}

impl<T: Recycle> Recycler<T> {
    /// A recycler that keeps up to `max_idle` objects of up to `max_object_bytes` each.
    #[must_use]
    pub fn new(max_idle: usize, max_object_bytes: usize) -> Self {
        let shelf = Shelf { idle: Mutex::default(), max_idle, max_object_bytes };
        Self { shelf: Arc::new(shelf) }
    }

    /// An empty object, recycled if one is idle.
    #[must_use]
    pub fn take(&self) -> Recycled<T> {
        let recycled = self.shelf.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Recycled { object: recycled.unwrap_or_default(), shelf: Arc::clone(&self.shelf) }
    }

    /// The number of objects on the shelf.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.shelf.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// An object of a [`Recycler`], which goes back when dropped. It owns its share of the shelf.
pub struct Recycled<T: Recycle> {
    object: T,
    shelf: Arc<Shelf<T>>,
}

impl<T: Recycle> Deref for Recycled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T: Recycle> DerefMut for Recycled<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.object
    }
}

impl<T: Recycle> Drop for Recycled<T> {
    fn drop(&mut self) {
        let bytes = self.object.memory_bytes();
        if bytes == 0 || bytes > self.shelf.max_object_bytes {
            return;
        }
        let mut object = std::mem::take(&mut self.object);
        object.clear();
        let mut idle = self.shelf.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.shelf.max_idle {
            idle.push(object);
        } else {
            drop(idle); // what is not kept is freed outside the lock
        }
    }
}

impl<T> Clone for Recycler<T> {
    fn clone(&self) -> Self {
        Self { shelf: Arc::clone(&self.shelf) }
    }
}

impl<T> fmt::Debug for Recycler<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shelf { max_idle, max_object_bytes, .. } = &*self.shelf;
        f.debug_struct("Recycler")
            .field("max_idle", max_idle)
            .field("max_object_bytes", max_object_bytes)
            .finish_non_exhaustive()
    }
}

impl<T: Recycle + fmt::Debug> fmt::Debug for Recycled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_comes_back_empty_with_its_memory() {
        let pool = BufferPool::new(1, 1 << 20);
        let mut a = pool.take();
        a.extend_from_slice(&[1; 5000]);
        let address = a.as_ptr();
        drop(a);
        let b = pool.take();
        assert!(b.is_empty());
        assert_eq!(b.as_ptr(), address);
    }

    #[test]
    fn a_giant_is_not_kept() {
        let pool = BufferPool::new(4, 100);
        let mut a = pool.take();
        a.reserve(1000);
        drop(a);
        assert_eq!(pool.take().capacity(), 0);
    }

    #[test]
    fn the_shelf_is_bounded_and_outlives_the_recycler() {
        let pool = Recycler::<String>::new(2, 100);
        let clone = pool.clone();
        let taken: Vec<_> = (0..5).map(|_| pool.take()).collect();
        drop(pool);
        for mut one in taken {
            one.push('x');
        }
        assert_eq!(clone.idle(), 2);
    }
}
