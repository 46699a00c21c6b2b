//! A search tree against a sorted vector and `BTreeMap`.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::catch_unwind;

use proptest::prelude::*;
use tidemill_memory::SearchTree;

fn check<K: Ord + Copy + std::fmt::Debug>(keys: &[K], queries: &[K]) {
    let tree = SearchTree::from_sorted_keys(keys);
    assert_eq!((tree.len(), tree.keys()), (keys.len(), keys));
    let mut found = vec![7; 3];
    tree.lower_bounds(queries, &mut found);
    assert_eq!(found.len(), queries.len());
    for (query, found) in queries.iter().zip(found) {
        let (lower, upper) =
            (keys.partition_point(|key| key < query), keys.partition_point(|key| key <= query));
        assert_eq!((tree.lower_bound(query), tree.upper_bound(query)), (lower, upper), "{query:?}");
        assert_eq!(found, lower);
        assert_eq!(tree.find(query), (lower < upper).then_some(lower));
        assert_eq!(
            tree.range((Bound::Included(query), Bound::Included(query))).0,
            &keys[lower..upper]
        );
        assert_eq!(tree.range((Bound::Included(query), Bound::Unbounded)).0, &keys[lower..]);
        assert_eq!(tree.range((Bound::Excluded(query), Bound::Unbounded)).0, &keys[upper..]);
        assert_eq!(tree.range((Bound::Unbounded, Bound::Excluded(query))).0, &keys[..lower]);
    }
    assert_eq!(tree.clone(), tree);
}

/// Around every number of keys at which a node, or a level, is full.
#[test]
fn every_size_is_searched() {
    let full = [16, 16 * 16, 16 * 16 * 16];
    let sizes = (0..70).chain(full.iter().flat_map(|full| full - 2..full + 3)).chain([10_000]);
    for size in sizes {
        let keys: Vec<u64> = (0..size).map(|key| 10 + key * 2).collect();
        let queries: Vec<u64> = (8..2 * size + 14).collect();
        check(&keys, &queries[..queries.len().min(1000)]);
        check(&keys, &queries[queries.len().saturating_sub(1000)..]);
    }
}

#[test]
fn keys_of_all_kinds_are_searched() {
    check(&[i64::MIN, -1, 0, i64::MAX], &[i64::MIN, -2, -1, 0, 1, i64::MAX]);
    check(&[u64::MAX; 40], &[0, u64::MAX]);
    check(&[(); 20], &[(); 3]);
    let bytes: Vec<u8> = (0..=255).collect();
    check(&bytes, &bytes);
    let texts = ["a", "b", "host_1", "host_10", "host_2"];
    check(&texts, &["", "host_1", "host_11", "z"]);
    let wide: Vec<[u8; 100]> = (0..200).map(|byte| [byte; 100]).collect();
    check(&wide, &wide);
}

proptest! {
    #[test]
    fn duplicates_stand_side_by_side(mut keys in prop::collection::vec(-40i64..40, 0..400)) {
        keys.sort_unstable();
        check(&keys, &(-42..42).collect::<Vec<_>>());
    }

    #[test]
    fn is_a_map(entries in prop::collection::btree_map(any::<i64>(), any::<u8>(), 0..600), a: i64, b: i64) {
        let tree: SearchTree<i64, u8> = entries.iter().rev().map(|(key, value)| (*key, *value)).collect();
        prop_assert!(tree.iter().eq(entries.iter()));
        for query in entries.keys().flat_map(|key| [key.saturating_sub(1), *key, key.saturating_add(1)]) {
            prop_assert_eq!(tree.get(&query), entries.get(&query));
        }
        let (low, high) = (a.min(b), a.max(b));
        let (keys, values) = tree.range(low..high);
        prop_assert!(keys.iter().zip(values).eq(entries.range(low..high)));
        prop_assert_eq!(tree.range(high..low).0.len(), 0);
        prop_assert_eq!(format!("{:?}", tree), format!("{:?}", entries));
    }
}

#[test]
fn equal_keys_keep_their_order_and_values_change() {
    let mut tree: SearchTree<u32, &str> = [(2, "a"), (1, "b"), (2, "c")].into_iter().collect();
    assert_eq!(tree.range(2..).1, ["a", "c"]);
    *tree.get_mut(&2).unwrap() = "d";
    assert_eq!(tree.values(), ["b", "d", "c"]);
    assert_eq!(SearchTree::<u32, BTreeMap<u8, u8>>::default().get(&1), None);
}

#[test]
fn what_is_not_sorted_is_refused() {
    assert!(catch_unwind(|| SearchTree::from_sorted_keys(&[2, 1])).is_err());
    assert!(catch_unwind(|| SearchTree::from_sorted(vec![1, 2], vec![1])).is_err());
}

thread_local!(static TURNS: Cell<u64> = const { Cell::new(0) });

/// Contradicts itself, except while it is sorted.
#[derive(Clone, Copy, Debug)]
struct Liar(u64);

impl PartialEq for Liar {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Liar {}
impl PartialOrd for Liar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Liar {
    fn cmp(&self, other: &Self) -> Ordering {
        let turn = TURNS.get();
        TURNS.set(turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(u64::from(turn > 0)));
        if turn == 0 {
            self.0.cmp(&other.0)
        } else if turn >> 62 == 0 {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }
}

#[test]
fn an_order_that_contradicts_itself_stays_within() {
    let keys: Vec<Liar> = (0..5000).map(Liar).collect();
    let tree = SearchTree::from_sorted_keys(&keys);
    TURNS.set(1);
    let mut found = Vec::new();
    for query in &keys {
        // Any number will do; that it comes without a panic or a stray read is what is tested.
        let _ = (tree.lower_bound(query), tree.find(query));
    }
    tree.lower_bounds(&keys, &mut found);
    assert_eq!(found.len(), keys.len());
}

#[test]
fn it_can_be_shared() {
    fn check<T: Send + Sync>() {}
    check::<SearchTree<i64, String>>();
}
