//! Pools against a model.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Counted, Watched};
use proptest::prelude::*;
use tidemill_memory::{OutOfMemory, Pool, Pooled};

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Drop(prop::sample::Index),
    Take(prop::sample::Index),
    Forget(prop::sample::Index),
    Write(prop::sample::Index, u64),
    Reserve(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = any::<prop::sample::Index>;
    let step = prop_oneof![
        8 => any::<u64>().prop_map(Step::Insert),
        4 => at().prop_map(Step::Drop),
        2 => at().prop_map(Step::Take),
        1 => at().prop_map(Step::Forget),
        2 => (at(), any::<u64>()).prop_map(|(at, value)| Step::Write(at, value)),
        1 => (0usize..50).prop_map(Step::Reserve),
    ];
    prop::collection::vec(step, 0..200)
}

fn check_steps(steps: &[Step], refuse_every: usize) {
    let watched = Watched::default();
    watched.refuse_every.set(refuse_every);
    let drops = Cell::new(0);
    let pool = Pool::new_in(&watched);
    let mut live: Vec<(Pooled<'_, Counted<'_>, _>, u64)> = Vec::new();
    let (mut dropped, mut forgotten) = (0, 0);
    for step in steps {
        match step {
            Step::Insert(value) => match pool.try_insert(Counted::new(&drops, *value)) {
                Ok(handle) => live.push((handle, *value)),
                Err((back, OutOfMemory::Allocator { .. })) if refuse_every > 0 => {
                    assert_eq!(back.value, *value);
                    dropped += 1;
                }
                Err((_, other)) => panic!("{other}"),
            },
            Step::Reserve(more) => {
                let done = pool.try_reserve(*more);
                assert!(done.is_ok() || refuse_every > 0);
            }
            _ if live.is_empty() => {}
            Step::Drop(at) => {
                drop(live.swap_remove(at.index(live.len())));
                dropped += 1;
            }
            Step::Take(at) => {
                let (handle, value) = live.swap_remove(at.index(live.len()));
                assert_eq!(handle.into_inner().value, value);
                dropped += 1;
            }
            Step::Forget(at) => {
                std::mem::forget(live.swap_remove(at.index(live.len())).0);
                forgotten += 1;
            }
            Step::Write(at, value) => {
                let at = at.index(live.len());
                live[at].0.value = *value;
                live[at].1 = *value;
            }
        }
        assert_eq!((drops.get(), pool.len()), (dropped, live.len() + forgotten));
        assert_eq!(pool.allocated_bytes(), watched.bytes());
        let places: HashSet<usize> =
            live.iter().map(|(handle, _)| std::ptr::from_ref(&**handle).addr()).collect();
        assert_eq!(places.len(), live.len(), "two values share a place");
        assert!(live.iter().all(|(handle, value)| handle.value == *value));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn values_keep_to_themselves_and_drop_once(steps in steps()) {
        check_steps(&steps, 0);
    }

    #[test]
    fn a_refusal_gives_the_value_back(steps in steps(), every in 1usize..3) {
        check_steps(&steps, every);
    }
}

#[test]
fn a_freed_place_is_the_next_one() {
    let watched = Watched::default();
    let pool = Pool::<[u8; 256], _>::new_in(&watched);
    let handles: Vec<_> = (0..1000).map(|n| pool.insert([n as u8; 256])).collect();
    drop(handles);
    let calls = watched.calls.get();
    for _ in 0..10 {
        let handles: Vec<_> = (0..1000).map(|n| pool.insert([n as u8; 256])).collect();
        assert!(handles.iter().enumerate().all(|(n, handle)| **handle == [n as u8; 256]));
    }
    assert_eq!(watched.calls.get(), calls);
}

#[test]
fn types_without_size_and_with_much_alignment() {
    #[repr(align(128))]
    struct Wide(u8);

    let units = Pool::new();
    let handles: Vec<_> = (0..10).map(|_| units.insert(())).collect();
    assert_eq!((units.len(), handles.len()), (10, 10));
    let wide = Pool::new();
    let handles: Vec<_> = (0..10).map(|n| wide.insert(Wide(n))).collect();
    assert!(handles.iter().all(|h| std::ptr::from_ref(&**h).addr().is_multiple_of(128)));
    assert!(handles.iter().enumerate().all(|(n, h)| usize::from(h.0) == n));
}

#[test]
fn a_panic_in_a_constructor_or_a_destructor_frees_the_place() {
    let drops = Cell::new(0);
    let pool = Pool::new();
    let first = pool.insert(Counted::new(&drops, 1));
    let place = std::ptr::from_ref(&*first).addr();
    drop(first);
    assert!(
        catch_unwind(AssertUnwindSafe(|| drop(pool.insert_with(|| panic!("no value"))))).is_err()
    );
    let mut second = pool.insert(Counted::new(&drops, 2));
    assert_eq!(std::ptr::from_ref(&*second).addr(), place);
    second.panics = true;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(second))).is_err());
    let third = pool.insert(Counted::new(&drops, 3));
    assert_eq!(std::ptr::from_ref(&*third).addr(), place);
    assert_eq!((drops.get(), pool.len()), (2, 1));
}

#[test]
fn the_bound_holds() {
    let pool = Pool::new().with_max_bytes(8 << 10);
    let mut handles = Vec::new();
    while let Ok(handle) = pool.try_insert([0u64; 8]) {
        handles.push(handle);
    }
    assert!(handles.len() > 100 && pool.allocated_bytes() <= 8 << 10);
    handles.pop();
    assert!(pool.try_insert([0u64; 8]).is_ok());
}
