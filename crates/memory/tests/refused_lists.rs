//! Every request for memory of lists, interners and trees refused in turn: an error, and everything as it
//! was. No harness: its threads would allocate
//! meanwhile.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "common/refused.rs"]
mod refused;

use std::alloc::System;
use std::collections::VecDeque;

use gauge_probe::{Counters, Failing, Observed, Refusing};
use refused::{attempt, each_refusal};
use tidemill_memory::{IndexList, SearchTree, StrInterner, StringList};

#[global_allocator]
static ALLOCATOR: Observed<Failing<System>, Counters> =
    Observed::with(Failing::new(System), Counters);

fn main() {
    each_refusal("StringList", 60, strings);
    each_refusal("StrInterner", 60, interner);
    each_refusal("IndexList", 12, index_list);
    each_refusal("SearchTree", 12, search_tree);
}

fn key(number: u64) -> String {
    format!("hostname=host_{},region=eu-west-{}", number * 7919 % 1000, number % 3)
}

fn strings(gate: &mut Refusing) {
    let (mut list, mut model) = (StringList::new(), Vec::<String>::new());
    for step in 0..400u64 {
        let text = key(step);
        let check = |list: &StringList| assert!(list.iter().eq(model.iter()));
        if attempt(gate, &mut list, |list| list.try_push(&text), check).is_some() {
            model.push(text);
        }
        let check = |list: &StringList| assert!(list.iter().eq(model.iter()));
        if step % 50 == 49 && attempt(gate, &mut list, StringList::try_sort, check).is_some() {
            model.sort();
        }
        let keeps = |text: &str| !text.contains(&format!("_{}", step % 10));
        if step % 60 == 59 {
            let check = |list: &StringList| assert!(list.iter().eq(model.iter()));
            // The judgement is made before, without a refusal.
            let judged: Vec<bool> = list.iter().map(keeps).collect();
            let retain = |list: &mut StringList| {
                let mut judged = judged.iter();
                list.try_retain(|_| judged.next() == Some(&true))
            };
            if attempt(gate, &mut list, retain, check).is_some() {
                model.retain(|text| keeps(text));
            }
        }
        let check = |list: &StringList| assert!(list.iter().eq(model.iter()));
        if step % 70 == 0 {
            attempt(gate, &mut list, |list| list.try_reserve(90, 3000), check);
        }
        check(&list);
    }
    list.push("last");
    assert_eq!(list.get(model.len()), Some("last"));
}

fn interner(gate: &mut Refusing) {
    let (mut interner, mut model) = (StrInterner::new(), Vec::<String>::new());
    for step in 0..900u64 {
        let text = key(step % 400 + step / 450 * 100);
        let known = model.iter().position(|other| *other == text);
        let check = |interner: &StrInterner| {
            assert!(interner.iter().eq(model.iter()));
            assert_eq!(interner.get(&text), known.map(|id| id as u32));
        };
        let found = attempt(gate, &mut interner, |interner| interner.try_intern(&text), check);
        if let Some((id, is_new)) = found {
            assert_eq!((id as usize, is_new), (known.unwrap_or(model.len()), known.is_none()));
            if is_new {
                model.push(text);
            }
        }
        if step == 300 {
            let check = |interner: &StrInterner| assert!(interner.iter().eq(model.iter()));
            attempt(gate, &mut interner, |interner| interner.try_reserve(500, 1000), check);
        }
        if step == 600 {
            interner.truncate(50);
            model.truncate(50);
        }
    }
    for (id, text) in model.iter().enumerate() {
        assert_eq!(
            (interner.resolve(id as u32), interner.get(text)),
            (Some(&**text), Some(id as u32))
        );
    }
    assert_eq!(interner.intern("last"), (model.len() as u32, true));
}

fn index_list(gate: &mut Refusing) {
    let (mut list, mut model) = (IndexList::new(), VecDeque::new());
    for step in 0..500u32 {
        let value = || Box::new(step);
        // Twice: a value that finds no place comes back.
        for _ in 0..2 {
            let (value, front) = (value(), step % 3 == 0);
            let pushed = gate.run(|| match front {
                true => list.try_push_front(value),
                false => list.try_push_back(value),
            });
            match (pushed, front) {
                (Ok(_), true) => model.push_front(step),
                (Ok(_), false) => model.push_back(step),
                (Err((value, _)), _) => assert_eq!(*value, step),
            }
            assert!(list.iter().map(|value| **value).eq(model.iter().copied()));
        }
        if step % 4 == 0 {
            assert_eq!(list.pop_front().map(|value| *value), model.pop_front());
        }
        if step == 250 && gate.run(|| list.try_reserve(600)).is_ok() {
            let before = gate.requests();
            let Some(at) = list.back_handle() else { continue };
            for number in 0..600 {
                let value = Box::new(number);
                assert!(gate.run(|| list.insert_before(at, value)).is_ok());
                model.insert(model.len() - 1, number);
            }
            assert_eq!(gate.requests(), before, "they were reserved");
        }
    }
    list.push_back(Box::new(7));
    assert_eq!((list.len(), list.back()), (model.len() + 1, Some(&Box::new(7))));
}

fn search_tree(gate: &mut Refusing) {
    for count in [0, 1, 16, 17, 300, 5000u64] {
        let keys: Vec<u64> = (0..count).map(|key| key * 3).collect();
        // Twice: values that find no tree come back.
        let mut values: Vec<String> = keys.iter().map(u64::to_string).collect();
        for _ in 0..2 {
            match gate.run(|| SearchTree::try_from_sorted(&keys, values)) {
                Ok(tree) => {
                    assert!(
                        tree.iter().map(|(key, value)| (*key, value.as_str())).eq(keys
                            .iter()
                            .zip(&tree.values().to_vec())
                            .map(|(key, value)| (*key, value.as_str())))
                    );
                    let mut found = Vec::new();
                    let looked = gate.run(|| tree.try_lower_bounds(&[0, 4, 1 << 40], &mut found));
                    let wanted = [0, 4, 1 << 40].map(|key| tree.lower_bound(&key));
                    assert_eq!(&found[..], if looked.is_ok() { &wanted[..] } else { &[] });
                    values = tree.values().to_vec();
                }
                Err((back, _)) => values = back,
            }
            assert!(values.iter().zip(&keys).all(|(value, key)| *value == key.to_string()));
        }
        if let Ok(set) = gate.run(|| SearchTree::try_from_sorted_keys(&keys)) {
            assert_eq!(set.keys(), keys);
        }
    }
}
