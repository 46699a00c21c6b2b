use crate::bitpack::{LANES, VALUES};
use crate::bitstream::mask;
use crate::elementwise::Comparison;

/// Where value `index` begins: its first word, and the bit of it.
fn position(index: usize, width: u32) -> (usize, u32) {
    let bit = (index / LANES) as u32 * width;
    ((bit / 64) as usize * LANES + index % LANES, bit % 64)
}

/// Value `index` of a packed vector.
fn get(packed: &[u8], width: u32, index: usize) -> u64 {
    let (words, _) = packed.as_chunks::<8>();
    let word = |word: usize| words.get(word).map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (first, shift) = position(index, width);
    let mut value = word(first) >> shift;
    if shift + width > 64 {
        value |= word(first + LANES) << (64 - shift);
    }
    value & mask(width)
}

pub(crate) fn pack(values: &[u64; VALUES], width: u32, packed: &mut [u8]) {
    packed.fill(0);
    let (words, _) = packed.as_chunks_mut::<8>();
    let mut or = |word: usize, bits: u64| {
        words[word] = (u64::from_le_bytes(words[word]) | bits).to_le_bytes();
    };
    for (index, value) in values.iter().enumerate().filter(|_| width > 0) {
        let value = value & mask(width);
        let (first, shift) = position(index, width);
        or(first, value << shift);
        if shift + width > 64 {
            or(first + LANES, value >> (64 - shift));
        }
    }
}

pub(crate) fn unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64; VALUES]) {
    for (index, out) in out.iter_mut().enumerate() {
        *out = get(packed, width, index).wrapping_add(base);
    }
}

pub(crate) fn unpack_delta(
    packed: &[u8],
    width: u32,
    min_delta: u64,
    first: u64,
    out: &mut [u64; VALUES],
) {
    out[0] = first;
    for index in 1..VALUES {
        let delta = get(packed, width, index).wrapping_add(min_delta);
        out[index] = out[index - 1].wrapping_add(delta);
    }
}

pub(crate) fn unpack_prefix_sums(
    packed: &[u8],
    width: u32,
    base: u64,
    ends: &[u16],
    sums: &mut [u64],
) {
    let mut values = [0; VALUES];
    unpack(packed, width, base, &mut values);
    prefix_sums(&values, ends, sums);
}

pub(crate) fn unpack_delta_prefix_sums(
    packed: &[u8],
    width: u32,
    min_delta: u64,
    first: u64,
    ends: &[u16],
    sums: &mut [u64],
) {
    let mut values = [0; VALUES];
    unpack_delta(packed, width, min_delta, first, &mut values);
    prefix_sums(&values, ends, sums);
}

fn prefix_sums(values: &[u64; VALUES], ends: &[u16], sums: &mut [u64]) {
    for (end, sum) in ends.iter().zip(sums) {
        *sum = values[..usize::from(*end)].iter().fold(0, |sum, value| sum.wrapping_add(*value));
    }
}

pub(crate) fn unpack_sum(packed: &[u8], width: u32) -> u128 {
    (0..VALUES).map(|index| u128::from(get(packed, width, index))).sum()
}

pub(crate) fn unpack_min_max(packed: &[u8], width: u32) -> (u64, u64) {
    (0..VALUES)
        .map(|index| get(packed, width, index))
        .fold((u64::MAX, 0), |(min, max), value| (min.min(value), max.max(value)))
}

pub(crate) fn unpack_compare(
    packed: &[u8],
    width: u32,
    comparison: Comparison,
    constant: u64,
    mask: &mut [u64; 16],
) {
    mask.fill(0);
    for index in 0..VALUES {
        let holds = comparison.holds(get(packed, width, index), constant);
        mask[index / 64] |= u64::from(holds) << (index % 64);
    }
}
