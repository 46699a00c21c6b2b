//! The ladder of Chapter 25, milestone 6: what each step up from the naive encoder brings. The AVX2
//! and AVX-512 rungs are levels of the crate; these here are the others. All encode with padding.

use std::arch::asm;
use std::arch::x86_64::*;

const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A buffer that is filled from the front.
pub struct Room<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Room<'a> {
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    fn push(&mut self, byte: u8) {
        self.out[self.len] = byte;
        self.len += 1;
    }

    fn take(&mut self, len: usize) -> &mut [u8] {
        self.len += len;
        &mut self.out[self.len - len..self.len]
    }
}

/// The chapter's first stage: a symbol at a time, pushed.
pub fn naive(bytes: &[u8], out: &mut Room<'_>) {
    for chunk in bytes.chunks(3) {
        let b1 = chunk.first().copied().unwrap_or(0);
        let b2 = chunk.get(1).copied().unwrap_or(0);
        let b3 = chunk.get(2).copied().unwrap_or(0);
        let n = u32::from(b1) << 16 | u32::from(b2) << 8 | u32::from(b3);
        out.push(SYMBOLS[(n >> 18 & 0x3F) as usize]);
        out.push(SYMBOLS[(n >> 12 & 0x3F) as usize]);
        out.push(if chunk.len() > 1 { SYMBOLS[(n >> 6 & 0x3F) as usize] } else { b'=' });
        out.push(if chunk.len() > 2 { SYMBOLS[(n & 0x3F) as usize] } else { b'=' });
    }
}

/// The two symbols of each 12 bits.
static PAIRS: [[u8; 2]; 4096] = {
    let mut pairs = [[0; 2]; 4096];
    let mut bits = 0;
    while bits < 4096 {
        pairs[bits] = [SYMBOLS[bits >> 6], SYMBOLS[bits & 63]];
        bits += 1;
    }
    pairs
};

/// The second stage: six bytes at a time, two symbols a look-up, nothing pushed.
pub fn table(bytes: &[u8], out: &mut Room<'_>) {
    let (groups, rest) = bytes.as_chunks::<6>();
    let to = out.take(groups.len() * 8);
    for (from, to) in groups.iter().zip(to.as_chunks_mut::<8>().0) {
        let [a, b, c, d, e, f] = *from;
        let bits = u64::from_be_bytes([0, 0, a, b, c, d, e, f]) as usize;
        let pair = |shift: usize| PAIRS[bits >> shift & 4095];
        let ([a, b], [c, d], [e, f], [g, h]) = (pair(36), pair(24), pair(12), pair(0));
        *to = [a, b, c, d, e, f, g, h];
    }
    naive(rest, out);
}

/// Calls `encode` with all whole `from` bytes, of which it may read 64, and the room for as many
/// `to` symbols, and
/// has the rung below encode the rest.
fn in_blocks(
    (from, to): (usize, usize),
    bytes: &[u8],
    out: &mut Room<'_>,
    encode: unsafe fn(*const u8, *mut u8, usize),
    below: fn(&[u8], &mut Room<'_>),
) {
    let blocks = bytes.len().saturating_sub(64) / from;
    let to = out.take(blocks * to);
    // SAFETY: `blocks * from + 64` bytes are there and room for so many symbols; whoever calls has
    // seen that the processor has its instructions.
    unsafe { encode(bytes.as_ptr(), to.as_mut_ptr(), blocks) };
    below(&bytes[blocks * from..], out);
}

/// The third stage: 12 bytes at a time (Muła, Lemire 2018).
pub fn ssse3(bytes: &[u8], out: &mut Room<'_>) {
    assert!(is_x86_feature_detected!("ssse3"));
    in_blocks((12, 16), bytes, out, ssse3_blocks, table);
}

/// # Safety
/// `12 * blocks + 4` bytes are readable, `16 * blocks` writable.
#[target_feature(enable = "ssse3")]
unsafe fn ssse3_blocks(mut from: *const u8, mut to: *mut u8, blocks: usize) {
    let spread = _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    let offsets = _mm_setr_epi8(71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0);
    for _ in 0..blocks {
        // SAFETY: in the bounds the caller grants.
        let bytes = _mm_shuffle_epi8(unsafe { _mm_loadu_si128(from.cast()) }, spread);
        let even = _mm_and_si128(bytes, _mm_set1_epi32(0x0FC0_FC00));
        let odd = _mm_and_si128(bytes, _mm_set1_epi32(0x003F_03F0));
        let even = _mm_mulhi_epu16(even, _mm_set1_epi32(0x0400_0040));
        let odd = _mm_mullo_epi16(odd, _mm_set1_epi32(0x0100_0010));
        let values = _mm_or_si128(even, odd);
        let range = _mm_subs_epu8(values, _mm_set1_epi8(51));
        let upper = _mm_cmpgt_epi8(_mm_set1_epi8(26), values);
        let range = _mm_or_si128(range, _mm_and_si128(upper, _mm_set1_epi8(13)));
        let symbols = _mm_add_epi8(values, _mm_shuffle_epi8(offsets, range));
        // SAFETY: likewise.
        unsafe {
            _mm_storeu_si128(to.cast(), symbols);
            (from, to) = (from.add(12), to.add(16));
        }
    }
}

/// Where the bytes of each symbol are: `3 g + 1`, `3 g`, `3 g + 2`, `3 g + 1`.
const SPREAD: [u8; 64] = {
    let mut spread = [0; 64];
    let mut index = 0;
    while index < 64 {
        spread[index] = (index / 4 * 3 + [1, 0, 2, 1][index % 4]) as u8;
        index += 1;
    }
    spread
};

/// From which bits of 64 the eight symbols are.
const SHIFTS: i64 = 0x3036_242A_1016_040A;

fn has_vbmi() -> bool {
    is_x86_feature_detected!("avx512vbmi") && is_x86_feature_detected!("avx512vl")
}

/// The instructions of AVX-512 VBMI in registers of 256 bits.
pub fn vbmi_256(bytes: &[u8], out: &mut Room<'_>) {
    assert!(has_vbmi());
    in_blocks((24, 32), bytes, out, vbmi_256_blocks, ssse3);
}

/// # Safety
/// `24 * blocks + 8` bytes are readable, `32 * blocks` writable.
#[target_feature(enable = "avx512vbmi,avx512vl")]
unsafe fn vbmi_256_blocks(mut from: *const u8, mut to: *mut u8, blocks: usize) {
    // SAFETY: constants of so many bytes; then the bounds the caller grants.
    unsafe {
        let spread = _mm256_loadu_si256(SPREAD.as_ptr().cast());
        let low = _mm256_loadu_si256(SYMBOLS.as_ptr().cast());
        let high = _mm256_loadu_si256(SYMBOLS.as_ptr().add(32).cast());
        for _ in 0..blocks {
            let bytes = _mm256_permutexvar_epi8(spread, _mm256_loadu_si256(from.cast()));
            let values = _mm256_multishift_epi64_epi8(_mm256_set1_epi64x(SHIFTS), bytes);
            _mm256_storeu_si256(to.cast(), _mm256_permutex2var_epi8(low, values, high));
            (from, to) = (from.add(24), to.add(32));
        }
    }
}

/// The last stage: the loop in assembly, four registers of 512 bits at a time.
pub fn assembly(bytes: &[u8], out: &mut Room<'_>) {
    assert!(has_vbmi());
    in_blocks((192, 256), bytes, out, assembly_blocks, vbmi_256);
}

/// # Safety
/// `192 * blocks + 16` bytes are readable, `256 * blocks` writable; the processor has AVX-512 VBMI.
unsafe fn assembly_blocks(from: *const u8, to: *mut u8, blocks: usize) {
    if blocks == 0 {
        return;
    }
    // SAFETY: the loop stays in the bounds the caller grants, and says what it changes.
    unsafe {
        asm!(
            "vmovdqu64 zmm0, [{spread}]",
            "vpbroadcastq zmm1, {shifts}",
            "vmovdqu64 zmm2, [{symbols}]",
            "2:",
            "vpermb zmm3, zmm0, [{from}]",
            "vpermb zmm4, zmm0, [{from} + 48]",
            "vpermb zmm5, zmm0, [{from} + 96]",
            "vpermb zmm6, zmm0, [{from} + 144]",
            "vpmultishiftqb zmm3, zmm1, zmm3",
            "vpmultishiftqb zmm4, zmm1, zmm4",
            "vpmultishiftqb zmm5, zmm1, zmm5",
            "vpmultishiftqb zmm6, zmm1, zmm6",
            "vpermb zmm3, zmm3, zmm2",
            "vpermb zmm4, zmm4, zmm2",
            "vpermb zmm5, zmm5, zmm2",
            "vpermb zmm6, zmm6, zmm2",
            "vmovdqu64 [{to}], zmm3",
            "vmovdqu64 [{to} + 64], zmm4",
            "vmovdqu64 [{to} + 128], zmm5",
            "vmovdqu64 [{to} + 192], zmm6",
            "add {from}, 192",
            "add {to}, 256",
            "dec {blocks}",
            "jnz 2b",
            "vzeroupper",
            spread = in(reg) SPREAD.as_ptr(),
            shifts = in(reg) SHIFTS,
            symbols = in(reg) SYMBOLS.as_ptr(),
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            blocks = inout(reg) blocks => _,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _,
            out("zmm4") _, out("zmm5") _, out("zmm6") _,
            options(nostack),
        );
    }
}
