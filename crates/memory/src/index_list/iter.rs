//! Going through an [`IndexList`], and what follows from that.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::{Handle, IndexList, Slot};

/// The elements of an [`IndexList`], from either end.
#[derive(Debug)]
pub struct IndexListIter<'a, T> {
    slots: &'a [Slot<T>],
    first: u32,
    last: u32,
    left: u32,
}

impl<'a, T> IndexListIter<'a, T> {
    pub(super) fn new(list: &'a IndexList<T>) -> Self {
        Self { slots: &list.slots, first: list.first, last: list.last, left: list.len }
    }

    #[inline]
    fn next_entry(&mut self) -> Option<(Handle, &'a T)> {
        self.left = self.left.checked_sub(1)?;
        let (index, slot) = (self.first, self.slots.get(self.first as usize)?);
        self.first = slot.next;
        Some((Handle { index, generation: slot.generation }, slot.value.as_ref()?))
    }

    #[inline]
    fn last_entry(&mut self) -> Option<(Handle, &'a T)> {
        self.left = self.left.checked_sub(1)?;
        let (index, slot) = (self.last, self.slots.get(self.last as usize)?);
        self.last = slot.previous;
        Some((Handle { index, generation: slot.generation }, slot.value.as_ref()?))
    }
}

impl<'a, T> Iterator for IndexListIter<'a, T> {
    type Item = &'a T;
    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        self.next_entry().map(|entry| entry.1)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl<T> DoubleEndedIterator for IndexListIter<'_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.last_entry().map(|entry| entry.1)
    }
}

impl<T> Clone for IndexListIter<'_, T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T> ExactSizeIterator for IndexListIter<'_, T> {}
impl<T> std::iter::FusedIterator for IndexListIter<'_, T> {}

pub(super) struct Entries<'a, T>(pub(super) IndexListIter<'a, T>);

impl<'a, T> Iterator for Entries<'a, T> {
    type Item = (Handle, &'a T);
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_entry()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> DoubleEndedIterator for Entries<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.last_entry()
    }
}

impl<T> ExactSizeIterator for Entries<'_, T> {}

/// The elements themselves, from either end.
#[derive(Debug)]
pub struct IndexListIntoIter<T>(IndexList<T>);

impl<T> Iterator for IndexListIntoIter<T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        self.0.pop_front()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl<T> DoubleEndedIterator for IndexListIntoIter<T> {
    fn next_back(&mut self) -> Option<T> {
        self.0.pop_back()
    }
}

impl<T> ExactSizeIterator for IndexListIntoIter<T> {}

impl<T> IntoIterator for IndexList<T> {
    type Item = T;
    type IntoIter = IndexListIntoIter<T>;
    fn into_iter(self) -> IndexListIntoIter<T> {
        IndexListIntoIter(self)
    }
}

impl<'a, T> IntoIterator for &'a IndexList<T> {
    type Item = &'a T;
    type IntoIter = IndexListIter<'a, T>;
    fn into_iter(self) -> IndexListIter<'a, T> {
        self.iter()
    }
}

impl<T> Extend<T> for IndexList<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| _ = self.push_back(value));
    }
}

impl<T> FromIterator<T> for IndexList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut list = Self::new();
        list.extend(values);
        list
    }
}

impl<T> Default for IndexList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone> Clone for IndexList<T> {
    /// Slot by slot: handles of the one find the same elements in the other.
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), ..*self }
    }
}

impl<T: fmt::Debug> fmt::Debug for IndexList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<T: PartialEq> PartialEq for IndexList<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

impl<T: Eq> Eq for IndexList<T> {}

impl<T: PartialOrd> PartialOrd for IndexList<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.iter().partial_cmp(other)
    }
}

impl<T: Ord> Ord for IndexList<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.iter().cmp(other)
    }
}

impl<T: Hash> Hash for IndexList<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        self.iter().for_each(|value| value.hash(state));
    }
}
