//! Bit packing of any number of integers, one after the other, least significant bit first: what
//! vectors of fewer than 1,024 rows use, where the lanes of [`tidemill_kernels::bitpack`] would
//! be padding for the most part.

/// The size of `count` integers of `width` bits each, in bytes.
pub(crate) fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

fn mask(width: u32) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}

/// Appends the low `width` bits of each value.
pub(crate) fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
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

/// Unpacks `out.len()` values and adds `base` to each, wrapping. Bits that `packed` lacks read as
/// zero.
pub(crate) fn unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64]) {
    let mask = mask(width);
    let mut bit = 0;
    for value in out {
        let shift = (bit % 8) as u32;
        let mut bits = word(packed, bit / 8) >> shift;
        if shift + width > 64 {
            bits |= word(packed, bit / 8 + 8) << (64 - shift);
        }
        *value = (bits & mask).wrapping_add(base);
        bit += width as usize;
    }
}

/// The eight bytes at `offset`, as far as there are any.
#[inline(always)]
fn word(packed: &[u8], offset: usize) -> u64 {
    let rest = packed.get(offset..).unwrap_or_default();
    rest.first_chunk().map_or_else(|| last_word(rest), |bytes| u64::from_le_bytes(*bytes))
}

#[cold]
fn last_word(rest: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_unpacks(values in prop::collection::vec(any::<u64>(), 0..200), width in 0u32..=64, base: u64) {
            let mut packed = Vec::new();
            pack(&values, width, &mut packed);
            prop_assert_eq!(packed.len(), packed_bytes(values.len(), width));
            let mut out = vec![0; values.len()];
            unpack(&packed, width, base, &mut out);
            let expected: Vec<u64> = values.iter().map(|v| (v & mask(width)).wrapping_add(base)).collect();
            prop_assert_eq!(out, expected);
        }
    }
}
