//! The battery of `bitpack`: every width, every implementation, against the layout bit by bit.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{each_isa, random};
use proptest::prelude::*;
use tidemill_kernels::bitpack::{
    VALUES, pack, packed_bytes, unpack, unpack_compare, unpack_delta, unpack_delta_prefix_sums,
    unpack_min_max, unpack_prefix_sums, unpack_sum, width_of,
};
use tidemill_kernels::elementwise::{Comparison, compare_u64};

/// Bit `bit` of value `index`, as the layout in the documentation says.
fn bit(packed: &[u8], width: usize, index: usize, bit: usize) -> bool {
    let in_lane = index / 16 * width + bit;
    let word = in_lane / 64 * 16 + index % 16;
    packed[word * 8 + in_lane % 64 / 8] >> (in_lane % 8) & 1 != 0
}

fn check(values: &[u64; VALUES], width: u32, base: u64) {
    let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
    let masked = values.map(|value| value & mask);
    let mut sums = masked.map(|value| value.wrapping_add(base));
    sums[0] = base ^ 1;
    for index in 1..VALUES {
        sums[index] = sums[index].wrapping_add(sums[index - 1]);
    }
    each_isa(|isa| {
        let mut packed = vec![7; 3];
        pack(values, width, &mut packed);
        assert_eq!(packed.len(), 3 + packed_bytes(width));
        let packed = &packed[3..];
        for (index, value) in masked.iter().enumerate() {
            for at in 0..width as usize {
                let expected = value >> at & 1 != 0;
                assert_eq!(bit(packed, width as usize, index, at), expected, "{isa:?} {width}");
            }
        }
        let mut out = [9; VALUES];
        unpack(packed, width, base, &mut out);
        assert_eq!(out, masked.map(|value| value.wrapping_add(base)), "{isa:?} {width}");
        check_prefix_sums(&out, |ends, out| unpack_prefix_sums(packed, width, base, ends, out));
        unpack_delta(packed, width, base, base ^ 1, &mut out);
        assert_eq!(out, sums, "{isa:?} {width}");
        check_prefix_sums(&out, |ends, out| {
            unpack_delta_prefix_sums(packed, width, base, base ^ 1, ends, out);
        });
        let sum: u128 = masked.iter().map(|value| u128::from(*value)).sum();
        assert_eq!(unpack_sum(packed, width), sum, "{isa:?} {width}");
        let extremes = (*masked.iter().min().unwrap(), *masked.iter().max().unwrap());
        assert_eq!(unpack_min_max(packed, width), extremes, "{isa:?} {width}");
        for comparison in Comparison::ALL {
            for constant in [masked[7], base, 0, mask, mask.wrapping_add(1)] {
                let (mut holds, mut expected) = ([7; VALUES / 64], [0; VALUES / 64]);
                compare_u64(&masked, comparison, constant, &mut expected);
                unpack_compare(packed, width, comparison, constant, &mut holds);
                assert_eq!(holds, expected, "{isa:?} {width} {comparison:?} {constant}");
            }
        }
    });
}

/// The sums up to every place, and up to some.
fn check_prefix_sums(values: &[u64; VALUES], sums: impl Fn(&[u16], &mut [u64])) {
    let all: Vec<u16> = (0..=VALUES as u16).collect();
    for ends in [&all[..], &[], &[0], &[1024], &[17, 17, 360, 720], &[1008, 1023, 1024]] {
        let mut out = vec![7; ends.len()];
        sums(ends, &mut out);
        let (mut next, mut sum) = (0, 0u64);
        for (end, out) in ends.iter().zip(out) {
            let more = &values[next..usize::from(*end)];
            sum = more.iter().fold(sum, |sum, value| sum.wrapping_add(*value));
            next = usize::from(*end);
            assert_eq!(out, sum, "the first {end}");
        }
    }
}

#[test]
#[should_panic(expected = "don't ascend")]
fn ends_beyond_the_vector_panic() {
    unpack_prefix_sums(&[0; 128], 1, 0, &[1025], &mut [0]);
}

#[test]
#[should_panic(expected = "don't ascend")]
fn ends_that_descend_panic() {
    unpack_delta_prefix_sums(&[0; 128], 1, 0, 0, &[2, 1], &mut [0; 2]);
}

#[test]
fn every_width() {
    let mut values = [0; VALUES];
    values.fill_with(random(1));
    for width in 0..=64 {
        check(&values, width, 0x8000_0000_1234_5678);
        check(&[u64::MAX; VALUES], width, 0);
        check(&[0; VALUES], width, u64::MAX);
    }
}

#[test]
fn a_single_value_anywhere() {
    for width in [1, 7, 31, 63, 64] {
        for index in (0..VALUES).step_by(41) {
            let mut values = [0; VALUES];
            values[index] = u64::MAX;
            check(&values, width, 1);
        }
    }
}

#[test]
fn the_width_of_a_value_is_the_least_that_holds_it() {
    let widths = [0, 1, 2, 3, 4, u64::MAX >> 1, (u64::MAX >> 1) + 1, u64::MAX].map(width_of);
    assert_eq!(widths, [0, 1, 2, 2, 3, 63, 64, 64]);
}

#[test]
#[should_panic(expected = "128 bytes for a vector of 2 bits")]
fn a_wrong_length_panics() {
    unpack(&[0; 128], 2, 0, &mut [0; VALUES]);
}

#[test]
#[should_panic(expected = "65 bits")]
fn a_wrong_width_panics() {
    pack(&[0; VALUES], 65, &mut Vec::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_packed_is_unpacked(seed in any::<u64>(), width in 0u32..=64, base in any::<u64>()) {
        let mut values = [0; VALUES];
        values.fill_with(random(seed));
        check(&values, width, base);
    }
}
