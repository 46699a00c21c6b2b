use super::avx2::Avx2;
use super::avx512::Avx512;
use super::methods;
use crate::arch::generic::bitstream::{Bitstream, WINDOW};
use crate::arch::portable::Portable;
use crate::arch::simd::LANES;
use std::arch::x86_64::*;

impl Bitstream for Avx512 {
    /// For each byte of the lanes the byte it comes from; the bits each lane is shifted by.
    type Places = [__m512i; 2];

    methods! {
        fn places(self, width: u32) -> [__m512i; 2] {
            let (mut from, mut shifts) = ([0u8; WINDOW], [0u64; LANES]);
            for (lane, (byte, bit)) in Portable.places(width).into_iter().enumerate() {
                for index in 0..8 {
                    from[lane * 8 + index] = (byte + index) as u8;
                }
                shifts[lane] = bit.into();
            }
            let load = |bytes: *const u8| _mm512_loadu_si512(bytes.cast());
            [load(from.as_ptr()), load(shifts.as_ptr().cast())]
        }
        fn pick(self, bytes: &[u8; WINDOW], places: [__m512i; 2]) -> __m512i {
            let bytes = _mm512_loadu_si512(bytes.as_ptr().cast());
            _mm512_srlv_epi64(_mm512_permutexvar_epi8(places[0], bytes), places[1])
        }
    }
}

/// Where the values of a group begin, for AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    /// Eight bytes from each of these on are in the window.
    bytes: [usize; LANES],
    /// The bits that the lanes are shifted by.
    shifts: [__m256i; 2],
}

impl Bitstream for Avx2 {
    type Places = Places;

    methods! {
        fn places(self, width: u32) -> Places {
            let places = Portable.places(width);
            let mut shifts = [0u64; LANES];
            for (shift, (_, bit)) in shifts.iter_mut().zip(places) {
                *shift = bit.into();
            }
            let shifts = shifts.as_ptr().cast();
            let shifts = [_mm256_loadu_si256(shifts), _mm256_loadu_si256(shifts.add(1))];
            Places { bytes: places.map(|(byte, _)| byte.min(WINDOW - 8)), shifts }
        }
        fn pick(self, bytes: &[u8; WINDOW], places: Places) -> [__m256i; 2] {
            let Places { bytes: [a, b, c, d, e, f, g, h], shifts } = places;
            let bytes = bytes.as_ptr();
            let low = _mm256_set_epi64x(
                bytes.add(d).cast::<i64>().read_unaligned(),
                bytes.add(c).cast::<i64>().read_unaligned(),
                bytes.add(b).cast::<i64>().read_unaligned(),
                bytes.add(a).cast::<i64>().read_unaligned(),
            );
            let high = _mm256_set_epi64x(
                bytes.add(h).cast::<i64>().read_unaligned(),
                bytes.add(g).cast::<i64>().read_unaligned(),
                bytes.add(f).cast::<i64>().read_unaligned(),
                bytes.add(e).cast::<i64>().read_unaligned(),
            );
            [_mm256_srlv_epi64(low, shifts[0]), _mm256_srlv_epi64(high, shifts[1])]
        }
    }
}
