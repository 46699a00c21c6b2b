use crate::bytes::{HEADER_BYTES, keep_smaller, put_varint};
use crate::decimal::Decimal;
use crate::floats::{BITS, DECIMAL, SPLIT};
use crate::ints_encoder::IntsEncoder;
use crate::{Compression, MAX_BLOCK_ROWS};
use std::collections::TryReserveError;
use tidemill_kernels::bitpack::width_of;
use zerocopy::transmute_ref;

/// Encodes doubles as [`crate::floats`](mod@crate::floats) lays them out.
#[derive(Default)]
pub(crate) struct FloatsEncoder {
    integers: Vec<u64>,
    exceptions: Vec<u16>,
    lows: Vec<u64>,
    sample: Vec<u64>,
    pub(crate) compression: Compression,
}

/// The bits a value beyond which DECIMAL is doubted.
const MANY_BITS: usize = 48;

/// The bits a value below which BITS is not doubted.
const FEW_BITS: usize = 32;

impl FloatsEncoder {
    pub(crate) fn encode(
        &mut self,
        ints: &mut IntsEncoder,
        values: &[f64],
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        assert!(values.len() <= MAX_BLOCK_ROWS, "a block of {} rows", values.len());
        let words: &[u64] = transmute_ref!(values);
        out.try_reserve(1)?;
        if words.iter().all(|word| Some(word) == words.first()) {
            out.push(BITS);
            return ints.encode(words, out);
        }
        let start = out.len();
        let bits = |out: &Vec<u8>| 8 * (out.len() - start) / values.len();
        let (decimal, decimal_bits) = Decimal::find(values);
        if decimal_bits <= MANY_BITS {
            self.put_decimal(ints, decimal, values, out)?;
            if bits(out) <= MANY_BITS {
                return Ok(());
            }
        }
        let middle = out.len();
        out.try_reserve(1)?;
        out.push(BITS);
        ints.encode_as(self.compression, words, out)?;
        keep_smaller(out, start, middle);
        // Few distinct or similar doubles: nothing that a split would make smaller.
        if bits(out) <= FEW_BITS {
            return Ok(());
        }
        let middle = out.len();
        self.put_split(ints, words, out)?;
        keep_smaller(out, start, middle);
        Ok(())
    }

    fn put_decimal(
        &mut self,
        ints: &mut IntsEncoder,
        decimal: Decimal,
        values: &[f64],
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        decimal.convert(values, &mut self.integers, &mut self.exceptions)?;
        out.try_reserve(HEADER_BYTES + self.exceptions.len() * size_of::<(u16, [u8; 8])>())?;
        out.extend_from_slice(&[DECIMAL, decimal.exponent(), decimal.factor()]);
        put_varint(out, self.exceptions.len() as u64);
        for position in &self.exceptions {
            out.extend_from_slice(&position.to_le_bytes());
        }
        for position in &self.exceptions {
            out.extend_from_slice(&values[usize::from(*position)].to_le_bytes());
        }
        ints.encode_as(self.compression, &self.integers, out)
    }

    fn put_split(
        &mut self,
        ints: &mut IntsEncoder,
        words: &[u64],
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        let low_bits = self.find_split(words)?;
        self.integers.clear();
        self.integers.try_reserve(words.len())?;
        self.integers.extend(words.iter().map(|word| word >> low_bits));
        self.lows.clear();
        self.lows.try_reserve(words.len())?;
        self.lows.extend(words.iter().map(|word| word & ((1 << low_bits) - 1)));
        out.try_reserve(HEADER_BYTES)?;
        out.extend_from_slice(&[SPLIT, low_bits as u8]);
        // The lows are noise, and most of the bytes: what coding the highs saves is not worth its time.
        ints.encode(&self.integers, out)?;
        ints.encode(&self.lows, out)
    }

    /// The number of low bits that makes for the smallest split: what is above them has few
    /// distinct values.
    fn find_split(&mut self, words: &[u64]) -> Result<u32, TryReserveError> {
        const SAMPLE: usize = 256;
        const LEAST: u32 = 44;
        let stride = words.len().div_ceil(SAMPLE);
        self.sample.clear();
        self.sample.try_reserve(SAMPLE)?;
        self.sample.extend(words.iter().copied().step_by(stride));
        self.sample.sort_unstable();
        let bits = |low_bits: u32| {
            let pairs = self.sample.windows(2);
            let distinct = pairs.filter(|pair| (pair[0] ^ pair[1]) >> low_bits != 0).count();
            // A sample that hardly repeats says nothing about how many there are.
            let repeats = 4 * distinct < self.sample.len();
            if repeats { low_bits + width_of(distinct as u64) } else { u64::BITS }
        };
        // Of those alike the one with the fewest distinct high parts.
        Ok((LEAST..64).rev().min_by_key(|low_bits| bits(*low_bits)).unwrap_or(52))
    }
}
