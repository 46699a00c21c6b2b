use crate::arch::generic::scan::Scan;
use crate::arch::portable::Portable;
use crate::text::{Table, Word, WordLimit};
use std::mem::MaybeUninit;
use std::ops::Range;

/// What texts need beyond [`Scan`].
pub(crate) trait Words: Scan {
    /// [`Simd::positions`] for texts, where a quarter of the bits are set: it may write 32 numbers
    /// as fast as fewer.
    #[inline(always)]
    fn edges(self, bits: u64, start: u32, to: &mut [MaybeUninit<u32>; 64]) {
        self.positions(bits, start, to);
    }
    /// Bit `i` is set where number `i` is `wanted`.
    fn equal_tags(self, tags: &[u32; 8], wanted: u32) -> u8;
}

impl Words for Portable {
    #[inline(always)]
    fn equal_tags(self, tags: &[u32; 8], wanted: u32) -> u8 {
        (0..8).fold(0, |bits, tag| bits | u8::from(tags[tag] == wanted) << tag)
    }
}

/// How far ahead memory is asked for: the processor's own prefetching ends with each page.
const PREFETCH_BYTES: usize = 2048;

#[inline(always)]
pub(crate) fn lines<S: Words>(simd: S, text: &[u8]) -> u64 {
    let (groups, rest) = text.as_chunks::<256>();
    let mut lines = [0; 4];
    for group in groups {
        let (blocks, _) = group.as_chunks::<64>();
        for (lines, block) in lines.iter_mut().zip(blocks) {
            simd.prefetch(block.as_ptr().wrapping_add(PREFETCH_BYTES));
            *lines += u64::from(simd.equal(simd.bytes(block), b'\n').count_ones());
        }
    }
    for block in rest.chunks(64) {
        lines[0] += u64::from(simd.equal(simd.bytes(&padded(block)), b'\n').count_ones());
    }
    lines.iter().sum()
}

/// The newlines, and the words that begin: at a byte that is not white behind one that is.
#[inline(always)]
pub(crate) fn count<S: Words>(simd: S, text: &[u8], in_word: bool) -> (u64, u64) {
    let (blocks, rest) = text.as_chunks::<64>();
    let (mut lines, mut words) = (0, 0);
    let mut white_before = u64::from(!in_word);
    for block in blocks {
        simd.prefetch(block.as_ptr().wrapping_add(PREFETCH_BYTES));
        let bytes = simd.bytes(block);
        let white = simd.whitespace(bytes);
        lines += u64::from(simd.equal(bytes, b'\n').count_ones());
        words += u64::from((!white & (white << 1 | white_before)).count_ones());
        white_before = white >> 63;
    }
    let bytes = simd.bytes(&padded(rest));
    let white = simd.whitespace(bytes);
    lines += u64::from(simd.equal(bytes, b'\n').count_ones());
    words += u64::from((!white & (white << 1 | white_before)).count_ones());
    (lines, words)
}

/// Up to 64 bytes, and spaces.
#[inline(always)]
fn padded(rest: &[u8]) -> [u8; 64] {
    let mut block = [b' '; 64];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// How many bytes are cut into words at a time: what a pass reads, the next finds in the L1 cache.
const CHUNK_BYTES: usize = 4096;

/// How many words are looked up together: as many cache misses as a core can have under way.
const BATCH_WORDS: usize = 32;

/// Adds the words of `text[range]`, whose ends end words, to `table`.
///
/// Three passes, each without a branch that is hard to foresee: where words begin and end, by
/// masks; keys, hashes and prefetches; the look-up.
#[inline(always)]
pub(crate) fn tally<S: Words>(
    simd: S,
    text: &[u8],
    range: Range<usize>,
    table: &mut Table<'_>,
) -> Result<(), WordLimit> {
    let mut edges = [MaybeUninit::uninit(); CHUNK_BYTES + 64];
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min(start + CHUNK_BYTES);
        let edges = find_edges(simd, &text[start..end], end == range.end, &mut edges);
        let (words, open) = edges.as_chunks::<2>();
        for batch in words.chunks(BATCH_WORDS) {
            let mut found = [Word::NONE; BATCH_WORDS];
            for (word, [from, to]) in found.iter_mut().zip(batch) {
                *word = table.word(text, start + *from as usize, start + *to as usize);
                simd.prefetch(table.place(word));
            }
            for word in &found[..batch.len()] {
                table.add(simd, text, word, 1)?;
            }
        }
        start = match open {
            // The next chunk begins with the word this one cuts.
            [from] if *from > 0 => start + *from as usize,
            [_] => {
                let rest = text[end..range.end].iter().position(u8::is_ascii_whitespace);
                let to = rest.map_or(range.end, |rest| end + rest);
                let word = table.word(text, start, to);
                table.add(simd, text, &word, 1)?;
                to
            }
            _ => end,
        };
    }
    Ok(())
}

/// Where words begin and end, by turns, from the start of `chunk`, which begins behind whitespace.
/// If it is the last, its end ends a word.
#[inline(always)]
fn find_edges<'a, S: Words>(
    simd: S,
    chunk: &[u8],
    is_last: bool,
    edges: &'a mut [MaybeUninit<u32>; CHUNK_BYTES + 64],
) -> &'a [u32] {
    let (blocks, rest) = chunk.as_chunks::<64>();
    let (mut count, mut start, mut white_before) = (0, 0, 1);
    for block in blocks {
        // For the next chunk.
        simd.prefetch(block.as_ptr().wrapping_add(CHUNK_BYTES));
        let white = simd.whitespace(simd.bytes(block));
        let bits = white ^ (white << 1 | white_before);
        white_before = white >> 63;
        if let Some(room) = edges[count..].first_chunk_mut() {
            simd.edges(bits, start, room);
        }
        count += bits.count_ones() as usize;
        start += 64;
    }
    if is_last {
        let white = simd.whitespace(simd.bytes(&padded(rest)));
        let bits = white ^ (white << 1 | white_before);
        if let Some(room) = edges[count..].first_chunk_mut() {
            simd.edges(bits, start, room);
        }
        count += bits.count_ones() as usize;
    }
    let edges = &edges[..count];
    // SAFETY: `edges` wrote as many as there are bits: there was always room for 64, as a
    // block has at most one edge a byte and the array 64 more than the chunk has bytes.
    unsafe { &*(std::ptr::from_ref(edges) as *const [u32]) }
}

/// Adds all words of a table to another that hashes alike and borrows from the same text.
#[inline(always)]
pub(crate) fn merge<S: Words>(
    simd: S,
    from: &Table<'_>,
    into: &mut Table<'_>,
) -> Result<(), WordLimit> {
    for batch in from.entries().chunks(BATCH_WORDS) {
        for entry in batch {
            simd.prefetch(into.place(&entry.word));
        }
        for entry in batch {
            into.add(simd, from.text(), &entry.word, entry.count)?;
        }
    }
    Ok(())
}
