//! Aligned vectors against `Vec`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::Watched;
use proptest::prelude::*;
use tidemill_memory::{AlignedVec, HUGE_PAGE_BYTES, OutOfMemory};

#[derive(Clone, Debug)]
enum Step {
    Push(u32),
    Extend(Vec<u32>),
    Resize(usize, u32),
    Truncate(usize),
    Reserve(usize),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<u32>().prop_map(Step::Push),
        3 => prop::collection::vec(any::<u32>(), 0..100).prop_map(Step::Extend),
        2 => (0usize..2000, any::<u32>()).prop_map(|(len, value)| Step::Resize(len, value)),
        1 => (0usize..1000).prop_map(Step::Truncate),
        1 => (0usize..3000).prop_map(Step::Reserve),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..60)
}

fn check_steps(steps: &[Step], refuse_every: usize) {
    let watched = Watched::default();
    let mut made = AlignedVec::new_in(&watched);
    let mut model: Vec<u32> = Vec::new();
    watched.refuse_every.set(refuse_every);
    for step in steps {
        match step {
            Step::Push(value) => {
                if made.try_reserve(1).is_ok() {
                    made.push(*value);
                    model.push(*value);
                }
            }
            Step::Extend(values) => {
                if made.try_extend_from_slice(values).is_ok() {
                    model.extend_from_slice(values);
                }
            }
            Step::Resize(len, value) => {
                if made.try_resize(*len, *value).is_ok() {
                    model.resize(*len, *value);
                }
            }
            Step::Truncate(len) => {
                made.truncate(*len);
                model.truncate(*len);
            }
            Step::Reserve(more) => {
                assert!(made.try_reserve(*more).is_ok() || refuse_every > 0);
            }
            Step::Clear => {
                made.clear();
                model.clear();
            }
        }
        assert_eq!(*made, model[..]);
        assert!(made.as_ptr().addr().is_multiple_of(64));
        assert!(made.capacity() >= made.len());
        assert_eq!(watched.bytes(), made.capacity() * 4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn is_a_vec_at_a_multiple_of_64(steps in steps()) {
        check_steps(&steps, 0);
    }

    #[test]
    fn a_refusal_changes_nothing(steps in steps(), every in 1usize..4) {
        check_steps(&steps, every);
    }
}

#[test]
fn zeroed_at_every_size() {
    let huge = HUGE_PAGE_BYTES / 8;
    for len in [0, 1, 7, 8, 1000, huge - 9, huge - 1, huge, huge + 1, 3 * huge + 5] {
        let watched = Watched::default();
        let mut zeros = AlignedVec::<u64, _>::try_zeroed_in(len, &watched).unwrap();
        let align = if len + 8 > huge { HUGE_PAGE_BYTES } else { 64 };
        assert!(zeros.as_ptr().addr().is_multiple_of(align), "{len}");
        assert!(zeros.len() == len && zeros.iter().all(|value| *value == 0));
        zeros.fill(1);
        zeros.push(2);
        assert_eq!(zeros.iter().sum::<u64>(), len as u64 + 2);
        let global = AlignedVec::<u64>::zeroed(len);
        assert!(global.as_ptr().addr().is_multiple_of(align) && global.iter().all(|v| *v == 0));
    }
}

#[test]
fn large_ones_begin_at_huge_pages() {
    let mut grown = AlignedVec::new();
    grown.resize(HUGE_PAGE_BYTES / 4, 7u32);
    grown.resize(HUGE_PAGE_BYTES, 8);
    assert!(grown.as_ptr().addr().is_multiple_of(HUGE_PAGE_BYTES));
    assert_eq!((grown[0], grown[HUGE_PAGE_BYTES - 1]), (7, 8));
}

#[test]
fn sizes_that_are_none_are_refused() {
    let mut made = AlignedVec::<u64>::new();
    assert_eq!(made.try_reserve(usize::MAX), Err(OutOfMemory::Overflow));
    assert_eq!(made.try_reserve(isize::MAX as usize / 8 + 1), Err(OutOfMemory::Overflow));
    made.push(1);
    assert_eq!(made.try_reserve(usize::MAX), Err(OutOfMemory::Overflow));
    let zeroed = AlignedVec::<u64, _>::try_zeroed_in(usize::MAX / 8, Watched::default());
    assert_eq!(zeroed.unwrap_err(), OutOfMemory::Overflow);
}

#[test]
fn values_without_size_need_no_memory() {
    #[derive(Clone, Copy)]
    #[repr(align(128))]
    struct Nothing;

    let watched = Watched::default();
    let mut made = AlignedVec::new_in(&watched);
    made.resize(1000, Nothing);
    made.push(Nothing);
    assert!(made.as_ptr().addr().is_multiple_of(128));
    assert_eq!((made.iter().count(), watched.calls.get()), (1001, 0));
}

#[test]
fn written_through_its_spare_room() {
    let mut made = AlignedVec::from([1u8, 2]);
    made.reserve(2);
    made.spare_capacity_mut()[0].write(3);
    // SAFETY: the third was just written.
    unsafe { made.set_len(3) };
    assert_eq!(made, (1..=3).collect::<AlignedVec<u8>>());
    assert_eq!(made.clone().as_chunks::<2>(), (&[[1, 2]][..], &[3][..]));
}
