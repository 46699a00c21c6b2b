//! Primes: the sieve of Eratosthenes, segment by segment.
//!
//! A byte stands for thirty numbers, a bit for each of the eight that 2, 3 and 5 do not divide.
//! The multiples of 7 to 163 are patterns that repeat, laid over a segment with SIMD, eight at a
//! time; larger primes cross off in rounds of eight, for each of which the compiler has made code
//! of its own. Techniques and pattern lengths are those of primesieve (Walisch,
//! github.com/kimwalisch/primesieve); its case distinction for rounds that a segment's end cuts is
//! not needed here: a round reaches into the room behind the segment, which is where the next one
//! begins.
//!
//! Memory, but for what [`Sieve`] and `Vec`s of primes hold, is O(root of the limit): a segment of
//! 256 KiB, or of as many bytes as the root of the limit if that is more, twice that at most where
//! rounds reach over it; four bytes a prime up to the root, and eight more a thread; and 140 kB of
//! patterns a process. Limits go up to [`MAX_LIMIT`].

mod pattern;
mod primes;
mod segments;
mod set;
mod strategies;
mod wheel;

pub(crate) use pattern::{AT_ONCE, STRIDE};
pub use primes::{Primes, primes, primes_between};
pub use set::Sieve;
pub use strategies::{count, count_naive, count_rayon, count_threads};

/// The largest limit: 2^60. Everything fits into 64 bits up to there, and a segment into 1 GiB.
/// Where the root of the limit is beyond 256 KiB (6.9e10), segments leave the L2 cache, and a
/// bucket sieve would be faster.
pub const MAX_LIMIT: u64 = 1 << 60;

/// The primes that have no bit.
const WITHOUT_BIT: [u64; 3] = [2, 3, 5];
