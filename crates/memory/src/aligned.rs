//! Aligned buffers.

mod block;
mod traits;

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use allocator_api2::alloc::{Allocator, Global};

use crate::OutOfMemory;
use block::Block;

/// The alignment of an [`AlignedVec`] in bytes: a cache line, an AVX-512 register.
pub const ALIGNMENT_BYTES: usize = 64;

/// Types for which a value of only zero bytes is one.
///
/// # Safety
/// It is: all bytes zero is a valid value of the type.
pub unsafe trait Zeroed: Copy {}

macro_rules! zeroed {
    ($($t:ty)*) => {
        // SAFETY: zero is a value of every number, `false` is zero, and `'\0'` is a character.
        $(unsafe impl Zeroed for $t {})*
    };
}

zeroed!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool char);

// SAFETY: an array's bytes are those of its values.
unsafe impl<T: Zeroed, const N: usize> Zeroed for [T; N] {}

/// A growable buffer of plain data that begins at a multiple of 64 bytes.
///
/// From 2 MiB on ([`HUGE_PAGE_BYTES`](crate::HUGE_PAGE_BYTES)) it begins at a huge page, is rounded
/// up to whole ones, and they are advised: a fault every 2 MiB instead of 4 KiB, which is what
/// filling fresh memory costs most of. It grows by doubling, and moves when it does.
///
/// It is a slice to work with (`as_chunks` among it). `Send` and `Sync` as `Vec` is.
///
/// ```
/// use tidemill_memory::AlignedVec;
///
/// let mut values = AlignedVec::from([1.0, 2.0, 3.0]);
/// values.resize(16, 0.0);
/// assert!(values.as_ptr().addr().is_multiple_of(64));
/// let (eights, rest) = values.as_chunks::<8>();
/// assert_eq!((eights.len(), rest.len()), (2, 0));
/// ```
pub struct AlignedVec<T: Copy, A: Allocator = Global> {
    block: Block<T>,
    len: usize,
    allocator: A,
}

// SAFETY: the values are owned, as those of a `Vec`.
unsafe impl<T: Copy + Send, A: Allocator + Send> Send for AlignedVec<T, A> {}
// SAFETY: a shared vector gives shared values only.
unsafe impl<T: Copy + Sync, A: Allocator + Sync> Sync for AlignedVec<T, A> {}

impl<T: Copy> AlignedVec<T> {
    /// A vector that has no memory yet.
    #[must_use]
    pub const fn new() -> Self {
        Self::new_in(Global)
    }

    /// A vector with room for `capacity` values.
    ///
    /// # Panics
    /// When that is more than `isize::MAX` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let mut made = Self::new();
        made.reserve(capacity);
        made
    }

    /// A vector of `len` zeros. A large one costs its pages only when they are first written.
    ///
    /// # Panics
    /// When that is more than `isize::MAX` bytes.
    #[must_use]
    pub fn zeroed(len: usize) -> Self
    where
        T: Zeroed,
    {
        Self::try_zeroed_in(len, Global).unwrap_or_else(|refused| refused.raise())
    }
}

impl<T: Copy, A: Allocator> AlignedVec<T, A> {
    /// A vector whose memory comes from `allocator`.
    #[must_use]
    pub const fn new_in(allocator: A) -> Self {
        Self { block: Block::empty(), len: 0, allocator }
    }

    /// A vector of `len` zeros.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn try_zeroed_in(len: usize, allocator: A) -> Result<Self, OutOfMemory>
    where
        T: Zeroed,
    {
        let block = Block::allocate_zeroed(len, &allocator)?;
        Ok(Self { block, len, allocator })
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of values there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.block.capacity()
    }

    /// The values.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: the first `len` values of the block are written.
        unsafe { slice::from_raw_parts(self.block.start().as_ptr(), self.len) }
    }

    /// The values.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: the first `len` values of the block are written, and it is borrowed alone.
        unsafe { slice::from_raw_parts_mut(self.block.start().as_ptr(), self.len) }
    }

    /// Makes room for `more` values behind those that are there.
    ///
    /// # Panics
    /// When there would be more than `isize::MAX` bytes.
    pub fn reserve(&mut self, more: usize) {
        self.try_reserve(more).unwrap_or_else(|refused| refused.raise());
    }

    /// Makes room for `more` values behind those that are there: at least twice the room there was,
    /// where it did not suffice.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn try_reserve(&mut self, more: usize) -> Result<(), OutOfMemory> {
        if more <= self.capacity() - self.len { Ok(()) } else { self.grow(more) }
    }

    #[cold]
    fn grow(&mut self, more: usize) -> Result<(), OutOfMemory> {
        let needed = self.len.checked_add(more).ok_or(OutOfMemory::Overflow)?;
        let capacity = needed.max(self.capacity().saturating_mul(2));
        let block = Block::allocate(capacity, &self.allocator)?;
        // SAFETY: both blocks have room for `len` values, and are two. The old one came from this
        // allocator, and is replaced.
        unsafe {
            block.start().copy_from_nonoverlapping(self.block.start(), self.len);
            std::mem::replace(&mut self.block, block).free(&self.allocator);
        }
        Ok(())
    }

    /// Appends a value.
    ///
    /// # Panics
    /// As [`reserve`](Self::reserve).
    #[inline]
    pub fn push(&mut self, value: T) {
        self.try_push(value).unwrap_or_else(|refused| refused.raise());
    }

    /// Appends a value.
    ///
    /// # Errors
    /// [`OutOfMemory`]; it is not appended.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), OutOfMemory> {
        self.try_reserve(1)?;
        // SAFETY: there is room for one more.
        unsafe { self.block.start().add(self.len).write(value) };
        self.len += 1;
        Ok(())
    }

    /// Appends values.
    ///
    /// # Panics
    /// As [`reserve`](Self::reserve).
    pub fn extend_from_slice(&mut self, values: &[T]) {
        self.try_extend_from_slice(values).unwrap_or_else(|refused| refused.raise());
    }

    /// Appends values.
    ///
    /// # Errors
    /// [`OutOfMemory`]; nothing is appended.
    pub fn try_extend_from_slice(&mut self, values: &[T]) -> Result<(), OutOfMemory> {
        self.try_reserve(values.len())?;
        let from = NonNull::from_ref(values).cast::<T>();
        // SAFETY: there is room for them; `values` is borrowed and this vector borrowed alone, so
        // that they do not overlap.
        unsafe { self.block.start().add(self.len).copy_from_nonoverlapping(from, values.len()) };
        self.len += values.len();
        Ok(())
    }

    /// Sets the number of values; new ones are `value`.
    ///
    /// # Panics
    /// As [`reserve`](Self::reserve).
    pub fn resize(&mut self, len: usize, value: T) {
        self.try_resize(len, value).unwrap_or_else(|refused| refused.raise());
    }

    /// Sets the number of values; new ones are `value`.
    ///
    /// # Errors
    /// [`OutOfMemory`]; nothing is changed.
    pub fn try_resize(&mut self, len: usize, value: T) -> Result<(), OutOfMemory> {
        let more = len.saturating_sub(self.len);
        self.try_reserve(more)?;
        for place in &mut self.spare_capacity_mut()[..more] {
            place.write(value);
        }
        self.len = len;
        Ok(())
    }

    /// Forgets all values behind the first `len`, and keeps the memory.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Forgets all values, and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// The room behind the values.
    pub fn spare_capacity_mut(&mut self) -> &mut [MaybeUninit<T>] {
        let room = self.capacity() - self.len;
        // SAFETY: within the block, borrowed alone; `MaybeUninit` needs no values there.
        unsafe {
            let start = self.block.start().add(self.len).cast::<MaybeUninit<T>>();
            slice::from_raw_parts_mut(start.as_ptr(), room)
        }
    }

    /// Sets the number of values, after they were written through
    /// [`spare_capacity_mut`](Self::spare_capacity_mut).
    ///
    /// # Safety
    /// `len` is at most the capacity, and the first `len` values are written.
    pub unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.capacity());
        self.len = len;
    }
}

impl<T: Copy, A: Allocator> Drop for AlignedVec<T, A> {
    fn drop(&mut self) {
        // SAFETY: the block came from this allocator, and is not used any more.
        unsafe { std::mem::replace(&mut self.block, Block::empty()).free(&self.allocator) };
    }
}
