use crate::VECTOR_ROWS;
use crate::bytes::{HEADER_BYTES, put_varint, put_zigzag};
use crate::pages::{Frequencies, LANES, STATE_BITS, STATES, TOKENS, spread, token};
use std::collections::TryReserveError;

/// Encodes words as [`crate::pages`] lays them out.
#[derive(Default)]
pub(crate) struct PagesEncoder {
    distances: Vec<u64>,
    deltas: Vec<u64>,
}

impl PagesEncoder {
    /// Appends 1 to 8,192 words, if that promises to take fewer than `bytes`; returns whether it did.
    pub(crate) fn encode(
        &mut self,
        words: &[u64],
        bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, TryReserveError> {
        let base = middle(words);
        self.distances.clear();
        self.distances.try_reserve(words.len())?;
        self.distances.extend(words.iter().map(|word| zigzag(word.wrapping_sub(base))));
        self.deltas.clear();
        self.deltas.try_reserve(words.len())?;
        for page in words.chunks(VECTOR_ROWS) {
            self.deltas.push(0);
            let pairs = page.iter().zip(&page[1..]);
            self.deltas.extend(pairs.map(|(before, word)| zigzag(word.wrapping_sub(*before))));
        }
        let (distances, deltas) = (Counts::of(&self.distances), Counts::of(&self.deltas));
        let is_delta = deltas.bits() < distances.bits();
        let (counts, coded) =
            if is_delta { (deltas, &self.deltas) } else { (distances, &self.distances) };
        if counts.bits() / 8.0 >= bytes as f64 {
            return Ok(false);
        }
        let frequencies = counts.frequencies();
        out.try_reserve(HEADER_BYTES + 4 * TOKENS)?;
        out.push(u8::from(is_delta));
        put_zigzag(out, base);
        put_frequencies(&frequencies, out);
        let states = EncodingStates::new(&frequencies);
        for (page, words) in coded.chunks(VECTOR_ROWS).zip(words.chunks(VECTOR_ROWS)) {
            put_zigzag(out, words[0]);
            states.put(page, out)?;
        }
        Ok(true)
    }
}

fn zigzag(word: u64) -> u64 {
    (word << 1) ^ ((word as i64 >> 63) as u64)
}

/// What stands in the middle of a sample of words, as signed numbers.
fn middle(words: &[u64]) -> u64 {
    const SAMPLE: usize = 64;
    let (mut sample, mut count) = ([0; SAMPLE], 0);
    for (place, word) in sample.iter_mut().zip(words.iter().step_by(words.len().div_ceil(SAMPLE))) {
        *place = *word as i64;
        count += 1;
    }
    sample[..count].sort_unstable();
    sample[count / 2] as u64
}

/// How often each token occurs, and how many bits follow them.
struct Counts {
    tokens: [u32; TOKENS],
    total: u32,
    following_bits: u64,
}

impl Counts {
    fn of(coded: &[u64]) -> Self {
        let mut this = Self { tokens: [0; TOKENS], total: coded.len() as u32, following_bits: 0 };
        for word in coded {
            let (token, bits) = token(*word);
            this.tokens[token] += 1;
            this.following_bits += u64::from(bits);
        }
        this
    }

    /// What they take, about: their entropy, what follows, and the frequencies.
    fn bits(&self) -> f64 {
        let total = f64::from(self.total);
        let bits = |count: u32| f64::from(count) * (total / f64::from(count)).log2() + 20.0;
        let occurring = self.tokens.iter().filter(|count| **count > 0);
        occurring.map(|count| bits(*count)).sum::<f64>() + self.following_bits as f64
    }

    /// Frequencies in their proportion, none of them 0.
    fn frequencies(&self) -> Frequencies {
        let total = u64::from(self.total);
        let share = |count| (u64::from(count) * STATES as u64 + total / 2) / total;
        let mut frequencies =
            self.tokens.map(|count| if count > 0 { share(count).max(1) as u16 } else { 0 });
        let mut sum = frequencies.iter().map(|frequency| usize::from(*frequency)).sum::<usize>();
        // What is rounded is little, and matters least where there is most.
        while sum != STATES {
            let most = frequencies.iter_mut().max_by_key(|frequency| **frequency);
            let Some(most) = most else { break };
            if sum > STATES {
                *most -= 1;
                sum -= 1;
            } else {
                *most += 1;
                sum += 1;
            }
        }
        frequencies
    }
}

fn put_frequencies(frequencies: &Frequencies, out: &mut Vec<u8>) {
    let occurring = || frequencies.iter().enumerate().filter(|(_, frequency)| **frequency > 0);
    put_varint(out, occurring().count() as u64);
    let mut before = 0;
    for (token, frequency) in occurring() {
        put_varint(out, (token - before) as u64);
        put_varint(out, u64::from(*frequency));
        before = token;
    }
}

/// Where a token leads from each state: its `n`th state stands at `starts[token] + n`.
struct EncodingStates {
    frequencies: Frequencies,
    starts: [u16; TOKENS],
    states: [u16; STATES],
}

impl EncodingStates {
    fn new(frequencies: &Frequencies) -> Self {
        let (mut starts, mut start) = ([0; TOKENS], 0);
        for (place, frequency) in starts.iter_mut().zip(frequencies) {
            *place = start;
            start += frequency;
        }
        let (mut nexts, mut states) = (starts, [0; STATES]);
        for (state, token) in (0..).zip(spread(frequencies)) {
            let next = &mut nexts[usize::from(token)];
            states[usize::from(*next)] = state;
            *next += 1;
        }
        Self { frequencies: *frequencies, starts, states }
    }

    /// Appends the size and the bytes of a page.
    fn put(&self, page: &[u64], out: &mut Vec<u8>) -> Result<(), TryReserveError> {
        let mut lanes = [STATES as u32; LANES];
        // Bits, and their number from bit 12 on. What is read last is coded first.
        let mut taken = [0_u16; VECTOR_ROWS];
        let mut bits = LANES * STATE_BITS as usize;
        for (row, coded) in page.iter().enumerate().rev() {
            let (token, following) = token(*coded);
            let (lane, frequency) = (&mut lanes[row % LANES], u32::from(self.frequencies[token]));
            let mut count = lane.ilog2() - frequency.ilog2();
            count -= u32::from(*lane >> count < frequency);
            taken[row] = (*lane & ((1 << count) - 1)) as u16 | (count as u16) << 12;
            let at = u32::from(self.starts[token]) + (*lane >> count) - frequency;
            *lane = STATES as u32 + u32::from(self.states[at as usize]);
            bits += (count + following) as usize;
        }
        let size = bits.div_ceil(8);
        out.try_reserve(HEADER_BYTES + size)?;
        put_varint(out, size as u64);
        let mut writer = BitWriter { out, bits: 0, count: 0 };
        lanes.iter().for_each(|lane| writer.put(u64::from(lane - STATES as u32), STATE_BITS));
        let taken = &taken[..page.len()];
        taken.iter().for_each(|bits| writer.put(u64::from(bits & 0xFFF), u32::from(bits >> 12)));
        for coded in page {
            let following = token(*coded).1;
            writer.put(coded & ((1 << following) - 1), following);
        }
        writer.finish();
        Ok(())
    }
}

/// Appends bits, the least significant first; there is room for them.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    bits: u128,
    count: u32,
}

impl BitWriter<'_> {
    fn put(&mut self, bits: u64, count: u32) {
        self.bits |= u128::from(bits) << self.count;
        self.count += count;
        if self.count >= 64 {
            self.out.extend_from_slice(&(self.bits as u64).to_le_bytes());
            self.bits >>= 64;
            self.count -= 64;
        }
    }

    fn finish(self) {
        let bytes = self.count.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.bits.to_le_bytes()[..bytes]);
    }
}
