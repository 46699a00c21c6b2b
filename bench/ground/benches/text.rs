//! Counting lines and words, and word frequency, beside their peers.
//!
//! The text is 500 MB of the line protocol that `tidemill-workload` generates (TSBS, use case `cpu`
//! with 100 hosts), as it is: at ASCII whitespace, a line is three words, of which the fields (150
//! bytes) are hardly ever the same twice. The second text has its `,` and `=` made spaces, too:
//! short words, few of them distinct.

use std::collections::HashMap;
use std::hint::black_box;
use std::num::NonZeroUsize;
use tidemill_ground::{Strategy, Work, compare, measuring, size};
use tidemill_kernels::{Isa, text};
use tidemill_workload::{Generator, Options, UseCase};

type Foldhash = foldhash::fast::RandomState;

fn main() {
    let raw = line_protocol(size(500_000_000, 100_000));
    let split_bytes = size(100_000_000, 50_000);
    let split: Vec<u8> = raw[..split_bytes]
        .iter()
        .map(|byte| if b",=".contains(byte) { b' ' } else { *byte })
        .collect();
    counting(&raw);
    frequency("word frequency, line protocol", &raw);
    frequency("word frequency, short words", &split);
}

fn line_protocol(bytes: usize) -> Vec<u8> {
    let mut options = Options::new(UseCase::Cpu);
    options.scale = 100;
    options.duration = std::time::Duration::from_secs(200 * 3600);
    let mut generator = Generator::new(&options).expect("options in range");
    let mut text = Vec::with_capacity(bytes + (1 << 20));
    while text.len() < bytes {
        assert!(generator.write_rows(&mut text, 1000) > 0, "too short a time");
    }
    text.truncate(bytes);
    text
}

/// The strategy at each level of instruction sets, the best last.
fn levels<'a>(name: &str, run: impl Fn() -> u64 + Copy + 'a) -> Vec<Strategy<'a>> {
    let strategies = Isa::available().map(|isa| {
        let name: &'static str = format!("{name}, {}", isa.name()).leak();
        let run = move || {
            isa.force().expect("an available level");
            run()
        };
        (name, Box::new(run) as Box<dyn FnMut() -> u64>)
    });
    strategies.collect()
}

fn counting(text: &[u8]) {
    let cases = [("32 KiB", 32 << 10), ("the whole text", text.len())];
    for (name, len) in cases {
        let text = &text[..len.min(text.len())];
        let work = Work::Bytes(text.len() as u64);
        let mut lines = levels("count_lines", || text::count_lines(text));
        lines.push(("bytecount", Box::new(|| bytecount::count(text, b'\n') as u64)));
        compare(&format!("lines, {name}"), work, &mut lines);
        let mut words = levels("count", || {
            let counts = text::count(text);
            counts.words ^ counts.lines << 32
        });
        words.push((
            "bytecount and split_ascii_whitespace().count()",
            Box::new(|| {
                let words = as_str(text).split_ascii_whitespace().count() as u64;
                words ^ (bytecount::count(text, b'\n') as u64) << 32
            }),
        ));
        compare(&format!("lines and words, {name}"), work, &mut words);
    }
}

fn as_str(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("line protocol is ASCII")
}

/// Tells a count of words: how many, how many distinct ones, and the sum of the squares.
fn answer(counts: impl Iterator<Item = u64>) -> u64 {
    let (distinct, words, squares) = counts.fold((0, 0, 0), |(distinct, words, squares), count| {
        (distinct + 1, words + count, u64::wrapping_add(squares, count * count))
    });
    squares ^ u64::rotate_left(distinct, 40) ^ u64::rotate_left(words, 20)
}

fn frequency(case: &str, text: &[u8]) {
    let mut strategies: Vec<Strategy<'_>> = vec![
        (
            "HashMap<String, u64>, split_whitespace, to_string",
            Box::new(|| {
                let mut map: HashMap<String, u64> = HashMap::new();
                for word in as_str(text).split_whitespace() {
                    *map.entry(word.to_string()).or_insert(0) += 1;
                }
                answer(map.values().copied())
            }),
        ),
        (
            "word_counts_owned: the same at ASCII whitespace",
            Box::new(|| answer(text::word_counts_owned(as_str(text)).values().copied())),
        ),
        (
            "word_counts_borrowed: HashMap<&str, u64>",
            Box::new(|| answer(text::word_counts_borrowed(as_str(text)).values().copied())),
        ),
        (
            "hashbrown, ahash, &str",
            Box::new(|| {
                let mut map: hashbrown::HashMap<&str, u64, ahash::RandomState> = Default::default();
                for word in as_str(text).split_ascii_whitespace() {
                    *map.entry(word).or_insert(0) += 1;
                }
                answer(map.values().copied())
            }),
        ),
        (
            "hashbrown, foldhash, &str",
            Box::new(|| {
                let mut map: hashbrown::HashMap<&str, u64, Foldhash> = Default::default();
                for word in as_str(text).split_ascii_whitespace() {
                    *map.entry(word).or_insert(0) += 1;
                }
                answer(map.values().copied())
            }),
        ),
    ];
    strategies.extend(levels("word_counts", || tell(text::word_counts(text, usize::MAX))));
    let two = NonZeroUsize::MIN.saturating_add(1);
    strategies.push((
        "word_counts_threads, 2",
        Box::new(move || tell(text::word_counts_threads(text, two, usize::MAX))),
    ));
    strategies.push((
        "WordFrequency, blocks of 1 MiB",
        Box::new(|| {
            let mut frequency = text::WordFrequency::new(usize::MAX);
            let pushed = text.chunks(1 << 20).try_for_each(|block| frequency.push(block));
            tell(pushed.and_then(|()| frequency.finish()))
        }),
    ));
    compare(case, Work::Bytes(text.len() as u64), &mut strategies);
    if measuring() {
        memory(text);
    }
}

fn tell(counts: Result<text::WordCounts<'_>, text::WordLimit>) -> u64 {
    let counts = counts.expect("there is no limit");
    answer(black_box(&counts).iter().map(|(_, count)| count))
}

/// What the tables take, beside the text.
fn memory(text: &[u8]) {
    let borrowed = text::word_counts(text, usize::MAX).expect("there is no limit");
    let mut frequency = text::WordFrequency::new(usize::MAX);
    frequency.push(text).expect("there is no limit");
    println!(
        "\n{} words, {} distinct; memory: borrowed {:.1} MB, copied {:.1} MB",
        borrowed.words(),
        borrowed.len(),
        borrowed.memory_bytes() as f64 / 1e6,
        frequency.memory_bytes() as f64 / 1e6,
    );
}
