//! What makes an aligned vector a slice, and slices vectors.

use std::fmt;
use std::ops::{Deref, DerefMut};

use allocator_api2::alloc::Allocator;

use super::AlignedVec;

impl<T: Copy, A: Allocator> Deref for AlignedVec<T, A> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: Copy, A: Allocator> DerefMut for AlignedVec<T, A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        self.as_mut_slice()
    }
}

impl<T: Copy, A: Allocator> AsRef<[T]> for AlignedVec<T, A> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: Copy, A: Allocator> AsMut<[T]> for AlignedVec<T, A> {
    fn as_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T: Copy> From<&[T]> for AlignedVec<T> {
    fn from(values: &[T]) -> Self {
        let mut made = Self::with_capacity(values.len());
        made.extend_from_slice(values);
        made
    }
}

impl<T: Copy, const N: usize> From<[T; N]> for AlignedVec<T> {
    fn from(values: [T; N]) -> Self {
        Self::from(&values[..])
    }
}

impl<T: Copy> FromIterator<T> for AlignedVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut made = Self::new();
        made.extend(values);
        made
    }
}

impl<T: Copy, A: Allocator> Extend<T> for AlignedVec<T, A> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        let values = values.into_iter();
        self.reserve(values.size_hint().0);
        for value in values {
            self.push(value);
        }
    }
}

impl<'a, T: Copy, A: Allocator> IntoIterator for &'a AlignedVec<T, A> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Copy> Clone for AlignedVec<T> {
    fn clone(&self) -> Self {
        Self::from(self.as_slice())
    }
}

impl<T: Copy> Default for AlignedVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy + PartialEq, A: Allocator> PartialEq for AlignedVec<T, A> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Copy + Eq, A: Allocator> Eq for AlignedVec<T, A> {}

impl<T: Copy + fmt::Debug, A: Allocator> fmt::Debug for AlignedVec<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}
