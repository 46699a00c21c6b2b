use std::collections::TryReserveError;
use std::fmt;
use std::iter::FusedIterator;
use std::ops::Index;

use crate::byte_list::{ByteList, ByteListIter, no_memory, out_of_bounds};

/// Many strings, one after the other in one block: a [`ByteList`] of UTF-8.
///
/// A string costs its bytes and 4 bytes of offset. A `Vec<String>` costs 24 bytes a string, and
/// an allocation of 24 bytes or more.
///
/// ```
/// use tidemill_memory::StringList;
///
/// let mut hosts: StringList = ["host_2", "host_0", "host_1"].into_iter().collect();
/// assert_eq!(hosts.get(1), Some("host_0"));
/// assert_eq!(hosts.concat(), "host_2host_0host_1");
/// hosts.sort();
/// assert_eq!(hosts.binary_search("host_2"), Ok(2));
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct StringList {
    /// Only whole strings come in and only whole ones are taken out: every entry is UTF-8, and so
    /// are all of them together.
    list: ByteList,
}

/// # Safety
/// The bytes must be an entry of a [`StringList`], or several whole ones.
#[inline]
unsafe fn text(bytes: &[u8]) -> &str {
    debug_assert!(str::from_utf8(bytes).is_ok());
    // SAFETY: entries of a string list are UTF-8, as its field says.
    unsafe { str::from_utf8_unchecked(bytes) }
}

impl StringList {
    /// # Safety
    /// Every entry of `list` must be UTF-8.
    #[inline]
    pub(crate) unsafe fn of_utf8(list: &ByteList) -> &Self {
        // SAFETY: a string list is laid out as its byte list, and the caller sees to the UTF-8.
        unsafe { &*std::ptr::from_ref(list).cast::<Self>() }
    }

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
        Self { list: ByteList::with_capacity(strings, bytes) }
    }

    /// The number of strings.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All strings, one after the other without anything between them.
    #[inline]
    #[must_use]
    pub fn concat(&self) -> &str {
        // SAFETY: all entries of this list.
        unsafe { text(self.list.concat()) }
    }

    /// The strings as bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &ByteList {
        &self.list
    }

    /// The string number `index`, if there are as many.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&str> {
        // SAFETY: an entry of this list.
        self.list.get(index).map(|bytes| unsafe { text(bytes) })
    }

    /// Appends a string.
    ///
    /// # Panics
    /// When there is no memory for it.
    #[inline]
    pub fn push(&mut self, string: &str) {
        self.list.push(string.as_bytes());
    }

    /// Appends a string.
    ///
    /// # Errors
    /// When there is no memory for it; the list is as it was.
    #[inline]
    pub fn try_push(&mut self, string: &str) -> Result<(), TryReserveError> {
        self.list.try_push(string.as_bytes())
    }

    /// Room for `strings` more strings of `bytes` bytes in all.
    ///
    /// # Panics
    /// When there is no such memory.
    pub fn reserve(&mut self, strings: usize, bytes: usize) {
        self.list.reserve(strings, bytes);
    }

    /// Room for `strings` more strings of `bytes` bytes in all.
    ///
    /// # Errors
    /// When there is no such memory; the list holds what it held.
    pub fn try_reserve(&mut self, strings: usize, bytes: usize) -> Result<(), TryReserveError> {
        self.list.try_reserve(strings, bytes)
    }

    /// Forgets all strings but the first `len`, and keeps the memory.
    pub fn truncate(&mut self, len: usize) {
        self.list.truncate(len);
    }

    /// Forgets every string, and keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// Gives back the memory that is not used.
    pub fn shrink_to_fit(&mut self) {
        self.list.shrink_to_fit();
    }

    /// Forgets the strings for which `keep` says `false`; the others keep their order.
    ///
    /// Costs one pass over the bytes, and new offsets. If `keep` panics, the list is empty.
    ///
    /// # Panics
    /// When there is no memory for the offsets.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        // SAFETY: `ByteList::retain` shows whole entries only, each before it is moved.
        self.list.retain(|bytes| keep(unsafe { text(bytes) }));
    }

    /// [`StringList::retain`].
    ///
    /// # Errors
    /// When there is no memory for the offsets; `keep` was not called, and the list is as it was.
    pub fn try_retain(
        &mut self,
        mut keep: impl FnMut(&str) -> bool,
    ) -> Result<(), TryReserveError> {
        // SAFETY: as for `retain`.
        self.list.try_retain(|bytes| keep(unsafe { text(bytes) }))
    }

    /// All strings in their order.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> StringListIter<'_> {
        StringListIter { entries: self.list.iter() }
    }

    /// The order in which the strings ascend: the numbers of the strings, the smallest string's
    /// first, equal ones as they stand. See [`ByteList::sorted_order`].
    #[must_use]
    pub fn sorted_order(&self) -> Vec<usize> {
        self.list.sorted_order()
    }

    /// The strings of these numbers, in this order.
    ///
    /// # Panics
    /// When a number is that of no string, or there is no memory.
    #[must_use]
    pub fn select(&self, order: &[usize]) -> Self {
        Self { list: self.list.select(order) }
    }

    /// Sorts the strings by their bytes, which is by their characters. Needs the list's memory
    /// once more while it runs.
    ///
    /// # Panics
    /// When there is no such memory.
    pub fn sort(&mut self) {
        if let Err(error) = self.try_sort() {
            no_memory(&error);
        }
    }

    /// [`StringList::sort`].
    ///
    /// # Errors
    /// When there is no such memory; the list is as it was.
    pub fn try_sort(&mut self) -> Result<(), TryReserveError> {
        self.list = self.list.try_select(&self.list.try_sorted_order()?)?;
        Ok(())
    }

    /// The number of strings at the beginning for which `before` holds, where it holds for none
    /// after them. Costs log n calls.
    pub fn partition_point(&self, mut before: impl FnMut(&str) -> bool) -> usize {
        // SAFETY: entries of this list.
        self.list.partition_point(|bytes| before(unsafe { text(bytes) }))
    }

    /// The number of the first string equal to `string` in a list that ascends.
    ///
    /// # Errors
    /// The number of strings that are less, when none is equal.
    pub fn binary_search(&self, string: &str) -> Result<usize, usize> {
        self.list.binary_search(string.as_bytes())
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.list.memory_bytes()
    }
}

impl Index<usize> for StringList {
    type Output = str;
    #[inline]
    fn index(&self, index: usize) -> &str {
        match self.get(index) {
            Some(string) => string,
            None => out_of_bounds(index, self.len()),
        }
    }
}

/// The strings of a [`StringList`], from either end.
#[derive(Clone, Debug)]
pub struct StringListIter<'a> {
    /// Of a string list.
    entries: ByteListIter<'a>,
}

impl<'a> Iterator for StringListIter<'a> {
    type Item = &'a str;
    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        // SAFETY: an entry of a string list.
        self.entries.next().map(|bytes| unsafe { text(bytes) })
    }
    #[inline]
    fn nth(&mut self, n: usize) -> Option<&'a str> {
        // SAFETY: an entry of a string list.
        self.entries.nth(n).map(|bytes| unsafe { text(bytes) })
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl DoubleEndedIterator for StringListIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        // SAFETY: an entry of a string list.
        self.entries.next_back().map(|bytes| unsafe { text(bytes) })
    }
}

impl ExactSizeIterator for StringListIter<'_> {}
impl FusedIterator for StringListIter<'_> {}

impl<'a> IntoIterator for &'a StringList {
    type Item = &'a str;
    type IntoIter = StringListIter<'a>;
    fn into_iter(self) -> StringListIter<'a> {
        self.iter()
    }
}

impl<S: AsRef<str>> Extend<S> for StringList {
    fn extend<I: IntoIterator<Item = S>>(&mut self, strings: I) {
        strings.into_iter().for_each(|string| self.push(string.as_ref()));
    }
}

impl<S: AsRef<str>> FromIterator<S> for StringList {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let mut list = Self::new();
        list.extend(strings);
        list
    }
}

impl fmt::Debug for StringList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl std::hash::Hash for StringList {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        self.iter().for_each(|string| string.hash(state));
    }
}
