//! A range of numbers, sieved segment by segment.

use super::MAX_LIMIT;
use super::pattern::{self, LAST_PRIME, STRIDE};
use super::wheel::{self, RESIDUES, Stepper};
use crate::dispatch::dispatch;
use std::borrow::Borrow;
use std::ops::Range;

/// Bytes of a segment, unless the largest prime that crosses off is larger: they stay in the L2
/// cache.
pub(super) const SEGMENT_BYTES: usize = 256 << 10;

/// Bytes of a part of a segment, in the L1 cache, that small primes go through at a time.
const PART_BYTES: usize = 32 << 10;

/// Primes with this quotient by 30 and more go through whole segments.
const LARGE_QUOTIENT: u32 = 8192 / 30;

/// The primes that cross off the composites up to a limit, by class.
#[derive(Debug)]
pub(super) struct Crossers {
    /// The quotients by 30 of the primes that leave `RESIDUES[class]`, ascending.
    quotients: [Vec<u32>; 8],
    largest: usize,
}

impl Crossers {
    /// The primes beyond those of the patterns, up to the root of `limit`.
    pub(super) fn up_to_root_of(limit: u64) -> Self {
        // Whoever sieves comes here first.
        assert!(limit <= MAX_LIMIT, "a limit of {limit}, beyond 2^60");
        let root = limit.isqrt();
        let mut quotients: [Vec<u32>; 8] = Default::default();
        let mut largest = 0;
        if root > LAST_PRIME {
            let smaller = Self::up_to_root_of(root);
            let mut segments = Segments::new(&smaller, root, 0..bytes_up_to(root));
            while let Some((base, bytes)) = segments.next() {
                for (byte, bits) in (base..).zip(bytes) {
                    for (class, residue) in RESIDUES.iter().enumerate() {
                        if bits >> class & 1 != 0 && 30 * byte + residue > LAST_PRIME {
                            quotients[class].push(byte as u32);
                            largest = (30 * byte + residue) as usize;
                        }
                    }
                }
            }
        }
        Self { quotients, largest }
    }
}

/// How many bytes the numbers up to `limit` have.
pub(super) fn bytes_up_to(limit: u64) -> u64 {
    limit / 30 + 1
}

/// The segments of a range of bytes, in turn.
#[derive(Debug)]
pub(super) struct Segments<C> {
    crossers: C,
    /// Those that have begun.
    steppers: [Vec<Stepper>; 8],
    limit: u64,
    /// What is left to do.
    range: Range<u64>,
    /// A segment and, behind it, as much of the next as a round may reach into.
    bytes: Vec<u8>,
    /// Of the segment.
    len: usize,
}

impl<C: Borrow<Crossers>> Segments<C> {
    /// Of the bytes `range`, in which numbers beyond `limit` do not count.
    pub(super) fn new(crossers: C, limit: u64, range: Range<u64>) -> Self {
        let largest = crossers.borrow().largest;
        let wanted = SEGMENT_BYTES.max(largest) as u64;
        let len = (wanted.min(range.end - range.start) as usize).next_multiple_of(STRIDE);
        // A round reaches as far as its prime, and the next segment takes over what it found.
        let bytes = vec![0xFF; len + largest];
        Self { crossers, steppers: Default::default(), limit, range, bytes, len }
    }

    /// The next segment: the number of its first byte, and its bytes, in which primes are set.
    pub(super) fn next(&mut self) -> Option<(u64, &[u8])> {
        if self.range.is_empty() {
            return None;
        }
        let base = self.range.start;
        let count = (self.range.end - base).min(self.len as u64);
        self.range.start += count;
        self.cross_off(base);
        let bytes = &mut self.bytes[..count as usize];
        restore_small_primes(base, bytes);
        if base + count > self.limit / 30
            && let Some(last) = bytes.last_mut()
        {
            for (bit, residue) in RESIDUES.iter().enumerate() {
                if *residue > self.limit % 30 {
                    *last &= !(1 << bit);
                }
            }
        }
        Some((base, &self.bytes[..count as usize]))
    }

    fn cross_off(&mut self, base: u64) {
        let Self { crossers, steppers, bytes, len, .. } = self;
        let crossers: &Crossers = (*crossers).borrow();
        // What the rounds of the last segment found in this one.
        let reached = crossers.largest.min(*len);
        bytes.copy_within(*len..*len + reached, 0);
        bytes[reached..].fill(0xFF);
        pattern::cross_off(&mut bytes[..*len], base);
        for (class, (quotients, steppers)) in
            crossers.quotients.iter().zip(&mut *steppers).enumerate()
        {
            for quotient in &quotients[steppers.len()..] {
                let prime = 30 * u64::from(*quotient) + RESIDUES[class];
                if prime * u64::from(*quotient) >= base + *len as u64 {
                    break;
                }
                steppers.push(begin(*quotient, class, base, bytes));
            }
        }
        for part in (PART_BYTES..*len + PART_BYTES).step_by(PART_BYTES) {
            let end = part.min(*len);
            for (class, steppers) in steppers.iter_mut().enumerate() {
                let small = steppers.partition_point(|stepper| stepper.quotient < LARGE_QUOTIENT);
                wheel::cross_off(class, &mut steppers[..small], bytes, end);
            }
        }
        for (class, steppers) in steppers.iter_mut().enumerate() {
            let small = steppers.partition_point(|stepper| stepper.quotient < LARGE_QUOTIENT);
            wheel::cross_off(class, &mut steppers[small..], bytes, *len);
            for stepper in steppers {
                stepper.next -= *len as u32;
            }
        }
    }
}

/// A prime at the first round that begins in the segment with byte `base` at its start; what an
/// earlier round finds in the segment is crossed off.
fn begin(quotient: u32, class: usize, base: u64, bytes: &mut [u8]) -> Stepper {
    let prime = 30 * u64::from(quotient) + RESIDUES[class];
    // Multiples by less than the prime's own round have smaller factors.
    let round = u64::from(quotient).max(base / prime);
    let mut start = prime * round;
    if start < base {
        for (step, keep) in wheel::steps(quotient, RESIDUES[class]) {
            let byte = start + step as u64;
            if byte >= base {
                bytes[(byte - base) as usize] &= keep;
            }
        }
        start += prime;
    }
    Stepper { quotient, next: (start - base) as u32 }
}

/// The patterns cross their own primes off, and not 1.
fn restore_small_primes(base: u64, bytes: &mut [u8]) {
    for (byte, bits) in (base..=LAST_PRIME / 30).zip(bytes) {
        for (bit, residue) in RESIDUES.iter().enumerate() {
            let number = 30 * byte + residue;
            let is_prime =
                number > 1 && (2..=number.isqrt()).all(|divisor| !number.is_multiple_of(divisor));
            if number <= LAST_PRIME {
                *bits = *bits & !(1 << bit) | u8::from(is_prime) << bit;
            }
        }
    }
}

/// How many bits are set.
pub(super) fn count_ones(bytes: &[u8]) -> u64 {
    dispatch!(sieve::count_ones(bytes: &[u8]) -> u64)
}
