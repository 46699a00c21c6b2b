use std::cmp::Ordering;
use std::collections::TryReserveError;
use std::fmt;
use std::iter::FusedIterator;
use std::ops::{Index, Range};

use crate::grow::try_reserve;
use crate::offsets::Offsets;

/// Many byte strings, one after the other in one block.
///
/// A string costs its bytes and 4 bytes of offset, against 24 and an allocation in a
/// `Vec<Vec<u8>>`. There is no bound on their number or size but memory. What stands in the list
/// does not change; the list grows and is cut at its end.
#[derive(Clone, Default)]
pub struct ByteList {
    /// Exactly as long as `offsets.end()`.
    bytes: Vec<u8>,
    offsets: Offsets,
}

impl ByteList {
    /// A list of nothing, which allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty list with room for `strings` strings of `bytes` bytes in all.
    ///
    /// # Panics
    /// When there is no such memory.
    #[must_use]
    pub fn with_capacity(strings: usize, bytes: usize) -> Self {
        let mut list = Self::new();
        list.reserve(strings, bytes);
        list
    }

    /// The number of strings.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.len() == 0
    }

    /// All strings, one after the other without anything between them.
    #[inline]
    #[must_use]
    pub fn concat(&self) -> &[u8] {
        &self.bytes
    }

    /// The string number `index`, if there are as many.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let range = self.offsets.range(index)?;
        Some(self.slice(range))
    }

    /// The bytes of a range of `self.offsets`.
    #[inline]
    fn slice(&self, range: Range<usize>) -> &[u8] {
        debug_assert!(range.start <= range.end && range.end <= self.bytes.len());
        // SAFETY: `Offsets::push` is only called by `push_reserved`, with the length that `bytes`
        // then has, so that offsets never fall and never pass the length of `bytes`; both are cut
        // together, the offsets first.
        unsafe { self.bytes.get_unchecked(range) }
    }

    /// Appends a string.
    ///
    /// # Panics
    /// When there is no memory for it.
    #[inline]
    pub fn push(&mut self, string: &[u8]) {
        if let Err(error) = self.try_push(string) {
            no_memory(&error);
        }
    }

    /// Appends a string.
    ///
    /// # Errors
    /// When there is no memory for it; the list is as it was.
    #[inline]
    pub fn try_push(&mut self, string: &[u8]) -> Result<(), TryReserveError> {
        self.try_reserve(1, string.len())?;
        self.push_reserved(string);
        Ok(())
    }

    #[inline]
    fn push_reserved(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.offsets.push(self.bytes.len());
    }

    /// Room for `strings` more strings of `bytes` bytes in all.
    ///
    /// # Panics
    /// When there is no such memory.
    pub fn reserve(&mut self, strings: usize, bytes: usize) {
        if let Err(error) = self.try_reserve(strings, bytes) {
            no_memory(&error);
        }
    }

    /// Room for `strings` more strings of `bytes` bytes in all.
    ///
    /// # Errors
    /// When there is no such memory; the list holds what it held.
    #[inline]
    pub fn try_reserve(&mut self, strings: usize, bytes: usize) -> Result<(), TryReserveError> {
        try_reserve(&mut self.bytes, bytes)?;
        self.offsets.try_reserve(strings, self.bytes.len() + bytes)
    }

    /// Forgets all strings but the first `len`, and keeps the memory.
    pub fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len);
        self.bytes.truncate(self.offsets.end());
    }

    /// Forgets every string, and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.clear();
        self.bytes.clear();
    }

    /// Gives back the memory that is not used.
    pub fn shrink_to_fit(&mut self) {
        self.offsets.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }

    /// Forgets the strings for which `keep` says `false`; the others keep their order.
    ///
    /// Costs one pass over the bytes, and new offsets. If `keep` panics, the list is empty.
    ///
    /// # Panics
    /// When there is no memory for the offsets.
    pub fn retain(&mut self, keep: impl FnMut(&[u8]) -> bool) {
        if let Err(error) = self.try_retain(keep) {
            no_memory(&error);
        }
    }

    /// [`ByteList::retain`].
    ///
    /// # Errors
    /// When there is no memory for the offsets; `keep` was not called, and the list is as it was.
    pub fn try_retain(
        &mut self,
        mut keep: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), TryReserveError> {
        let mut offsets = Offsets::default();
        offsets.try_reserve(self.len(), self.bytes.len())?;
        let mut old = std::mem::take(self);
        let mut end = 0;
        for index in 0..old.len() {
            let Some(range) = old.offsets.range(index) else { break };
            if keep(&old.bytes[range.clone()]) {
                let length = range.len();
                // What is written lies before what is read next.
                old.bytes.copy_within(range, end);
                end += length;
                offsets.push(end);
            }
        }
        old.bytes.truncate(end);
        *self = Self { bytes: old.bytes, offsets };
        Ok(())
    }

    /// All strings in their order.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> ByteListIter<'_> {
        ByteListIter { list: self, left: 0..self.len() }
    }

    /// The order in which the strings ascend: the numbers of the strings, the smallest string's
    /// first, equal ones as they stand.
    ///
    /// Costs n log n comparisons, of which most look at the first eight bytes only, and 16 bytes a
    /// string while it runs.
    ///
    /// # Panics
    /// When there are more than 2⁵⁶ strings, which no memory holds, or there is no memory for the order.
    #[must_use]
    pub fn sorted_order(&self) -> Vec<usize> {
        self.try_sorted_order().unwrap_or_else(|error| no_memory(&error))
    }

    /// [`ByteList::sorted_order`].
    ///
    /// # Errors
    /// When there is no memory for the order.
    ///
    /// # Panics
    /// When there are more than 2⁵⁶ strings.
    pub fn try_sorted_order(&self) -> Result<Vec<usize>, TryReserveError> {
        assert!(self.len() as u64 <= NUMBER, "a list of {} strings", self.len());
        let (mut keys, mut order): (Vec<SortKey>, Vec<usize>) = (Vec::new(), Vec::new());
        keys.try_reserve_exact(self.len())?;
        order.try_reserve_exact(self.len())?;
        keys.extend(self.iter().enumerate().map(|(index, string)| sort_key(string, index)));
        let number = |key: &SortKey| (key.1 & NUMBER) as usize;
        keys.sort_unstable_by(|a, b| {
            let rest = || match (a.1 | NUMBER, b.1 | NUMBER) {
                (u64::MAX, u64::MAX) => self.get(number(a)).cmp(&self.get(number(b))),
                _ => Ordering::Equal,
            };
            a.0.cmp(&b.0).then_with(rest).then(a.1.cmp(&b.1))
        });
        order.extend(keys.iter().map(number));
        Ok(order)
    }

    /// The strings of these numbers, in this order.
    ///
    /// # Panics
    /// When a number is that of no string, or there is no memory.
    #[must_use]
    pub fn select(&self, order: &[usize]) -> Self {
        self.try_select(order).unwrap_or_else(|error| no_memory(&error))
    }

    /// [`ByteList::select`].
    ///
    /// # Errors
    /// When there is no memory for them.
    ///
    /// # Panics
    /// When a number is that of no string.
    pub fn try_select(&self, order: &[usize]) -> Result<Self, TryReserveError> {
        let mut selected = Self::new();
        selected.try_reserve(order.len(), 0)?;
        for index in order {
            selected.try_push(&self[*index])?;
        }
        Ok(selected)
    }

    /// The number of strings at the beginning for which `before` holds, where it holds for none
    /// after them. Costs log n calls.
    pub fn partition_point(&self, mut before: impl FnMut(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(&mut before) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The number of the first string equal to `string` in a list that ascends, or where it would
    /// have to stand.
    ///
    /// # Errors
    /// The number of strings that are less, when none is equal.
    pub fn binary_search(&self, string: &[u8]) -> Result<usize, usize> {
        let at = self.partition_point(|other| other < string);
        if self.get(at) == Some(string) { Ok(at) } else { Err(at) }
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.offsets.memory_bytes()
    }
}

/// A string's first eight bytes, and its number below its length. Zeros fill up the former, so that
/// the head that is less is of the string that is less; of equal heads of up to eight bytes the
/// shorter is. Longer ones have the highest byte 255: they are not told apart.
type SortKey = (u64, u64);
const NUMBER: u64 = u64::MAX >> 8;

fn sort_key(string: &[u8], number: usize) -> SortKey {
    let mut head = [0; 8];
    let length = string.len().min(8);
    head[..length].copy_from_slice(&string[..length]);
    let length = if string.len() > 8 { !NUMBER } else { (length as u64) << 56 };
    (u64::from_be_bytes(head), length | number as u64)
}

#[cold]
#[inline(never)]
pub(crate) fn no_memory(error: &TryReserveError) -> ! {
    panic!("{error}")
}

impl Index<usize> for ByteList {
    type Output = [u8];
    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        match self.get(index) {
            Some(string) => string,
            None => out_of_bounds(index, self.len()),
        }
    }
}

#[cold]
#[inline(never)]
pub(crate) fn out_of_bounds(index: usize, len: usize) -> ! {
    panic!("string {index} of a list of {len}")
}

/// The strings of a [`ByteList`], from either end.
#[derive(Clone, Debug)]
pub struct ByteListIter<'a> {
    list: &'a ByteList,
    left: Range<usize>,
}

impl<'a> Iterator for ByteListIter<'a> {
    type Item = &'a [u8];
    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.list.get(self.left.next()?)
    }
    #[inline]
    fn nth(&mut self, n: usize) -> Option<&'a [u8]> {
        self.list.get(self.left.nth(n)?)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for ByteListIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.list.get(self.left.next_back()?)
    }
}

impl ExactSizeIterator for ByteListIter<'_> {}
impl FusedIterator for ByteListIter<'_> {}

impl<'a> IntoIterator for &'a ByteList {
    type Item = &'a [u8];
    type IntoIter = ByteListIter<'a>;
    fn into_iter(self) -> ByteListIter<'a> {
        self.iter()
    }
}

impl<S: AsRef<[u8]>> Extend<S> for ByteList {
    fn extend<I: IntoIterator<Item = S>>(&mut self, strings: I) {
        strings.into_iter().for_each(|string| self.push(string.as_ref()));
    }
}

impl<S: AsRef<[u8]>> FromIterator<S> for ByteList {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let mut list = Self::new();
        list.extend(strings);
        list
    }
}

impl fmt::Debug for ByteList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Escaped)).finish()
    }
}

struct Escaped<'a>(&'a [u8]);

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl PartialEq for ByteList {
    fn eq(&self, other: &Self) -> bool {
        // First what is quick and mostly tells.
        self.len() == other.len() && self.bytes == other.bytes && self.iter().eq(other)
    }
}

impl Eq for ByteList {}

impl PartialOrd for ByteList {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByteList {
    /// String by string, as slices of strings are ordered.
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other)
    }
}

impl std::hash::Hash for ByteList {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        self.iter().for_each(|string| string.hash(state));
    }
}
