//! Targets of `tidemill-codec`: any bytes decode to values or to an error, in all ways alike; what
//! is encoded returns to the bit; and damage to it does no harm.

pub(crate) mod bits;
pub(crate) mod floats;
pub(crate) mod ints;
pub(crate) mod texts;
pub(crate) mod times;

use std::cell::RefCell;
use std::fmt::Debug;
use std::ops::Range;

use tidemill_codec::{Compression, Encoder, Error};
use tidemill_kernels::Isa;

use crate::input::{Input, Random};

thread_local! {
    /// An encoder that has seen earlier inputs, and a buffer.
    static ENCODER: RefCell<(Encoder, Vec<u8>)> = RefCell::default();
}

/// Numbers of rows at which something changes, and any others.
fn rows(input: &mut Input<'_>) -> usize {
    let number = input.below(256);
    const EDGES: [usize; 11] = [0, 1, 1023, 1024, 1025, 2047, 2048, 3000, 8191, 8192, 8193];
    EDGES.get(number).copied().unwrap_or(number)
}

/// A range of these rows.
fn range(input: &mut Input<'_>, rows: usize) -> Range<usize> {
    let (a, b) = (input.below(rows + 1), input.below(rows + 1));
    a.min(b)..a.max(b)
}

/// How many rows a case may have: mostly few, which are quick, and some of two vectors.
pub(crate) fn most_rows(input: &mut Input<'_>) -> usize {
    match input.u8() {
        0..8 => 2100,
        8..16 => 1100,
        16..48 => 200,
        _ => 40,
    }
}

/// Words in stretches: repeated, in steps, random of some width, or one by one.
pub(crate) fn words(input: &mut Input<'_>, limit: usize) -> Vec<u64> {
    let mut words = Vec::new();
    let mut last = 0;
    while !input.is_empty() && words.len() < limit {
        let kind = input.u8();
        let count = ((1 << (kind >> 4)) + input.below(16)).min(limit - words.len());
        match kind & 7 {
            0 | 1 => {
                last = input.word(last);
                words.push(last);
            }
            2 => words.extend(std::iter::repeat_n(last, count)),
            3 | 4 => {
                let step = input.word(1);
                words.extend(
                    (1..=count as u64).map(|row| last.wrapping_add(step.wrapping_mul(row % 9))),
                );
            }
            5 => {
                let step = input.word(1);
                words.extend(
                    (1..=count as u64).map(|row| last.wrapping_add(step.wrapping_mul(row))),
                );
            }
            _ => {
                let (mut random, shift) = (Random(input.u8().into()), input.below(64));
                words.extend((0..count).map(|_| last.wrapping_add(random.word() >> shift)));
            }
        }
        last = words.last().copied().unwrap_or(last);
    }
    words.truncate(limit);
    words
}

/// What `read` gives, by the fastest kernels and by the plain loops; they must agree.
fn at_both_levels<T: PartialEq + Debug>(read: impl Fn() -> T) -> T {
    let fast = read();
    if let Some(best) = Isa::available().last()
        && Isa::Scalar.force().is_ok()
    {
        let plain = read();
        assert!(best.force().is_ok(), "the best level is gone");
        assert_eq!(fast, plain, "the {} kernels and the plain loops", best.name());
    }
    fast
}

/// Encodes with an encoder that has seen other things, decodes with `check`, and then damages the
/// bytes as the input says: `check` gets the bytes and whether they must decode to what they were
/// made of.
fn round_trip(
    damage: &[u8],
    encode: impl Fn(&mut Encoder, &mut Vec<u8>),
    check: impl FnMut(&[u8], bool),
) {
    round_trip_as(Compression::Fast, damage, encode, check);
}

/// [`round_trip`] of what is encoded so.
fn round_trip_as(
    compression: Compression,
    damage: &[u8],
    encode: impl Fn(&mut Encoder, &mut Vec<u8>),
    mut check: impl FnMut(&[u8], bool),
) {
    ENCODER.with_borrow_mut(|(encoder, bytes)| {
        bytes.clear();
        encoder.set_compression(compression);
        encode(encoder, bytes);
        check(bytes, true);
        let [at, flip, cut, ..] = damage[..] else { return };
        if flip != 0 && !bytes.is_empty() {
            let at = usize::from(at) * bytes.len() / 256;
            bytes[at] ^= flip;
            check(bytes, false);
        } else if cut != 0 {
            check(&bytes[..usize::from(cut) * bytes.len() / 256], false);
        }
    });
}

/// Which of the ways to encode a bit of the input asks for.
fn compression(is_small: bool) -> Compression {
    if is_small { Compression::Small } else { Compression::Fast }
}

/// That an error names a byte of the column.
fn check_error(error: Error, bytes: &[u8]) {
    assert!(error.offset() <= bytes.len(), "{error} of {}", bytes.len());
}
