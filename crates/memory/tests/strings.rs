//! Lists and interners of strings against what the standard library does with more memory.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use tidemill_memory::{ByteList, InternError, Interner, StrInterner, StringList};

fn hash_of(value: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

/// Short strings, many of them equal, of all widths of characters.
fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[ab\u{e4}\u{20ac}\u{1f30a}\0]{0,3}|host_[0-9]{1,3}", 0..60)
}

fn check_list(list: &StringList, model: &[String]) {
    assert_eq!((list.len(), list.is_empty()), (model.len(), model.is_empty()));
    assert!(list.iter().eq(model));
    assert!(list.iter().rev().eq(model.iter().rev()));
    assert_eq!(list.iter().len(), model.len());
    assert_eq!(list.iter().nth(2), model.get(2).map(String::as_str));
    assert!((0..model.len() + 2).all(|i| list.get(i) == model.get(i).map(String::as_str)));
    assert_eq!(list.concat(), model.concat());
    assert_eq!(format!("{list:?}"), format!("{model:?}"));
    assert_eq!(*list, model.iter().collect());
    let order = list.sorted_order();
    let mut wanted: Vec<usize> = (0..model.len()).collect();
    wanted.sort_by_key(|i| &model[*i]);
    assert_eq!(order, wanted);
}

proptest! {
    #[test]
    fn a_list_is_a_vector_of_strings(texts in texts(), other in texts(), cut in 0usize..70) {
        let mut list = StringList::new();
        let mut model = texts.clone();
        list.extend(&texts);
        check_list(&list, &model);
        let others: StringList = other.iter().collect();
        prop_assert_eq!(list.cmp(&others), model.cmp(&other));
        prop_assert_eq!(list == others, model == other);
        prop_assert_eq!(hash_of(&list), hash_of(&model));
        list.retain(|text| text.len() % 2 == 0);
        model.retain(|text| text.len() % 2 == 0);
        check_list(&list, &model);
        list.extend(&other);
        model.extend(other);
        list.truncate(cut);
        model.truncate(cut);
        check_list(&list, &model);
        list.sort();
        model.sort();
        check_list(&list, &model);
        for text in texts.iter().chain(&model) {
            let found = list.binary_search(text);
            prop_assert_eq!(found.is_ok(), model.binary_search(text).is_ok());
            let first = model.partition_point(|other| other < text);
            prop_assert_eq!(found.unwrap_or_else(|at| at), first);
        }
        list.shrink_to_fit();
        check_list(&list.clone(), &model);
        let memory_bytes = list.memory_bytes();
        list.clear();
        check_list(&list, &[]);
        prop_assert_eq!(list.memory_bytes(), memory_bytes);
    }

    #[test]
    fn an_interner_is_a_map_of_first_sight(texts in texts(), more in texts(), cut in 0usize..40) {
        let mut interner = StrInterner::new();
        let mut model: Vec<String> = Vec::new();
        for texts in [texts, more] {
            for text in &texts {
                let known = model.iter().position(|other| other == text);
                let id = known.unwrap_or(model.len()) as u32;
                prop_assert_eq!(interner.get(text), known.map(|_| id));
                prop_assert_eq!(interner.intern(text), (id, known.is_none()));
                if known.is_none() {
                    model.push(text.clone());
                }
            }
            check_list(interner.strings(), &model);
            interner.truncate(cut);
            model.truncate(cut);
            check_list(interner.strings(), &model);
            for text in &texts {
                let known = model.iter().position(|other| other == text);
                prop_assert_eq!(interner.get(text), known.map(|at| at as u32));
            }
        }
        interner.clear();
        prop_assert_eq!(interner.intern("x"), (0, true));
    }
}

/// Enough to grow many times, to stick out of the table, and to cut by either way.
#[test]
fn many_strings_are_found_again() {
    let mut interner = Interner::new();
    let mut model: HashMap<Vec<u8>, u32> = HashMap::new();
    let key = |number: u32| format!("host_{},rack={}", number, number % 7).into_bytes();
    for number in 0..50_000 {
        assert_eq!(interner.intern(&key(number)), (number, true));
        model.insert(key(number), number);
    }
    for len in [49_990u32, 30_000, 29_999, 0] {
        interner.truncate(len as usize);
        model.retain(|_, id| *id < len);
        assert_eq!(interner.len(), model.len());
        let found = (0..50_000).filter_map(|number| interner.get(&key(number)));
        assert!(found.eq(0..len));
        assert!(interner.iter().zip(0..).all(|(bytes, id)| model[bytes] == id));
    }
}

/// The sources' own checks: what is pushed comes back; equal strings are one; nothing is stored
/// twice.
#[test]
fn equal_strings_are_one() {
    let mut list = StringList::new();
    list.push("hello");
    list.push("world");
    assert_eq!((list.get(0), list.get(1), list.get(2)), (Some("hello"), Some("world"), None));
    let mut interner = StrInterner::new();
    let (first, second) = (interner.intern("hello").0, interner.intern("hello").0);
    let third = interner.intern("world").0;
    assert!(std::ptr::eq(&interner[first], &interner[second]));
    assert!(!std::ptr::eq(&interner[first], &interner[third]));
    assert_eq!(interner.strings().concat(), "helloworld");
}

#[test]
fn empty_strings_count() {
    let mut list = ByteList::new();
    (0..3).for_each(|_| list.push(b""));
    assert_eq!((list.len(), &list[2], list.get(3)), (3, &b""[..], None));
    let mut interner = Interner::new();
    assert_eq!(interner.get(b""), None);
    assert_eq!([interner.intern(b""), interner.intern(b"")], [(0, true), (0, false)]);
    assert_eq!(format!("{list:?}"), r#"[b"", b"", b""]"#);
}

#[test]
fn a_panic_while_retaining_leaves_nothing_torn() {
    let mut list: StringList = ["\u{1f30a}", "a", "\u{20ac}\u{20ac}", "b"].iter().collect();
    let torn = catch_unwind(AssertUnwindSafe(|| {
        list.retain(|text| if text == "b" { panic!("no") } else { text.len() > 1 });
    }));
    assert!(torn.is_err());
    check_list(&list, &[]);
    list.push("again");
    assert_eq!(&list[0], "again");
}

#[test]
fn what_is_not_there_panics() {
    let list: StringList = ["a"].iter().collect();
    assert!(catch_unwind(|| list[1].len()).is_err());
    assert!(catch_unwind(|| list.select(&[0, 1])).is_err());
    assert!(catch_unwind(|| StrInterner::new()[0].len()).is_err());
}

#[test]
fn impossible_sizes_are_errors() {
    let mut list = StringList::new();
    assert!(list.try_reserve(1, usize::MAX).is_err());
    assert!(list.try_reserve(usize::MAX, 1).is_err());
    let mut interner = StrInterner::new();
    let error = InternError::from(interner.try_reserve(usize::MAX, 1).unwrap_err());
    assert!(!error.is_full() && !error.to_string().is_empty());
    assert_eq!(interner.intern("a"), (0, true));
}

#[test]
fn all_can_be_shared() {
    fn check<T: Send + Sync + Clone + Debug + Default>() {}
    check::<ByteList>();
    check::<StringList>();
    check::<Interner>();
    check::<StrInterner>();
}
