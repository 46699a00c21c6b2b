//! Lines and words of a text, counted, and how often each word is there.
//!
//! Texts are bytes, and words are what ASCII whitespace separates: space, tab, newline, form feed
//! and carriage return, as [`u8::is_ascii_whitespace`] has it. A vertical tab, which the C locale of
//! `wc` takes for whitespace too, is part of a word here; so are the spaces beyond ASCII that
//! [`str::split_whitespace`] knows. Lines are newlines (`\n`), as `wc -l` counts them.
//!
//! [`count`], [`count_lines`] and [`count_words`] go through a text of any length at the speed of
//! memory; [`Counter`] takes it in blocks. [`word_counts`] and [`WordFrequency`] tell how often
//! each word is there.

mod counting;
mod frequency;
mod strategies;
mod table;

pub use counting::{Counter, Counts, count, count_lines, count_words};
pub use frequency::{WordCounts, WordFrequency, WordLimit, word_counts, word_counts_threads};
pub use strategies::{word_counts_borrowed, word_counts_owned};
pub(crate) use table::{Table, Word};
