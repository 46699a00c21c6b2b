//! What a [`SmallString`] does because a [`String`] does.

use std::borrow::{Borrow, Cow};
use std::convert::Infallible;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::SmallString;

impl Hash for SmallString {
    /// As its `str` does, so that one is found by the other.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for SmallString {
    #[inline]
    fn borrow(&self) -> &str {
        self
    }
}

impl AsRef<str> for SmallString {
    #[inline]
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for SmallString {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for SmallString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for SmallString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Write for SmallString {
    fn write_str(&mut self, string: &str) -> fmt::Result {
        self.push_str(string);
        Ok(())
    }
}

impl FromStr for SmallString {
    type Err = Infallible;
    fn from_str(string: &str) -> Result<Self, Infallible> {
        Ok(Self::from(string))
    }
}

impl From<char> for SmallString {
    fn from(character: char) -> Self {
        Self::from(&*character.encode_utf8(&mut [0; 4]))
    }
}

impl From<Box<str>> for SmallString {
    fn from(string: Box<str>) -> Self {
        Self::from(String::from(string))
    }
}

impl From<Cow<'_, str>> for SmallString {
    fn from(string: Cow<'_, str>) -> Self {
        match string {
            Cow::Borrowed(string) => Self::from(string),
            Cow::Owned(string) => Self::from(string),
        }
    }
}

impl<'a> Extend<&'a str> for SmallString {
    fn extend<I: IntoIterator<Item = &'a str>>(&mut self, strings: I) {
        strings.into_iter().for_each(|string| self.push_str(string));
    }
}

impl Extend<char> for SmallString {
    fn extend<I: IntoIterator<Item = char>>(&mut self, characters: I) {
        characters.into_iter().for_each(|character| self.push(character));
    }
}

impl<T> FromIterator<T> for SmallString
where
    Self: Extend<T>,
{
    fn from_iter<I: IntoIterator<Item = T>>(parts: I) -> Self {
        let mut string = Self::new();
        string.extend(parts);
        string
    }
}

macro_rules! equal {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for SmallString {
            #[inline]
            fn eq(&self, other: &$other) -> bool {
                let other: &str = other;
                self.as_str() == other
            }
        }

        impl PartialEq<SmallString> for $other {
            #[inline]
            fn eq(&self, other: &SmallString) -> bool {
                other == self
            }
        }
    )*};
}

equal!(str, &str, String);
