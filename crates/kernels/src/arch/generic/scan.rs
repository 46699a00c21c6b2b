use crate::arch::Simd;
use crate::arch::portable::Portable;

mod line;

pub(crate) use line::{line, line_ends};

/// What the family needs beyond [`Simd`].
pub(crate) trait Scan: Simd {
    /// Bit `i` is set where byte `i` is ASCII whitespace.
    fn whitespace(self, bytes: Self::Bytes) -> u64;

    /// Bit `i` is set where byte `i` is `,`, `=`, space or newline.
    #[inline(always)]
    fn separators(self, bytes: Self::Bytes) -> u64 {
        let mut found = 0;
        for wanted in [b',', b'=', b' ', b'\n'] {
            found |= self.equal(bytes, wanted);
        }
        found
    }

    /// Whether a byte is there by which a line may be more than separators: `"`, `\`, `#`, or what
    /// may be a blank at its start, a tab or a byte order mark.
    #[inline(always)]
    fn any_special(self, bytes: Self::Bytes) -> bool {
        let mut found = 0;
        for wanted in [b'"', b'\\', b'#', b'\t', 0xEF] {
            found |= self.equal(bytes, wanted);
        }
        found != 0
    }
}

impl Scan for Portable {
    #[inline(always)]
    fn whitespace(self, bytes: [u8; 64]) -> u64 {
        let mut is_white = [0; 64];
        for (is_white, byte) in is_white.iter_mut().zip(bytes) {
            *is_white = u8::from(byte == b' ') | u8::from(byte.wrapping_sub(9) < 5 && byte != 11);
        }
        let (words, _) = is_white.as_chunks::<8>();
        words.iter().rev().fold(0, |mask, word| {
            // The lowest bits of the eight bytes, side by side.
            mask << 8 | u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56
        })
    }
}

/// Up to 64 bytes, and zeros behind them.
#[inline(always)]
fn padded(rest: &[u8]) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..rest.len()].copy_from_slice(rest);
    bytes
}

#[inline(always)]
pub(crate) fn newlines<S: Scan>(simd: S, block: &[u8], ends: &mut Vec<u32>) {
    let (chunks, rest) = block.as_chunks();
    let mut start = 0;
    for bytes in chunks {
        push_positions(simd, simd.equal(simd.bytes(bytes), b'\n'), start, ends);
        start += 64;
    }
    if !rest.is_empty() {
        push_positions(simd, simd.equal(simd.bytes(&padded(rest)), b'\n'), start, ends);
    }
}

#[inline(always)]
pub(crate) fn count_newlines<S: Scan>(simd: S, block: &[u8]) -> usize {
    let (chunks, rest) = block.as_chunks();
    let mut count = simd.equal(simd.bytes(&padded(rest)), b'\n').count_ones() as usize;
    for bytes in chunks {
        count += simd.equal(simd.bytes(bytes), b'\n').count_ones() as usize;
    }
    count
}

#[inline(always)]
pub(crate) fn whitespace<S: Scan>(simd: S, block: &[u8], masks: &mut [u64]) {
    let (chunks, rest) = block.as_chunks();
    let mut masks = masks.iter_mut();
    for (bytes, mask) in chunks.iter().zip(&mut masks) {
        *mask = simd.whitespace(simd.bytes(bytes));
    }
    if let Some(mask) = masks.next() {
        *mask = simd.whitespace(simd.bytes(&padded(rest)));
    }
}

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
        let found = scan.ends(&padded(rest), (1 << rest.len()) - 1);
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
