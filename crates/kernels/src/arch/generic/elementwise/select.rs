use super::Elementwise;
use std::mem::MaybeUninit;

/// Up to so many of 64 values are taken one by one.
const FEW: u32 = 8;

#[inline(always)]
pub(crate) fn filter<S: Elementwise>(
    simd: S,
    values: &[u64],
    mask: &[u64],
    out: &mut [MaybeUninit<u64>],
) -> usize {
    let mut out = Packed { simd, room: out, count: 0 };
    let (chunks, rest) = values.as_chunks::<64>();
    let mut words = mask.iter();
    for (chunk, word) in chunks.iter().zip(&mut words) {
        match word.count_ones() {
            0..=FEW => out.push_few(chunk, *word),
            64 => out.push_all(chunk),
            _ => {
                for (group, bits) in chunk.as_chunks::<8>().0.iter().zip(word.to_le_bytes()) {
                    out.push(group, bits);
                }
            }
        }
    }
    if let Some(word) = words.next() {
        for (group, bits) in rest.chunks(8).zip(word.to_le_bytes()) {
            let mut whole = [0; 8];
            for (to, value) in whole.iter_mut().zip(group) {
                *to = *value;
            }
            out.push(&whole, bits & (0xFF_u16 >> (8 - group.len())) as u8);
        }
    }
    out.count
}

/// Selected values, written one behind the other.
struct Packed<'a, S> {
    simd: S,
    room: &'a mut [MaybeUninit<u64>],
    count: usize,
}

impl<S: Elementwise> Packed<'_, S> {
    #[inline(always)]
    fn push(&mut self, group: &[u64; 8], bits: u8) {
        let count = bits.count_ones() as usize;
        let room = &mut self.room[self.count..];
        self.count += count;
        if let Some(room) = room.first_chunk_mut() {
            self.simd.compress(bits, group, room);
            return;
        }
        // Near the end there may be room for these, but not for all eight.
        let mut rest = bits;
        for to in &mut room[..count] {
            to.write(group[rest.trailing_zeros() as usize % 8]);
            rest &= rest.wrapping_sub(1);
        }
    }

    #[inline(always)]
    fn push_few(&mut self, chunk: &[u64; 64], mut word: u64) {
        while word != 0 {
            self.room[self.count].write(chunk[word.trailing_zeros() as usize % 64]);
            self.count += 1;
            word &= word - 1;
        }
    }

    #[inline(always)]
    fn push_all(&mut self, chunk: &[u64; 64]) {
        self.room[self.count..][..64].write_copy_of_slice(chunk);
        self.count += 64;
    }
}

#[inline(always)]
pub(crate) fn set_bits<S: Elementwise>(simd: S, mask: &[u64], out: &mut Vec<u32>) {
    let mut start = 0;
    for word in mask {
        let (len, count) = (out.len(), word.count_ones() as usize);
        // The caller made room; this costs a comparison.
        out.reserve(64);
        if let Some(room) = out.spare_capacity_mut().first_chunk_mut() {
            simd.positions(*word, start, room);
            // SAFETY: `positions` wrote as many as there are bits, and 64 fit.
            unsafe { out.set_len(len + count) };
        }
        start = start.wrapping_add(64);
    }
}
