//! A list of indices against a vector of values with their handles.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use proptest::prelude::*;
use tidemill_memory::{Handle, IndexList};

#[derive(Clone, Debug)]
enum Step {
    PushFront,
    PushBack,
    PopFront,
    PopBack,
    InsertBefore(prop::sample::Index),
    InsertAfter(prop::sample::Index),
    Remove(prop::sample::Index),
    ToFront(prop::sample::Index),
    ToBack(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = any::<prop::sample::Index>;
    let step = prop_oneof![
        Just(Step::PushFront),
        Just(Step::PushBack),
        Just(Step::PopFront),
        Just(Step::PopBack),
        at().prop_map(Step::InsertBefore),
        at().prop_map(Step::InsertAfter),
        at().prop_map(Step::Remove),
        at().prop_map(Step::ToFront),
        at().prop_map(Step::ToBack),
    ];
    prop::collection::vec(step, 0..120)
}

fn check(list: &IndexList<usize>, model: &[(Handle, usize)], gone: &[Handle]) {
    assert_eq!((list.len(), list.is_empty()), (model.len(), model.is_empty()));
    assert!(list.iter().eq(model.iter().map(|(_, value)| value)));
    assert!(list.iter().rev().eq(model.iter().rev().map(|(_, value)| value)));
    assert!(list.entries().eq(model.iter().map(|(handle, value)| (*handle, value))));
    assert!(list.handles().rev().eq(model.iter().rev().map(|(handle, _)| *handle)));
    assert_eq!(
        (list.front(), list.back()),
        (model.first().map(|e| &e.1), model.last().map(|e| &e.1))
    );
    for (at, (handle, value)) in model.iter().enumerate() {
        assert_eq!(list.get(*handle), Some(value));
        assert_eq!(list.next(*handle), model.get(at + 1).map(|entry| entry.0));
        assert_eq!(list.previous(*handle), at.checked_sub(1).map(|at| model[at].0));
    }
    assert!(gone.iter().all(|handle| list.get(*handle).is_none()));
}

/// One step on both; `value` is new.
fn apply(
    step: &Step,
    value: usize,
    list: &mut IndexList<usize>,
    model: &mut Vec<(Handle, usize)>,
    gone: &mut Vec<Handle>,
) {
    let place = |at: &prop::sample::Index| at.index(model.len().max(1));
    let (at, len) = match step {
        Step::PushFront | Step::PopFront => (0, model.len()),
        Step::PushBack => (model.len(), model.len()),
        Step::PopBack => (model.len().saturating_sub(1), model.len()),
        Step::InsertBefore(at) | Step::InsertAfter(at) | Step::Remove(at) => {
            (place(at), model.len())
        }
        Step::ToFront(at) | Step::ToBack(at) => (place(at), model.len()),
    };
    match step {
        Step::PushFront => model.insert(0, (list.push_front(value), value)),
        Step::PushBack => model.push((list.push_back(value), value)),
        _ if len == 0 => assert_eq!((list.pop_front(), list.pop_back()), (None, None)),
        Step::PopFront | Step::PopBack | Step::Remove(_) => {
            let (handle, value) = model.remove(at);
            let taken = match step {
                Step::PopFront => list.pop_front(),
                Step::PopBack => list.pop_back(),
                _ => list.remove(handle),
            };
            assert_eq!(taken, Some(value));
            gone.push(handle);
        }
        Step::InsertBefore(_) => {
            let Ok(handle) = list.insert_before(model[at].0, value) else { panic!("it is there") };
            model.insert(at, (handle, value));
        }
        Step::InsertAfter(_) => {
            let Ok(handle) = list.insert_after(model[at].0, value) else { panic!("it is there") };
            model.insert(at + 1, (handle, value));
        }
        Step::ToFront(_) | Step::ToBack(_) => {
            let entry = model.remove(at);
            let to_front = matches!(step, Step::ToFront(_));
            assert!(if to_front {
                list.move_to_front(entry.0)
            } else {
                list.move_to_back(entry.0)
            });
            model.insert(if to_front { 0 } else { model.len() }, entry);
        }
    }
}

proptest! {
    #[test]
    fn is_a_list(steps in steps()) {
        let (mut list, mut model, mut gone) = (IndexList::new(), Vec::new(), Vec::new());
        for (value, step) in steps.iter().enumerate() {
            apply(step, value, &mut list, &mut model, &mut gone);
            check(&list, &model, &gone);
        }
        for handle in &gone {
            prop_assert_eq!(list.insert_after(*handle, 7), Err(7));
            prop_assert!(!list.move_to_front(*handle) && list.remove(*handle).is_none());
        }
        check(&list.clone(), &model, &gone);
        list.retain(|value| *value % 3 != 0);
        model.retain(|(_, value)| value % 3 != 0);
        check(&list, &model, &gone);
        let values: Vec<usize> = model.iter().map(|entry| entry.1).collect();
        prop_assert_eq!(format!("{list:?}"), format!("{values:?}"));
        let copy: IndexList<usize> = values.iter().copied().collect();
        prop_assert!(copy == list && copy.cmp(&list).is_eq());
        prop_assert!(copy.into_iter().rev().eq(values.into_iter().rev()));
        list.clear();
        let gone: Vec<Handle> = model.iter().map(|entry| entry.0).chain(gone).collect();
        check(&list, &[], &gone);
    }
}

#[test]
fn every_element_is_dropped_once() {
    let counter = Rc::new(());
    let mut list: IndexList<Rc<()>> = (0..100).map(|_| Rc::clone(&counter)).collect();
    list.pop_front();
    let back = list.back_handle().unwrap();
    drop(list.remove(back));
    assert_eq!(Rc::strong_count(&counter), 99);
    let copy = list.clone();
    let mut rest = list.into_iter();
    rest.next();
    assert_eq!(Rc::strong_count(&counter), 1 + 98 + 97);
    drop((rest, copy));
    assert_eq!(Rc::strong_count(&counter), 1);
}

#[test]
fn a_panic_while_retaining_keeps_the_rest() {
    let mut list: IndexList<u32> = (0..6).collect();
    let torn = catch_unwind(AssertUnwindSafe(|| {
        list.retain(|value| if *value == 3 { panic!() } else { *value == 1 })
    }));
    assert!(torn.is_err());
    assert!(list.into_iter().eq([1, 3, 4, 5]));
}

#[test]
fn memory_is_used_again() {
    let mut list = IndexList::with_capacity(4);
    let memory_bytes = list.memory_bytes();
    for value in 0..1000 {
        list.push_back(value);
        if list.len() > 4 - 1 {
            list.pop_front();
        }
    }
    assert_eq!(list.memory_bytes(), memory_bytes);
}

#[test]
fn it_can_be_shared() {
    fn check<T: Send + Sync>() {}
    check::<IndexList<String>>();
    check::<Handle>();
}
