use crate::bitpack::{LANES, ROWS, VALUES};
use std::array::from_fn;

/// One value of each lane.
type Row = [u64; LANES];

const ROW_BYTES: usize = 8 * LANES;

#[inline(always)]
fn load(bytes: &[u8; ROW_BYTES]) -> Row {
    let (words, _) = bytes.as_chunks::<8>();
    from_fn(|lane| u64::from_le_bytes(words[lane]))
}

#[inline(always)]
fn mask(width: u32) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}

/// Hands `visit` the 64 rows one after the other. All lanes shift alike, so a row is two loads,
/// two shifts and a mask of whole SIMD registers.
#[inline(always)]
fn for_each_row(packed: &[u8], width: u32, mut visit: impl FnMut(usize, Row)) {
    let (words, _) = packed.as_chunks::<ROW_BYTES>();
    let mask = mask(width);
    for row in 0..ROWS {
        let bit = row * width as usize;
        let (word, shift) = (bit / 64, (bit % 64) as u32);
        // A row that ends within its first word gets bits that the mask removes.
        let Some(low) = words.get(word) else {
            visit(row, [0; LANES]);
            continue;
        };
        let high = load(words.get(word + 1).unwrap_or(low));
        let low = load(low);
        // `high << 1 << (63 - shift)` is `high << (64 - shift)`, but 0 where shift is 0.
        visit(
            row,
            from_fn(|lane| ((low[lane] >> shift) | (high[lane] << 1 << (63 - shift))) & mask),
        );
    }
}

#[inline(always)]
pub(crate) fn pack(values: &[u64; VALUES], width: u32, packed: &mut [u8]) {
    if width == 0 {
        return;
    }
    let (rows, _) = values.as_chunks::<LANES>();
    let (words, _) = packed.as_chunks_mut::<ROW_BYTES>();
    let mask = mask(width);
    // The words being filled, which begin with the bits that the row before left over.
    let mut filling: Row = [0; LANES];
    let mut shift = 0;
    let mut word = 0;
    for row in rows {
        let row: Row = from_fn(|lane| row[lane] & mask);
        filling = from_fn(|lane| filling[lane] | (row[lane] << shift));
        shift += width;
        if shift >= 64 {
            let (bytes, _) = words[word].as_chunks_mut::<8>();
            for lane in 0..LANES {
                bytes[lane] = filling[lane].to_le_bytes();
            }
            word += 1;
            shift -= 64;
            // The last `shift` bits; none of them where shift is 0.
            let taken = width - shift;
            filling = from_fn(|lane| row[lane] >> 1 >> (taken - 1));
        }
    }
}

#[inline(always)]
pub(crate) fn unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64; VALUES]) {
    let (rows, _) = out.as_chunks_mut::<LANES>();
    for_each_row(packed, width, |row, values| {
        rows[row] = from_fn(|lane| values[lane].wrapping_add(base));
    });
}

#[inline(always)]
pub(crate) fn unpack_delta(
    packed: &[u8],
    width: u32,
    min_delta: u64,
    first: u64,
    out: &mut [u64; VALUES],
) {
    unpack(packed, width, min_delta, out);
    let mut sum = first.wrapping_sub(out[0]);
    for value in out {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
}

#[inline(always)]
pub(crate) fn unpack_sum(packed: &[u8], width: u32) -> u128 {
    // 64 values of 58 bits have a sum of 64 bits.
    if width <= 58 {
        let mut sums: Row = [0; LANES];
        for_each_row(packed, width, |_, values| {
            sums = from_fn(|lane| sums[lane] + values[lane]);
        });
        return sums.into_iter().map(u128::from).sum();
    }
    let (mut low, mut high): (Row, Row) = ([0; LANES], [0; LANES]);
    for_each_row(packed, width, |_, values| {
        low = from_fn(|lane| low[lane] + (values[lane] & 0xFFFF_FFFF));
        high = from_fn(|lane| high[lane] + (values[lane] >> 32));
    });
    let sum = |row: Row| row.into_iter().map(u128::from).sum::<u128>();
    sum(low) + (sum(high) << 32)
}

#[inline(always)]
pub(crate) fn unpack_min_max(packed: &[u8], width: u32) -> (u64, u64) {
    let (mut min, mut max): (Row, Row) = ([u64::MAX; LANES], [0; LANES]);
    for_each_row(packed, width, |_, values| {
        min = from_fn(|lane| min[lane].min(values[lane]));
        max = from_fn(|lane| max[lane].max(values[lane]));
    });
    (min.into_iter().min().unwrap_or(0), max.into_iter().max().unwrap_or(0))
}
