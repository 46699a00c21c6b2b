use super::super::avx512::Avx512;
use super::super::{NUMBERS, cache, methods};
use crate::arch::generic::base64::Base64;
use crate::base64::Tables;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Muła, Lemire: "Base64 encoding and decoding at almost the speed of a memory copy" (Software:
/// Practice and Experience 2020), with the loads of the encoder and the stores of the decoder
/// taken together: three registers of bytes for four of text.
#[derive(Clone, Copy)]
pub(crate) struct Encoder {
    /// Byte `4 g` on has bytes `3 g + 1`, `3 g`, `3 g + 2`, `3 g + 1`, of the four quarters of a block.
    spread: [__m512i; 4],
    /// From which bits of 64 the eight symbols are.
    shifts: __m512i,
    symbols: __m512i,
}

#[derive(Clone, Copy)]
pub(crate) struct Decoder {
    low_values: __m512i,
    high_values: __m512i,
    /// The three bytes of each 32 bits, the highest first, for the three registers of a block.
    gather: [__m512i; 3],
}

/// What `Encoder::spread` is: of the registers that begin at bytes 0, 0, 64, 128 of the block.
const SPREAD: [[u8; 64]; 4] = {
    let mut spread = [[0; 64]; 4];
    let (mut quarter, starts) = (0, [0, 0, 64, 128]);
    while quarter < 4 {
        let mut index = 0;
        while index < 64 {
            let byte = index / 4 * 3 + [1, 0, 2, 1][index % 4];
            spread[quarter][index] = (48 * quarter + byte - starts[quarter]) as u8;
            index += 1;
        }
        quarter += 1;
    }
    spread
};

/// What `Decoder::gather` is: of the registers that begin at 32 bits 0, 16, 32 of the block.
const GATHER: [[u8; 64]; 3] = {
    let mut gather = [[0; 64]; 3];
    let mut index = 0;
    while index < 192 {
        let byte = index / 3 * 4 + (2 - index % 3);
        gather[index / 64][index % 64] = (byte - index / 64 * 64) as u8;
        index += 1;
    }
    gather
};

#[inline]
#[target_feature(enable = "avx512f")]
fn register(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: so many bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// # Safety
/// The 64 bytes from `to` on are writable, and `to` is a multiple of 64 when `stream`.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store(to: *mut MaybeUninit<u8>, register: __m512i, stream: bool) {
    // SAFETY: see above.
    unsafe {
        if stream {
            _mm512_stream_si512(to.cast(), register);
        } else {
            _mm512_storeu_si512(to.cast(), register);
        }
    }
}

/// The up to 64 bytes of `from` in a register, and where in it those with the numbers `places` are;
/// for a number that `from` does not have, any place.
///
/// One masked load would do, but the processor holds it back for earlier stores to the bytes that it
/// does not read, as those to a buffer that comes right after. So there are two loads of half a
/// register, or a quarter and so on, which overlap.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load(from: &[u8], places: __m512i) -> (__m512i, __m512i) {
    let (len, start) = (from.len(), from.as_ptr());
    // SAFETY: both loads are of `half` bytes, at the start and at the end, of `half` to `2 * half`.
    let (half, bytes) = unsafe {
        match len {
            64.. => return (_mm512_loadu_si512(start.cast()), places),
            32.. => {
                let low = _mm256_loadu_si256(start.cast());
                let high = _mm256_loadu_si256(start.add(len - 32).cast());
                (32, _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high))
            }
            16.. => {
                let low = _mm_loadu_si128(start.cast());
                let high = _mm_loadu_si128(start.add(len - 16).cast());
                (16, _mm512_zextsi256_si512(_mm256_set_m128i(high, low)))
            }
            8.. => {
                let low = start.cast::<i64>().read_unaligned();
                let high = start.add(len - 8).cast::<i64>().read_unaligned();
                (8, _mm512_zextsi128_si512(_mm_set_epi64x(high, low)))
            }
            4.. => {
                let low = start.cast::<i32>().read_unaligned();
                let high = start.add(len - 4).cast::<i32>().read_unaligned();
                (4, _mm512_zextsi128_si512(_mm_set_epi32(0, 0, high, low)))
            }
            0 => return (_mm512_setzero_si512(), places),
            _ => {
                let bytes = [*start, *start.add(len / 2), *start.add(len - 1)];
                let [first, middle, last] = bytes.map(i32::from);
                let bytes = first | middle << (8 * (len / 2)) | last << (8 * (len - 1));
                return (_mm512_zextsi128_si512(_mm_cvtsi32_si128(bytes)), places);
            }
        }
    };
    let apart = _mm512_set1_epi8((2 * half - len) as i8);
    let in_high = _mm512_cmpge_epu8_mask(places, _mm512_set1_epi8(half as i8));
    (bytes, _mm512_mask_add_epi8(places, in_high, places, apart))
}

/// Stores the first bytes of a register: as many as `to` has, at most 64; in two stores, which
/// overlap, for the reason given at [`load`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn store_front(to: &mut [MaybeUninit<u8>], bytes: __m512i) {
    let (len, start) = (to.len(), to.as_mut_ptr());
    // The bytes before the end, at the front.
    let last = |half: usize| {
        let places = _mm512_add_epi8(register(&NUMBERS), _mm512_set1_epi8((len - half) as i8));
        _mm512_permutexvar_epi8(places, bytes)
    };
    // SAFETY: both stores are of as many bytes as the pattern says, or half of that.
    unsafe {
        match len {
            64.. => _mm512_storeu_si512(start.cast(), bytes),
            32.. => {
                _mm256_storeu_si256(start.cast(), _mm512_castsi512_si256(bytes));
                let last = _mm512_castsi512_si256(last(32));
                _mm256_storeu_si256(start.add(len - 32).cast(), last);
            }
            16.. => {
                _mm_storeu_si128(start.cast(), _mm512_castsi512_si128(bytes));
                let last = _mm512_castsi512_si128(last(16));
                _mm_storeu_si128(start.add(len - 16).cast(), last);
            }
            8.. => {
                _mm_storel_epi64(start.cast(), _mm512_castsi512_si128(bytes));
                let last = _mm512_castsi512_si128(last(8));
                _mm_storel_epi64(start.add(len - 8).cast(), last);
            }
            4.. => {
                _mm_storeu_si32(start.cast(), _mm512_castsi512_si128(bytes));
                let last = _mm512_castsi512_si128(last(4));
                _mm_storeu_si32(start.add(len - 4).cast(), last);
            }
            0 => {}
            _ => {
                let bytes = _mm_cvtsi128_si32(_mm512_castsi512_si128(bytes)).to_le_bytes();
                for (to, byte) in to.iter_mut().zip(bytes) {
                    to.write(byte);
                }
            }
        }
    }
}

/// The symbols of what `Encoder::spread` made.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
fn symbols(encoder: Encoder, spread: __m512i) -> __m512i {
    _mm512_permutexvar_epi8(_mm512_multishift_epi64_epi8(encoder.shifts, spread), encoder.symbols)
}

/// The values of 64 bytes; the highest bit of the second answer is set where there is none.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
fn values(decoder: Decoder, text: __m512i, errors: __m512i) -> (__m512i, __m512i) {
    let values = _mm512_permutex2var_epi8(decoder.low_values, text, decoder.high_values);
    (values, _mm512_ternarylogic_epi32::<0xFE>(errors, values, text))
}

/// Four values of 6 bits to 24 bits in 32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn join(values: __m512i) -> __m512i {
    let twelve = _mm512_maddubs_epi16(values, _mm512_set1_epi16(0x0140));
    _mm512_madd_epi16(twelve, _mm512_set1_epi32(0x0001_1000))
}

impl Base64 for Avx512 {
    type Encoder = Encoder;
    type Decoder = Decoder;
    type Errors = __m512i;

    methods! {
        fn encoder(self, tables: &Tables) -> Encoder {
            let spread = [
                register(&SPREAD[0]),
                register(&SPREAD[1]),
                register(&SPREAD[2]),
                register(&SPREAD[3]),
            ];
            let shifts = _mm512_set1_epi64(0x3036_242A_1016_040A);
            Encoder { spread, shifts, symbols: register(&tables.symbols) }
        }
        fn encode_block(
            self,
            encoder: Encoder,
            from: &[u8; 192],
            to: &mut [MaybeUninit<u8>; 256],
            stream: bool
        ) {
            let from: *const __m512i = from.as_ptr().cast();
            let a = _mm512_loadu_si512(from);
            let b = _mm512_loadu_si512(from.add(1));
            let c = _mm512_loadu_si512(from.add(2));
            let spread = encoder.spread;
            let to = to.as_mut_ptr();
            let stream = stream && to.addr().is_multiple_of(64);
            let first = _mm512_permutexvar_epi8(spread[0], a);
            store(to, symbols(encoder, first), stream);
            let second = _mm512_permutex2var_epi8(a, spread[1], b);
            store(to.add(64), symbols(encoder, second), stream);
            let third = _mm512_permutex2var_epi8(b, spread[2], c);
            store(to.add(128), symbols(encoder, third), stream);
            let fourth = _mm512_permutexvar_epi8(spread[3], c);
            store(to.add(192), symbols(encoder, fourth), stream);
        }
        fn encode_part(self, encoder: Encoder, from: &[u8], to: &mut [MaybeUninit<u8>]) {
            let (bytes, spread) = load(from, encoder.spread[0]);
            // The bits after the last byte are 0.
            let len = _mm512_set1_epi8(from.len() as i8);
            let present = _mm512_cmplt_epu8_mask(encoder.spread[0], len);
            let spread = _mm512_maskz_permutexvar_epi8(present, spread, bytes);
            let symbols = symbols(encoder, spread);
            let real = _bzhi_u64(!0, (from.len() as u32 * 4).div_ceil(3));
            let padded = _mm512_mask_blend_epi8(real, _mm512_set1_epi8(b'=' as i8), symbols);
            store_front(to, padded);
        }
        fn decoder(self, tables: &Tables) -> Decoder {
            let (halves, _) = tables.values.as_chunks();
            Decoder {
                low_values: register(&halves[0]),
                high_values: register(&halves[1]),
                gather: [register(&GATHER[0]), register(&GATHER[1]), register(&GATHER[2])],
            }
        }
        fn no_errors(self) -> __m512i { _mm512_setzero_si512() }
        fn any(self, errors: __m512i) -> bool { _mm512_movepi8_mask(errors) != 0 }
        fn decode_block(
            self,
            decoder: Decoder,
            from: &[u8; 256],
            to: &mut [MaybeUninit<u8>; 192],
            errors: __m512i,
            stream: bool
        ) -> __m512i {
            let from: *const __m512i = from.as_ptr().cast();
            let (a, errors) = values(decoder, _mm512_loadu_si512(from), errors);
            let (b, errors) = values(decoder, _mm512_loadu_si512(from.add(1)), errors);
            let (c, errors) = values(decoder, _mm512_loadu_si512(from.add(2)), errors);
            let (d, errors) = values(decoder, _mm512_loadu_si512(from.add(3)), errors);
            let (a, b, c, d) = (join(a), join(b), join(c), join(d));
            let [first, second, third] = decoder.gather;
            let to = to.as_mut_ptr();
            let stream = stream && to.addr().is_multiple_of(64);
            store(to, _mm512_permutex2var_epi8(a, first, b), stream);
            store(to.add(64), _mm512_permutex2var_epi8(b, second, c), stream);
            store(to.add(128), _mm512_permutex2var_epi8(c, third, d), stream);
            errors
        }
        fn decode_part(
            self,
            decoder: Decoder,
            from: &[u8],
            to: &mut [MaybeUninit<u8>],
            errors: __m512i
        ) -> __m512i {
            // What is missing is a symbol of both alphabets, of value 0.
            let (text, places) = load(from, register(&NUMBERS));
            let present = _bzhi_u64(!0, from.len() as u32);
            let text = if from.len() < 64 {
                _mm512_mask_permutexvar_epi8(_mm512_set1_epi8(b'A' as i8), present, places, text)
            } else {
                text
            };
            let (values, errors) = values(decoder, text, errors);
            let bytes = _mm512_permutexvar_epi8(decoder.gather[0], join(values));
            store_front(to, bytes);
            errors
        }
        fn compact(self, from: &[u8; 64], to: &mut [MaybeUninit<u8>; 64]) -> usize {
            // The white space that has the low half of a byte; 0 has another one where there is none.
            let spaces = _mm512_broadcast_i32x4(_mm_setr_epi8(
                0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0x09, 0x0A, 0, 0x0C, 0x0D, 0, 0,
            ));
            let text = register(from);
            let kept = _mm512_cmpneq_epi8_mask(_mm512_shuffle_epi8(spaces, text), text);
            // Compressed into a register: the form that stores is slow on AMD.
            let text = _mm512_maskz_compress_epi8(kept, text);
            _mm512_storeu_si512(to.as_mut_ptr().cast(), text);
            kept.count_ones() as usize
        }
        fn end_stream(self) { _mm_sfence() }
    }

    #[inline(always)]
    fn stream_from(self) -> usize {
        cache::stream_from()
    }
}
