use crate::arch::Simd;

#[inline(always)]
pub(crate) fn csv<S: Simd>(
    simd: S,
    block: &[u8],
    delimiter: u8,
    inside_quotes: bool,
    ends: &mut Vec<u32>,
) -> u64 {
    let inside = 0u64.wrapping_sub(u64::from(inside_quotes));
    let mut scan = Csv { simd, delimiter, inside, quotes: 0 };
    let (chunks, rest) = block.as_chunks::<64>();
    let mut start = 0;
    for bytes in chunks {
        let found = scan.ends(bytes, u64::MAX);
        push_positions(simd, found, start, ends);
        start += 64;
    }
    if !rest.is_empty() {
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        let found = scan.ends(&last, (1 << rest.len()) - 1);
        push_positions(simd, found, start, ends);
    }
    scan.quotes
}

struct Csv<S> {
    simd: S,
    delimiter: u8,
    /// All ones inside of quotes.
    inside: u64,
    quotes: u64,
}

impl<S: Simd> Csv<S> {
    /// The delimiters and newlines outside of quotes, of those bytes that are `present`.
    #[inline(always)]
    fn ends(&mut self, bytes: &[u8; 64], present: u64) -> u64 {
        let bytes = self.simd.bytes(bytes);
        let ends = self.simd.equal(bytes, self.delimiter) | self.simd.equal(bytes, b'\n');
        let quotes = self.simd.equal(bytes, b'"') & present;
        let inside = self.simd.prefix_xor(quotes) ^ self.inside;
        self.inside = (inside as i64 >> 63) as u64;
        self.quotes += u64::from(quotes.count_ones());
        ends & present & !inside
    }
}

/// Appends `start` + the number of each bit that is set.
#[inline(always)]
fn push_positions<S: Simd>(simd: S, bits: u64, start: u32, ends: &mut Vec<u32>) {
    let (len, count) = (ends.len(), bits.count_ones() as usize);
    ends.reserve(64);
    if let Some(room) = ends.spare_capacity_mut().first_chunk_mut() {
        simd.positions(bits, start, room);
        // SAFETY: `positions` wrote as many as there are bits, and 64 fit.
        unsafe { ends.set_len(len + count) };
    }
}
