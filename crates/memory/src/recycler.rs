use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::OutOfMemory;
use crate::shared::Shared;

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
/// first touch of a page costs more than a microsecond on a virtual machine. The shelf holds at most
/// `max_idle` objects with at most `max_idle_bytes` of memory together; what is beyond is freed.
///
/// Clones share one shelf, behind a lock: for objects that are worth some microseconds. A
/// [`Recycled`] object goes back by itself; [`take`](Self::take) and [`put`](Self::put) leave that
/// to the caller.
///
/// ```
/// let buffers = tidemill_memory::Recycler::<Vec<f64>>::new(8, 1 << 20);
/// let mut one = buffers.get();
/// one.resize(1000, 0.0);
/// drop(one);
/// let again = buffers.get();
/// assert!(again.is_empty() && again.capacity() >= 1000);
/// ```
pub struct Recycler<T> {
    shelf: Shared<Shelf<T>>,
}

struct Shelf<T> {
    idle: Mutex<Idle<T>>,
    max_idle: usize,
    max_idle_bytes: usize,
}

/// Objects with the bytes they were counted with.
struct Idle<T> {
    objects: Vec<(T, usize)>,
    bytes: usize,
}

impl<T> Shelf<T> {
    fn lock(&self) -> MutexGuard<'_, Idle<T>> {
        // Nothing panics between its changes: the sum is that of the objects.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Recycle> Shelf<T> {
    fn take(&self) -> T {
        let mut idle = self.lock();
        let Some((object, bytes)) = idle.objects.pop() else {
            drop(idle); // a new object is made outside the lock
            return T::default();
        };
        idle.bytes -= bytes;
        object
    }

    fn put(&self, mut object: T) {
        object.clear();
        let bytes = object.memory_bytes();
        let mut idle = self.lock();
        // An object for which the shelf gets no place is freed, as one beyond its bounds.
        let has_room = idle.objects.len() < self.max_idle && idle.objects.try_reserve(1).is_ok();
        if has_room && (1..=self.max_idle_bytes - idle.bytes).contains(&bytes) {
            idle.bytes += bytes;
            idle.objects.push((object, bytes));
        } else {
            drop(idle); // what is not kept is freed outside the lock
        }
    }
}

impl<T: Recycle> Recycler<T> {
    /// A recycler that keeps up to `max_idle` objects of up to `max_idle_bytes` together.
    #[must_use]
    pub fn new(max_idle: usize, max_idle_bytes: usize) -> Self {
        Self::try_new(max_idle, max_idle_bytes).unwrap_or_else(|refused| refused.raise())
    }

    /// A recycler that keeps up to `max_idle` objects of up to `max_idle_bytes` together.
    ///
    /// # Errors
    /// [`OutOfMemory`]. Of what comes after this nothing can fail, but for what objects do themselves: one
    /// that the shelf has no memory to keep is freed.
    pub fn try_new(max_idle: usize, max_idle_bytes: usize) -> Result<Self, OutOfMemory> {
        let idle = Mutex::new(Idle { objects: Vec::new(), bytes: 0 });
        Ok(Self { shelf: Shared::try_new(Shelf { idle, max_idle, max_idle_bytes })? })
    }

    /// An object as good as new, which goes back when dropped: the one that came back last, if one
    /// is idle.
    #[must_use]
    pub fn get(&self) -> Recycled<T> {
        Recycled { object: ManuallyDrop::new(self.take()), shelf: self.shelf.clone() }
    }

    /// As [`get`](Self::get), but the object is the caller's.
    #[must_use]
    pub fn take(&self) -> T {
        self.shelf.take()
    }

    /// Clears an object and keeps it for the next, if there is room for it.
    pub fn put(&self, object: T) {
        self.shelf.put(object);
    }

    /// The number of objects on the shelf.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.shelf.lock().objects.len()
    }

    /// Bytes of memory in the objects on the shelf.
    #[must_use]
    pub fn idle_bytes(&self) -> usize {
        self.shelf.lock().bytes
    }
}

/// An object of a [`Recycler`], which goes back when dropped. It owns its share of the shelf.
pub struct Recycled<T: Recycle> {
    object: ManuallyDrop<T>,
    shelf: Shared<Shelf<T>>,
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
        // SAFETY: taken once; the handle is gone afterwards.
        self.shelf.put(unsafe { ManuallyDrop::take(&mut self.object) });
    }
}

impl<T> Clone for Recycler<T> {
    fn clone(&self) -> Self {
        Self { shelf: self.shelf.clone() }
    }
}

impl<T> fmt::Debug for Recycler<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shelf { max_idle, max_idle_bytes, .. } = &*self.shelf;
        f.debug_struct("Recycler")
            .field("max_idle", max_idle)
            .field("max_idle_bytes", max_idle_bytes)
            .finish_non_exhaustive()
    }
}

impl<T: Recycle + fmt::Debug> fmt::Debug for Recycled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_comes_back_empty_with_its_memory() {
        let buffers = Recycler::<Vec<u8>>::new(1, 1 << 20);
        let mut a = buffers.get();
        a.extend_from_slice(&[1; 5000]);
        let address = a.as_ptr();
        drop(a);
        let b = buffers.get();
        assert!(b.is_empty());
        assert_eq!(b.as_ptr(), address);
    }

    #[test]
    fn the_shelf_keeps_what_its_bounds_allow() {
        let shelf = Recycler::<Vec<u8>>::new(3, 100);
        for capacity in [0, 60, 50, 40] {
            shelf.put(Vec::with_capacity(capacity));
        }
        assert_eq!((shelf.idle(), shelf.idle_bytes()), (2, 100));
        let taken: Vec<usize> = (0..3).map(|_| shelf.take().capacity()).collect();
        assert_eq!((taken, shelf.idle_bytes()), (vec![40, 60, 0], 0));
        (0..5).for_each(|_| shelf.put(Vec::with_capacity(1)));
        assert_eq!(shelf.idle(), 3);
    }

    #[test]
    fn an_object_keeps_its_shelf_alive_and_moves_between_threads() {
        let texts = Recycler::<String>::new(2, 100);
        let mut taken = texts.get();
        let clone = texts.clone();
        drop(texts);
        std::thread::spawn(move || taken.push('x')).join().unwrap();
        assert_eq!(clone.idle(), 1);
    }
}
