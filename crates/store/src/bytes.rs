//! Little-endian bytes: what every file format of the store is written with and read by.

/// Reads numbers and strings off a slice that may be damaged: nothing here panics or allocates
/// more than the slice holds.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Writes, files and commits are numbered up to this. No store comes near, and one more overflows nothing.
pub(crate) const MAX_NUMBER: u64 = u64::MAX >> 1;

/// What a [`Cursor`] expected and did not find, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) what: String,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn fail<T>(&self, what: impl Into<String>) -> Result<T, Malformed> {
        Err(Malformed { at: self.at, what: what.into() })
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let Some(taken) = self.bytes.get(self.at..).and_then(|rest| rest.get(..count)) else {
            return self.fail(format!("{count} bytes expected, {} left", self.remaining()));
        };
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_le_bytes)
    }

    /// An LEB128 number of up to 128 bits.
    pub(crate) fn varint(&mut self) -> Result<u128, Malformed> {
        // Most are small.
        if let Some(byte @ 0..=0x7f) = self.bytes.get(self.at) {
            self.at += 1;
            return Ok(u128::from(*byte));
        }
        let mut value = 0u128;
        for shift in (0..19).map(|group| group * 7) {
            let byte = self.u8()?;
            value |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.fail("a number of more than 19 bytes")
    }

    /// A varint that counts things of which each takes at least `min_bytes` of what is left, so
    /// that a damaged count cannot ask for more memory than the file is long.
    pub(crate) fn count(&mut self, min_bytes: usize) -> Result<usize, Malformed> {
        let count = self.varint()?;
        // Divided, not multiplied: 128 bits may hold no multiple of what a damaged file says.
        if count > (self.remaining() / min_bytes.max(1)) as u128 {
            return self.fail(format!("{count} items in {} bytes", self.remaining()));
        }
        Ok(count as usize)
    }

    pub(crate) fn varint_u32(&mut self) -> Result<u32, Malformed> {
        let value = self.varint()?;
        u32::try_from(value).or_else(|_| self.fail(format!("{value} where a u32 is expected")))
    }

    pub(crate) fn varint_u64(&mut self) -> Result<u64, Malformed> {
        let value = self.varint()?;
        u64::try_from(value).or_else(|_| self.fail(format!("{value} where a u64 is expected")))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let count = self.count(1)?;
        self.take(count)
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, Malformed> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).or_else(|_| self.fail("text that is not UTF-8"))
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.remaining() == 0 {
            return Ok(());
        }
        self.fail(format!("{} bytes too many", self.remaining()))
    }
}

/// Appends what a [`Cursor`] reads.
pub(crate) trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    fn put_i64(&mut self, value: i64) {
        self.put(&value.to_le_bytes());
    }

    fn put_varint(&mut self, value: impl Into<u128>) {
        let mut value = value.into();
        while value >= 0x80 {
            self.put(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.put(&[value as u8]);
    }

    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_varint(bytes.len() as u64);
        self.put(bytes);
    }

    fn put_str(&mut self, text: &str) {
        self.put_bytes(text.as_bytes());
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

pub(crate) fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)) as u128
}

pub(crate) fn unzigzag(value: u128) -> i128 {
    (value >> 1) as i128 ^ -((value & 1) as i128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_count_whose_multiple_is_beyond_128_bits_is_refused() {
        for count in [u128::MAX, 1 << 127, u128::MAX / 21 + 1] {
            let mut out = Vec::new();
            out.put_varint(count);
            out.put(&[0; 30]);
            assert!((1..30).all(|min| Cursor::new(&out).count(min).is_err()), "{count}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let varint = |value: u128| {
            let mut out = Vec::new();
            out.put_varint(value);
            out
        };
        let refused = |result: Result<String, Malformed>, reason: &str| {
            let malformed = result.unwrap_err();
            assert!(malformed.what.contains(reason), "{malformed:?}, not {reason}");
        };
        let shown = |value: &dyn std::fmt::Debug| format!("{value:?}");
        for (value, fits) in [(u128::from(u32::MAX), true), (1 << 32, false)] {
            assert_eq!(Cursor::new(&varint(value)).varint_u32().is_ok(), fits);
        }
        for (value, fits) in [(u128::from(u64::MAX), true), (1 << 64, false)] {
            assert_eq!(Cursor::new(&varint(value)).varint_u64().is_ok(), fits);
        }
        refused(Cursor::new(&[0xFF; 30]).varint().map(|v| shown(&v)), "more than 19 bytes");
        refused(Cursor::new(&[1, 2]).take(3).map(|v| shown(&v)), "3 bytes expected, 2 left");
        assert_eq!(Cursor::new(&[3, 0, 0, 0, 0, 0, 0]).count(2), Ok(3));
        refused(Cursor::new(&[3, 0, 0, 0, 0, 0]).count(2).map(|v| shown(&v)), "3 items in 5 bytes");
        refused(Cursor::new(&[2, 0xC3, 0x28]).str().map(str::to_owned), "not UTF-8");
        refused(Cursor::new(&[0]).end().map(|()| String::new()), "1 bytes too many");
    }

    proptest! {
        #[test]
        fn what_is_put_is_read(n in any::<u128>(), z in any::<i128>(), text in ".*", word in any::<u64>()) {
            let mut out = Vec::new();
            out.put_varint(n);
            out.put_varint(zigzag(z));
            out.put_str(&text);
            out.put_u64(word);
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(cursor.varint(), Ok(n));
            prop_assert_eq!(cursor.varint().map(unzigzag), Ok(z));
            prop_assert_eq!(cursor.str(), Ok(&text[..]));
            prop_assert_eq!(cursor.u64(), Ok(word));
            prop_assert_eq!(cursor.end(), Ok(()));
        }

        #[test]
        fn damage_is_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut cursor = Cursor::new(&bytes);
            while cursor.count(1).and_then(|count| cursor.take(count)).is_ok() && cursor.remaining() > 0 {}
            prop_assert!(cursor.position() <= bytes.len());
        }
    }
}
