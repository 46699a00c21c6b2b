//! Any number of integers of `width` bits each, 0 to 64, one after the other, least significant bit
//! first: for fewer than the 1,024 values of a [vector](crate::bitpack), where its lanes would be
//! padding for the most part.
//!
//! # Panics
//! All functions panic when `width > 64`; [`unpack`], when `packed` is shorter than
//! [`packed_bytes`]`(out.len(), width)`. Callers that read from disk check both first.

use crate::dispatch::dispatch;

/// The size of `count` integers of `width` bits each, in bytes.
#[must_use]
pub const fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends the low `width` bits of each value; the last byte is filled up with zeros.
pub fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    assert!(width <= 64, "a width of {width} bits");
    let mask = mask(width);
    let (mut pending, mut bits) = (0u128, 0);
    for value in values {
        pending |= u128::from(*value & mask) << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            bits -= 64;
        }
    }
    out.extend_from_slice(&(pending as u64).to_le_bytes()[..bits.div_ceil(8) as usize]);
}

/// Unpacks `out.len()` values and adds `base` to each, wrapping (frame of reference).
pub fn unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64]) {
    assert!(width <= 64, "a width of {width} bits");
    let bytes = packed_bytes(out.len(), width);
    assert!(packed.len() >= bytes, "{} bytes of at least {bytes}", packed.len());
    let packed = &packed[..bytes];
    dispatch!(bitstream::unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64]))
}

/// The low `width` bits.
#[inline(always)]
pub(crate) fn mask(width: u32) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}
