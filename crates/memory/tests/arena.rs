//! Arenas and regions against what is expected of them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::alloc::Layout;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use allocator_api2::vec::Vec as VecIn;
use common::{Counted, Watched};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use proptest::prelude::*;
use tidemill_memory::{Arena, DropArena, NoMemory, OutOfMemory, Region, StaleCheckpoint};

/// What a random test does with an arena.
#[derive(Clone, Debug)]
enum Step {
    Alloc {
        size: usize,
        align_bits: u32,
    },
    /// A scope with this many allocations, in which the outer arena allocates too if `both`.
    Scope {
        sizes: Vec<usize>,
        both: bool,
    },
    Checkpoint,
    /// To one of the checkpoints.
    Rewind(prop::sample::Index),
    Reset,
    Trim,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = || prop_oneof![6 => 0usize..200, 2 => 0usize..6000, 1 => 0usize..40_000];
    let step = prop_oneof![
        12 => (size(), 0u32..9).prop_map(|(size, align_bits)| Step::Alloc { size, align_bits }),
        2 => (prop::collection::vec(size(), 0..6), any::<bool>())
            .prop_map(|(sizes, both)| Step::Scope { sizes, both }),
        2 => Just(Step::Checkpoint),
        2 => any::<prop::sample::Index>().prop_map(Step::Rewind),
        1 => Just(Step::Reset),
        1 => Just(Step::Trim),
    ];
    prop::collection::vec(step, 0..80)
}

/// A block that was handed out, and what was written to all of its bytes.
struct Block {
    start: NonNull<u8>,
    size: usize,
    mark: u8,
}

/// Allocates, checks the alignment, and writes a mark all over.
fn marked<A: allocator_api2::alloc::Allocator>(
    arena: &Arena<A>,
    size: usize,
    align_bits: u32,
    mark: u8,
) -> Option<Block> {
    let layout = Layout::from_size_align(size, 1 << align_bits).unwrap();
    let start = arena.try_alloc_layout(layout).ok()?;
    assert!(start.addr().get().is_multiple_of(layout.align()));
    // SAFETY: the arena gave it.
    unsafe { start.write_bytes(mark, size) };
    Some(Block { start, size, mark })
}

/// Every block still holds its mark: no two overlap, and nobody wrote into them.
fn check_marks(blocks: &[Block]) {
    for block in blocks {
        for offset in 0..block.size {
            // SAFETY: written by `marked`, and the arena was not emptied since.
            assert_eq!(unsafe { block.start.add(offset).read() }, block.mark);
        }
    }
}

fn check_steps(steps: &[Step], refuse_every: usize) {
    let watched = Watched::default();
    watched.refuse_every.set(refuse_every);
    let mut arena = Arena::new_in(&watched);
    let mut blocks: Vec<Block> = Vec::new();
    let mut checkpoints = Vec::new();
    let mut mark = 0u8;
    for step in steps {
        mark = mark.wrapping_add(1);
        match step {
            Step::Alloc { size, align_bits } => {
                let used = arena.used_bytes();
                blocks.extend(marked(&arena, *size, *align_bits, mark));
                assert!(arena.used_bytes() >= used);
            }
            Step::Scope { sizes, both } => {
                let used = arena.used_bytes();
                arena.scope(|scope| {
                    let mut inner = Vec::new();
                    for &size in sizes {
                        inner.extend(marked(scope, size, 3, mark.wrapping_add(100)));
                        if *both {
                            blocks.extend(marked(&arena, size / 2, 2, mark));
                        }
                    }
                    check_marks(&inner);
                });
                assert!(*both || arena.used_bytes() == used);
            }
            Step::Checkpoint => {
                checkpoints.push((arena.checkpoint(), blocks.len(), arena.used_bytes()))
            }
            Step::Rewind(which) if !checkpoints.is_empty() => {
                let which = which.index(checkpoints.len());
                let (checkpoint, len, used) = checkpoints[which];
                arena.rewind(checkpoint).unwrap();
                checkpoints.truncate(which);
                blocks.truncate(len);
                assert_eq!(arena.used_bytes(), used);
            }
            Step::Rewind(_) => {}
            Step::Reset => {
                arena.reset();
                blocks.clear();
                checkpoints.clear();
                assert_eq!(arena.used_bytes(), 0);
            }
            Step::Trim => arena.trim(),
        }
        check_marks(&blocks);
        assert_eq!(arena.allocated_bytes(), watched.bytes());
        assert!(arena.used_bytes() <= arena.allocated_bytes());
    }
    arena.reset();
    arena.trim();
    assert_eq!(watched.bytes(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn blocks_are_aligned_apart_and_intact(steps in steps()) {
        check_steps(&steps, 0);
    }

    #[test]
    fn a_refusal_loses_nothing(steps in steps(), every in 1usize..4) {
        check_steps(&steps, every);
    }

    #[test]
    fn a_collection_in_an_arena_is_a_collection(values in prop::collection::vec(any::<u64>(), 0..500)) {
        let arena = Arena::new();
        let mut list = VecIn::new_in(&arena);
        let mut map = HashMap::with_hasher_in(FixedState::default(), &arena);
        let mut other = VecIn::new_in(&arena);
        for &value in &values {
            list.push(value);
            if value % 3 == 0 {
                other.push(value as u8);
                other.shrink_to_fit();
            }
            map.insert(value, list.len());
        }
        prop_assert_eq!(&list[..], &values[..]);
        for (index, value) in values.iter().enumerate() {
            prop_assert!(map[value] > index);
        }
        let bytes: Vec<u8> = values.iter().filter(|v| *v % 3 == 0).map(|v| *v as u8).collect();
        prop_assert_eq!(&other[..], &bytes[..]);
        let slice = arena.alloc_slice_from_iter(values.iter().filter(|value| *value % 2 == 0));
        prop_assert!(slice.iter().copied().eq(values.iter().filter(|value| *value % 2 == 0)));
    }
}

#[test]
fn objects_of_all_kinds() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(256))]
    struct Wide(u8);

    let arena = Arena::new();
    let unit: &mut () = arena.alloc(());
    let nothing: &mut [Wide] = arena.alloc_slice_copy(&[]);
    assert!(nothing.as_ptr().addr().is_multiple_of(256));
    let (byte, wide) = (arena.alloc(1u8), arena.alloc(Wide(2)));
    let nested = arena.alloc_with(|| (*arena.alloc(3u16), 4u64));
    let text = arena.alloc_str("grüße");
    let cloned = arena.alloc_slice_clone(&[Some(1u32), None]);
    let filled = arena.alloc_slice_fill_with(3, |index| index * 2);
    let iterated = arena.alloc_slice_from_iter((0..100u8).filter(|n| n % 2 == 1));
    text.make_ascii_uppercase();
    assert!(std::ptr::from_mut(wide).addr().is_multiple_of(256));
    assert_eq!((*unit, *byte, *wide, *nested), ((), 1, Wide(2), (3, 4)));
    assert_eq!((&*text, &*cloned, &*filled), ("GRüßE", &[Some(1), None][..], &[0, 2, 4][..]));
    assert_eq!(iterated.len(), 50);
}

#[test]
fn a_steady_state_allocates_nothing() {
    let watched = Watched::default();
    let mut arena = Arena::new_in(&watched);
    let mut calls = Vec::new();
    for _ in 0..4 {
        for size in (0..3000).map(|n| n * 37 % 5000) {
            arena.alloc_layout(Layout::from_size_align(size, 8).unwrap());
        }
        arena.alloc_layout(Layout::from_size_align(3 << 20, 8).unwrap());
        arena.reset();
        calls.push(watched.calls.get());
    }
    assert_eq!(calls[1..], [calls[0]; 3]);
}

#[test]
fn a_size_that_is_none_is_refused() {
    let arena = Arena::new();
    let refused = arena.try_alloc_slice_fill_with(usize::MAX, |_| 0u64);
    assert_eq!(refused.unwrap_err(), OutOfMemory::Overflow);
    let layout = Layout::from_size_align(isize::MAX as usize, 1).unwrap();
    assert_eq!(arena.try_alloc_layout(layout), Err(OutOfMemory::Overflow));
    let layout = Layout::from_size_align(1, 1 << 62).unwrap();
    assert!(Arena::new_in(NoMemory).try_alloc_layout(layout).is_err());
    let nothing = Layout::from_size_align(0, 1 << 62).unwrap();
    assert!(arena.try_alloc_layout(nothing).unwrap().addr().get().is_multiple_of(1 << 62));
    assert_eq!(arena.allocated_bytes(), 0);
}

#[test]
fn the_bound_holds_and_can_be_used_up() {
    let arena = Arena::new().with_max_bytes(10_000);
    let mut count = 0usize;
    while arena.try_alloc([0u8; 100]).is_ok() {
        count += 1;
    }
    assert!(arena.allocated_bytes() <= 10_000 && count > 90, "{count}");
    assert!(matches!(arena.try_alloc([0u8; 100]), Err(OutOfMemory::Limit { .. })));
    assert!(matches!(
        arena.scope(|s| s.try_alloc([0u8; 100]).err()),
        Some(OutOfMemory::Limit { .. })
    ));
    let panicked = catch_unwind(AssertUnwindSafe(|| arena.alloc([0u8; 100])[0]));
    let message = *panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("exceed the bound of 10000 bytes"), "{message}");
}

#[test]
fn a_checkpoint_of_elsewhere_or_of_yesterday_is_refused() {
    let mut arena = Arena::new();
    let other = Arena::new();
    assert_eq!(arena.rewind(other.checkpoint()), Err(StaleCheckpoint));
    let empty = arena.checkpoint();
    arena.alloc([0u8; 5000]);
    let full = arena.checkpoint();
    arena.rewind(empty).unwrap();
    assert_eq!(arena.rewind(full), Err(StaleCheckpoint));
    assert_eq!(arena.used_bytes(), 0);
}

#[test]
fn scopes_nest_and_survive_panics() {
    let arena = Arena::new();
    let outer = arena.alloc_slice_fill_with(10, |n| n);
    let used = arena.used_bytes();
    for _ in 0..3 {
        let sum = arena.scope(|one| {
            let a = one.alloc(1);
            let b = one.scope(|two| *two.alloc(2) + two.alloc_slice_copy(&[0; 9000]).len());
            let beside = arena.scope(|again| *again.alloc(4));
            *a + b + beside
        });
        assert_eq!((sum, arena.used_bytes()), (9007, used));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            arena.scope(|scope| {
                scope.alloc(1);
                panic!("in the scope");
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(arena.used_bytes(), used);
    }
    assert_eq!(outer, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_panicking_constructor_loses_only_its_place() {
    let mut arena = Arena::new();
    let kept = arena.alloc(7u64);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        arena.alloc_slice_fill_with(10, |n| if n == 5 { panic!("at five") } else { n });
    }));
    assert!(panicked.is_err());
    assert_eq!((*kept, *arena.alloc(8u64)), (7, 8));
    arena.reset();
    assert_eq!(arena.used_bytes(), 0);
}

#[test]
fn an_arena_moves_between_threads() {
    let mut arena = Arena::new();
    arena.alloc(1);
    arena = std::thread::spawn(move || {
        arena.alloc(2);
        arena
    })
    .join()
    .unwrap();
    arena.reset();
}

#[test]
fn destructors_run_once_youngest_first() {
    let drops = Cell::new(0);
    let mut arena = DropArena::new_in(Watched::default());
    for value in 0..100 {
        assert_eq!(arena.alloc(Counted::new(&drops, value)).value, value);
    }
    let slice = arena.try_alloc_slice_fill_with(10, |n| Counted::new(&drops, n as u64)).unwrap();
    assert_eq!(slice[9].value, 9);
    arena.reset();
    assert_eq!(drops.get(), 110);
    arena.alloc(Counted::new(&drops, 0));
    arena.alloc(String::from("x")).push('y');
    assert_eq!(arena.plain().alloc_str("plain"), "plain");
    drop(arena);
    assert_eq!(drops.get(), 111);
}

#[test]
fn panics_in_destructors_and_constructors_leave_nothing_behind() {
    let drops = Cell::new(0);
    let mut arena = DropArena::new();
    for value in 0..10 {
        arena.alloc(Counted::new(&drops, value)).panics = value == 5;
    }
    assert!(catch_unwind(AssertUnwindSafe(|| arena.reset())).is_err());
    assert_eq!((drops.get(), arena.plain().used_bytes()), (10, 0));
    let made = catch_unwind(AssertUnwindSafe(|| {
        let make = |n| if n == 3 { panic!("at three") } else { Counted::new(&drops, n as u64) };
        arena.try_alloc_slice_fill_with(9, make).is_ok()
    }));
    assert!(made.is_err());
    assert_eq!(drops.get(), 13);
    drop(arena);
    assert_eq!(drops.get(), 13);
}

#[test]
fn a_region_stays_in_its_memory() {
    let mut memory = [MaybeUninit::<u8>::uninit(); 1000];
    let range = memory.as_ptr_range();
    let range = range.start.addr()..range.end.addr();
    let mut region = Region::new(&mut memory);
    for _ in 0..3 {
        let mut count = 0u64;
        while let Ok(value) = region.try_alloc(count) {
            assert!(range.contains(&std::ptr::from_ref(value).addr()));
            count += 1;
        }
        assert!(count >= 124);
        assert!(matches!(region.try_alloc(0u64), Err(OutOfMemory::Limit { .. })));
        region.reset();
    }
    let mut list = VecIn::new_in(&*region);
    list.extend(0..200u8);
    assert!(list.try_reserve(1000).is_err());
    assert_eq!(list.len(), 200);
    drop(list);
    assert_eq!(region.scope(|scope| scope.alloc_slice_copy(&[1u8; 900]).len()), 900);
    assert_eq!(region.used_bytes(), 0);
}
