//! Decimals as integers: ALP (Afroozeh, Kuffó, Boncz, "ALP: Adaptive Lossless floating-Point
//! Compression", SIGMOD 2024).

use std::collections::TryReserveError;
use tidemill_kernels::bitpack::width_of;

/// The powers of ten that both a double and its inverse are nearest to, as far as they are of use.
const TENS: [f64; 19] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];
const TENTHS: [f64; 19] = [
    1e-0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14,
    1e-15, 1e-16, 1e-17, 1e-18,
];

/// 1.5 · 2⁵²: a number below 2⁵¹ that is added to it is rounded to an integer, which then stands
/// in the lower bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// The magnitude below which [`ROUNDER`] works: 2⁵¹.
const MAX_INTEGER: f64 = 2_251_799_813_685_248.0;

/// How doubles become integers: `integer = round(double · 10^exponent · 10^-factor)`, and back,
/// `double = integer · 10^factor · 10^-exponent`, where that gives the very same double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    exponent: u8,
    factor: u8,
}

impl Decimal {
    /// `None` when there is no such scale.
    pub(crate) fn new(exponent: u8, factor: u8) -> Option<Self> {
        (factor <= exponent && usize::from(exponent) < TENS.len())
            .then_some(Self { exponent, factor })
    }

    pub(crate) fn exponent(self) -> u8 {
        self.exponent
    }

    pub(crate) fn factor(self) -> u8 {
        self.factor
    }

    fn to_integer(self) -> impl Fn(f64) -> (u64, bool) {
        let (up, down) = (TENS[usize::from(self.exponent)], TENTHS[usize::from(self.factor)]);
        let to_double = self.to_double();
        move |double| {
            let rounded = double * up * down + ROUNDER;
            let integer = rounded.to_bits().wrapping_sub(ROUNDER.to_bits());
            // False for NaN, too.
            let is_small = (rounded - ROUNDER).abs() < MAX_INTEGER;
            (integer, is_small & (to_double(integer).to_bits() == double.to_bits()))
        }
    }

    /// The way back.
    pub(crate) fn to_double(self) -> impl Fn(u64) -> f64 {
        let (up, down) = (TENS[usize::from(self.factor)], TENTHS[usize::from(self.exponent)]);
        move |integer| {
            let rounded = f64::from_bits(integer.wrapping_add(ROUNDER.to_bits()));
            (rounded - ROUNDER) * up * down
        }
    }

    /// Turns `doubles` into `integers`, and finds the positions of the `exceptions` that don't
    /// return; in their places stand the integers before them, or zeros.
    pub(crate) fn convert(
        self,
        doubles: &[f64],
        integers: &mut Vec<u64>,
        exceptions: &mut Vec<u16>,
    ) -> Result<(), TryReserveError> {
        const CHUNK: usize = 64;
        integers.clear();
        integers.try_reserve(doubles.len())?;
        integers.resize(doubles.len(), 0);
        exceptions.clear();
        let to_integer = self.to_integer();
        for (chunk, (doubles, integers)) in
            doubles.chunks(CHUNK).zip(integers.chunks_mut(CHUNK)).enumerate()
        {
            let mut failures = 0;
            for (integer, double) in integers.iter_mut().zip(doubles) {
                let returns;
                (*integer, returns) = to_integer(*double);
                failures += usize::from(!returns);
            }
            if failures > 0 {
                let indices = (0..doubles.len()).filter(|index| !to_integer(doubles[*index]).1);
                exceptions.try_reserve(failures)?;
                exceptions.extend(indices.map(|index| (chunk * CHUNK + index) as u16));
            }
        }
        for exception in exceptions.iter().map(|exception| usize::from(*exception)) {
            integers[exception] = if exception == 0 { 0 } else { integers[exception - 1] };
        }
        Ok(())
    }

    /// The scale that promises the smallest encoding of `doubles`, and the bits that each of them
    /// takes then, about.
    pub(crate) fn find(doubles: &[f64]) -> (Self, usize) {
        const FIRST: usize = 12;
        const SECOND: usize = 96;
        const CANDIDATES: usize = 12;
        let (mut first, mut second) = ([0.0; FIRST], [0.0; SECOND]);
        let first = sample(doubles, &mut first);
        let second = sample(doubles, &mut second);
        let mut best = [(usize::MAX, Self { exponent: 0, factor: 0 }); CANDIDATES];
        // From the greatest exponent down: of those that look alike it returns the most.
        for exponent in (0..TENS.len() as u8).rev() {
            for factor in 0..=exponent {
                let decimal = Self { exponent, factor };
                let bits = decimal.estimate(first);
                let place = best.partition_point(|other| other.0 <= bits);
                if place < CANDIDATES {
                    best[place..].rotate_right(1);
                    best[place] = (bits, decimal);
                }
            }
        }
        let estimates = best.map(|(_, decimal)| (decimal.estimate(second), decimal));
        let (bits, decimal) = estimates.into_iter().min_by_key(|e| e.0).unwrap_or(best[0]);
        (decimal, bits / second.len().max(1))
    }

    /// The bits that `doubles` take, about.
    fn estimate(self, doubles: &[f64]) -> usize {
        const EXCEPTION_BITS: usize = 80;
        let (mut least, mut greatest, mut exceptions) = (i64::MAX, i64::MIN, 0);
        let to_integer = self.to_integer();
        for double in doubles {
            match to_integer(*double) {
                (integer, true) => {
                    least = least.min(integer as i64);
                    greatest = greatest.max(integer as i64);
                }
                _ => exceptions += 1,
            }
        }
        let range = if exceptions == doubles.len() { 0 } else { greatest.abs_diff(least) };
        exceptions * EXCEPTION_BITS + doubles.len() * width_of(range) as usize
    }
}

/// Fills `sample` with values from all over `doubles`, as far as there are enough.
fn sample<'a>(doubles: &[f64], sample: &'a mut [f64]) -> &'a [f64] {
    let stride = doubles.len().div_ceil(sample.len()).max(1);
    let mut taken = 0;
    for (place, double) in sample.iter_mut().zip(doubles.iter().step_by(stride)) {
        *place = *double;
        taken += 1;
    }
    &sample[..taken]
}
