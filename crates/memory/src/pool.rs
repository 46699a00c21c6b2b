use std::alloc::Layout;
use std::cell::Cell;
use std::fmt;
use std::iter::successors;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::{NonNull, drop_in_place};

use allocator_api2::alloc::{Allocator, Global};

use crate::{Arena, OutOfMemory};

/// Places for values of one type, which come and go in any order.
///
/// [`insert`](Self::insert) gives a [`Pooled`] handle; many may live at once. Dropping it drops the
/// value and frees its place for the next one, the place that was freed last first. Both cost a few
/// instructions and no allocation once there are as many places as values live at a time. The
/// memory is kept until the pool is dropped.
///
/// One thread at a time (`Send`, not `Sync`; handles stay on their thread). For values that are
/// kept as they are, and shared between threads, see [`Recycler`](crate::Recycler) and
/// [`ThreadLocalPool`](crate::ThreadLocalPool).
///
/// ```
/// let pool = tidemill_memory::Pool::new();
/// let mut a = pool.insert(String::from("a"));
/// let b = pool.insert(String::from("b"));
/// a.push_str(&b);
/// assert_eq!((a.as_str(), pool.len()), ("ab", 2));
/// drop(b);
/// assert_eq!(a.into_inner(), "ab");
/// assert_eq!(pool.len(), 0);
/// ```
/// ```compile_fail
/// let pool = tidemill_memory::Pool::new();
/// let value = pool.insert(1);
/// drop(pool);
/// assert_eq!(*value, 1);
/// ```
pub struct Pool<T, A: Allocator = Global> {
    free: Cell<Option<NonNull<Slot<T>>>>,
    /// Places made so far, free and taken.
    made: Cell<usize>,
    slots: Arena<A>,
}

/// A place: with a value, or with the place that was freed before it.
union Slot<T> {
    next: Option<NonNull<Slot<T>>>,
    #[expect(dead_code, reason = "read and written by address, as all of the place")]
    value: ManuallyDrop<T>,
}

// SAFETY: no handle exists while the pool is moved (they borrow it), so that it holds no values
// but those of forgotten handles, which nobody will ever see again.
unsafe impl<T: Send, A: Allocator + Send> Send for Pool<T, A> {}

impl<T> Pool<T> {
    /// A pool that has no memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::new_in(Global)
    }
}

impl<T, A: Allocator> Pool<T, A> {
    /// A pool whose memory comes from `allocator`.
    #[must_use]
    pub fn new_in(allocator: A) -> Self {
        Self { free: Cell::new(None), made: Cell::new(0), slots: Arena::new_in(allocator) }
    }

    /// The same pool, which takes at most `max_bytes` from its allocator.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: usize) -> Self {
        Self { slots: self.slots.with_max_bytes(max_bytes), ..self }
    }

    /// Makes room for `more` values beside those that live.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the room made until then stays.
    pub fn try_reserve(&self, more: usize) -> Result<(), OutOfMemory> {
        let free = self.free_places().take(more).count();
        for _ in free..more {
            let slot = self.fresh()?;
            // SAFETY: a place of the pool's own that nobody has.
            unsafe { self.release(slot) };
        }
        Ok(())
    }

    /// The number of values in the pool: what is not free, for which the free places are counted
    /// (so that nothing is counted on the way of a value).
    #[must_use]
    pub fn len(&self) -> usize {
        self.made.get() - self.free_places().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes taken from the allocator.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.slots.allocated_bytes()
    }

    /// Puts `value` into the pool.
    ///
    /// # Panics
    /// When the pool's bound is reached.
    #[inline(always)]
    pub fn insert(&self, value: T) -> Pooled<'_, T, A> {
        self.insert_with(|| value)
    }

    /// Puts what `make` returns into the pool, where it may be built in place. It may use the pool.
    ///
    /// # Panics
    /// When the pool's bound is reached.
    #[inline(always)]
    pub fn insert_with(&self, make: impl FnOnce() -> T) -> Pooled<'_, T, A> {
        let slot = self.slot().unwrap_or_else(|refused| refused.raise());
        self.fill(slot, make)
    }

    /// Puts `value` into the pool, or gives it back.
    ///
    /// # Errors
    /// The value, and [`OutOfMemory`].
    #[inline]
    pub fn try_insert(&self, value: T) -> Result<Pooled<'_, T, A>, (T, OutOfMemory)> {
        match self.slot() {
            Ok(slot) => Ok(self.fill(slot, || value)),
            Err(refused) => Err((value, refused)),
        }
    }

    /// A place that nobody else has.
    #[inline(always)]
    fn slot(&self) -> Result<NonNull<Slot<T>>, OutOfMemory> {
        match self.free.get() {
            Some(slot) => {
                // SAFETY: a place in the list is free and holds the next one.
                self.free.set(unsafe { (*slot.as_ptr()).next });
                Ok(slot)
            }
            None => self.fresh(),
        }
    }

    #[inline(never)]
    fn fresh(&self) -> Result<NonNull<Slot<T>>, OutOfMemory> {
        let slot = self.slots.try_alloc_layout(Layout::new::<Slot<T>>())?;
        self.made.set(self.made.get() + 1);
        Ok(slot.cast())
    }

    fn free_places(&self) -> impl Iterator<Item = NonNull<Slot<T>>> {
        // SAFETY: a place in the list is free and holds the next one.
        successors(self.free.get(), |slot| unsafe { (*slot.as_ptr()).next })
    }

    #[inline(always)]
    fn fill(&self, slot: NonNull<Slot<T>>, make: impl FnOnce() -> T) -> Pooled<'_, T, A> {
        let empty = Vacant { slot, pool: self };
        let value = make();
        // SAFETY: the place was taken from the pool for this value.
        unsafe { slot.cast::<T>().write(value) };
        std::mem::forget(empty);
        Pooled { slot, pool: self, owns: PhantomData }
    }

    /// Puts a place into the list of free ones.
    ///
    /// # Safety
    /// It is this pool's, and neither in the list nor used by anybody any more.
    #[inline(always)]
    unsafe fn release(&self, slot: NonNull<Slot<T>>) {
        // SAFETY: as the caller says.
        unsafe { slot.write(Slot { next: self.free.get() }) };
        self.free.set(Some(slot));
    }
}

/// A place taken for a value that does not exist yet, or no longer: it goes back to the list when
/// making or dropping the value panics.
struct Vacant<'p, T, A: Allocator> {
    slot: NonNull<Slot<T>>,
    pool: &'p Pool<T, A>,
}

impl<T, A: Allocator> Drop for Vacant<'_, T, A> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: taken from this pool, without a value.
        unsafe { self.pool.release(self.slot) };
    }
}

/// A value in a [`Pool`], which drops it and takes its place back when this is dropped.
///
/// One that is forgotten keeps its place until the pool is dropped; its value is then never dropped.
pub struct Pooled<'p, T, A: Allocator = Global> {
    slot: NonNull<Slot<T>>,
    pool: &'p Pool<T, A>,
    owns: PhantomData<T>,
}

impl<T, A: Allocator> Pooled<'_, T, A> {
    /// Takes the value out of the pool.
    #[must_use]
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: the place holds a value, which is read once: the handle is not dropped.
        let value = unsafe { this.slot.cast::<T>().read() };
        drop(this.vacate());
        value
    }

    /// The place alone, which goes back when the result is dropped.
    #[inline(always)]
    fn vacate(&self) -> Vacant<'_, T, A> {
        Vacant { slot: self.slot, pool: self.pool }
    }
}

impl<T, A: Allocator> Deref for Pooled<'_, T, A> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the place holds a value for as long as the handle lives, which alone knows it.
        unsafe { self.slot.cast::<T>().as_ref() }
    }
}

impl<T, A: Allocator> DerefMut for Pooled<'_, T, A> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`, and the handle is borrowed alone.
        unsafe { self.slot.cast::<T>().as_mut() }
    }
}

impl<T, A: Allocator> Drop for Pooled<'_, T, A> {
    #[inline(always)]
    fn drop(&mut self) {
        let _vacant = self.vacate();
        // SAFETY: the place holds a value; it is dropped once, and its place released after it.
        unsafe { drop_in_place(self.slot.cast::<T>().as_ptr()) };
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, A: Allocator> fmt::Debug for Pool<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("len", &self.len()).field("slots", &self.slots).finish()
    }
}

impl<T: fmt::Debug, A: Allocator> fmt::Debug for Pooled<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
