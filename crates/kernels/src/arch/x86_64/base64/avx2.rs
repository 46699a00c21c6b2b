use super::super::avx2::Avx2;
use super::super::{cache, methods};
use crate::arch::generic::base64::Base64;
use crate::base64::Tables;
use std::arch::asm;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Muła, Lemire: "Faster Base64 Encoding and Decoding Using AVX2 Instructions" (ACM Transactions on
/// the Web 2018), for 24 bytes and 32 symbols a register.
#[derive(Clone, Copy)]
pub(crate) struct Encoder {
    /// Of 12 bytes in each half: bytes `3 g + 1`, `3 g`, `3 g + 2`, `3 g + 1` to 32 bits.
    spread: __m256i,
    /// Multiplied by these, symbols 0 and 2 move right (it is the high half of the product that
    /// counts), 1 and 3 left.
    to_right: __m256i,
    to_left: __m256i,
    offsets: __m256i,
}

#[derive(Clone, Copy)]
pub(crate) struct Decoder {
    high_bits: __m256i,
    lows: __m256i,
    rolls: __m256i,
    odd_one: __m256i,
    /// From the high half of `odd_one` to its index in `rolls`.
    odd_step: __m256i,
    /// The three bytes of each 32 bits, the highest first, to the front of the half.
    gather: __m256i,
}

/// The compiler knows too well what multiplying by a power of two is: it makes two shifts and a
/// blend of one multiplication. What has gone through here, it does not know.
#[inline]
#[target_feature(enable = "avx2")]
fn opaque(mut register: __m256i) -> __m256i {
    // SAFETY: no instruction at all.
    unsafe {
        asm!("/* {0} */", inout(ymm_reg) register, options(pure, nomem, nostack, preserves_flags));
    }
    register
}

/// `_mm256_mulhi_epu16`. The intrinsic is a multiplication of 32 bits to the compiler, of which it
/// moves one half out of the loop and then finds the instruction no more.
#[inline]
#[target_feature(enable = "avx2")]
fn high_product(a: __m256i, b: __m256i) -> __m256i {
    let product;
    // SAFETY: one instruction of AVX2, of registers.
    unsafe {
        asm!(
            "vpmulhuw {product}, {a}, {b}",
            product = lateout(ymm_reg) product,
            a = in(ymm_reg) a,
            b = in(ymm_reg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    product
}

#[inline]
#[target_feature(enable = "avx2")]
fn both(half: &[u8; 16]) -> __m256i {
    // SAFETY: so many bytes.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(half.as_ptr().cast()) })
}

/// The 24 bytes of `bytes` whose 32 bits have the numbers `lanes`, as symbols.
#[inline]
#[target_feature(enable = "avx2")]
fn symbols(encoder: Encoder, bytes: __m256i, lanes: __m256i) -> __m256i {
    let bytes = _mm256_permutevar8x32_epi32(bytes, lanes);
    let bytes = _mm256_shuffle_epi8(bytes, encoder.spread);
    let even = _mm256_and_si256(bytes, _mm256_set1_epi32(0x0FC0_FC00));
    let odd = _mm256_and_si256(bytes, _mm256_set1_epi32(0x003F_03F0));
    let even = high_product(even, encoder.to_right);
    let odd = _mm256_mullo_epi16(odd, encoder.to_left);
    let values = _mm256_or_si256(even, odd);
    // 0 for both cases of letters, 1 to 12 for the others; then 13 for A to Z.
    let range = _mm256_subs_epu8(values, _mm256_set1_epi8(51));
    let upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), values);
    let range = _mm256_or_si256(range, _mm256_and_si256(upper, _mm256_set1_epi8(13)));
    _mm256_add_epi8(values, _mm256_shuffle_epi8(encoder.offsets, range))
}

/// 32 symbols to 24 bytes at the front. `errors` gets a byte that is 0 for one that is none.
#[inline]
#[target_feature(enable = "avx2")]
fn bytes(decoder: Decoder, text: __m256i, errors: __m256i) -> (__m256i, __m256i) {
    let highs = _mm256_and_si256(_mm256_srli_epi32::<4>(text), _mm256_set1_epi8(15));
    // Where the highest bit is set, `lows` gives 0.
    let valid = _mm256_and_si256(
        _mm256_shuffle_epi8(decoder.lows, text),
        _mm256_shuffle_epi8(decoder.high_bits, highs),
    );
    let odd = _mm256_and_si256(_mm256_cmpeq_epi8(text, decoder.odd_one), decoder.odd_step);
    let roll = _mm256_shuffle_epi8(decoder.rolls, _mm256_add_epi8(highs, odd));
    let values = _mm256_add_epi8(text, roll);
    let twelve = _mm256_maddubs_epi16(values, _mm256_set1_epi16(0x0140));
    let groups = _mm256_madd_epi16(twelve, _mm256_set1_epi32(0x0001_1000));
    let halves = _mm256_shuffle_epi8(groups, decoder.gather);
    let bytes = _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
    (bytes, _mm256_min_epu8(errors, valid))
}

impl Base64 for Avx2 {
    type Encoder = Encoder;
    type Decoder = Decoder;
    type Errors = __m256i;

    methods! {
        fn encoder(self, tables: &Tables) -> Encoder {
            Encoder {
                spread: both(&[1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10]),
                to_right: _mm256_set1_epi32(0x0400_0040),
                to_left: opaque(_mm256_set1_epi32(0x0100_0010)),
                offsets: both(&tables.offsets),
            }
        }
        fn encode_block(
            self,
            encoder: Encoder,
            from: &[u8; 192],
            to: &mut [MaybeUninit<u8>; 256],
            stream: bool
        ) {
            let (from, to) = (from.as_ptr(), to.as_mut_ptr());
            let stream = stream && to.addr().is_multiple_of(64);
            for index in 0..8 {
                // The last 24 bytes are at the end of a register: 32 from their start on would be
                // too many.
                let (start, lanes) = match index {
                    7 => (160, _mm256_setr_epi32(2, 3, 4, 0, 5, 6, 7, 0)),
                    _ => (24 * index, _mm256_setr_epi32(0, 1, 2, 0, 3, 4, 5, 0)),
                };
                let bytes = _mm256_loadu_si256(from.add(start).cast());
                let symbols = symbols(encoder, bytes, lanes);
                let to = to.add(32 * index).cast();
                if stream {
                    _mm256_stream_si256(to, symbols);
                } else {
                    _mm256_storeu_si256(to, symbols);
                }
            }
        }
        fn encode_part(self, encoder: Encoder, from: &[u8], to: &mut [MaybeUninit<u8>]) {
            let mut bytes = [0; 64];
            bytes[..from.len()].copy_from_slice(from);
            let mut text = [MaybeUninit::new(b'='); 64];
            let lanes = _mm256_setr_epi32(0, 1, 2, 0, 3, 4, 5, 0);
            let low = _mm256_loadu_si256(bytes.as_ptr().cast());
            _mm256_storeu_si256(text.as_mut_ptr().cast(), symbols(encoder, low, lanes));
            let high = _mm256_loadu_si256(bytes.as_ptr().add(24).cast());
            let high = symbols(encoder, high, lanes);
            _mm256_storeu_si256(text.as_mut_ptr().add(32).cast(), high);
            let real = (from.len() * 4).div_ceil(3);
            to.copy_from_slice(&text[..to.len()]);
            if let Some(padding) = to.get_mut(real..) {
                padding.fill(MaybeUninit::new(b'='));
            }
        }
        fn decoder(self, tables: &Tables) -> Decoder {
            let step = 1i8.wrapping_sub_unsigned(tables.odd_one >> 4);
            Decoder {
                high_bits: both(&tables.high_bits),
                lows: both(&tables.lows),
                rolls: both(&tables.rolls),
                odd_one: _mm256_set1_epi8(tables.odd_one as i8),
                odd_step: _mm256_set1_epi8(step),
                gather: both(&[2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 128, 128, 128, 128]),
            }
        }
        fn no_errors(self) -> __m256i { _mm256_set1_epi8(-1) }
        fn any(self, errors: __m256i) -> bool {
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(errors, _mm256_setzero_si256())) != 0
        }
        fn decode_block(
            self,
            decoder: Decoder,
            from: &[u8; 256],
            to: &mut [MaybeUninit<u8>; 192],
            errors: __m256i,
            _stream: bool
        ) -> __m256i {
            let (from, to) = (from.as_ptr(), to.as_mut_ptr());
            let mut errors = errors;
            for index in 0..8 {
                let text = _mm256_loadu_si256(from.add(32 * index).cast());
                let (bytes, found) = bytes(decoder, text, errors);
                errors = found;
                let to = to.add(24 * index);
                if index < 7 {
                    // Eight too many, which the next ones overwrite.
                    _mm256_storeu_si256(to.cast(), bytes);
                } else {
                    _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(bytes));
                    _mm_storel_epi64(to.add(16).cast(), _mm256_extracti128_si256::<1>(bytes));
                }
            }
            errors
        }
        fn decode_part(
            self,
            decoder: Decoder,
            from: &[u8],
            to: &mut [MaybeUninit<u8>],
            errors: __m256i
        ) -> __m256i {
            // What is missing is a symbol of both alphabets, of value 0.
            let mut text = [b'A'; 64];
            text[..from.len()].copy_from_slice(from);
            let mut room = [MaybeUninit::uninit(); 64];
            let low = _mm256_loadu_si256(text.as_ptr().cast());
            let (low, errors) = bytes(decoder, low, errors);
            _mm256_storeu_si256(room.as_mut_ptr().cast(), low);
            let high = _mm256_loadu_si256(text.as_ptr().add(32).cast());
            let (high, errors) = bytes(decoder, high, errors);
            _mm256_storeu_si256(room.as_mut_ptr().add(24).cast(), high);
            let len = to.len().min(48);
            to[..len].copy_from_slice(&room[..len]);
            errors
        }
        fn compact(self, from: &[u8; 64], to: &mut [MaybeUninit<u8>; 64]) -> usize {
            let spaces = both(&[0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0x09, 0x0A, 0, 0x0C, 0x0D, 0, 0]);
            let mut len = 0;
            for half in from.as_chunks::<32>().0 {
                let text = _mm256_loadu_si256(half.as_ptr().cast());
                let spaces = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(spaces, text), text);
                let spaces = _mm256_movemask_epi8(spaces) as u32;
                for (index, eight) in half.as_chunks::<8>().0.iter().enumerate() {
                    // A byte of ones for each bit that is not set.
                    let kept = u64::from(!spaces >> (8 * index) & 255);
                    let mask = _pdep_u64(kept, 0x0101_0101_0101_0101) * 255;
                    let eight = _pext_u64(u64::from_le_bytes(*eight), mask).to_le_bytes();
                    // At most 56 bytes are before it.
                    let to = to.as_mut_ptr().add(len);
                    to.cast::<[u8; 8]>().write_unaligned(eight);
                    len += kept.count_ones() as usize;
                }
            }
            len
        }
        fn end_stream(self) { _mm_sfence() }
    }

    #[inline(always)]
    fn stream_from(self) -> usize {
        cache::stream_from()
    }
}
