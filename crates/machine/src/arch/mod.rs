//! The instructions behind the safe functions: inline assembly on x86-64, std elsewhere.
//!
//! Both modules have the same functions. Tests compile both and compare them. Miri, which runs no
//! assembly, takes the portable one.

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) mod x86_64;
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) use x86_64::{barrier, bits, call, counter, cpuid, cstr, frames, prefetch};

#[cfg(any(test, miri, not(target_arch = "x86_64")))]
#[cfg_attr(all(target_arch = "x86_64", not(miri)), expect(dead_code, reason = "compared in tests"))]
pub(crate) mod portable;
#[cfg(any(miri, not(target_arch = "x86_64")))]
pub(crate) use portable::{barrier, bits, call, counter, cpuid, cstr, frames, prefetch};

#[cfg(test)]
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod tests {
    use super::{portable, x86_64};

    /// What other processors run, against what this one runs.
    #[test]
    fn the_portable_functions_agree() {
        for x in (0..64).flat_map(|bit| [1u64 << bit, (1 << bit) - 1, u64::MAX << bit]) {
            let of = |functions: [fn(u64) -> u32; 3]| functions.map(|function| function(x));
            let here = of([
                x86_64::bits::trailing_zeros,
                x86_64::bits::leading_zeros,
                x86_64::bits::popcnt,
            ]);
            let there = of([
                portable::bits::trailing_zeros,
                portable::bits::leading_zeros,
                portable::bits::popcnt,
            ]);
            assert_eq!(here, there, "{x:#x}");
            assert_eq!(x86_64::bits::bswap(x), portable::bits::bswap(x));
            let [a, b, c, d] = [1, 2, 3, 4].map(|weight| x.wrapping_mul(weight) as i64);
            assert_eq!(
                x86_64::call::dot4(a, b, c, d, 5, 6, 7, 8),
                portable::call::dot4(a, b, c, d, 5, 6, 7, 8)
            );
        }
        for string in [c"", c"a", c"a longer one"] {
            let start = string.as_ptr().cast();
            // SAFETY: a C string.
            let lengths =
                unsafe { [portable::cstr::by_byte(start), portable::cstr::by_block(start)] };
            assert_eq!(lengths, [string.count_bytes(); 2]);
        }
        let first = portable::counter::fenced();
        assert!(portable::counter::fenced_end() >= first);
        assert!(portable::counter::rdtscp() >= (first, 0));
    }
}
