use super::WITHOUT_BIT;
use super::segments::{Crossers, Segments, bytes_up_to, count_ones};
use rayon::prelude::*;
use std::num::NonZeroUsize;
use std::ops::Range;

/// How many primes there are up to `limit`, which counts itself, with one byte for each number: the
/// definition, and the baseline of the benches. Memory: `limit` bytes.
#[must_use]
pub fn count_naive(limit: usize) -> u64 {
    let mut is_composite = vec![false; limit.saturating_add(1)];
    let mut count = 0;
    for number in 2..=limit {
        if !is_composite[number] {
            count += 1;
            for multiple in (number.saturating_mul(number)..=limit).step_by(number) {
                is_composite[multiple] = true;
            }
        }
    }
    count
}

/// How many primes there are up to `limit`, which counts itself, with one thread.
///
/// ```
/// assert_eq!(tidemill_kernels::sieve::count(1_000_000), 78_498);
/// ```
///
/// # Panics
/// When `limit` is beyond [`MAX_LIMIT`](super::MAX_LIMIT).
#[must_use]
pub fn count(limit: u64) -> u64 {
    let crossers = Crossers::up_to_root_of(limit);
    without_bit(limit) + count_range(&crossers, limit, 0..bytes_up_to(limit))
}

/// The same in rayon's pool of threads.
///
/// # Panics
/// When `limit` is beyond [`MAX_LIMIT`](super::MAX_LIMIT).
#[must_use]
pub fn count_rayon(limit: u64) -> u64 {
    let crossers = Crossers::up_to_root_of(limit);
    // Some for each thread, so that none waits long for the last one.
    let parts = parts(limit, 4 * rayon::current_num_threads());
    let counts = parts.into_par_iter().map(|range| count_range(&crossers, limit, range));
    without_bit(limit) + counts.sum::<u64>()
}

/// The same with `threads` threads, each of which sieves one part.
///
/// # Panics
/// When `limit` is beyond [`MAX_LIMIT`](super::MAX_LIMIT), or the system has no thread to give.
#[must_use]
pub fn count_threads(limit: u64, threads: NonZeroUsize) -> u64 {
    let crossers = Crossers::up_to_root_of(limit);
    let mut parts = parts(limit, threads.get());
    let own = parts.pop();
    let count = |range| count_range(&crossers, limit, range);
    let count = &count;
    std::thread::scope(|scope| {
        let fellows: Vec<_> =
            parts.into_iter().map(|range| scope.spawn(move || count(range))).collect();
        let own = own.map_or(0, count);
        let counts = fellows.into_iter().map(|fellow| match fellow.join() {
            Ok(count) => count,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        without_bit(limit) + own + counts.sum::<u64>()
    })
}

fn count_range(crossers: &Crossers, limit: u64, range: Range<u64>) -> u64 {
    let mut segments = Segments::new(crossers, limit, range);
    let mut count = 0;
    while let Some((_, bytes)) = segments.next() {
        count += count_ones(bytes);
    }
    count
}

/// The bytes of all numbers up to `limit`, in at most so many ranges of about the same length.
fn parts(limit: u64, parts: usize) -> Vec<Range<u64>> {
    let bytes = bytes_up_to(limit);
    let each = bytes.div_ceil(parts.max(1) as u64);
    (0..bytes).step_by(each as usize).map(|start| start..bytes.min(start + each)).collect()
}

/// How many of the primes without a bit are up to `limit`.
pub(super) fn without_bit(limit: u64) -> u64 {
    WITHOUT_BIT.iter().filter(|prime| **prime <= limit).count() as u64
}
