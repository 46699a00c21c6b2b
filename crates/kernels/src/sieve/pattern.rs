//! The multiples of small primes, as patterns that repeat.

use super::wheel::RESIDUES;
use crate::dispatch::dispatch;
use std::sync::LazyLock;

/// The primes that patterns cross off: all from 7 to this one.
pub(crate) const LAST_PRIME: u64 = 163;

/// How many patterns are laid over a segment in one pass.
pub(crate) const AT_ONCE: usize = 8;

/// As many bytes of a segment are done at a time. Patterns go on for as many behind their end.
pub(crate) const STRIDE: usize = 1024;

/// The primes of each pattern, whose product is its length: alike in length, as in primesieve
/// (Walisch), and 123 kB together, so that they stay in the L2 cache.
const PRIMES: [&[usize]; 2 * AT_ONCE] = [
    &[7, 23, 37],
    &[11, 19, 31],
    &[13, 17, 29],
    &[41, 163],
    &[43, 157],
    &[47, 151],
    &[53, 149],
    &[59, 139],
    &[61, 137],
    &[67, 131],
    &[71, 127],
    &[73, 113],
    &[79, 109],
    &[83, 107],
    &[89, 103],
    &[97, 101],
];

struct Pattern {
    bytes: Vec<u8>,
    period: usize,
}

static PATTERNS: LazyLock<Vec<Pattern>> =
    LazyLock::new(|| PRIMES.iter().map(|primes| pattern(primes)).collect());

fn pattern(primes: &[usize]) -> Pattern {
    let period = primes.iter().product();
    let mut bytes = vec![0xFF; period + STRIDE];
    for prime in primes {
        // The eight bits come back every `prime` bytes.
        for (bit, residue) in RESIDUES.iter().enumerate() {
            let first =
                (0..*prime).find(|byte| (30 * byte + *residue as usize).is_multiple_of(*prime));
            for byte in bytes.iter_mut().skip(first.unwrap_or(*prime)).step_by(*prime) {
                *byte &= !(1 << bit);
            }
        }
    }
    Pattern { bytes, period }
}

/// Crosses off the multiples of the small primes, the primes themselves included, in a segment
/// that begins with byte `base`.
///
/// # Panics
/// When the segment is no multiple of [`STRIDE`] long.
pub(super) fn cross_off(segment: &mut [u8], base: u64) {
    let (strides, rest) = segment.as_chunks_mut::<STRIDE>();
    assert!(rest.is_empty(), "a segment of whole strides");
    let mut offsets = [0; 2 * AT_ONCE];
    for (offset, pattern) in offsets.iter_mut().zip(PATTERNS.iter()) {
        *offset = (base % pattern.period as u64) as usize;
    }
    for stride in strides {
        for half in [0, AT_ONCE] {
            let patterns = std::array::from_fn(|pattern| {
                let bytes = &PATTERNS[half + pattern].bytes[offsets[half + pattern]..];
                bytes.first_chunk().unwrap_or(&[0; STRIDE])
            });
            overlay(stride, &patterns);
        }
        for (offset, pattern) in offsets.iter_mut().zip(PATTERNS.iter()) {
            *offset = (*offset + STRIDE) % pattern.period;
        }
    }
}

fn overlay(bytes: &mut [u8; STRIDE], patterns: &[&[u8; STRIDE]; AT_ONCE]) {
    dispatch!(sieve::overlay(bytes: &mut [u8; STRIDE], patterns: &[&[u8; STRIDE]; AT_ONCE]));
}
