use std::collections::TryReserveError;
use std::ops::Index;

use crate::{InternError, Interner, StringList, StringListIter};

/// Strings to dense ids `0, 1, 2, …` in the order they were first seen: an [`Interner`] of UTF-8.
///
/// ```
/// use tidemill_memory::StrInterner;
///
/// let mut names = StrInterner::new();
/// let hello = names.intern("hello").0;
/// assert_eq!(names.intern("world"), (1, true));
/// assert_eq!(names.intern("hello"), (hello, false));
/// assert_eq!(names.resolve(hello), Some("hello"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct StrInterner {
    /// Only whole strings come in.
    interner: Interner,
}

impl StrInterner {
    /// An interner with no strings, which allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty interner with room for `strings` strings of `bytes` bytes in all.
    ///
    /// # Panics
    /// When there is no such memory.
    #[must_use]
    pub fn with_capacity(strings: usize, bytes: usize) -> Self {
        Self { interner: Interner::with_capacity(strings, bytes) }
    }

    /// The number of distinct strings.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.interner.len()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.interner.is_empty()
    }

    /// The id of `string`, which is added when new; the flag says whether it was.
    ///
    /// # Panics
    /// When there are `u32::MAX` strings already, or there is no memory for one more.
    #[inline]
    pub fn intern(&mut self, string: &str) -> (u32, bool) {
        self.interner.intern(string.as_bytes())
    }

    /// The id of `string`, which is added when new; the flag says whether it was.
    ///
    /// # Errors
    /// When there are `u32::MAX` strings already, or there is no memory for one more; the strings
    /// and ids are as they were.
    #[inline]
    pub fn try_intern(&mut self, string: &str) -> Result<(u32, bool), InternError> {
        self.interner.try_intern(string.as_bytes())
    }

    /// The id of `string`, if it has one.
    #[inline]
    #[must_use]
    pub fn get(&self, string: &str) -> Option<u32> {
        self.interner.get(string.as_bytes())
    }

    /// The string with this id, if it was given out. (Indexing panics instead.)
    #[inline]
    #[must_use]
    pub fn resolve(&self, id: u32) -> Option<&str> {
        self.strings().get(id as usize)
    }

    /// All strings; a string's index is its id.
    #[inline]
    #[must_use]
    pub fn strings(&self) -> &StringList {
        // SAFETY: what was interned were whole strings.
        unsafe { StringList::of_utf8(self.interner.strings()) }
    }

    /// All strings in the order of their ids.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> StringListIter<'_> {
        self.strings().iter()
    }

    /// Room for `strings` more strings of `bytes` bytes in all.
    ///
    /// # Errors
    /// When there is no such memory; strings and ids are as they were.
    pub fn try_reserve(&mut self, strings: usize, bytes: usize) -> Result<(), TryReserveError> {
        self.interner.try_reserve(strings, bytes)
    }

    /// Forgets all strings but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.interner.truncate(len);
    }

    /// Forgets every string and keeps the memory.
    pub fn clear(&mut self) {
        self.interner.clear();
    }

    /// Bytes of memory held: exactly what was allocated.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.interner.memory_bytes()
    }
}

impl Index<u32> for StrInterner {
    type Output = str;
    #[inline]
    fn index(&self, id: u32) -> &str {
        &self.strings()[id as usize]
    }
}

impl<'a> IntoIterator for &'a StrInterner {
    type Item = &'a str;
    type IntoIter = StringListIter<'a>;
    fn into_iter(self) -> StringListIter<'a> {
        self.iter()
    }
}
