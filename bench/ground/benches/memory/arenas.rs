//! Arenas.

use std::alloc::Layout;
use std::hint::black_box;

use blink_alloc::BlinkAlloc;
use bumpalo::Bump;
use tidemill_ground::{Work, compare, size};
use tidemill_memory::Arena;

const OBJECT: Layout = Layout::new::<[u64; 8]>();

pub(crate) fn run() {
    objects("arena: 10 k objects of 64 bytes, written, then reset", size(10_000, 100));
    objects("arena: 1 M objects of 64 bytes, written, then reset", size(1_000_000, 200));
    layouts("arena: 10 k places of 64 bytes, 8 bytes written, then reset", size(10_000, 100));
    layouts("arena: 1 M places of 64 bytes, 8 bytes written, then reset", size(1_000_000, 200));
    strings("arena: 10 k strings of 1 to 32 bytes, then reset", size(10_000, 100));
    vectors("arena: a vector of 10 k numbers grown in it, then reset", size(10_000, 100));
}

/// A whole object each.
fn objects(case: &str, count: usize) {
    let mut arena = Arena::new();
    let mut bump = Bump::new();
    let mut blink = blink_alloc::Blink::new();
    compare(
        case,
        Work::Items(count as u64),
        &mut [
            (
                "tidemill",
                Box::new(move || {
                    for n in 0..count as u64 {
                        black_box(arena.alloc([n; 8]));
                    }
                    arena.reset();
                    0
                }),
            ),
            (
                "bumpalo",
                Box::new(move || {
                    for n in 0..count as u64 {
                        black_box(bump.alloc([n; 8]));
                    }
                    bump.reset();
                    0
                }),
            ),
            (
                "blink-alloc (Blink)",
                Box::new(move || {
                    for n in 0..count as u64 {
                        black_box(blink.put_no_drop([n; 8]));
                    }
                    blink.reset();
                    0
                }),
            ),
            (
                "Box (glibc), in a Vec",
                Box::new(move || {
                    let mut all = Vec::with_capacity(count);
                    for n in 0..count as u64 {
                        all.push(Box::new([n; 8]));
                    }
                    drop(black_box(all));
                    0
                }),
            ),
        ],
    );
}

/// The allocation alone, as near as can be.
fn layouts(case: &str, count: usize) {
    let mut arena = Arena::new();
    let mut bump = Bump::new();
    let mut blink = BlinkAlloc::new();
    compare(
        case,
        Work::Items(count as u64),
        &mut [
            (
                "tidemill",
                Box::new(move || {
                    for n in 0..count as u64 {
                        let place = arena.alloc_layout(OBJECT).cast::<u64>();
                        // SAFETY: a place of 64 bytes.
                        unsafe { black_box(place).write(n) };
                    }
                    arena.reset();
                    0
                }),
            ),
            (
                "bumpalo",
                Box::new(move || {
                    for n in 0..count as u64 {
                        let place = bump.alloc_layout(OBJECT).cast::<u64>();
                        // SAFETY: a place of 64 bytes.
                        unsafe { black_box(place).write(n) };
                    }
                    bump.reset();
                    0
                }),
            ),
            (
                "blink-alloc (BlinkAlloc)",
                Box::new(move || {
                    for n in 0..count as u64 {
                        let place = blink.allocate(OBJECT).map(|block| block.cast::<u64>());
                        // SAFETY: a place of 64 bytes.
                        let _ = place.map(|place| unsafe { black_box(place).write(n) });
                    }
                    blink.reset();
                    0
                }),
            ),
        ],
    );
}

fn strings(case: &str, count: usize) {
    let text = "the quick brown fox jumps over it";
    let length = |n: usize| 1 + n * 7 % 32;
    let mut arena = Arena::new();
    let mut bump = Bump::new();
    compare(
        case,
        Work::Items(count as u64),
        &mut [
            (
                "tidemill",
                Box::new(move || {
                    for n in 0..count {
                        black_box(arena.alloc_str(&text[..length(n)]));
                    }
                    arena.reset();
                    0
                }),
            ),
            (
                "bumpalo",
                Box::new(move || {
                    for n in 0..count {
                        black_box(bump.alloc_str(&text[..length(n)]));
                    }
                    bump.reset();
                    0
                }),
            ),
        ],
    );
}

fn vectors(case: &str, count: usize) {
    let mut arena = Arena::new();
    let mut bump = Bump::new();
    compare(
        case,
        Work::Items(count as u64),
        &mut [
            (
                "tidemill",
                Box::new(move || {
                    let mut list = allocator_api2::vec::Vec::new_in(&arena);
                    for n in 0..count as u64 {
                        list.push(black_box(n));
                    }
                    let sum = list.iter().sum();
                    drop(list);
                    arena.reset();
                    sum
                }),
            ),
            (
                "bumpalo (allocator-api2)",
                Box::new(move || {
                    let mut list = allocator_api2::vec::Vec::new_in(&bump);
                    for n in 0..count as u64 {
                        list.push(black_box(n));
                    }
                    let sum = list.iter().sum();
                    drop(list);
                    bump.reset();
                    sum
                }),
            ),
            (
                "Vec (glibc)",
                Box::new(move || {
                    let mut list = Vec::new();
                    for n in 0..count as u64 {
                        list.push(black_box(n));
                    }
                    list.iter().sum()
                }),
            ),
        ],
    );
}
