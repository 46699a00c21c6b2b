use std::collections::BTreeMap;

use eytzinger::SliceExt;
use tidemill_ground::{Work, compare, random, size};
use tidemill_memory::SearchTree;

/// Searches of a round.
const QUERIES: usize = 1 << 16;

/// The other layout for searching (Khuong and Morin, 2017): the tree's levels one after the other,
/// children of `i` at `2i` and `2i + 1`, a step a level without a branch, the great-grandchildren's
/// line asked for ahead.
struct Eytzinger {
    /// From 1 on.
    keys: Vec<u64>,
    ranks: Vec<u32>,
}

impl Eytzinger {
    fn new(sorted: &[u64]) -> Self {
        let mut tree = Self { keys: vec![0; sorted.len() + 1], ranks: vec![0; sorted.len() + 1] };
        tree.fill(sorted, &mut 0, 1);
        tree.ranks[0] = sorted.len() as u32;
        tree
    }

    fn fill(&mut self, sorted: &[u64], next: &mut usize, at: usize) {
        if at < self.keys.len() {
            self.fill(sorted, next, 2 * at);
            (self.keys[at], self.ranks[at]) = (sorted[*next], *next as u32);
            *next += 1;
            self.fill(sorted, next, 2 * at + 1);
        }
    }

    fn lower_bound(&self, key: u64) -> usize {
        let mut at = 1;
        while at < self.keys.len() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a prefetch of any address is allowed.
            unsafe {
                use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                _mm_prefetch::<_MM_HINT_T0>(self.keys.as_ptr().wrapping_add(8 * at).cast());
            }
            at = 2 * at + usize::from(self.keys[at] < key);
        }
        self.ranks[at >> (at.trailing_ones() + 1)] as usize
    }
}

pub fn run() {
    for (name, keys) in
        [("1 Ki", 1 << 10), ("64 Ki", 1 << 16), ("1 Mi", 1 << 20), ("16 Mi", 1 << 24)]
    {
        run_size(name, size(keys, 1000));
    }
}

fn run_size(name: &str, count: usize) {
    let mut random = random(5);
    let mut keys: Vec<u64> = (0..count).map(|_| random() >> 1).collect();
    keys.sort_unstable();
    keys.dedup();
    let queries: Vec<u64> = (0..size(QUERIES, 100)).map(|_| random() >> 1).collect();
    let queries = &queries[..];
    let ours = SearchTree::from_sorted_keys(&keys);
    let map: BTreeMap<u64, u64> = keys.iter().copied().zip(0..).collect();
    let eytzinger = Eytzinger::new(&keys);
    let mut crates = keys.clone();
    crates.eytzingerize(&mut eytzinger::permutation::InplacePermutator);
    let mut found = Vec::new();
    compare(
        &format!("lower bounds among {name} keys"),
        Work::Items(queries.len() as u64),
        &mut [
            (
                "SearchTree",
                Box::new(|| queries.iter().map(|key| ours.lower_bound(key) as u64).sum()),
            ),
            (
                "SearchTree, many at a time",
                Box::new(|| {
                    ours.lower_bounds(queries, &mut found);
                    found.iter().map(|at| *at as u64).sum()
                }),
            ),
            (
                "Eytzinger layout",
                Box::new(|| queries.iter().map(|key| eytzinger.lower_bound(*key) as u64).sum()),
            ),
            (
                "partition_point",
                Box::new(|| {
                    queries.iter().map(|key| keys.partition_point(|other| other < key) as u64).sum()
                }),
            ),
            (
                "binary_search",
                Box::new(|| {
                    queries
                        .iter()
                        .map(|key| keys.binary_search(key).unwrap_or_else(|at| at) as u64)
                        .sum()
                }),
            ),
            (
                "BTreeMap",
                Box::new(|| {
                    let at = |key: &u64| {
                        map.range(key..).next().map_or(keys.len() as u64, |(_, at)| *at)
                    };
                    queries.iter().map(at).sum()
                }),
            ),
        ],
    );
    let known: Vec<u64> = queries.iter().map(|query| keys[*query as usize % keys.len()]).collect();
    compare(
        &format!("membership among {name} keys"),
        Work::Items(known.len() as u64),
        &mut [
            (
                "SearchTree",
                Box::new(|| known.iter().filter(|key| ours.contains(key)).count() as u64),
            ),
            (
                "eytzinger",
                Box::new(|| {
                    let find = |key: &&u64| crates.eytzinger_search(*key).is_some();
                    known.iter().filter(find).count() as u64
                }),
            ),
            (
                "binary_search",
                Box::new(|| {
                    known.iter().filter(|key| keys.binary_search(key).is_ok()).count() as u64
                }),
            ),
            (
                "BTreeMap",
                Box::new(|| known.iter().filter(|key| map.contains_key(key)).count() as u64),
            ),
        ],
    );
    // Each search needs the one before.
    compare(
        &format!("one lower bound after the other among {name} keys"),
        Work::Items(queries.len() as u64),
        &mut [
            ("SearchTree", Box::new(|| chain(queries, |key| ours.lower_bound(&key)))),
            ("Eytzinger layout", Box::new(|| chain(queries, |key| eytzinger.lower_bound(key)))),
            (
                "partition_point",
                Box::new(|| chain(queries, |key| keys.partition_point(|other| *other < key))),
            ),
        ],
    );
}

fn chain(queries: &[u64], search: impl Fn(u64) -> usize) -> u64 {
    queries.iter().fold(0, |last, key| search(key ^ (last & 1)) as u64)
}
