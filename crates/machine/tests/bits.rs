//! Bits against std, and what the chapter's checkpoints ask.

use proptest::prelude::*;
use tidemill_machine::{bits, call};

fn check(x: u64) {
    assert_eq!(bits::count_trailing_zeros(x), x.trailing_zeros(), "{x:#x}");
    assert_eq!(bits::count_leading_zeros(x), x.leading_zeros(), "{x:#x}");
    assert_eq!(bits::scan_forward(x), (0..64).find(|bit| x >> bit & 1 == 1), "{x:#x}");
    assert_eq!(bits::scan_reverse(x), (0..64).rev().find(|bit| x >> bit & 1 == 1), "{x:#x}");
    assert_eq!(bits::popcnt(x), x.count_ones(), "{x:#x}");
    assert_eq!(bits::bswap(x), x.swap_bytes(), "{x:#x}");
}

#[test]
fn special_words() {
    for bit in 0..64 {
        let one = 1u64 << bit;
        [one, one - 1, !one, one.wrapping_neg()].into_iter().for_each(check);
    }
    [0, u64::MAX, 0xAAAA_AAAA_AAAA_AAAA].into_iter().for_each(check);
}

#[test]
fn checkpoints() {
    let trailing = [0b1000, 0b1, 0b10, 0].map(bits::count_trailing_zeros);
    assert_eq!(trailing, [3, 0, 1, 64]);
    let leading = [0b1, 0b1000, 1 << 63, 0].map(bits::count_leading_zeros);
    assert_eq!(leading, [63, 60, 0, 64]);
    assert_eq!([0b1010, 0b1111, 0, u64::MAX].map(bits::popcnt), [2, 4, 0, 64]);
    assert_eq!(bits::bswap(0x0123_4567_89AB_CDEF), 0xEFCD_AB89_6745_2301);
    assert_eq!(bits::bswap(0x1122_3344_5566_7788), 0x8877_6655_4433_2211);
    assert_eq!((bits::scan_forward(0), bits::scan_reverse(0)), (None, None));
}

/// Every argument has its own weight: a sum tells which ones were mixed up.
#[test]
fn arguments_arrive_in_order() {
    let weights = [2, 3, 5, 7];
    for place in 0..4 {
        let unit = std::array::from_fn(|index| i64::from(index == place));
        assert_eq!(call::dot4(unit, weights), weights[place]);
        assert_eq!(call::dot4(weights, unit), weights[place]);
    }
    assert_eq!(call::dot4([1, 10, 100, 1000], [4, 3, 2, 1]), 1234);
    assert_eq!(call::dot4([i64::MAX; 4], [2; 4]), -8);
}

proptest! {
    #[test]
    fn any_word(x: u64) {
        check(x);
    }

    #[test]
    fn any_vectors(a: [i64; 4], b: [i64; 4]) {
        let wanted = (0..4).fold(0i64, |sum, at| sum.wrapping_add(a[at].wrapping_mul(b[at])));
        prop_assert_eq!(call::dot4(a, b), wanted);
    }
}
