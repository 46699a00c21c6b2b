use std::mem::MaybeUninit;

/// How many 64-bit lanes a register has.
pub(crate) const LANES: usize = 8;

/// An instruction set: eight lanes of 64 bits, or 64 bytes, in one register or in several.
///
/// The number of lanes is the same everywhere, so that floating-point sums are too. A value of the
/// type is the proof that the processor has the instructions, whence the methods are safe.
///
/// They are `#[inline(always)]`, and so must be every function on the way to the one that switches
/// the instructions on: only there can the compiler inline intrinsics. Closures cannot be marked
/// so. Where they would do, a loop over an iterator of our own does; never pass one that calls
/// these methods, nor use them in an adapter like `map`: each instruction would become a call.
pub(crate) trait Simd: Copy {
    /// Eight integers.
    type U64s: Copy;
    /// Eight floats.
    type F64s: Copy;
    /// 64 bytes.
    type Bytes: Copy;

    fn splat(self, value: u64) -> Self::U64s;
    fn load(self, values: &[u64; LANES]) -> Self::U64s;
    fn store(self, values: Self::U64s, to: &mut [u64; LANES]);
    /// From little-endian bytes.
    fn load_bytes(self, bytes: &[u8; 8 * LANES]) -> Self::U64s;
    /// To little-endian bytes.
    fn store_bytes(self, values: Self::U64s, to: &mut [u8; 8 * LANES]);
    /// Wrapping, as is all arithmetic.
    fn add(self, a: Self::U64s, b: Self::U64s) -> Self::U64s;
    fn and(self, a: Self::U64s, b: Self::U64s) -> Self::U64s;
    fn or(self, a: Self::U64s, b: Self::U64s) -> Self::U64s;
    fn xor(self, a: Self::U64s, b: Self::U64s) -> Self::U64s;
    /// All lanes to the left; 0 when `count` is 64.
    fn shl(self, a: Self::U64s, count: u32) -> Self::U64s;
    /// All lanes to the right; 0 when `count` is 64.
    fn shr(self, a: Self::U64s, count: u32) -> Self::U64s;
    /// Bits `count..count + 64` of `high` and `low` as one number; `count` is less than 64.
    #[inline(always)]
    fn funnel_shr(self, low: Self::U64s, high: Self::U64s, count: u32) -> Self::U64s {
        self.or(self.shr(low, count), self.shl(high, 64 - count))
    }
    fn min(self, a: Self::U64s, b: Self::U64s) -> Self::U64s;
    fn max(self, a: Self::U64s, b: Self::U64s) -> Self::U64s;
    /// The sum of each lane and those before it.
    fn prefix_sum(self, a: Self::U64s) -> Self::U64s;
    /// The last lane, in all lanes.
    fn splat_last(self, a: Self::U64s) -> Self::U64s;
    /// `a` where the bit of the lane is set, `b` elsewhere.
    fn select(self, bits: u8, a: Self::U64s, b: Self::U64s) -> Self::U64s;

    fn splat_f64(self, value: f64) -> Self::F64s;
    fn load_f64(self, values: &[f64; LANES]) -> Self::F64s;
    fn add_f64(self, a: Self::F64s, b: Self::F64s) -> Self::F64s;
    fn sub_f64(self, a: Self::F64s, b: Self::F64s) -> Self::F64s;
    fn mul_f64(self, a: Self::F64s, b: Self::F64s) -> Self::F64s;
    /// Eight times 1, of which the compiler does not know that it is 1.
    #[inline(always)]
    fn ones_f64(self) -> Self::F64s {
        self.splat_f64(1.0)
    }
    /// `a + b`, by the circuits that multiply: Zen has others for additions, comparisons and
    /// extremes, and where there are many of those, it adds more by `a * 1 + b`, which rounds once
    /// and is the same sum. `ones` is from [`ones_f64`](Self::ones_f64).
    #[inline(always)]
    fn add_f64_by_fma(self, a: Self::F64s, b: Self::F64s, ones: Self::F64s) -> Self::F64s {
        _ = ones;
        self.add_f64(a, b)
    }
    /// `if a < b { a } else { b }`: `b` where `a` is NaN.
    fn min_f64(self, a: Self::F64s, b: Self::F64s) -> Self::F64s;
    /// `if a > b { a } else { b }`: `b` where `a` is NaN.
    fn max_f64(self, a: Self::F64s, b: Self::F64s) -> Self::F64s;
    /// The lanes that are not NaN.
    fn numbers(self, a: Self::F64s) -> u8;
    fn f64_from_bits(self, bits: Self::U64s) -> Self::F64s;
    fn f64_to_bits(self, values: Self::F64s) -> Self::U64s;

    /// Bytes as they are.
    fn bytes(self, bytes: &[u8; 64]) -> Self::Bytes;
    /// Bit `i` is set where byte `i` is `wanted`.
    fn equal(self, bytes: Self::Bytes, wanted: u8) -> u64;
    /// The parity of the bits up to each bit.
    #[inline(always)]
    fn prefix_xor(self, mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }
    /// Has the line of cache at this address loaded, if there is such an address.
    #[inline(always)]
    fn prefetch(self, _address: *const u8) {}
    /// Writes `start` + the number of each bit that is set, ascending, to the front of `to`; what
    /// is behind them may be overwritten.
    #[inline(always)]
    fn positions(self, bits: u64, start: u32, to: &mut [MaybeUninit<u32>; 64]) {
        // Whole groups of eight: a branch for each group is foreseen better than one for each bit.
        let mut rest = bits;
        for group in to.as_chunks_mut::<8>().0 {
            if rest == 0 {
                break;
            }
            for position in group {
                position.write(start.wrapping_add(rest.trailing_zeros()));
                rest &= rest.wrapping_sub(1);
            }
        }
    }

    // What follows is made of the above.

    #[inline(always)]
    fn to_array(self, values: Self::U64s) -> [u64; LANES] {
        let mut array = [0; LANES];
        self.store(values, &mut array);
        array
    }
    #[inline(always)]
    fn to_array_f64(self, values: Self::F64s) -> [f64; LANES] {
        self.to_array(self.f64_to_bits(values)).map(f64::from_bits)
    }
    /// Up to eight values, `fill` in the lanes that are left.
    #[inline(always)]
    fn load_part(self, values: &[u64], fill: u64) -> Self::U64s {
        let mut array = [fill; LANES];
        for (to, value) in array.iter_mut().zip(values) {
            *to = *value;
        }
        self.load(&array)
    }
    #[inline(always)]
    fn load_part_f64(self, values: &[f64], fill: f64) -> Self::F64s {
        let mut array = [fill; LANES];
        for (to, value) in array.iter_mut().zip(values) {
            *to = *value;
        }
        self.load_f64(&array)
    }
    #[inline(always)]
    fn select_f64(self, bits: u8, a: Self::F64s, b: Self::F64s) -> Self::F64s {
        self.f64_from_bits(self.select(bits, self.f64_to_bits(a), self.f64_to_bits(b)))
    }
}
