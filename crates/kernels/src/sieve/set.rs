use super::segments::{Crossers, Segments, bytes_up_to, count_ones};
use super::strategies::without_bit;
use super::{WITHOUT_BIT, wheel};

/// Which numbers up to a limit are prime: a bit for each that 2, 3 and 5 do not divide, hence
/// `limit / 30` bytes of memory.
///
/// ```
/// # use tidemill_kernels::sieve::Sieve;
/// let sieve = Sieve::new(1000);
/// assert!(sieve.is_prime(997) && !sieve.is_prime(999));
/// assert_eq!(sieve.count(), 168);
/// ```
#[derive(Clone, Debug)]
pub struct Sieve {
    bytes: Vec<u8>,
    limit: u64,
}

impl Sieve {
    /// Of the numbers up to `limit`, which counts itself.
    ///
    /// # Panics
    /// When `limit` is beyond [`MAX_LIMIT`](super::MAX_LIMIT).
    #[must_use]
    pub fn new(limit: u64) -> Self {
        let crossers = Crossers::up_to_root_of(limit);
        let len = bytes_up_to(limit);
        let mut bytes = Vec::with_capacity(len as usize);
        let mut segments = Segments::new(crossers, limit, 0..len);
        while let Some((_, segment)) = segments.next() {
            bytes.extend_from_slice(segment);
        }
        Self { bytes, limit }
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether `number` is prime.
    ///
    /// # Panics
    /// When it is beyond the limit.
    #[must_use]
    pub fn is_prime(&self, number: u64) -> bool {
        assert!(number <= self.limit, "{number} is beyond the limit {}", self.limit);
        match wheel::bit_of(number) {
            Some(bit) => self.bytes[(number / 30) as usize] >> bit & 1 != 0,
            None => WITHOUT_BIT.contains(&number),
        }
    }

    /// How many primes there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        without_bit(self.limit) + count_ones(&self.bytes)
    }

    /// Bytes of memory it has.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}
