//! The ring buffer against `VecDeque`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::Counted;
use proptest::prelude::*;
use tidemill_memory::{OutOfMemory, RingBuffer};

#[derive(Clone, Debug)]
enum Step {
    Push(u64),
    Overwrite(u64),
    Pop,
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => any::<u64>().prop_map(Step::Push),
        6 => any::<u64>().prop_map(Step::Overwrite),
        6 => Just(Step::Pop),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn is_a_queue_of_fixed_capacity(capacity in 0usize..9, steps in steps()) {
        let drops = Cell::new(0);
        let mut ring = RingBuffer::new(capacity);
        let mut model: VecDeque<u64> = VecDeque::new();
        let mut made = 0;
        for step in steps {
            match step {
                Step::Push(value) => {
                    made += 1;
                    let fits = model.len() < capacity;
                    prop_assert_eq!(ring.push(Counted::new(&drops, value)).is_ok(), fits);
                    model.extend(fits.then_some(value));
                }
                Step::Overwrite(value) => {
                    made += 1;
                    model.push_back(value);
                    let oldest = (model.len() > capacity).then(|| model.pop_front().unwrap());
                    let got = ring.push_overwrite(Counted::new(&drops, value));
                    prop_assert_eq!(got.map(|counted| counted.value), oldest);
                }
                Step::Pop => prop_assert_eq!(ring.pop().map(|c| c.value), model.pop_front()),
                Step::Clear => {
                    ring.clear();
                    model.clear();
                }
            }
            prop_assert!(ring.iter().map(|c| c.value).eq(model.iter().copied()));
            prop_assert!(ring.iter().rev().map(|c| c.value).eq(model.iter().rev().copied()));
            prop_assert_eq!(ring.get(1).map(|c| c.value), model.get(1).copied());
            prop_assert!(ring.get(model.len()).is_none());
            prop_assert_eq!((ring.len(), ring.is_full()), (model.len(), model.len() == capacity));
            prop_assert_eq!(drops.get() + model.len(), made);
            let (older, newer) = ring.as_mut_slices();
            older.iter_mut().chain(newer).zip(&mut model).for_each(|(counted, value)| {
                counted.value ^= 1;
                *value ^= 1;
            });
        }
        drop(ring);
        prop_assert_eq!(drops.get(), made);
    }
}

#[test]
fn a_panicking_destructor_drops_nothing_twice() {
    let drops = Cell::new(0);
    let mut ring = RingBuffer::new(4);
    for value in 0..6 {
        ring.push_overwrite(Counted { drops: &drops, panics: value == 2, value });
    }
    assert!(catch_unwind(AssertUnwindSafe(|| ring.clear())).is_err());
    assert_eq!((drops.get(), ring.len()), (6, 0));
    ring.push_overwrite(Counted::new(&drops, 7));
    drop(ring);
    assert_eq!(drops.get(), 7);
}

#[test]
fn a_size_that_is_none_is_refused() {
    assert_eq!(RingBuffer::<u64>::try_new(usize::MAX).unwrap_err(), OutOfMemory::Overflow);
    let mut units = RingBuffer::new(3);
    let full = (0..5).filter_map(|_| units.push_overwrite(())).count();
    assert_eq!(full, 2);
    assert_eq!(units.len(), 3);
}
