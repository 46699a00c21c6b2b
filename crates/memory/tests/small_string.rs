//! A small string against `String`.

use std::collections::HashSet;
use std::fmt::Write;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use tidemill_memory::SmallString;

fn hash_of(value: &(impl std::hash::Hash + ?Sized)) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

/// Of all widths of characters, NUL included, around the lengths where it leaves its place.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab\0\u{7f}\u{bf}\u{e4}\u{20ac}\u{1f30a}]{0,9}",
        "[ab\0]{21,26}",
        "a{20,22}[\0\u{7f}\u{bf}\u{20ac}b]{0,3}",
        "host_[0-9]{1,4}",
        "[a-z ]{0,64}",
    ]
}

fn check(small: &SmallString, model: &str) {
    assert_eq!((small.as_str(), small.len()), (model, model.len()));
    assert_eq!(hash_of(small), hash_of(model));
    assert_eq!(format!("{small} {small:?}"), format!("{model} {model:?}"));
    assert!(small.capacity() >= small.len());
    assert_eq!(small.is_inline(), small.heap_bytes() == 0);
    let copy = small.clone();
    assert!(copy == *small && *small == model && model == copy);
    assert_eq!(Some(copy).as_deref(), Some(model));
    let owned = model.to_owned();
    assert_eq!(*small, owned);
}

proptest! {
    #[test]
    fn is_a_string(a in texts(), b in texts(), cut in 0usize..30) {
        let (mut small, other) = (SmallString::from(a.as_str()), SmallString::from(b.clone()));
        let mut model = a.clone();
        check(&small, &a);
        check(&other, &b);
        let fits = |text: &str| text.len() < 24 || text.len() == 24 && !text.ends_with('\0');
        prop_assert_eq!((small.is_inline(), other.is_inline()), (fits(&a), fits(&b)));
        prop_assert_eq!(SmallString::try_from_str(&a).unwrap(), small.clone());
        prop_assert_eq!(small.cmp(&other), a.cmp(&b));
        prop_assert_eq!(small == other, a == b);
        small.push_str(&b);
        model.push_str(&b);
        check(&small, &model);
        if model.is_char_boundary(cut) {
            small.truncate(cut);
            model.truncate(cut);
            check(&small, &model);
            // It may be short and on the heap now.
            prop_assert_eq!(small.cmp(&other), model.as_str().cmp(&b));
            prop_assert_eq!(small == other, model == b);
        }
        small.push('\u{20ac}');
        model.push('\u{20ac}');
        check(&small, &model);
        let (last, last_but_one) = (small.pop(), small.pop());
        prop_assert_eq!((last, last_but_one), (model.pop(), model.pop()));
        check(&small, &model);
        write!(small, "{a}{}", 7).unwrap();
        write!(model, "{a}{}", 7).unwrap();
        check(&small, &model);
        check(&model.chars().collect(), &model);
        check(&[a.as_str(), b.as_str()].into_iter().collect(), &format!("{a}{b}"));
        prop_assert_eq!(String::from(small.clone()), model);
        small.clear();
        check(&small, "");
    }
}

#[test]
fn every_length_comes_back() {
    for length in 0..=64 {
        for byte in ["a", "\0", "\u{7f}"] {
            let text = byte.repeat(length);
            check(&SmallString::from(text.as_str()), &text);
        }
        let text: String = (0..length).map(|at| char::from(b'!' + at as u8)).collect();
        check(&SmallString::from(text.as_str()), &text);
    }
    let two = "\u{e4}".repeat(12);
    assert!(SmallString::from(two.as_str()).is_inline(), "24 bytes, the last a continuation");
}

#[test]
fn the_heap_is_taken_over() {
    let long = String::from("this is a much longer string that won't fit inline");
    let address = long.as_ptr();
    let small = SmallString::from(long);
    assert_eq!(small.as_ptr(), address);
    let back = String::from(small);
    assert_eq!(back.as_ptr(), address);
}

#[test]
fn it_is_found_by_its_str() {
    let set: HashSet<SmallString> = ["host_1", "host_2"].map(SmallString::from).into();
    assert!(set.contains("host_2") && !set.contains("host_3"));
}

#[test]
fn half_a_character_is_no_string() {
    for text in ["\u{20ac}", "a long one on the heap: \u{20ac}"] {
        let mut small = SmallString::from(text);
        let cut = catch_unwind(AssertUnwindSafe(|| small.truncate(text.len() - 1)));
        assert!(cut.is_err());
        check(&small, text);
    }
}

#[test]
fn it_can_be_shared() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<SmallString>();
}
