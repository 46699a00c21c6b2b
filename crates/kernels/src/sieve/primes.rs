use super::WITHOUT_BIT;
use super::segments::{Crossers, Segments, bytes_up_to};
use super::wheel::RESIDUES;
use std::ops::RangeInclusive;

/// All primes up to `limit`, which counts itself, ascending.
///
/// # Panics
/// When `limit` is beyond [`MAX_LIMIT`](super::MAX_LIMIT).
#[must_use]
pub fn primes(limit: u64) -> Primes {
    primes_between(0..=limit)
}

/// The primes of a range, ascending. What is below it costs only the primes up to the root of its
/// end.
///
/// ```
/// # use tidemill_kernels::sieve::primes_between;
/// assert_eq!(primes_between(90..=110).collect::<Vec<_>>(), [97, 101, 103, 107, 109]);
/// ```
///
/// # Panics
/// When the range ends beyond [`MAX_LIMIT`](super::MAX_LIMIT).
#[must_use]
pub fn primes_between(range: RangeInclusive<u64>) -> Primes {
    let (first, limit) = range.into_inner();
    let crossers = Crossers::up_to_root_of(limit);
    let begin = (first / 30).min(bytes_up_to(limit));
    let segments = Segments::new(crossers, limit, begin..bytes_up_to(limit));
    let small = WITHOUT_BIT.iter().filter(|prime| (first..=limit).contains(prime));
    let mut found: Vec<u64> = small.copied().collect();
    found.reverse();
    Primes { segments, found, first }
}

/// An iterator over primes, ascending: see [`primes`].
#[derive(Debug)]
pub struct Primes {
    segments: Segments<Crossers>,
    /// Primes of a segment, the largest first.
    found: Vec<u64>,
    /// Smaller ones do not count.
    first: u64,
}

impl Iterator for Primes {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        while self.found.is_empty() {
            let (base, bytes) = self.segments.next()?;
            push_primes(base, bytes, &mut self.found);
            let first = self.first;
            self.found.retain(|prime| *prime >= first);
            self.found.reverse();
        }
        self.found.pop()
    }
}

/// Appends the primes of bytes of which the first has the number `base`.
pub(super) fn push_primes(base: u64, bytes: &[u8], primes: &mut Vec<u64>) {
    for (byte, bits) in (base..).zip(bytes) {
        let mut bits = *bits;
        while bits != 0 {
            primes.push(30 * byte + RESIDUES[bits.trailing_zeros() as usize]);
            bits &= bits - 1;
        }
    }
}
