use tidemill_ground::{Strategy, Work, compare, size};
use tidemill_memory::StringList;

use crate::{allocations, tags};

pub fn run() {
    let count = size(1_000_000, 1000);
    for (name, texts) in
        [("tag values", tags::values(count)), ("tag sets", tags::tag_sets(count / 4))]
    {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        memory(name, &texts);
        build(name, &texts);
        go_through(name, &texts);
    }
}

fn ours(texts: &[&str]) -> StringList {
    texts.iter().collect()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn boxes(texts: &[&str]) -> Vec<Box<str>> {
    texts.iter().map(|text| Box::from(*text)).collect()
}

fn memory(name: &str, texts: &[&str]) {
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let mean = bytes as f64 / texts.len() as f64;
    allocations::heading(&format!("lists, memory: {} {name} of {mean:.1} bytes", texts.len()));
    allocations::line("StringList", texts.len(), || ours(texts));
    allocations::line("Vec<String>", texts.len(), || strings(texts));
    allocations::line("Vec<Box<str>>", texts.len(), || boxes(texts));
}

fn build(name: &str, texts: &[&str]) {
    let mut kept = StringList::new();
    let mut strategies: Vec<Strategy<'_>> = vec![
        ("StringList", Box::new(|| ours(texts).len() as u64)),
        (
            "StringList, cleared and filled again",
            Box::new(|| {
                kept.clear();
                kept.extend(texts);
                kept.len() as u64
            }),
        ),
        ("Vec<String>", Box::new(|| strings(texts).len() as u64)),
        ("Vec<Box<str>>", Box::new(|| boxes(texts).len() as u64)),
    ];
    compare(&format!("build a list of {name}"), Work::Items(texts.len() as u64), &mut strategies);
}

fn go_through(name: &str, texts: &[&str]) {
    let (ours, strings, boxes) = (ours(texts), strings(texts), boxes(texts));
    let work = Work::Items(texts.len() as u64);
    compare(
        &format!("sum of the lengths of {name}"),
        work,
        &mut [
            ("StringList", Box::new(|| ours.iter().map(|text| text.len() as u64).sum())),
            ("Vec<String>", Box::new(|| strings.iter().map(|text| text.len() as u64).sum())),
            ("Vec<Box<str>>", Box::new(|| boxes.iter().map(|text| text.len() as u64).sum())),
        ],
    );
    let last = |text: &str| u64::from(text.as_bytes().last().copied().unwrap_or_default());
    compare(
        &format!("the last bytes of {name}"),
        work,
        &mut [
            ("StringList", Box::new(|| ours.iter().map(last).sum())),
            ("Vec<String>", Box::new(|| strings.iter().map(|text| last(text)).sum())),
            ("Vec<Box<str>>", Box::new(|| boxes.iter().map(|text| last(text)).sum())),
        ],
    );
    let mut sorted = strings.clone();
    compare(
        &format!("sort {name}"),
        work,
        &mut [
            (
                "StringList",
                Box::new(|| {
                    let mut list = ours.clone();
                    list.sort();
                    list[list.len() / 2].len() as u64
                }),
            ),
            (
                "Vec<String>, with its clone",
                Box::new(|| {
                    sorted.clone_from(&strings);
                    sorted.sort_unstable();
                    sorted[sorted.len() / 2].len() as u64
                }),
            ),
        ],
    );
}
