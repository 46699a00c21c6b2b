use super::Line;

/// Lines that a turn of a loop takes: four vectors at least, so that additions do not wait for each other.
const TURN: usize = 4;

/// One form of the three loops. What is called a vector is moved whole, never by `memcpy`, which chooses
/// instructions of its own by size.
macro_rules! forms {
    ($module:ident, $feature:literal, $vector:ident, $zero:ident, $all:ident, $load:ident, $store:ident, $xor:ident) => {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        mod $module {
            use std::arch::x86_64::*;

            use super::{Line, TURN};

            /// Vectors of a turn.
            const VECTORS: usize = TURN * size_of::<Line>() / size_of::<$vector>();

            #[target_feature(enable = $feature)]
            pub(super) fn read(lines: &[Line]) -> u64 {
                let mut sums = [$zero(); VECTORS];
                for turn in lines.as_chunks::<TURN>().0 {
                    let at = turn.as_ptr().cast::<$vector>();
                    for (index, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: `VECTORS` vectors are the lines of a turn, and lines are aligned to 64 bytes.
                        *sum = $xor(*sum, unsafe { $load(at.add(index)) });
                    }
                }
                let mut sum = sums[0];
                for other in &sums[1..] {
                    sum = $xor(sum, *other);
                }
                let mut line = Line([0; 8]);
                // SAFETY: a line is as large and as aligned as the largest vector.
                unsafe { $store((&raw mut line).cast(), sum) };
                line.0.iter().fold(0, |all, word| all ^ word)
            }

            #[target_feature(enable = $feature)]
            pub(super) fn write(lines: &mut [Line], value: u64) {
                let vector = $all(value.cast_signed());
                for turn in lines.as_chunks_mut::<TURN>().0 {
                    let at = turn.as_mut_ptr().cast::<$vector>();
                    for index in 0..VECTORS {
                        // SAFETY: as in `read`; the lines are borrowed alone.
                        unsafe { $store(at.add(index), vector) };
                    }
                }
            }

            #[target_feature(enable = $feature)]
            pub(super) fn copy(from: &[Line], to: &mut [Line], mask: u64) {
                let mask = $all(mask.cast_signed());
                let turns = from.as_chunks::<TURN>().0.iter();
                for (from, to) in turns.zip(to.as_chunks_mut::<TURN>().0) {
                    let from = from.as_ptr().cast::<$vector>();
                    let to = to.as_mut_ptr().cast::<$vector>();
                    for index in 0..VECTORS {
                        // SAFETY: as in `read`; what is written is borrowed alone.
                        unsafe { $store(to.add(index), $xor($load(from.add(index)), mask)) };
                    }
                }
            }
        }
    };
}

forms!(
    avx512,
    "avx512f",
    __m512i,
    _mm512_setzero_si512,
    _mm512_set1_epi64,
    _mm512_load_si512,
    _mm512_store_si512,
    _mm512_xor_si512
);
forms!(
    avx2,
    "avx2",
    __m256i,
    _mm256_setzero_si256,
    _mm256_set1_epi64x,
    _mm256_load_si256,
    _mm256_store_si256,
    _mm256_xor_si256
);

mod plain {
    use super::Line;

    pub(super) fn read(lines: &[Line]) -> u64 {
        let mut sums = [0; 8];
        for line in lines {
            sums.iter_mut().zip(line.0).for_each(|(sum, word)| *sum ^= word);
        }
        sums.iter().fold(0, |all, word| all ^ word)
    }

    pub(super) fn write(lines: &mut [Line], value: u64) {
        lines.iter_mut().for_each(|line| *line = Line([value; 8]));
    }

    pub(super) fn copy(from: &[Line], to: &mut [Line], mask: u64) {
        for (from, to) in from.iter().zip(to) {
            *to = Line(from.0.map(|word| word ^ mask));
        }
    }
}

/// Runs the widest form that this processor has.
macro_rules! widest {
    ($function:ident($($argument:expr),*)) => {{
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        match vector_bits() {
            // SAFETY: the processor has it.
            512 => return unsafe { avx512::$function($($argument),*) },
            // SAFETY: the processor has it.
            256 => return unsafe { avx2::$function($($argument),*) },
            _ => {}
        }
        plain::$function($($argument),*)
    }};
}

/// The width of the vectors that [`read`], [`write`](fn@write) and [`copy`] use, in bits: 512, 256 or 128 (what a compiler does alone).
pub fn vector_bits() -> usize {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        if is_x86_feature_detected!("avx512f") {
            return 512;
        }
        if is_x86_feature_detected!("avx2") {
            return 256;
        }
    }
    128
}

/// Loads all lines, a multiple of 4 (others are left out); returns all words xored, for the caller to use.
#[inline(never)]
pub fn read(lines: &[Line]) -> u64 {
    widest!(read(lines))
}

/// Stores to all lines, a multiple of 4 (others are left out).
#[inline(never)]
pub fn write(lines: &mut [Line], value: u64) {
    widest!(write(lines, value))
}

/// Loads lines and stores them, xored with `mask`, to as many others; a multiple of 4. The xor keeps it a loop of loads and
/// stores: a plain copy would become a call of `memcpy`.
#[inline(never)]
pub fn copy(from: &[Line], to: &mut [Line], mask: u64) {
    widest!(copy(from, to, mask))
}

#[cfg(test)]
mod tests {
    use super::super::{Memory, Pages};
    use super::*;

    #[test]
    fn every_form_touches_every_line() {
        let mut memory = Memory::map(128 * 64, Pages::Small).unwrap();
        for (index, line) in memory.lines_mut().iter_mut().enumerate() {
            line.0 = [1 << (index % 64), 0, 0, 0, 0, 0, 0, 0];
        }
        let mask = 0xff00_00ff;
        let xored = |lines: &[Line]| -> Vec<Line> {
            let line = |line: &Line| Line(std::array::from_fn(|lane| line.0[lane] ^ mask));
            lines.iter().map(line).collect()
        };
        let (from, to) = memory.lines_mut().split_at_mut(64);
        assert_eq!(read(from), u64::MAX);
        assert_eq!(plain::read(from), u64::MAX);
        copy(from, to, mask);
        assert_eq!(to, xored(from));
        write(to, mask);
        assert_eq!(to, [Line([mask; 8]); 64]);
        plain::copy(from, to, mask);
        assert_eq!(to, xored(from));
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has it.
            unsafe {
                assert_eq!(avx2::read(from), u64::MAX);
                avx2::write(to, mask);
                assert_eq!(to, [Line([mask; 8]); 64]);
                avx2::copy(from, to, mask);
                assert_eq!(to, xored(from));
            }
        }
    }

    #[test]
    fn reading_sees_a_change_of_any_line() {
        let mut memory = Memory::map(64 * 64, Pages::Small).unwrap();
        let before = read(memory.lines());
        for index in 0..64 {
            memory.lines_mut()[index].0[0] ^= 1 << 40;
            assert_ne!(read(memory.lines()), before, "line {index} is not read");
            memory.lines_mut()[index].0[0] ^= 1 << 40;
        }
    }
}
