use crate::arch::portable::Portable;
use crate::text::{Table, WordLimit};
use std::ops::Range;

pub(crate) fn lines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

pub(crate) fn count(text: &[u8], mut in_word: bool) -> (u64, u64) {
    let (mut lines, mut words) = (0, 0);
    for byte in text {
        lines += u64::from(*byte == b'\n');
        let is_in_word = !byte.is_ascii_whitespace();
        words += u64::from(is_in_word && !in_word);
        in_word = is_in_word;
    }
    (lines, words)
}

pub(crate) fn tally(
    text: &[u8],
    range: Range<usize>,
    table: &mut Table<'_>,
) -> Result<(), WordLimit> {
    let mut start = range.start;
    for word in text[range].split(u8::is_ascii_whitespace) {
        let end = start + word.len();
        if !word.is_empty() {
            let word = table.word(text, start, end);
            table.add(Portable, text, &word, 1)?;
        }
        start = end + 1;
    }
    Ok(())
}

pub(crate) fn merge(from: &Table<'_>, into: &mut Table<'_>) -> Result<(), WordLimit> {
    for entry in from.entries() {
        into.add(Portable, from.text(), &entry.word, entry.count)?;
    }
    Ok(())
}
