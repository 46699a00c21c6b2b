//! The slab against what an allocator must do.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box as BoxIn;
use allocator_api2::vec::Vec as VecIn;
use common::Watched;
use proptest::prelude::*;
use tidemill_memory::{MAX_CLASS_BYTES, Slab};

#[derive(Clone, Debug)]
enum Step {
    Allocate(Layout),
    Free(prop::sample::Index),
    Resize(prop::sample::Index, Layout),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let layout = || {
        let size = prop_oneof![6 => 0usize..300, 3 => 0usize..5000, 1 => 30_000usize..40_000];
        (size, 0u32..8).prop_map(|(size, bits)| Layout::from_size_align(size, 1 << bits).unwrap())
    };
    let at = any::<prop::sample::Index>;
    let step = prop_oneof![
        3 => layout().prop_map(Step::Allocate),
        2 => at().prop_map(Step::Free),
        1 => (at(), layout()).prop_map(|(at, layout)| Step::Resize(at, layout)),
    ];
    prop::collection::vec(step, 0..150)
}

fn check_steps(steps: &[Step], refuse_every: usize) {
    let watched = Watched::default();
    watched.refuse_every.set(refuse_every);
    let slab = Slab::new_in(&watched);
    let mut live: Vec<(NonNull<u8>, Layout, u8)> = Vec::new();
    let mut mark = 0u8;
    for step in steps {
        mark = mark.wrapping_add(1);
        match step {
            Step::Allocate(layout) => {
                let Ok(block) = (&slab).allocate(*layout) else {
                    assert!(refuse_every > 0);
                    continue;
                };
                // SAFETY: the block was just given for this layout.
                unsafe { block.cast::<u8>().write_bytes(mark, layout.size()) };
                live.push((block.cast(), *layout, mark));
            }
            _ if live.is_empty() => {}
            Step::Free(at) => {
                let (block, layout, _) = live.swap_remove(at.index(live.len()));
                // SAFETY: given for this layout, and freed once.
                unsafe { (&slab).deallocate(block, layout) };
            }
            Step::Resize(at, new) => {
                let at = at.index(live.len());
                let (block, old, before) = live[at];
                // SAFETY: given for the old layout; the new one is larger or smaller as promised.
                let resized = unsafe {
                    if new.size() >= old.size() {
                        (&slab).grow(block, old, *new)
                    } else {
                        (&slab).shrink(block, old, *new)
                    }
                };
                let Ok(resized) = resized else { continue };
                let resized = resized.cast::<u8>();
                for offset in 0..old.size().min(new.size()) {
                    // SAFETY: within the block, where these bytes were written before it moved.
                    assert_eq!(unsafe { resized.add(offset).read() }, before);
                }
                // SAFETY: the block has the new size.
                unsafe { resized.write_bytes(mark, new.size()) };
                live[at] = (resized, *new, mark);
            }
        }
        for (block, layout, mark) in &live {
            assert!(block.addr().get().is_multiple_of(layout.align()));
            for offset in [0, layout.size() / 2, layout.size().saturating_sub(1)] {
                // SAFETY: within the block, all of which was written.
                assert!(layout.size() == 0 || unsafe { block.add(offset).read() } == *mark);
            }
        }
        assert_eq!(slab.allocated_bytes(), watched.bytes());
    }
    for (block, layout, _) in live {
        // SAFETY: given for this layout, and freed once.
        unsafe { (&slab).deallocate(block, layout) };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn blocks_are_aligned_apart_and_intact(steps in steps()) {
        check_steps(&steps, 0);
    }

    #[test]
    fn a_refusal_loses_nothing(steps in steps(), every in 1usize..4) {
        check_steps(&steps, every);
    }
}

#[test]
fn classes_waste_what_is_stated() {
    let class =
        |size, align| Slab::<Watched>::class_bytes(Layout::from_size_align(size, align).unwrap());
    for size in 1..=MAX_CLASS_BYTES {
        let bytes = class(size, 1).unwrap();
        let most = if size <= 128 { 15 } else { (size - 1) / 4 };
        assert!(bytes >= size && bytes - size <= most, "{size} in {bytes}");
        for align in [16, 32, 64] {
            assert!(class(size, align).unwrap_or(align).is_multiple_of(align), "{size} at {align}");
        }
    }
    assert_eq!((class(MAX_CLASS_BYTES + 1, 1), class(1, 128)), (None, None));
}

#[test]
fn a_steady_state_allocates_nothing() {
    let watched = Watched::default();
    let slab = Slab::new_in(&watched);
    let mut calls = Vec::new();
    for _ in 0..3 {
        let boxes: Vec<_> = (0..1000u64).map(|n| BoxIn::new_in([n; 9], &slab)).collect();
        let mut list = VecIn::new_in(&slab);
        list.extend(0..1000u32);
        assert!(boxes.iter().zip(0..).all(|(one, n)| **one == [n; 9]));
        assert!(list.iter().copied().eq(0..1000));
        calls.push(watched.calls.get());
    }
    assert_eq!(calls[1..], [calls[0]; 2]);
}
