//! Lines and words of a text, counted.
mod frequency;
mod table;

pub use frequency::{WordCounts, WordLimit, word_counts};
pub(crate) use table::{Table, Word};
use crate::dispatch::dispatch;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts { pub lines: u64, pub words: u64, pub bytes: u64 }

pub fn count_lines(text: &[u8]) -> u64 {
    dispatch!(text::lines(text: &[u8]) -> u64)
}
pub fn count(text: &[u8]) -> Counts {
    let in_word = false;
    let (lines, words) = dispatch!(text::count(text: &[u8], in_word: bool) -> (u64, u64));
    Counts { lines, words, bytes: text.len() as u64 }
}
