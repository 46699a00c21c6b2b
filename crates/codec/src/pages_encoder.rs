use crate::VECTOR_ROWS;
use crate::bytes::{HEADER_BYTES, put_varint, put_zigzag};
use crate::window::Extent;
use pco::data_types::Number;
use pco::errors::PcoError;
use pco::wrapped::FileCompressor;
use pco::{ChunkConfig, DeltaSpec, ModeSpec, PagingSpec};
use std::collections::TryReserveError;
use tidemill_kernels::{bitpack::width_of, delta};

/// Encodes words as [`crate::pages`] lays them out.
#[derive(Default)]
pub(crate) struct PagesEncoder {
    deltas: Vec<u64>,
    bytes: Vec<u8>,
}

/// How hard pco tries: above it, what takes longer is hardly smaller.
const LEVEL: usize = 8;

impl PagesEncoder {
    /// Appends 1 to 8,192 words. What pco needs meanwhile it takes from the allocator as it goes, and ends the
    /// process when there is none.
    pub(crate) fn encode(
        &mut self,
        words: &[u64],
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        let extent = Extent::of(words);
        let base = extent.whole(words.len()).base;
        self.deltas.clear();
        self.deltas.try_reserve(words.len())?;
        self.deltas.resize(words.len(), 0);
        delta::deltas(words, words[0], &mut self.deltas);
        let order = usize::from(spread(&self.deltas) < spread(words));
        let config = ChunkConfig::default()
            .with_compression_level(LEVEL)
            .with_mode_spec(ModeSpec::Classic)
            .with_delta_spec(DeltaSpec::TryConsecutive(order))
            .with_paging_spec(PagingSpec::Exact(
                words.chunks(VECTOR_ROWS).map(<[u64]>::len).collect(),
            ))
            .with_enable_8_bit(true);
        let word_bytes = width_of(extent.range()).div_ceil(8).next_power_of_two();
        out.try_reserve(HEADER_BYTES)?;
        out.push(word_bytes as u8);
        put_zigzag(out, base);
        let offset = |word: &u64| word.wrapping_sub(base);
        let put = match word_bytes {
            1 => self.put(words.iter().map(|word| offset(word) as u8).collect(), &config, out),
            2 => self.put(words.iter().map(|word| offset(word) as u16).collect(), &config, out),
            4 => self.put(words.iter().map(|word| offset(word) as u32).collect(), &config, out),
            _ => self.put(words.iter().map(offset).collect(), &config, out),
        };
        // It says no to settings and to writers alone, and these are none to say no to.
        put.unwrap_or_else(|error| panic!("pco: {error}"))
    }

    fn put<T: Number>(
        &mut self,
        words: Vec<T>,
        config: &ChunkConfig,
        out: &mut Vec<u8>,
    ) -> Result<Result<(), TryReserveError>, PcoError> {
        let mut chunk = FileCompressor::default().chunk_compressor(&words, config)?;
        self.bytes.clear();
        chunk.write_meta(&mut self.bytes)?;
        let mut put = self.put_sized(out);
        for page in 0..chunk.n_per_page().len() {
            self.bytes.clear();
            chunk.write_page(page, &mut self.bytes)?;
            put = put.and_then(|()| self.put_sized(out));
        }
        Ok(put)
    }

    fn put_sized(&self, out: &mut Vec<u8>) -> Result<(), TryReserveError> {
        out.try_reserve(HEADER_BYTES + self.bytes.len())?;
        put_varint(out, self.bytes.len() as u64);
        out.extend_from_slice(&self.bytes);
        Ok(())
    }
}

/// How far words are from what stands in the middle of a sample of them: their widths added up.
fn spread(words: &[u64]) -> u64 {
    const SAMPLE: usize = 64;
    let mut sample = [0; SAMPLE];
    let stride = words.len().div_ceil(SAMPLE);
    let mut count = 0;
    for (place, word) in sample.iter_mut().zip(words.iter().step_by(stride)) {
        *place = *word as i64;
        count += 1;
    }
    let sample = &mut sample[..count];
    sample.sort_unstable();
    let middle = sample[count / 2];
    words
        .iter()
        .map(|word| {
            u64::from(width_of(word.wrapping_sub(middle as u64).cast_signed().unsigned_abs()))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::PCO_HEADER;

    #[test]
    fn the_format_is_the_one_that_is_read() {
        let mut header = Vec::new();
        FileCompressor::default().write_header(&mut header).unwrap();
        assert_eq!(header, PCO_HEADER, "columns written by another version need another tag");
    }
}
