//! The battery of `bitstream`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Fenced, each_isa, random};
use tidemill_kernels::bitstream::{pack, packed_bytes, unpack};

/// Bit `bit` of value `index`, as the documentation says.
fn bit(packed: &[u8], width: usize, index: usize, bit: usize) -> bool {
    let at = index * width + bit;
    packed[at / 8] >> (at % 8) & 1 != 0
}

fn check(values: &[u64], width: u32, base: u64, packed: &mut Fenced<u8>, out: &mut Fenced<u64>) {
    let mut bytes = vec![7; 3];
    pack(values, width, &mut bytes);
    let bytes = &bytes[3..];
    assert_eq!(bytes.len(), packed_bytes(values.len(), width));
    let value = |index: usize| {
        (0..width as usize)
            .map(|at| u64::from(bit(bytes, width as usize, index, at)) << at)
            .sum::<u64>()
    };
    let expected: Vec<u64> = (0..values.len()).map(|i| value(i).wrapping_add(base)).collect();
    let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
    assert!(values.iter().zip(&expected).all(|(v, e)| (v & mask).wrapping_add(base) == *e));
    each_isa(|isa| {
        packed.at_both_ends(bytes, |bytes| {
            out.at_both_ends(&vec![9; values.len()], |out| {
                unpack(bytes, width, base, out);
                assert_eq!(out, expected, "{isa:?} {width}");
            });
        });
    });
}

#[test]
fn every_width_and_length() {
    let (mut packed, mut out) = (Fenced::new(1100 * 8), Fenced::new(1100));
    let mut random = random(3);
    for width in 0..=64 {
        for len in (0..=40).chain([63, 64, 65, 127, 300, 1000, 1023]) {
            let values: Vec<u64> = (0..len).map(|_| random()).collect();
            check(&values, width, 0x8000_0000_1234_5678, &mut packed, &mut out);
        }
        check(&[u64::MAX; 77], width, 1, &mut packed, &mut out);
    }
}

#[test]
#[should_panic(expected = "1 bytes of at least 2")]
fn too_few_bytes_panic() {
    unpack(&[0], 3, 0, &mut [0; 5]);
}
