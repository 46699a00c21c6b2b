use crate::VECTOR_ROWS;
use crate::bytes::{HEADER_BYTES, put_varint, put_zigzag, signed_bytes};
use crate::vector::{DELTA, PACKED, PATCHED, RUNS};
use crate::window::{Extent, Window};
use std::collections::TryReserveError;
use tidemill_kernels::{bitpack, bitstream, delta};

/// Encodes vectors, each in the smallest of the ways of [`crate::vector`].
#[derive(Default)]
pub(crate) struct VectorEncoder {
    deltas: Vec<u64>,
    run_lengths: Vec<u64>,
    run_values: Vec<u64>,
    streams: StreamEncoder,
}

#[derive(Default)]
struct StreamEncoder {
    offsets: Vec<u64>,
    patches: Vec<(u16, i64)>,
}

impl VectorEncoder {
    /// Appends `words`, 1 to 1,024 of them.
    pub(crate) fn encode(
        &mut self,
        words: &[u64],
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        out.try_reserve(HEADER_BYTES)?;
        let extent = Extent::of(words);
        let (Some(first), true) = (words.first(), extent.range() > 0) else {
            out.push(PACKED);
            return self.streams.put(words, extent.whole(words.len()), out);
        };
        let deltas = room(&mut self.deltas, words.len())?;
        delta::deltas(words, *first, deltas);
        let runs = deltas.iter().map(|delta| usize::from(*delta != 0)).sum::<usize>() + 1;
        let packed = Window::choose(words, extent);
        let differences = Window::choose(&deltas[1..], Extent::of(&deltas[1..]));
        let least = packed.bits.min(differences.bits + differences.width as usize + FIRST_BITS);
        let run_bits = run_bits(words.len(), runs, bitpack::width_of(extent.range()));
        // Runs are slower to decode, so they must be worth it.
        if run_bits + run_bits / 8 < least {
            out.push(RUNS);
            self.put_runs(words, runs, out)
        } else if packed.bits == least {
            out.push(PACKED);
            self.streams.put(words, packed, out)
        } else {
            out.push(DELTA);
            put_zigzag(out, *first);
            // The first word means nothing; this one needs no patch.
            deltas[0] = differences.base;
            self.streams.put(deltas, differences, out)
        }
    }

    fn put_runs(
        &mut self,
        words: &[u64],
        runs: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        self.run_lengths.clear();
        self.run_values.clear();
        self.run_lengths.try_reserve(runs)?;
        self.run_values.try_reserve(runs)?;
        for run in words.chunk_by(|a, b| a == b) {
            self.run_lengths.push(run.len() as u64 - 1);
            self.run_values.push(run[0]);
        }
        put_varint(out, runs as u64);
        for stream in [&self.run_lengths, &self.run_values] {
            self.streams.put(stream, Window::choose(stream, Extent::of(stream)), out)?;
        }
        Ok(())
    }
}

impl StreamEncoder {
    fn put(
        &mut self,
        words: &[u64],
        mut window: Window,
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        self.split(words, window)?;
        // Windows are chosen from a sample, which may have been nothing like the rest.
        if self.patches.len() > 2 * window.outside + 16 {
            let patch_bits = self.patches.len() * (16 + 8 * self.high_bytes());
            let whole = Extent::of(words).whole(words.len());
            if whole.bits < words.len() * window.width as usize + patch_bits {
                window = whole;
                self.split(words, window)?;
            }
        }
        let (Window { base, width, .. }, high_bytes) = (window, self.high_bytes());
        let patched = if self.patches.is_empty() { 0 } else { PATCHED };
        let packed_bytes = bitstream::packed_bytes(words.len(), width);
        out.try_reserve(HEADER_BYTES + packed_bytes + self.patches.len() * (2 + high_bytes))?;
        out.push(width as u8 | patched);
        put_zigzag(out, base);
        if patched != 0 {
            put_varint(out, self.patches.len() as u64);
            out.push(high_bytes as u8);
        }
        let offsets = &self.offsets[..words.len()];
        match offsets.first_chunk::<VECTOR_ROWS>() {
            Some(whole) => bitpack::pack(whole, width, out),
            None => bitstream::pack(offsets, width, out),
        }
        for (position, _) in &self.patches {
            out.extend_from_slice(&position.to_le_bytes());
        }
        for (_, high) in &self.patches {
            out.extend_from_slice(&high.to_le_bytes()[..high_bytes]);
        }
        Ok(())
    }

    /// The bytes that the greatest of the patches takes.
    fn high_bytes(&self) -> usize {
        let highs = || self.patches.iter().map(|patch| patch.1);
        signed_bytes(highs().fold(0, i64::min), highs().fold(0, i64::max))
    }

    /// Finds the words' offsets in a window, and the patches for those outside.
    fn split(&mut self, words: &[u64], window: Window) -> Result<(), TryReserveError> {
        let offsets = room(&mut self.offsets, words.len())?;
        for (offset, word) in offsets.iter_mut().zip(words) {
            *offset = word.wrapping_sub(window.base);
        }
        self.patches.clear();
        if window.outside > 0 {
            find_patches(offsets, window.width, &mut self.patches)?;
        }
        Ok(())
    }
}

/// Finds the positions of offsets of more than `width` bits, and what they have beyond.
fn find_patches(
    offsets: &[u64],
    width: u32,
    patches: &mut Vec<(u16, i64)>,
) -> Result<(), TryReserveError> {
    const CHUNK: usize = 16;
    for (chunk, offsets) in offsets.chunks(CHUNK).enumerate() {
        // Patches are few: look for one only where some bit says that there is.
        if offsets.iter().fold(0, |all, offset| all | offset) >> width == 0 {
            continue;
        }
        // But there they may be many: every one is written, and the next over it if it was none.
        let mut found = [(0, 0); CHUNK + 1];
        let mut count = 0;
        for (index, offset) in offsets.iter().enumerate() {
            found[count] = ((chunk * CHUNK + index) as u16, *offset as i64 >> width);
            count += usize::from(offset >> width != 0);
        }
        patches.try_reserve(count)?;
        patches.extend_from_slice(&found[..count]);
    }
    Ok(())
}

/// Places for so many words, whatever stands in them.
fn room(places: &mut Vec<u64>, words: usize) -> Result<&mut [u64], TryReserveError> {
    if places.len() < words {
        places.try_reserve(words - places.len())?;
        places.resize(words, 0);
    }
    Ok(&mut places[..words])
}

/// What DELTA's first word takes beyond PACKED's base, about. It also has an idle place among the
/// deltas.
const FIRST_BITS: usize = 8;

/// What RUNS takes, about: its second stream's header, and `runs` lengths and words of `width` bits.
fn run_bits(rows: usize, runs: usize, width: u32) -> usize {
    let mean_length = (rows / runs) as u64;
    32 + runs * (bitpack::width_of(mean_length) as usize + 1 + width as usize)
}
