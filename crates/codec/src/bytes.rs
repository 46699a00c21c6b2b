//! Little-endian bytes, varints (LEB128: seven bits a byte, lowest first, the high bit says that
//! more follow) and zigzag varints (0, -1, 1, -2, … as 0, 1, 2, 3, …).

use crate::Error;

/// Reads one column's bytes from front to back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// An error at the byte read next.
    pub(crate) fn error(&self, reason: &'static str) -> Error {
        Error::new(self.offset, reason)
    }

    /// An error at the byte read last.
    pub(crate) fn error_before(&self, reason: &'static str) -> Error {
        Error::new(self.offset.saturating_sub(1), reason)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let taken = rest.get(..count).ok_or_else(|| self.error("it ends too early"))?;
        self.offset += count;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        let byte = *self.bytes.get(self.offset).ok_or_else(|| self.error("it ends too early"))?;
        self.offset += 1;
        Ok(byte)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error_before("a varint of more than 64 bits"))
    }

    /// A varint of at most `max`.
    pub(crate) fn count(&mut self, max: usize, reason: &'static str) -> Result<usize, Error> {
        let start = self.offset;
        let count = usize::try_from(self.varint()?).ok().filter(|count| *count <= max);
        count.ok_or(Error::new(start, reason))
    }

    pub(crate) fn zigzag(&mut self) -> Result<u64, Error> {
        let value = self.varint()?;
        Ok((value >> 1) ^ (value & 1).wrapping_neg())
    }

    /// That nothing is left.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        if self.offset == self.bytes.len() { Ok(()) } else { Err(self.error("bytes left over")) }
    }
}

/// Room for what a column, a vector or a stream begins with: at most two tags, two numbers of a byte and
/// two varints.
pub(crate) const HEADER_BYTES: usize = 32;

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_zigzag(out: &mut Vec<u8>, value: u64) {
    put_varint(out, (value << 1) ^ ((value as i64 >> 63) as u64));
}

/// Keeps the smaller of two encodings, which stand in `start..middle` and from `middle` on; the
/// first may be empty, which is none.
pub(crate) fn keep_smaller(out: &mut Vec<u8>, start: usize, middle: usize) {
    if start < middle && out.len() - middle >= middle - start {
        out.truncate(middle);
    } else {
        out.drain(start..middle);
    }
}

/// The number of bytes that hold every integer from `low` (at most 0) to `high` (at least 0) in
/// two's complement: 1 to 8.
pub(crate) fn signed_bytes(low: i64, high: i64) -> usize {
    let magnitude = (low.unsigned_abs().wrapping_sub(1) & (low >> 63) as u64) | high as u64;
    ((u64::BITS - magnitude.leading_zeros() + 1).div_ceil(8)).min(8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_all_lengths_return() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift, !(1 << shift)] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                put_zigzag(&mut out, value);
                let mut cursor = Cursor::new(&out);
                assert_eq!(cursor.varint(), Ok(value));
                assert_eq!(cursor.zigzag(), Ok(value));
                assert_eq!(cursor.finish(), Ok(()));
                for cut in 0..out.len() {
                    let mut cursor = Cursor::new(&out[..cut]);
                    assert!(cursor.varint().and_then(|_| cursor.zigzag()).is_err());
                }
            }
        }
    }

    #[test]
    fn a_varint_beyond_64_bits_is_refused() {
        let mut bytes = [0xFF; 11];
        assert!(Cursor::new(&bytes).varint().is_err());
        bytes[9] = 2;
        assert!(Cursor::new(&bytes).varint().is_err());
        bytes[9] = 1;
        assert_eq!(Cursor::new(&bytes).varint(), Ok(u64::MAX));
    }

    #[test]
    fn signed_bytes_are_the_least_that_hold_both_ends() {
        let cases = [
            (0, 0, 1),
            (0, 127, 1),
            (0, 128, 2),
            (-128, 0, 1),
            (-129, 0, 2),
            (-1, 1 << 31, 5),
            (i64::MIN, 0, 8),
            (0, i64::MAX, 8),
        ];
        for (low, high, bytes) in cases {
            assert_eq!(signed_bytes(low, high), bytes, "{low}..={high}");
        }
    }
}
