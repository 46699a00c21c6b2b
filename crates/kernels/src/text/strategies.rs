//! The two ways that [`word_counts`](super::word_counts) is compared with.

use std::collections::HashMap;

/// How often each word is there, with a `String` made of *every* word: the definition, and the
/// baseline of the benches.
#[must_use]
pub fn word_counts_owned(text: &str) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for word in text.split_ascii_whitespace() {
        *counts.entry(word.to_string()).or_insert(0) += 1;
    }
    counts
}

/// The same without a copy of any word: the keys borrow from the text.
#[must_use]
pub fn word_counts_borrowed(text: &str) -> HashMap<&str, u64> {
    let mut counts = HashMap::new();
    for word in text.split_ascii_whitespace() {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}
