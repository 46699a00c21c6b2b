//! Typed objects in an arena.
#![expect(clippy::mut_from_ref, reason = "every call gives a place of its own, until `&mut self`")]

use std::alloc::Layout;
use std::mem::needs_drop;
use std::ptr::NonNull;
use std::slice;

use allocator_api2::alloc::Allocator;

use super::Arena;
use crate::OutOfMemory;

/// Fails to compile for types with a destructor, which an arena would not run.
struct Plain<T>(T);

impl<T> Plain<T> {
    const CHECKED: () = assert!(!needs_drop::<T>(), "an Arena runs no destructors: use DropArena");
}

/// The infallible form of each takes the same and panics, or ends the process when the allocator
/// refused, as those of the standard library do.
impl<A: Allocator> Arena<A> {
    /// Puts `value` into the arena.
    ///
    /// # Panics
    /// When the arena's bound is reached.
    #[inline(always)]
    pub fn alloc<T>(&self, value: T) -> &mut T {
        self.alloc_with(|| value)
    }

    /// Puts what `make` returns into the arena, where it may be built in place.
    ///
    /// `make` may use the arena. Where it panics, its place is lost until the arena is emptied.
    ///
    /// # Panics
    /// When the arena's bound is reached.
    #[inline(always)]
    pub fn alloc_with<T>(&self, make: impl FnOnce() -> T) -> &mut T {
        let () = Plain::<T>::CHECKED;
        let place = self.alloc_layout(Layout::new::<T>()).cast::<T>();
        // SAFETY: the place has the size and alignment of a `T` and belongs to nobody else.
        unsafe { write(place, make()) }
    }

    /// Puts `value` into the arena.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    #[inline(always)]
    pub fn try_alloc<T>(&self, value: T) -> Result<&mut T, OutOfMemory> {
        self.try_alloc_with(|| value)
    }

    /// Puts what `make` returns into the arena; it is not called where there is no memory.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    #[inline(always)]
    pub fn try_alloc_with<T>(&self, make: impl FnOnce() -> T) -> Result<&mut T, OutOfMemory> {
        let () = Plain::<T>::CHECKED;
        let place = self.try_alloc_layout(Layout::new::<T>())?.cast::<T>();
        // SAFETY: the place has the size and alignment of a `T` and belongs to nobody else.
        Ok(unsafe { write(place, make()) })
    }

    /// Copies a slice into the arena.
    ///
    /// # Panics
    /// When the arena's bound is reached.
    #[inline]
    pub fn alloc_slice_copy<T: Copy>(&self, values: &[T]) -> &mut [T] {
        let place = self.alloc_layout(Layout::for_value(values)).cast::<T>();
        // SAFETY: the place has the size and alignment of `values`.
        unsafe { copy(place, values) }
    }

    /// Copies a slice into the arena.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    #[inline]
    pub fn try_alloc_slice_copy<T: Copy>(&self, values: &[T]) -> Result<&mut [T], OutOfMemory> {
        let place = self.try_alloc_layout(Layout::for_value(values))?.cast::<T>();
        // SAFETY: the place has the size and alignment of `values`.
        Ok(unsafe { copy(place, values) })
    }

    /// Clones a slice into the arena.
    ///
    /// # Panics
    /// When the arena's bound is reached.
    pub fn alloc_slice_clone<T: Clone>(&self, values: &[T]) -> &mut [T] {
        self.try_alloc_slice_clone(values).unwrap_or_else(|refused| refused.raise())
    }

    /// Clones a slice into the arena.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn try_alloc_slice_clone<T: Clone>(&self, values: &[T]) -> Result<&mut [T], OutOfMemory> {
        self.try_alloc_slice_fill_with(values.len(), |index| values[index].clone())
    }

    /// A slice of `len` values, each made from its index.
    ///
    /// # Panics
    /// When the arena's bound is reached.
    pub fn alloc_slice_fill_with<T>(&self, len: usize, make: impl FnMut(usize) -> T) -> &mut [T] {
        self.try_alloc_slice_fill_with(len, make).unwrap_or_else(|refused| refused.raise())
    }

    /// A slice of `len` values, each made from its index.
    ///
    /// # Errors
    /// [`OutOfMemory`], before the first is made.
    pub fn try_alloc_slice_fill_with<T>(
        &self,
        len: usize,
        mut make: impl FnMut(usize) -> T,
    ) -> Result<&mut [T], OutOfMemory> {
        let () = Plain::<T>::CHECKED;
        let layout = Layout::array::<T>(len).map_err(|_| OutOfMemory::Overflow)?;
        let place = self.try_alloc_layout(layout)?.cast::<T>();
        for index in 0..len {
            // SAFETY: within the place, which has room for `len` values and belongs to nobody else.
            unsafe { place.add(index).write(make(index)) };
        }
        // SAFETY: all `len` values were written; the place is borrowed from `self`.
        Ok(unsafe { slice::from_raw_parts_mut(place.as_ptr(), len) })
    }

    /// A slice of what an iterator yields.
    ///
    /// The values are moved each time they outgrow their place, unless nothing else was allocated
    /// meanwhile.
    ///
    /// # Panics
    /// When the arena's bound is reached.
    pub fn alloc_slice_from_iter<T>(&self, values: impl IntoIterator<Item = T>) -> &mut [T] {
        self.try_alloc_slice_from_iter(values).unwrap_or_else(|refused| refused.raise())
    }

    /// A slice of what an iterator yields.
    ///
    /// # Errors
    /// [`OutOfMemory`], with the iterator used up to that point.
    pub fn try_alloc_slice_from_iter<T>(
        &self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<&mut [T], OutOfMemory> {
        let () = Plain::<T>::CHECKED;
        let values = values.into_iter();
        let layout = |len| Layout::array::<T>(len).map_err(|_| OutOfMemory::Overflow);
        let mut room = values.size_hint().0;
        let mut place = self.try_alloc_layout(layout(room)?)?;
        let mut len = 0;
        for value in values {
            if len == room {
                let more = room.saturating_mul(2).max(4);
                // SAFETY: the place is a block of this arena of `room` values.
                place = unsafe { self.regrow(place, layout(room)?, layout(more)?) }?;
                room = more;
            }
            // SAFETY: `len < room`; where a `T` has no size, any aligned place will do.
            unsafe { place.cast::<T>().add(len).write(value) };
            len += 1;
        }
        // SAFETY: a block of `room` values, of which the first `len` were written; the rest is
        // given back if nothing was allocated behind it.
        let slice = unsafe {
            let _ = (&self).shrink(place, layout(room)?, layout(len)?);
            slice::from_raw_parts_mut(place.cast::<T>().as_ptr(), len)
        };
        Ok(slice)
    }

    /// Copies a string into the arena.
    ///
    /// # Panics
    /// When the arena's bound is reached.
    #[inline]
    pub fn alloc_str(&self, text: &str) -> &mut str {
        let bytes = self.alloc_slice_copy(text.as_bytes());
        // SAFETY: a copy of valid UTF-8.
        unsafe { std::str::from_utf8_unchecked_mut(bytes) }
    }

    /// Copies a string into the arena.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    #[inline]
    pub fn try_alloc_str(&self, text: &str) -> Result<&mut str, OutOfMemory> {
        let bytes = self.try_alloc_slice_copy(text.as_bytes())?;
        // SAFETY: a copy of valid UTF-8.
        Ok(unsafe { std::str::from_utf8_unchecked_mut(bytes) })
    }
}

/// # Safety
/// `place` is valid for a `T`, aligned, and nobody else's for `'a`.
#[inline(always)]
unsafe fn write<'a, T>(place: NonNull<T>, value: T) -> &'a mut T {
    // SAFETY: as the caller says.
    unsafe {
        place.write(value);
        &mut *place.as_ptr()
    }
}

/// # Safety
/// `place` is valid for `values.len()` values, aligned, and nobody else's for `'a`.
#[inline(always)]
unsafe fn copy<'a, T: Copy>(place: NonNull<T>, values: &[T]) -> &'a mut [T] {
    // SAFETY: as the caller says; what is nobody else's does not overlap `values`.
    unsafe {
        place.copy_from_nonoverlapping(NonNull::from_ref(values).cast(), values.len());
        slice::from_raw_parts_mut(place.as_ptr(), values.len())
    }
}
