//! The battery of `delta`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use tidemill_kernels::delta::{deltas, prefix_sum, unzigzag, zigzag};

fn check(memory: &mut Fenced<u64>, values: &[u64], first: u64) {
    let mut before = vec![first];
    before.extend(values);
    let differences: Vec<_> = before.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let signs = values.iter().map(|value| *value as i64);
    let folded: Vec<_> = signs
        .map(|value| match value {
            0.. => value as u64 * 2,
            _ => (-1 - value) as u64 * 2 + 1,
        })
        .collect();
    each_isa(|isa| {
        memory.at_both_ends(values, |values| {
            let mut memory = Fenced::new(values.len());
            let out = memory.copy(&vec![5; values.len()], true);
            deltas(values, first, out);
            assert_eq!(out, differences, "{isa:?}");
            prefix_sum(out, first);
            assert_eq!(out, values, "{isa:?}");
            zigzag(out);
            assert_eq!(out, folded, "{isa:?}");
            unzigzag(out);
            assert_eq!(out, values, "{isa:?}");
        });
    });
}

#[test]
fn every_length() {
    let mut random = random(3);
    let mut memory = Fenced::new(1100);
    for len in (0..=300).chain([511, 1023, 1024, 1025]) {
        let values: Vec<_> = (0..len).map(|_| random() >> (random() % 64)).collect();
        check(&mut memory, &values, random());
    }
}

#[test]
fn extremes_wrap() {
    let extremes = [0, 1, u64::MAX, i64::MAX as u64, i64::MIN as u64, u64::MAX - 1].repeat(9);
    for first in [0, 1, u64::MAX, i64::MIN as u64] {
        check(&mut Fenced::new(100), &extremes, first);
    }
}

#[test]
#[should_panic(expected = "3 values, 2 deltas")]
fn lengths_must_agree() {
    deltas(&[1, 2, 3], 0, &mut [0; 2]);
}

proptest! {
    #[test]
    fn any_values(values in prop::collection::vec(any::<u64>(), 0..200), first in any::<u64>()) {
        check(&mut Fenced::new(200), &values, first);
    }
}
