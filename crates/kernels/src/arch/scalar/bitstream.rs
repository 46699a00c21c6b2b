use crate::bitstream::mask;

pub(crate) fn unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64]) {
    unpack_from(packed, 0, width, base, out);
}

/// Value by value, from bit `bit` on.
pub(crate) fn unpack_from(packed: &[u8], bit: usize, width: u32, base: u64, out: &mut [u64]) {
    let mut bit = bit;
    for value in out {
        let shift = (bit % 8) as u32;
        let mut bits = word(packed, bit / 8) >> shift;
        if shift + width > 64 {
            bits |= word(packed, bit / 8 + 8) << (64 - shift);
        }
        *value = (bits & mask(width)).wrapping_add(base);
        bit += width as usize;
    }
}

/// The eight bytes at `offset`, as far as there are any.
fn word(packed: &[u8], offset: usize) -> u64 {
    let rest = packed.get(offset..).unwrap_or_default();
    let mut bytes = [0; 8];
    let len = rest.len().min(8);
    bytes[..len].copy_from_slice(&rest[..len]);
    u64::from_le_bytes(bytes)
}
