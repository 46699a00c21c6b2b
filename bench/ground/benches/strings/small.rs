//! Strings that hold few bytes themselves. There is none of ours: `compact_str` is as good.

use std::hash::{BuildHasher, Hash};

use compact_str::CompactString;
use ecow::EcoString;
use foldhash::fast::FixedState;
use smartstring::{LazyCompact, SmartString};
use smol_str::SmolStr;
use tidemill_ground::{Strategy, Work, compare, size};

use crate::{allocations, tags};

/// A case with all the kinds of strings: `$run` is a generic function of the texts that returns a
/// strategy's closure.
macro_rules! all {
    ($case:expr, $texts:ident, $run:ident) => {{
        let mut strategies: Vec<Strategy<'_>> = vec![
            ("compact_str", $run::<CompactString>($texts)),
            ("smol_str", $run::<SmolStr>($texts)),
            ("smartstring", $run::<SmartString<LazyCompact>>($texts)),
            ("ecow", $run::<EcoString>($texts)),
            ("String", $run::<String>($texts)),
        ];
        compare(&$case, Work::Items($texts.len() as u64), &mut strategies);
    }};
}

trait Text: for<'a> From<&'a str> + Clone + Ord + Hash + AsRef<str> {}
impl<T: for<'a> From<&'a str> + Clone + Ord + Hash + AsRef<str>> Text for T {}

type Run<'a> = Box<dyn FnMut() -> u64 + 'a>;

pub fn run() {
    let count = size(4096, 100);
    for (name, texts) in [
        ("tag values", tags::values(count)),
        ("host names", tags::hosts(count)),
        ("texts of 0 to 64 bytes", tags::all_lengths(count)),
    ] {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let texts = &texts[..];
        memory(name, texts);
        all!(format!("create and drop {name}"), texts, create);
        all!(format!("clone and drop {name}"), texts, clone);
        all!(format!("compare {name} for equality"), texts, equal);
        all!(format!("compare {name} for order"), texts, order);
        all!(format!("hash {name}"), texts, hash);
        all!(format!("read {name}"), texts, read);
    }
}

fn memory(name: &str, texts: &[&str]) {
    fn line<T: Text>(kind: &str, texts: &[&str]) {
        allocations::line(kind, texts.len(), || strings::<T>(texts));
    }
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let mean = bytes as f64 / texts.len() as f64;
    allocations::heading(&format!("memory of {name}, {mean:.1} bytes, in a vector"));
    line::<CompactString>("compact_str", texts);
    line::<SmolStr>("smol_str", texts);
    line::<SmartString<LazyCompact>>("smartstring", texts);
    line::<EcoString>("ecow", texts);
    line::<String>("String", texts);
}

fn strings<T: Text>(texts: &[&str]) -> Vec<T> {
    let mut strings = Vec::with_capacity(texts.len());
    strings.extend(texts.iter().map(|text| T::from(text)));
    strings
}

fn create<'a, T: Text + 'a>(texts: &'a [&'a str]) -> Run<'a> {
    let mut made: Vec<T> = Vec::with_capacity(texts.len());
    Box::new(move || {
        made.clear();
        made.extend(texts.iter().map(|text| T::from(text)));
        made.len() as u64
    })
}

fn clone<'a, T: Text + 'a>(texts: &'a [&'a str]) -> Run<'a> {
    let strings = strings::<T>(texts);
    let mut made: Vec<T> = Vec::with_capacity(texts.len());
    Box::new(move || {
        made.clear();
        made.extend(strings.iter().cloned());
        made.len() as u64
    })
}

/// Each with its copy, and with its neighbour.
fn equal<'a, T: Text + 'a>(texts: &'a [&'a str]) -> Run<'a> {
    let (strings, copies) = (strings::<T>(texts), strings::<T>(texts));
    Box::new(move || {
        let same = strings.iter().zip(&copies).filter(|(a, b)| a == b).count();
        let next = strings.iter().zip(&copies[1..]).filter(|(a, b)| a == b).count();
        (same + next) as u64
    })
}

fn order<'a, T: Text + 'a>(texts: &'a [&'a str]) -> Run<'a> {
    let strings = strings::<T>(texts);
    Box::new(move || strings.windows(2).filter(|pair| pair[0] < pair[1]).count() as u64)
}

fn hash<'a, T: Text + 'a>(texts: &'a [&'a str]) -> Run<'a> {
    let strings = strings::<T>(texts);
    let state = FixedState::default();
    Box::new(move || strings.iter().fold(0, |all, string| all ^ state.hash_one(string.as_ref())))
}

fn read<'a, T: Text + 'a>(texts: &'a [&'a str]) -> Run<'a> {
    let strings = strings::<T>(texts);
    Box::new(move || {
        let last = |string: &T| u64::from(string.as_ref().bytes().next_back().unwrap_or_default());
        strings.iter().map(last).sum()
    })
}
