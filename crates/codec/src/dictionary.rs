use crate::bytes::{HEADER_BYTES, put_varint, put_zigzag};
use std::collections::TryReserveError;
use tidemill_kernels::bitpack::width_of;

/// The distinct words of a column, ascending, and each row's code: the index of its word.
#[derive(Default)]
pub(crate) struct Dictionary {
    entries: Vec<u64>,
    codes: Vec<u64>,
    /// An open hash table: index of an entry plus one, or 0.
    slots: Vec<u16>,
    sample: Vec<u64>,
    order: Vec<u16>,
}

const SAMPLE: usize = 256;
const MAX_ENTRIES: usize = 2048;
const SLOTS: usize = 2 * MAX_ENTRIES;

impl Dictionary {
    /// Builds the dictionary of `words` when it promises to be smaller than `bytes`; returns
    /// whether it did.
    pub(crate) fn build(&mut self, words: &[u64], bytes: usize) -> Result<bool, TryReserveError> {
        let bits = 8 * bytes / words.len();
        if bits < 5 {
            return Ok(false);
        }
        let step = words.len().div_ceil(SAMPLE);
        self.sample.clear();
        self.sample.try_reserve(SAMPLE)?;
        self.sample.extend(words.iter().copied().step_by(step));
        let sampled = self.sample.len();
        self.sample.sort_unstable();
        self.sample.dedup();
        // A column of `MAX_ENTRIES` words, equally frequent, shows some of them twice.
        if self.sample.len() > sampled - sampled / 16 {
            return Ok(false);
        }
        if width_of(self.sample.len() as u64) as usize > bits {
            return Ok(false);
        }
        if !self.count_entries(words, max_entries(words.len(), bytes))? {
            return Ok(false);
        }
        self.sort()?;
        Ok(true)
    }

    /// Appends the entries as [`crate::ints`] has them.
    pub(crate) fn put_entries(&self, out: &mut Vec<u8>) -> Result<(), TryReserveError> {
        let (Some(first), Some(last)) = (self.entries.first(), self.entries.last()) else {
            return Ok(());
        };
        let bytes = width_of(last.wrapping_sub(*first)).div_ceil(8).next_power_of_two() as usize;
        out.try_reserve(HEADER_BYTES + self.entries.len() * bytes)?;
        put_varint(out, self.entries.len() as u64);
        out.push(bytes as u8);
        put_zigzag(out, *first);
        for entry in &self.entries {
            out.extend_from_slice(&entry.wrapping_sub(*first).to_le_bytes()[..bytes]);
        }
        Ok(())
    }

    pub(crate) fn codes(&self) -> &[u64] {
        &self.codes
    }

    /// Finds entries and codes in order of appearance; `false` when there are more than `max`.
    fn count_entries(&mut self, words: &[u64], max: usize) -> Result<bool, TryReserveError> {
        self.entries.clear();
        self.codes.clear();
        self.slots.clear();
        self.entries.try_reserve(max.min(words.len()))?;
        self.codes.try_reserve(words.len())?;
        self.slots.try_reserve(SLOTS)?;
        self.slots.resize(SLOTS, 0);
        for word in words {
            let mut slot = hash(*word);
            let code = loop {
                let entry = usize::from(self.slots[slot]);
                if entry == 0 {
                    if self.entries.len() == max {
                        return Ok(false);
                    }
                    self.entries.push(*word);
                    self.slots[slot] = self.entries.len() as u16;
                    break self.entries.len() - 1;
                }
                if self.entries[entry - 1] == *word {
                    break entry - 1;
                }
                slot = (slot + 1) % SLOTS;
            };
            self.codes.push(code as u64);
        }
        Ok(true)
    }

    /// Sorts the entries as signed numbers and renumbers the codes, so that words near each other
    /// have codes near each other.
    fn sort(&mut self) -> Result<(), TryReserveError> {
        self.order.clear();
        self.order.try_reserve(self.entries.len())?;
        self.order.extend(0..self.entries.len() as u16);
        self.order.sort_unstable_by_key(|index| self.entries[usize::from(*index)] as i64);
        self.sample.clear();
        self.sample.try_reserve(self.entries.len())?;
        self.sample.resize(self.entries.len(), 0);
        for (code, index) in self.order.iter().enumerate() {
            self.sample[usize::from(*index)] = code as u64;
        }
        self.codes.iter_mut().for_each(|code| *code = self.sample[*code as usize]);
        self.entries.sort_unstable_by_key(|entry| *entry as i64);
        Ok(())
    }
}

/// How many entries may be in a dictionary that is smaller than `bytes`, about.
fn max_entries(rows: usize, bytes: usize) -> usize {
    let mut most = 0;
    for bits in 1..=MAX_ENTRIES.ilog2() as usize {
        let left = bytes.saturating_sub(rows * (bits - 1) / 8);
        most = most.max((left / 2).min(1 << bits));
    }
    most
}

/// Fibonacci hashing (Knuth, "The Art of Computer Programming" 3, 6.4).
fn hash(word: u64) -> usize {
    const SHIFT: u32 = u64::BITS - SLOTS.ilog2();
    ((word ^ (word >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> SHIFT) as usize
}
