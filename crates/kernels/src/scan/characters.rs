use crate::dispatch::dispatch;

/// Appends to `ends` the offset of each `\n`, ascending.
///
/// # Panics
/// When `block` is longer than `u32::MAX` bytes.
pub fn newlines(block: &[u8], ends: &mut Vec<u32>) {
    super::check_block(block);
    dispatch!(scan::newlines(block: &[u8], ends: &mut Vec<u32>))
}

/// How many `\n` there are.
#[must_use]
pub fn count_newlines(block: &[u8]) -> usize {
    dispatch!(scan::count_newlines(block: &[u8]) -> usize)
}

/// Sets bit `i % 64` of `masks[i / 64]` where `block[i]` is ASCII whitespace as
/// [`u8::is_ascii_whitespace`] has it (space, tab, newline, form feed, carriage return), and clears
/// all others, those behind the last byte too.
///
/// # Panics
/// When `masks` has not `block.len().div_ceil(64)` words.
pub fn whitespace(block: &[u8], masks: &mut [u64]) {
    let words = block.len().div_ceil(64);
    assert!(masks.len() == words, "{} words for {} bytes", masks.len(), block.len());
    dispatch!(scan::whitespace(block: &[u8], masks: &mut [u64]))
}
