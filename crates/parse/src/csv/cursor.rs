//! Where cells end; found eight bytes a step.

/// A cell without quotes in it, and where the byte after it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlainCell<'a> {
    pub text: &'a [u8],
    pub end: usize,
}

/// The cell at `start`, if it is a simple one: unquoted, or quoted without a quote in it, and
/// followed by a delimiter or a newline within the chunk.
#[inline]
pub(super) fn plain_cell(chunk: &[u8], start: usize, delimiter: u8) -> Option<PlainCell<'_>> {
    let rest = chunk.get(start..)?;
    if rest.first() == Some(&b'"') {
        return quoted_cell(chunk, start, delimiter);
    }
    let end = start + cell_len(rest, delimiter)?;
    let text = &chunk[start..end];
    // A carriage return belongs to the newline after it.
    match text {
        [before @ .., b'\r'] if chunk[end] == b'\n' => {
            Some(PlainCell { text: before, end: end - 1 })
        }
        _ => Some(PlainCell { text, end }),
    }
}

#[inline]
fn quoted_cell(chunk: &[u8], start: usize, delimiter: u8) -> Option<PlainCell<'_>> {
    let inner = chunk.get(start + 1..)?;
    let length = memchr::memchr(b'"', inner)?;
    if length > super::MAX_QUOTED_CELL_BYTES - 2 {
        return None;
    }
    let end = start + length + 2;
    let is_end = match chunk.get(end..)? {
        [byte, ..] if *byte == delimiter => true,
        [b'\n', ..] | [b'\r', b'\n', ..] => true,
        _ => false,
    };
    is_end.then(|| PlainCell { text: &inner[..length], end })
}

/// The number of bytes before the first delimiter or newline.
#[inline]
fn cell_len(text: &[u8], delimiter: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let delimiters = u64::from(delimiter) * ONES;
    let newlines = u64::from(b'\n') * ONES;
    let mut len = 0;
    while let Some(word) = text[len..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let found = zero_bytes(word ^ delimiters) | zero_bytes(word ^ newlines);
        if found != 0 {
            return Some(len + found.trailing_zeros() as usize / 8);
        }
        len += 8;
    }
    let tail = text[len..].iter().position(|byte| *byte == delimiter || *byte == b'\n')?;
    Some(len + tail)
}

/// The highest bit of every byte that is zero, up to and including the first one; those above it
/// may be wrong (S. E. Anderson, *Bit Twiddling Hacks*).
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080
}

/// Whether a cell ends before the byte at `end`. (One that ends in a carriage return has that before another, which
/// belongs to the line's end.)
#[inline]
pub(super) fn ends_cell(chunk: &[u8], end: usize, delimiter: u8) -> bool {
    match chunk.get(end) {
        Some(b'\n') => !chunk[..end].ends_with(b"\r"),
        Some(b'\r') => chunk.get(end + 1) == Some(&b'\n'),
        byte => byte == Some(&delimiter),
    }
}

/// The place behind the delimiter at `at`, if one is there.
#[inline(always)]
pub(super) fn behind_delimiter(chunk: &[u8], at: usize, delimiter: u8) -> Option<usize> {
    (chunk.get(at) == Some(&delimiter)).then_some(at + 1)
}
