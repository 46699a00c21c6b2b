use crate::VECTOR_ROWS;
use crate::bytes::{HEADER_BYTES, keep_smaller, put_varint, put_zigzag};
use crate::dictionary::Dictionary;
use crate::ints::{CONSTANT, DICTIONARY, PAGES, SCALED, VECTORS};
use crate::pages_encoder::PagesEncoder;
use crate::vector_encoder::VectorEncoder;
use crate::{Compression, MAX_BLOCK_ROWS};
use std::collections::TryReserveError;

/// Encodes columns as [`crate::ints`] lays them out.
#[derive(Default)]
pub(crate) struct IntsEncoder {
    vectors: VectorEncoder,
    quotients: Vec<u64>,
    dictionary: Dictionary,
    pages: PagesEncoder,
}

impl IntsEncoder {
    /// Appends a column of `words`, by their entropy where that is asked for and pays.
    pub(crate) fn encode_as(
        &mut self,
        compression: Compression,
        words: &[u64],
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        let start = out.len();
        let header_bytes = self.encode_fast(words, out)?;
        let fast = out.len() - start;
        let words = match out[start] {
            _ if compression == Compression::Fast => return Ok(()),
            VECTORS => words,
            SCALED => &self.quotients,
            DICTIONARY => self.dictionary.codes(),
            _ => return Ok(()),
        };
        // Pages are so much slower to read that they must be worth it.
        let most = fast - fast / 16;
        if words.is_empty() || most <= 1 + header_bytes {
            return Ok(());
        }
        let middle = out.len();
        out.try_reserve(1 + header_bytes)?;
        out.push(PAGES);
        out.extend_from_within(start..start + header_bytes);
        let is_encoded = self.pages.encode(words, most - 1 - header_bytes, out)?;
        if is_encoded && out.len() - middle < most {
            out.drain(start..middle);
        } else {
            out.truncate(middle);
        }
        Ok(())
    }

    /// Appends a column of `words`, in vectors.
    pub(crate) fn encode(
        &mut self,
        words: &[u64],
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        self.encode_fast(words, out).map(|_| ())
    }

    /// The same; says how many bytes stand before the vectors.
    fn encode_fast(&mut self, words: &[u64], out: &mut Vec<u8>) -> Result<usize, TryReserveError> {
        assert!(words.len() <= MAX_BLOCK_ROWS, "a block of {} rows", words.len());
        out.try_reserve(HEADER_BYTES)?;
        let Some((first, rest)) = words.split_first() else {
            out.push(VECTORS);
            return Ok(1);
        };
        if rest.iter().all(|word| word == first) {
            out.push(CONSTANT);
            put_zigzag(out, *first);
            return Ok(0);
        }
        let start = out.len();
        let mut header_bytes = 1;
        if let Some(scale) = Scale::of(words, &mut self.quotients)? {
            out.push(SCALED);
            put_varint(out, scale.divisor);
            put_zigzag(out, scale.offset);
            header_bytes = out.len() - start;
            put_vectors(&mut self.vectors, &self.quotients, out)?;
        } else {
            out.push(VECTORS);
            put_vectors(&mut self.vectors, words, out)?;
        }
        if self.dictionary.build(words, out.len() - start)? {
            let plain = out.len();
            out.try_reserve(1)?;
            out.push(DICTIONARY);
            self.dictionary.put_entries(out)?;
            let dictionary_bytes = out.len() - plain;
            put_vectors(&mut self.vectors, self.dictionary.codes(), out)?;
            keep_smaller(out, start, plain);
            if out[start] == DICTIONARY {
                header_bytes = dictionary_bytes;
            }
        }
        Ok(header_bytes)
    }
}

fn put_vectors(
    vectors: &mut VectorEncoder,
    words: &[u64],
    out: &mut Vec<u8>,
) -> Result<(), TryReserveError> {
    words.chunks(VECTOR_ROWS).try_for_each(|vector| vectors.encode(vector, out))
}

/// What the words of a column have in common: they are `offset + divisor * quotient`.
struct Scale {
    divisor: u64,
    offset: u64,
}

impl Scale {
    /// How many words are looked at to see whether there may be a divisor.
    const SAMPLE: usize = 64;

    /// The scale with the greatest divisor above 1, and its quotients.
    fn of(words: &[u64], quotients: &mut Vec<u64>) -> Result<Option<Self>, TryReserveError> {
        let [first, second, ..] = words else { return Ok(None) };
        let stride = (words.len() / Self::SAMPLE).max(1);
        let (mut divisor, mut is_linear) = (0, true);
        let first_step = second.wrapping_sub(*first);
        for (before, word) in words.iter().zip(&words[1..]).step_by(stride) {
            is_linear &= word.wrapping_sub(*before) == first_step;
            divisor = greatest_common_divisor(divisor, (*word as i64).abs_diff(*before as i64));
            if divisor == 1 {
                return Ok(None);
            }
        }
        // Nearly constant deltas are small without being divided. Now the divisor is not 0 either.
        if is_linear {
            return Ok(None);
        }
        let offset = words.iter().fold(i64::MAX, |least, word| least.min(*word as i64)) as u64;
        let mut division = ExactDivision::by(divisor);
        quotients.clear();
        quotients.try_reserve(words.len())?;
        for word in words {
            let distance = word.wrapping_sub(offset);
            let (mut quotient, is_exact) = division.divide(distance);
            if !is_exact {
                let common = greatest_common_divisor(divisor, distance);
                if common == 1 {
                    return Ok(None);
                }
                quotients.iter_mut().for_each(|quotient| *quotient *= divisor / common);
                (divisor, quotient) = (common, distance / common);
                division = ExactDivision::by(divisor);
            }
            quotients.push(quotient);
        }
        Ok(Some(Self { divisor, offset }))
    }
}

/// Division of multiples, by a multiplication: Granlund, Montgomery, "Division by Invariant
/// Integers using Multiplication" (1994), section 9.
struct ExactDivision {
    twos: u32,
    inverse: u64,
    most: u64,
}

impl ExactDivision {
    fn by(divisor: u64) -> Self {
        let twos = divisor.trailing_zeros();
        let odd = divisor >> twos;
        // Each step of Newton's doubles the bits that are right, which are 3 at first.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self { twos, inverse, most: (u64::MAX >> twos) / odd }
    }

    /// The quotient, and whether there is no remainder, without which the quotient means nothing.
    fn divide(&self, dividend: u64) -> (u64, bool) {
        let quotient = (dividend >> self.twos).wrapping_mul(self.inverse);
        let has_twos = dividend >> self.twos << self.twos == dividend;
        (quotient, has_twos & (quotient <= self.most))
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
