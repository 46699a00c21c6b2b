//! Pages: words coded by how often each occurs, the smallest form of a column of integers, and the
//! slowest to read.
//!
//! # Layout
//! ```text
//! pages  = order base count (token - previous, frequency)* page*
//! page   = first size bytes
//! ```
//! * `order`: one byte. 0: `zigzag(word - base)` is coded; 1: `zigzag(word - word before)`, of a page's first
//!   row 0. `base`, `first`: zigzag varints, a page's first word; both stand there whatever the order.
//! * What is coded, a `u64`, has a *token* and further bits. Below 64 it is its token. Otherwise it
//!   has its highest bit at `h`, the two bits below that are `m`, its token is `64 + 4 (h - 6) + m`, and `h - 2`
//!   bits follow.
//! * `count`: a varint, the number of tokens that occur; then of each, ascending, two varints: the
//!   distance from the token before it (of the first: from 0), and its frequency, at least 1. Frequencies add
//!   up to 1,024.
//! * A page for each 1,024 rows, the last for what is left. `size`: a varint, of `bytes`, in which
//!   there are, each least significant bit first: 4 states of 10 bits, of each row the bits that its state
//!   takes, of each row the bits that follow its token; zeros up to a byte's end.
//!
//! Row `i` is read from state `i % 4`. Each token has as many of the 1,024 states as its frequency: the first
//! token 0, 643, 1286, … modulo 1,024, the next one goes on from there. The `n`th of its states, counted
//! upwards from 0, stands for `x = frequency + n`: it takes `b = 10 - floor(log2 x)` bits, and the next
//! state is `(x << b) - 1024` plus these. After the last rows all states are 0.
//!
//! This is tANS: Duda, "Asymmetric numeral systems" (2013), interleaved as in Giesen, "Interleaved entropy
//! coders" (2014). A page is read without those before it.

use crate::Error;
use crate::bytes::Cursor;
use crate::vector::Vector;
use tidemill_kernels::delta;

pub(crate) const STATE_BITS: u32 = 10;
pub(crate) const STATES: usize = 1 << STATE_BITS;
pub(crate) const LANES: usize = 4;

/// Words below this are their own tokens.
const DIRECT: usize = 64;
pub(crate) const TOKENS: usize = DIRECT + 4 * (64 - 6);

/// What the states take of a page is less than this many bytes.
const MAX_STATE_BYTES: usize = 2048;

/// What all pages of a column have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pages<'a> {
    is_delta: bool,
    base: u64,
    /// Whether further bits follow some tokens.
    has_bits: bool,
    /// From `count` to the first page.
    frequencies: &'a [u8],
}

/// What reading the pages of one column needs, made with the first that is read. Of each state: what the
/// next one is without its bits, how many these are (from bit 12 on), and the token (from 16 on).
#[derive(Default)]
pub(crate) struct PageDecoder(Option<[u32; STATES]>);

/// How often each token occurs, among [`STATES`].
pub(crate) type Frequencies = [u16; TOKENS];

/// The token of what is coded, and how many of its bits follow.
pub(crate) fn token(coded: u64) -> (usize, u32) {
    if coded < DIRECT as u64 {
        return (coded as usize, 0);
    }
    let high = coded.ilog2();
    (DIRECT + 4 * (high as usize - 6) + (coded >> (high - 2) & 3) as usize, high - 2)
}

/// What is coded by a token that bits follow, if these are 0; and how many they are.
fn coded(token: usize) -> (u64, u32) {
    let bits = (token - DIRECT) as u32 / 4 + 4;
    (((4 + token % 4) as u64) << bits, bits)
}

/// The token of each state: of every token far from one another.
pub(crate) fn spread(frequencies: &Frequencies) -> [u16; STATES] {
    const STRIDE: usize = STATES / 2 + STATES / 8 + 3;
    let (mut tokens, mut state) = ([0; STATES], 0);
    for (token, frequency) in (0..).zip(frequencies) {
        for _ in 0..*frequency {
            tokens[state] = token;
            state = (state + STRIDE) % STATES;
        }
    }
    tokens
}

impl<'a> Pages<'a> {
    /// Reads what stands before the pages.
    pub(crate) fn parse_header(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        let order = cursor.u8()?;
        if order > 1 {
            return Err(cursor.error_before("pages of an unknown order"));
        }
        let (base, mut rest) = (cursor.zigzag()?, *cursor);
        let start = cursor.offset();
        let frequencies = parse_frequencies(cursor)?;
        let has_bits = frequencies[DIRECT..].iter().any(|frequency| *frequency > 0);
        let frequencies = rest.take(cursor.offset() - start)?;
        Ok(Self { is_delta: order == 1, base, has_bits, frequencies })
    }

    /// Reads where the bytes of a page of `rows` rows stand.
    pub(crate) fn parse(cursor: &mut Cursor<'a>, rows: usize) -> Result<Vector<'a>, Error> {
        let first = cursor.zigzag()?;
        let size = cursor.count(9 * rows + 8, "a page of too many bytes")?;
        Ok(Vector::of_page(cursor.offset(), first, cursor.take(size)?))
    }

    /// Decodes the rows of a page, one a place, all pages of a column with the same `decoder`.
    pub(crate) fn decode(
        &self,
        vector: &Vector<'a>,
        PageDecoder(table): &mut PageDecoder,
        out: &mut [u64],
    ) -> Result<(), Error> {
        let table = match table {
            Some(table) => table,
            None => {
                let frequencies = parse_frequencies(&mut Cursor::new(self.frequencies))?;
                table.insert(decoding_table(&frequencies))
            }
        };
        let (first, page) = vector.page().unwrap_or_default();
        let wrong = vector.error("a page that does not have its rows");
        let mut bit = read_tokens(table, page, out).ok_or(wrong)?;
        if self.has_bits {
            read_bits(page, &mut bit, out);
        }
        if bit.div_ceil(8) != page.len() {
            return Err(wrong);
        }
        delta::unzigzag(out);
        if self.is_delta {
            delta::prefix_sum(out, first);
        } else {
            out.iter_mut().for_each(|word| *word = word.wrapping_add(self.base));
        }
        Ok(())
    }
}

fn parse_frequencies(cursor: &mut Cursor<'_>) -> Result<Frequencies, Error> {
    let (mut frequencies, mut token, mut sum) = ([0; TOKENS], 0, 0);
    for index in 0..cursor.count(TOKENS, "more tokens than there are")? {
        let distance = cursor.count(TOKENS, "a token beyond the last")?;
        let frequency = cursor.count(STATES, "a frequency beyond the states")?;
        token += distance;
        let place = frequencies.get_mut(token).ok_or(cursor.error("a token beyond the last"))?;
        if frequency == 0 || index > 0 && distance == 0 {
            return Err(cursor.error("tokens that don't ascend or don't occur"));
        }
        *place = frequency as u16;
        sum += frequency;
    }
    if sum == STATES { Ok(frequencies) } else { Err(cursor.error("frequencies of another sum")) }
}

fn decoding_table(frequencies: &Frequencies) -> [u32; STATES] {
    let mut nexts = frequencies.map(u32::from);
    let mut table = [0; STATES];
    for (entry, token) in table.iter_mut().zip(spread(frequencies)) {
        let next = &mut nexts[usize::from(token)];
        // A token that has states has a frequency.
        let bits = STATE_BITS - (*next).max(1).ilog2();
        *entry = ((*next << bits) - STATES as u32) | bits << 12 | u32::from(token) << 16;
        *next += 1;
    }
    table
}

/// Reads the token of each row, and says at which bit the states end; `None`: they are not those of a page
/// of so many rows.
fn read_tokens(table: &[u32; STATES], page: &[u8], out: &mut [u64]) -> Option<usize> {
    // Where a page ends zeros follow, so that no place has to be compared with its end.
    let mut bytes = [0; MAX_STATE_BYTES + 8];
    let size = page.len().min(MAX_STATE_BYTES);
    bytes[..size].copy_from_slice(&page[..size]);
    let bits_at = |bit: usize| -> u64 {
        let at = bit / 8 % MAX_STATE_BYTES;
        bytes[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word)) >> (bit % 8)
    };
    let step = |state: &mut u32, out: &mut u64, bits: &mut u64| -> u32 {
        let entry = table[*state as usize % STATES];
        let count = entry >> 12 & 15;
        *out = u64::from(entry >> 16);
        *state = (entry & 0xFFF) + (*bits as u32 & ((1 << count) - 1));
        *bits >>= count;
        count
    };
    let first = bits_at(0);
    let state = |lane: u32| (first >> (lane * STATE_BITS)) as u32 % STATES as u32;
    let (mut a, mut b, mut c, mut d) = (state(0), state(1), state(2), state(3));
    let mut bit = LANES * STATE_BITS as usize;
    let (chunks, rest) = out.as_chunks_mut::<LANES>();
    for [w, x, y, z] in chunks {
        let mut bits = bits_at(bit);
        let ab = step(&mut a, w, &mut bits) + step(&mut b, x, &mut bits);
        let cd = step(&mut c, y, &mut bits) + step(&mut d, z, &mut bits);
        bit += (ab + cd) as usize;
    }
    let mut states = [a, b, c, d];
    for (out, state) in rest.iter_mut().zip(&mut states) {
        bit += step(state, out, &mut bits_at(bit)) as usize;
    }
    (states == [0; LANES] && bit <= 8 * page.len()).then_some(bit)
}

/// Puts in the place of each token what it and the bits that follow it stand for.
fn read_bits(page: &[u8], bit: &mut usize, out: &mut [u64]) {
    for word in out.iter_mut().filter(|word| **word >= DIRECT as u64) {
        let (low, count) = coded(*word as usize);
        let mut bytes = [0; 16];
        let rest = page.get(*bit / 8..).unwrap_or_default();
        match rest.first_chunk() {
            Some(whole) => bytes = *whole,
            None => bytes[..rest.len()].copy_from_slice(rest),
        }
        let bits = (u128::from_le_bytes(bytes) >> (*bit % 8)) as u64;
        *word = low | (bits & ((1 << count) - 1));
        *bit += count as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VECTOR_ROWS;

    #[test]
    fn what_is_coded_is_its_token_and_the_bits_that_follow() {
        let words = (0..64).flat_map(|shift| [1u64 << shift, u64::MAX >> shift, 0xA5A5 << shift]);
        for word in words.chain(0..1000) {
            let (token, count) = token(word);
            assert!(token < TOKENS);
            if token >= DIRECT {
                let (low, bits) = coded(token);
                assert_eq!((low | word & ((1 << count) - 1), bits), (word, count), "{word}");
            } else {
                assert_eq!((token as u64, count), (word, 0));
            }
        }
        assert_eq!(token(u64::MAX), (TOKENS - 1, 61));
    }

    #[test]
    fn the_states_of_a_page_have_room() {
        assert!((LANES + VECTOR_ROWS) * STATE_BITS as usize <= 8 * MAX_STATE_BYTES);
    }

    #[test]
    fn every_state_is_a_tokens() {
        let mut frequencies = [3; TOKENS];
        frequencies[7] = (STATES - 3 * (TOKENS - 1)) as u16;
        let mut counts = [0; TOKENS];
        spread(&frequencies).iter().for_each(|token| counts[usize::from(*token)] += 1);
        assert_eq!(counts, frequencies);
    }
}
