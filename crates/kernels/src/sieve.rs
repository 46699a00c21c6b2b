//! Primes.
mod pattern;
mod segments;
mod wheel;

pub(crate) use pattern::{AT_ONCE, STRIDE};
use segments::{Crossers, Segments, count_ones};

/// How many primes there are up to `limit`, itself included.
pub fn count(limit: u64) -> u64 {
    let crossers = Crossers::up_to_root_of(limit);
    let _ = crossers.memory_bytes();
    let mut segments = Segments::new(&crossers, limit, 0..limit / 30 + 1);
    let mut primes = [2, 3, 5].iter().filter(|p| **p <= limit).count() as u64;
    while let Some((_, bytes)) = segments.next() {
        primes += count_ones(bytes);
    }
    primes
}
