//! The battery of `text`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use tidemill_kernels::text::{
    Counter, Counts, WordCounts, WordFrequency, count, count_lines, count_words, word_counts,
    word_counts_borrowed, word_counts_owned, word_counts_threads,
};

/// The words of a text in the order of their first appearance.
fn naive(text: &[u8]) -> (Counts, Vec<(&[u8], u64)>) {
    let words: Vec<&[u8]> =
        text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let lines = text.iter().filter(|byte| **byte == b'\n').count() as u64;
    let counts = Counts { lines, words: words.len() as u64, bytes: text.len() as u64 };
    let (mut numbers, mut distinct) = (HashMap::new(), Vec::<(&[u8], u64)>::new());
    for word in words {
        let number = *numbers.entry(word).or_insert(distinct.len());
        if number == distinct.len() {
            distinct.push((word, 0));
        }
        distinct[number].1 += 1;
    }
    (counts, distinct)
}

fn check_counts(text: &[u8], cut: usize) {
    let (expected, _) = naive(text);
    let (head, tail) = text.split_at(cut.min(text.len()));
    each_isa(|isa| {
        let what = || format!("{isa:?} {:?} cut at {cut}", text.escape_ascii().to_string());
        assert_eq!(count(text), expected, "{}", what());
        assert_eq!(count_lines(text), expected.lines, "{}", what());
        assert_eq!(count_words(text), expected.words, "{}", what());
        let mut counter = Counter::new();
        counter.push(head);
        counter.push(tail);
        assert_eq!(counter.counts(), expected, "{}", what());
    });
}

fn check_words(text: &[u8], cut: usize) {
    let (counts, expected) = naive(text);
    let (head, tail) = text.split_at(cut.min(text.len()));
    each_isa(|isa| {
        let agree = |got: &WordCounts<'_>, what: &str| {
            let words: Vec<_> = got.iter().collect();
            let text = text.escape_ascii().to_string();
            assert_eq!(words, expected, "{isa:?}, {what}, cut at {cut}: {text:?}");
            assert_eq!((got.len(), got.words()), (expected.len(), counts.words));
        };
        agree(&word_counts(text, usize::MAX).unwrap(), "borrowed");
        for threads in [2, 5] {
            let threads = NonZeroUsize::new(threads).unwrap();
            agree(&word_counts_threads(text, threads, usize::MAX).unwrap(), "threads");
        }
        let mut frequency = WordFrequency::new(usize::MAX);
        for block in [head, b"", tail] {
            frequency.push(block).unwrap();
        }
        let got = frequency.finish().unwrap();
        agree(&got, "blocks");
        for (word, count) in &expected {
            assert_eq!(got.get(word), *count);
        }
    });
}

/// Words of up to `longest` bytes out of a few letters, so that many are there more than once.
fn any_text(random: &mut impl FnMut() -> u64, len: usize, longest: u64) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < len {
        let letters = random() % 3 + 1;
        for _ in 0..random() % (longest + 1) {
            text.push([b'a', b'b', 0, 0xFF, 0x8A, 0x0B][(random() % letters) as usize * 2 % 6]);
        }
        text.push(b" \t\n\x0C\r"[random() as usize % 5]);
        if random().is_multiple_of(3) {
            text.push(b' ');
        }
    }
    text.truncate(len);
    text
}

#[test]
fn counts_of_every_length_up_to_an_unreadable_page() {
    let mut random = random(1);
    let mut memory = Fenced::new(1000);
    for len in (0..=300).chain([511, 512, 513, 767, 768, 769, 1000]) {
        let text = any_text(&mut random, len, 8);
        memory.at_both_ends(&text, |text| check_counts(text, random() as usize % (len + 1)));
    }
}

#[test]
fn words_of_every_length_up_to_an_unreadable_page() {
    let mut random = random(2);
    let mut memory = Fenced::new(300);
    for len in 0..=300 {
        let text = any_text(&mut random, len, 10 + len as u64 % 60);
        memory.at_both_ends(&text, |text| check_words(text, random() as usize % (len + 1)));
    }
}

#[test]
fn every_alignment() {
    let mut random = random(3);
    let text = any_text(&mut random, 64 + 200, 20);
    for start in 0..64 {
        check_counts(&text[start..], 77);
        check_words(&text[start..], 77);
    }
}

#[test]
fn every_byte_is_white_or_not() {
    // Each between two letters: one word more where it is white.
    let text: Vec<u8> = (0..=255).flat_map(|byte| [b'a', byte, b'b']).collect();
    check_counts(&text, 100);
    check_words(&text, 100);
    let white = (0..=255u8).filter(|byte| count_words(&[b'a', *byte, b'b']) == 2);
    assert_eq!(white.collect::<Vec<_>>(), b"\t\n\x0C\r ");
}

#[test]
fn words_as_long_as_chunks() {
    for len in [1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 4095, 4096, 4097, 9000] {
        let word = vec![b'x'; len];
        let other = [&word[1..], b"y"].concat();
        let parts = [&word[..], b" ", &other, b"\n\n", &word, b" z ", &other, &word];
        let text = parts.concat();
        for cut in [0, 1, len, len + 1, 2 * len + 2, text.len()] {
            check_words(&text, cut);
        }
    }
}

#[test]
fn every_cut_of_a_text() {
    let text = any_text(&mut random(4), 400, 40);
    for cut in 0..text.len() {
        check_words(&text, cut);
        check_counts(&text, cut);
    }
}

#[test]
fn words_that_differ_in_one_byte_or_in_length() {
    let mut text = Vec::new();
    for len in 1..80 {
        for changed in 0..=len {
            let mut word = vec![b'a'; len];
            if let Some(byte) = word.get_mut(changed) {
                *byte = b'b';
            }
            text.extend_from_slice(&word);
            text.push(b' ');
        }
        // As if it were padding.
        text.extend_from_slice(&vec![0; len]);
        text.push(b' ');
    }
    check_words(&text, 1000);
}

#[test]
fn tables_that_grow() {
    let mut text = String::new();
    for number in 0..30_000u64 {
        // Short and long ones; each a second time, later.
        text += &format!("{number} n{number:030} {} ", number / 2);
    }
    check_words(text.as_bytes(), 54_321);
}

#[test]
fn the_strategies_agree() {
    let text =
        String::from_utf8_lossy(&any_text(&mut random(5), 5000, 20)).replace('\u{FFFD}', "ü");
    let counts = word_counts(text.as_bytes(), usize::MAX).unwrap();
    let owned = word_counts_owned(&text);
    assert_eq!(counts.len(), owned.len());
    assert_eq!(word_counts_borrowed(&text).len(), owned.len());
    for (word, count) in word_counts_borrowed(&text) {
        assert_eq!((owned[word], counts.get(word.as_bytes())), (count, count));
    }
}

#[test]
fn the_most_frequent_words() {
    let counts = word_counts(b"b b a a c d d d long-word-of-more-than-16 e", usize::MAX).unwrap();
    let names = |count: usize| -> Vec<String> {
        let top = counts.top(count).into_iter();
        top.map(|(word, count)| format!("{}:{count}", word.escape_ascii())).collect()
    };
    let all = ["d:3", "a:2", "b:2", "c:1", "e:1", "long-word-of-more-than-16:1"];
    for count in 0..=6 {
        assert_eq!(names(count), all[..count]);
    }
    assert_eq!(names(100), all);
    assert_eq!(counts.get(b"f"), 0);
    assert_eq!(counts.get(b"b b"), 0);
    assert_eq!(counts.get(b""), 0);
}

#[test]
fn memory_is_bounded() {
    let text: String = (0..20_000).map(|n| format!("{n} a-much-longer-word-{n}\n")).collect();
    let error = word_counts(text.as_bytes(), 100_000).unwrap_err();
    assert!(error.to_string().contains("do not fit into 100000 bytes"), "{error}");

    let mut frequency = WordFrequency::new(1_000_000);
    let failed = text.as_bytes().chunks(1000).any(|block| {
        let failed = frequency.push(block).is_err();
        assert!(frequency.memory_bytes() <= 1_000_000);
        failed
    });
    assert!(failed);
    // What was there before is counted.
    let (_, expected) = naive(text.as_bytes());
    let counted: Vec<_> = frequency.counts().iter().collect();
    assert!(counted.len() > 1000);
    assert_eq!(counted, expected[..counted.len()]);

    // One that a block cut, beside the table.
    let mut frequency = WordFrequency::new(100_000);
    frequency.push(&[b'x'; 40_000]).unwrap();
    let words = (0..400).map(|n| format!(" {n}"));
    let failed = words.map(|word| frequency.push(word.as_bytes())).any(|pushed| pushed.is_err());
    assert!(frequency.memory_bytes() <= 100_000, "{} {failed}", frequency.memory_bytes());

    // A word that no block ends.
    let mut frequency = WordFrequency::new(10_000);
    let results: Vec<bool> = (0..20).map(|_| frequency.push(&[b'x'; 1000]).is_ok()).collect();
    assert!(results[0] && !results[19]);

    // What is stated: 32 bytes and 13 to 26, up to twice the 32; here, no long words.
    let text: String = (0..100_000).map(|n| format!("{n} ")).collect();
    let counts = word_counts(text.as_bytes(), usize::MAX).unwrap();
    let each = counts.memory_bytes() as f64 / counts.len() as f64;
    assert!((32.0 + 12.0..=64.0 + 26.0).contains(&each), "{each}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes(
        text in prop::collection::vec(prop::sample::select(b"ab \n\x0B\0\xE9".to_vec()), 0..700),
        cut in 0usize..700,
    ) {
        check_counts(&text, cut);
        check_words(&text, cut);
    }
}
