use std::collections::HashMap;

use foldhash::fast::FixedState;
use indexmap::IndexSet;
use lasso::{Rodeo, Spur};
use string_interner::StringInterner;
use string_interner::backend::{BufferBackend, StringBackend};
use string_interner::symbol::SymbolU32;
use tidemill_ground::{Strategy, Work, compare, random, size};
use tidemill_memory::Interner;

use crate::{allocations, tags};

type Blocks = StringInterner<StringBackend<SymbolU32>, FixedState>;
type Buffer = StringInterner<BufferBackend<SymbolU32>, FixedState>;

/// The usual way: every string twice.
#[derive(Default)]
struct Map {
    ids: HashMap<String, u32>,
    strings: Vec<String>,
}

impl Map {
    fn intern(&mut self, key: &str) -> u32 {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let id = self.strings.len() as u32;
        self.ids.insert(key.to_owned(), id);
        self.strings.push(key.to_owned());
        id
    }
}

fn ours(keys: &[String]) -> Interner {
    let mut interner = Interner::new();
    keys.iter().for_each(|key| _ = interner.intern(key.as_bytes()));
    interner
}

fn lasso(keys: &[String]) -> Rodeo<Spur, FixedState> {
    let mut interner = Rodeo::with_hasher(FixedState::default());
    keys.iter().for_each(|key| _ = interner.get_or_intern(key));
    interner
}

fn blocks(keys: &[String]) -> Blocks {
    let mut interner = Blocks::with_hasher(FixedState::default());
    keys.iter().for_each(|key| _ = interner.get_or_intern(key));
    interner
}

fn buffer(keys: &[String]) -> Buffer {
    let mut interner = Buffer::with_hasher(FixedState::default());
    keys.iter().for_each(|key| _ = interner.get_or_intern(key));
    interner
}

fn index_set(keys: &[String]) -> IndexSet<String, FixedState> {
    let mut interner = IndexSet::with_hasher(FixedState::default());
    for key in keys {
        if !interner.contains(key.as_str()) {
            interner.insert(key.clone());
        }
    }
    interner
}

fn map(keys: &[String]) -> Map {
    let mut interner = Map::default();
    keys.iter().for_each(|key| _ = interner.intern(key));
    interner
}

pub fn run() {
    let count = size(1_000_000, 1000);
    for (name, keys) in [("tag sets", tags::tag_sets(count)), ("host names", tags::hosts(count))] {
        memory(name, &keys);
        distinct(name, &keys);
        hot(name, &keys[..size(4000, 100)]);
        cold(name, &keys);
    }
}

fn memory(name: &str, keys: &[String]) {
    let bytes: usize = keys.iter().map(String::len).sum();
    allocations::heading(&format!(
        "interners, memory: {} distinct {name} of {:.1} bytes",
        keys.len(),
        bytes as f64 / keys.len() as f64
    ));
    // Another interner hashes otherwise, and its table may be some slots longer.
    let mut said = 0;
    let measured = allocations::of(|| {
        let interner = ours(keys);
        said = interner.memory_bytes();
        interner
    });
    assert_eq!(said, measured.0, "memory_bytes is exact");
    allocations::line("Interner", keys.len(), || ours(keys));
    allocations::line("lasso", keys.len(), || lasso(keys));
    allocations::line("string-interner, string backend", keys.len(), || blocks(keys));
    allocations::line("string-interner, buffer backend", keys.len(), || buffer(keys));
    allocations::line("IndexSet<String>", keys.len(), || index_set(keys));
    allocations::line("HashMap<String, u32> and Vec", keys.len(), || map(keys));
}

fn distinct(name: &str, keys: &[String]) {
    compare(
        &format!("intern distinct {name}"),
        Work::Items(keys.len() as u64),
        &mut [
            ("Interner", Box::new(|| ours(keys).len() as u64)),
            ("lasso", Box::new(|| lasso(keys).len() as u64)),
            ("string-interner, string backend", Box::new(|| blocks(keys).len() as u64)),
            ("string-interner, buffer backend", Box::new(|| buffer(keys).len() as u64)),
            ("IndexSet<String>", Box::new(|| index_set(keys).len() as u64)),
            ("HashMap<String, u32> and Vec", Box::new(|| map(keys).strings.len() as u64)),
        ],
    );
}

/// Known keys, in random order. (The symbols of the buffer backend are places, no numbers, so that
/// its answer cannot be compared.)
fn look_up(case: &str, keys: &[String], queries: &[&str]) {
    let (mut ours, mut lasso, mut blocks) = (ours(keys), lasso(keys), blocks(keys));
    let (index_set, mut map) = (index_set(keys), map(keys));
    macro_rules! strategy {
        ($name:literal, |$query:ident| $id:expr) => {
            (
                $name,
                Box::new(|| queries.iter().map(|$query| $id as u64).sum())
                    as Box<dyn FnMut() -> u64>,
            )
        };
    }
    use lasso::Key as _;
    use string_interner::Symbol as _;
    let mut strategies: Vec<Strategy<'_>> = vec![
        strategy!("Interner", |query| ours.intern(query.as_bytes()).0),
        strategy!("lasso", |query| lasso.get_or_intern(query).into_usize()),
        strategy!("string-interner, string backend", |query| blocks
            .get_or_intern(query)
            .to_usize()),
        strategy!("IndexSet<String>", |query| index_set.get_index_of(*query).unwrap_or_default()),
        strategy!("HashMap<String, u32> and Vec", |query| map.intern(query)),
    ];
    compare(case, Work::Items(queries.len() as u64), &mut strategies);
}

fn shuffled(keys: &[String]) -> Vec<&str> {
    let mut random = random(4);
    let mut queries: Vec<&str> = keys.iter().map(String::as_str).collect();
    for at in (1..queries.len()).rev() {
        queries.swap(at, random() as usize % (at + 1));
    }
    queries
}

fn hot(name: &str, keys: &[String]) {
    look_up(&format!("look up {} hot {name}", keys.len()), keys, &shuffled(keys));
}

fn cold(name: &str, keys: &[String]) {
    look_up(&format!("look up {} {name} at random", keys.len()), keys, &shuffled(keys));
}
