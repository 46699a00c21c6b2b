//! Counting lines and words, and word frequency, beside their peers.
use std::collections::HashMap;
use tidemill_ground::{Work, compare, measuring, size};
use tidemill_kernels::{Isa, text};
use tidemill_workload::{Generator, Options, UseCase};

fn line_protocol(bytes: usize) -> Vec<u8> {
    let mut options = Options::new(UseCase::Cpu);
    options.scale = 100;
    options.duration = std::time::Duration::from_secs(400 * 3600);
    let mut generator = Generator::new(&options).unwrap();
    let mut text = Vec::with_capacity(bytes + (1 << 20));
    while text.len() < bytes && generator.write_rows(&mut text, 1000) > 0 {}
    text.truncate(bytes);
    text
}

fn main() {
    let mb = std::env::var("MB").map_or(500, |mb| mb.parse().unwrap());
    let text = line_protocol(size(mb * 1_000_000, 100_000));
    let split: Vec<u8> = text[..size(text.len().min(100_000_000), 50_000)].iter().map(|b| if b",=\n".contains(b) { b' ' } else { *b }).collect();
    for (case, text) in [("line protocol", &text), ("split at , = too", &split)] {
        let string = std::str::from_utf8(text).unwrap();
        let work = Work::Bytes(text.len() as u64);
        let tell = |words: u64, distinct: usize| words ^ (distinct as u64) << 32;
        compare(case, work, &mut [
            ("HashMap<String, u64>, to_string", Box::new(|| {
                let mut map: HashMap<String, u64> = HashMap::new();
                for word in string.split_whitespace() {
                    *map.entry(word.to_string()).or_insert(0) += 1;
                }
                tell(map.values().sum(), map.len())
            })),
            ("hashbrown, foldhash, &str", Box::new(|| {
                let mut map: hashbrown::HashMap<&str, u64, foldhash::fast::RandomState> = hashbrown::HashMap::default();
                for word in string.split_ascii_whitespace() {
                    *map.entry(word).or_insert(0) += 1;
                }
                tell(map.values().sum(), map.len())
            })),
            ("word_counts", Box::new(|| {
                let counts = text::word_counts(text, usize::MAX).unwrap();
                tell(counts.words(), counts.len())
            })),
        ]);
        compare(&format!("count {case}"), work, &mut [
            ("bytecount", Box::new(|| bytecount::count(text, b'\n') as u64)),
            ("count_lines", Box::new(|| text::count_lines(text))),
            ("count", Box::new(|| text::count(text).lines)),
        ]);
    }
    let _ = (measuring(), Isa::active());
}
