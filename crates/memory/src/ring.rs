use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::{drop_in_place, slice_from_raw_parts_mut};

use crate::OutOfMemory;

/// The last values of a row of them: a queue of fixed capacity that never moves its values.
///
/// Full is an answer ([`push`](Self::push) gives the value back), or makes room by taking the oldest
/// out ([`push_overwrite`](Self::push_overwrite)). `Send` and `Sync` as `Vec` is.
///
/// ```
/// let mut last = tidemill_memory::RingBuffer::new(3);
/// for n in 0..5 {
///     last.push_overwrite(n);
/// }
/// assert!(last.iter().eq(&[2, 3, 4]));
/// assert_eq!(last.push(5), Err(5));
/// assert_eq!(last.pop(), Some(2));
/// ```
pub struct RingBuffer<T> {
    /// The values from `head` on, `len` of them, around the end.
    slots: Box<[MaybeUninit<T>]>,
    head: usize,
    len: usize,
}

impl<T> RingBuffer<T> {
    /// A ring for `capacity` values.
    ///
    /// # Panics
    /// When that is more than `isize::MAX` bytes.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::try_new(capacity).unwrap_or_else(|refused| refused.raise())
    }

    /// A ring for `capacity` values.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn try_new(capacity: usize) -> Result<Self, OutOfMemory> {
        let mut slots: Vec<MaybeUninit<T>> = Vec::new();
        slots.try_reserve_exact(capacity).map_err(|_| OutOfMemory::array::<T>(capacity))?;
        slots.resize_with(capacity, MaybeUninit::uninit);
        Ok(Self { slots: slots.into_boxed_slice(), head: 0, len: 0 })
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

    /// The number of values that fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Whether no more fits.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len == self.capacity()
    }

    /// Appends a value, or gives it back when the ring is full.
    ///
    /// # Errors
    /// The value.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), T> {
        if self.is_full() {
            return Err(value);
        }
        let at = self.wrap(self.head + self.len);
        self.slots[at].write(value);
        self.len += 1;
        Ok(())
    }

    /// Appends a value; returns the oldest one when it had to make room (or `value`, when there is
    /// no room for any).
    #[inline]
    pub fn push_overwrite(&mut self, value: T) -> Option<T> {
        if !self.is_full() {
            return self.push(value).err();
        }
        let Some(slot) = self.slots.get_mut(self.head) else { return Some(value) };
        let oldest = std::mem::replace(slot, MaybeUninit::new(value));
        self.head = self.wrap(self.head + 1);
        // SAFETY: the ring was full: every slot held a value.
        Some(unsafe { oldest.assume_init() })
    }

    /// Takes the oldest value.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        // SAFETY: the slot at `head` holds a value, and is given up in what follows.
        let value = unsafe { self.slots[self.head].assume_init_read() };
        self.head = self.wrap(self.head + 1);
        self.len -= 1;
        Some(value)
    }

    /// The value with this index; the oldest has 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        let (older, newer) = self.as_slices();
        older.get(index).or_else(|| newer.get(index - older.len()))
    }

    /// From the oldest to the newest.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + Clone {
        let (older, newer) = self.as_slices();
        older.iter().chain(newer)
    }

    /// The values in order: the older, then the newer ones.
    #[must_use]
    pub fn as_slices(&self) -> (&[T], &[T]) {
        let (older, newer) = self.spans();
        // SAFETY: both spans hold values.
        unsafe { (self.slots[older].assume_init_ref(), self.slots[newer].assume_init_ref()) }
    }

    /// The values in order: the older, then the newer ones.
    pub fn as_mut_slices(&mut self) -> (&mut [T], &mut [T]) {
        let (older, newer) = self.spans();
        let (low, high) = self.slots.split_at_mut(older.start);
        // SAFETY: both spans hold values; the newer one lies before the older.
        unsafe { (high[..older.len()].assume_init_mut(), low[newer].assume_init_mut()) }
    }

    /// Drops all values.
    pub fn clear(&mut self) {
        let (older, newer) = self.spans();
        self.len = 0;
        self.head = 0;
        // The ring is empty already: where a destructor panics, the others' values are leaked or
        // dropped by `Rest`, but never twice.
        let start = self.slots.as_mut_ptr().cast::<T>();
        let rest = Rest(slice_from_raw_parts_mut(start, newer.len()));
        // SAFETY: both spans held values, which the ring no longer counts.
        unsafe { drop_in_place(slice_from_raw_parts_mut(start.add(older.start), older.len())) };
        drop(rest);
    }

    /// The slots with values: from `head` to the end at most, and from the beginning on.
    fn spans(&self) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let older = self.len.min(self.capacity() - self.head);
        (self.head..self.head + older, 0..self.len - older)
    }

    /// An index below twice the capacity, cut to it.
    #[inline(always)]
    fn wrap(&self, index: usize) -> usize {
        if index >= self.capacity() { index - self.capacity() } else { index }
    }
}

/// Values that are dropped even if those before them panic.
struct Rest<T>(*mut [T]);

impl<T> Drop for Rest<T> {
    fn drop(&mut self) {
        // SAFETY: made by `clear` from slots with values that nothing else counts.
        unsafe { drop_in_place(self.0) };
    }
}

impl<T> Drop for RingBuffer<T> {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<T: fmt::Debug> fmt::Debug for RingBuffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Clone> Clone for RingBuffer<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.capacity());
        for value in self.iter() {
            let _ = copy.push(value.clone());
        }
        copy
    }
}
