mod iter;

use crate::OutOfMemory;
pub use iter::{IndexListIntoIter, IndexListIter};

/// No slot.
const NONE: u32 = u32::MAX;

/// A doubly linked list in one block of memory.
///
/// Elements stand in slots of a vector and are linked by 32-bit indices; freed slots are used again
/// before the vector grows. Everything but growing takes constant time: adding at either end or beside an
/// element, removing by handle, and moving to an end, which is what a cache that forgets the least
/// recently used needs. An element costs itself and 12 bytes, and an `Option`'s tag where it has no niche.
///
/// A [`Handle`] names one element of one list for ever: a slot counts its elements, and is not used again
/// when the count is exhausted (after 2³² elements), so that the handle of an element that was removed finds nothing,
/// whatever came into its slot. Handles of one list mean nothing to another.
///
/// ```
/// use tidemill_memory::IndexList;
///
/// let mut recent = IndexList::new();
/// let [a, b] = ["a", "b"].map(|name| recent.push_front(name));
/// recent.move_to_front(a);
/// assert_eq!(recent.pop_back(), Some("b"));
/// assert_eq!((recent.get(a), recent.get(b)), (Some(&"a"), None));
/// ```
pub struct IndexList<T> {
    slots: Vec<Slot<T>>,
    first: u32,
    last: u32,
    /// The first of the free slots, which are linked by `next`.
    free: u32,
    len: u32,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    value: Option<T>,
    /// How many elements the slot had before this one.
    generation: u32,
    previous: u32,
    next: u32,
}

/// The name of an element of an [`IndexList`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    index: u32,
    generation: u32,
}

impl<T> IndexList<T> {
    /// A list of nothing, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: Vec::new(), first: NONE, last: NONE, free: NONE, len: 0 }
    }

    /// An empty list with room for `capacity` elements.
    ///
    /// # Panics
    /// When there is no such memory.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let mut list = Self::new();
        list.try_reserve(capacity).unwrap_or_else(|refused| refused.raise());
        list
    }

    /// Makes room for `more` elements beside those that are there: adding so many needs no memory.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the list holds what it held.
    pub fn try_reserve(&mut self, more: usize) -> Result<(), OutOfMemory> {
        // Slots that are free, or exhausted, are not counted: at worst there is too much room.
        let most = (NONE as usize).saturating_sub(self.slots.len());
        if more > most {
            let [wanted_bytes, max_bytes] =
                [more, NONE as usize].map(|slots| slots.saturating_mul(size_of::<Slot<T>>()));
            return Err(OutOfMemory::Limit { wanted_bytes, max_bytes });
        }
        let wanted = self.slots.len() + more;
        self.slots.try_reserve(more).map_err(|_| OutOfMemory::array::<Slot<T>>(wanted))
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an element before all others.
    ///
    /// # Panics
    /// When there is no memory for it, or there are 2³² − 1 slots.
    pub fn push_front(&mut self, value: T) -> Handle {
        self.insert(value, NONE, self.first)
    }

    /// Adds an element before all others.
    ///
    /// # Errors
    /// The value, and [`OutOfMemory`]; the list is as it was.
    pub fn try_push_front(&mut self, value: T) -> Result<Handle, (T, OutOfMemory)> {
        self.try_insert(value, NONE, self.first)
    }

    /// Adds an element behind all others.
    ///
    /// # Panics
    /// When there is no memory for it, or there are 2³² − 1 slots.
    pub fn push_back(&mut self, value: T) -> Handle {
        self.insert(value, self.last, NONE)
    }

    /// Adds an element behind all others.
    ///
    /// # Errors
    /// The value, and [`OutOfMemory`]; the list is as it was.
    pub fn try_push_back(&mut self, value: T) -> Result<Handle, (T, OutOfMemory)> {
        self.try_insert(value, self.last, NONE)
    }

    /// Adds an element before that of the handle.
    ///
    /// # Errors
    /// The value, when the handle's element is gone.
    ///
    /// # Panics
    /// When there is no memory for it, or there are 2³² − 1 slots: never after a
    /// [`try_reserve`](Self::try_reserve).
    pub fn insert_before(&mut self, at: Handle, value: T) -> Result<Handle, T> {
        match self.slot(at) {
            Some(slot) => Ok(self.insert(value, slot.previous, at.index)),
            None => Err(value),
        }
    }

    /// Adds an element behind that of the handle.
    ///
    /// # Errors
    /// The value, when the handle's element is gone.
    ///
    /// # Panics
    /// When there is no memory for it, or there are 2³² − 1 slots: never after a
    /// [`try_reserve`](Self::try_reserve).
    pub fn insert_after(&mut self, at: Handle, value: T) -> Result<Handle, T> {
        match self.slot(at) {
            Some(slot) => Ok(self.insert(value, at.index, slot.next)),
            None => Err(value),
        }
    }

    /// Takes the first element out.
    pub fn pop_front(&mut self) -> Option<T> {
        self.remove(self.front_handle()?)
    }

    /// Takes the last element out.
    pub fn pop_back(&mut self) -> Option<T> {
        self.remove(self.back_handle()?)
    }

    /// Takes an element out, if it is still there.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        self.slot(handle)?;
        self.unlink(handle.index);
        let slot = &mut self.slots[handle.index as usize];
        let value = slot.value.take();
        // A slot whose count is exhausted is left alone.
        if let Some(generation) = slot.generation.checked_add(1) {
            slot.generation = generation;
            slot.next = self.free;
            self.free = handle.index;
        }
        self.len -= 1;
        value
    }

    /// Makes an element the first, if it is still there.
    pub fn move_to_front(&mut self, handle: Handle) -> bool {
        if self.slot(handle).is_none() {
            return false;
        }
        if self.first != handle.index {
            self.unlink(handle.index);
            self.link(handle.index, NONE, self.first);
        }
        true
    }

    /// Makes an element the last, if it is still there.
    pub fn move_to_back(&mut self, handle: Handle) -> bool {
        if self.slot(handle).is_none() {
            return false;
        }
        if self.last != handle.index {
            self.unlink(handle.index);
            self.link(handle.index, self.last, NONE);
        }
        true
    }

    /// The element of a handle, if it is still there.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<&T> {
        self.slot(handle)?.value.as_ref()
    }

    /// The element of a handle, if it is still there.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        self.slot(handle)?;
        self.slots[handle.index as usize].value.as_mut()
    }

    /// The first element.
    #[must_use]
    pub fn front(&self) -> Option<&T> {
        self.get(self.front_handle()?)
    }

    /// The last element.
    #[must_use]
    pub fn back(&self) -> Option<&T> {
        self.get(self.back_handle()?)
    }

    /// The first element's handle.
    #[must_use]
    pub fn front_handle(&self) -> Option<Handle> {
        self.handle(self.first)
    }

    /// The last element's handle.
    #[must_use]
    pub fn back_handle(&self) -> Option<Handle> {
        self.handle(self.last)
    }

    /// The handle of the element behind this one.
    #[must_use]
    pub fn next(&self, handle: Handle) -> Option<Handle> {
        self.handle(self.slot(handle)?.next)
    }

    /// The handle of the element before this one.
    #[must_use]
    pub fn previous(&self, handle: Handle) -> Option<Handle> {
        self.handle(self.slot(handle)?.previous)
    }

    /// Removes the elements for which `keep` says `false`, from the first on. If it panics, those it has not
    /// been asked about are kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        let mut next = self.front_handle();
        while let Some(handle) = next {
            next = self.next(handle);
            if !self.get_mut(handle).is_none_or(&mut keep) {
                self.remove(handle);
            }
        }
    }

    /// Removes every element and keeps the memory; handles of them find nothing later.
    pub fn clear(&mut self) {
        while self.pop_front().is_some() {}
    }

    /// The elements in order, from either end.
    #[must_use]
    pub fn iter(&self) -> IndexListIter<'_, T> {
        IndexListIter::new(self)
    }

    /// The handles in order, from either end.
    pub fn handles(&self) -> impl DoubleEndedIterator<Item = Handle> + ExactSizeIterator {
        self.entries().map(|(handle, _)| handle)
    }

    /// The elements with their handles in order, from either end.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (Handle, &T)> + ExactSizeIterator {
        iter::Entries(self.iter())
    }

    /// Bytes of memory held, without what elements own elsewhere.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<T>>()
    }

    fn handle(&self, index: u32) -> Option<Handle> {
        let slot = self.slots.get(index as usize)?;
        Some(Handle { index, generation: slot.generation })
    }

    /// The slot of an element that is there.
    #[inline]
    fn slot(&self, handle: Handle) -> Option<&Slot<T>> {
        let slot = self.slots.get(handle.index as usize)?;
        // The second only tells for a slot whose count is exhausted.
        (slot.generation == handle.generation && slot.value.is_some()).then_some(slot)
    }

    fn insert(&mut self, value: T, previous: u32, next: u32) -> Handle {
        self.try_insert(value, previous, next).unwrap_or_else(|(_, refused)| refused.raise())
    }

    fn try_insert(
        &mut self,
        value: T,
        previous: u32,
        next: u32,
    ) -> Result<Handle, (T, OutOfMemory)> {
        let index = self.free;
        let index = if let Some(slot) = self.slots.get_mut(index as usize) {
            self.free = slot.next;
            slot.value = Some(value);
            index
        } else {
            if let Err(refused) = self.try_reserve(1) {
                return Err((value, refused));
            }
            let index = self.slots.len() as u32; // there was room below `NONE`
            self.slots.push(Slot { value: Some(value), generation: 0, previous: NONE, next: NONE });
            index
        };
        self.link(index, previous, next);
        self.len += 1;
        Ok(Handle { index, generation: self.slots[index as usize].generation })
    }

    /// Puts a slot that is in no chain between two neighbours.
    fn link(&mut self, index: u32, previous: u32, next: u32) {
        let slot = &mut self.slots[index as usize];
        (slot.previous, slot.next) = (previous, next);
        self.set_next(previous, index);
        self.set_previous(next, index);
    }

    /// Takes a slot out of the chain.
    fn unlink(&mut self, index: u32) {
        let Slot { previous, next, .. } = self.slots[index as usize];
        self.set_next(previous, next);
        self.set_previous(next, previous);
    }

    fn set_next(&mut self, index: u32, next: u32) {
        match self.slots.get_mut(index as usize) {
            Some(slot) => slot.next = next,
            None => self.first = next,
        }
    }

    fn set_previous(&mut self, index: u32, previous: u32) {
        match self.slots.get_mut(index as usize) {
            Some(slot) => slot.previous = previous,
            None => self.last = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_whose_count_is_exhausted_is_not_used_again() {
        let mut list = IndexList::new();
        list.push_back('a');
        list.slots[0].generation = u32::MAX;
        let exhausted = list.front_handle().unwrap();
        assert_eq!(list.remove(exhausted), Some('a'));
        assert_eq!(list.remove(exhausted), None);
        assert_eq!(list.get(exhausted), None);
        let next = list.push_back('b');
        assert_eq!((next.index, list.get(exhausted), list.len()), (1, None, 1));
    }
}
