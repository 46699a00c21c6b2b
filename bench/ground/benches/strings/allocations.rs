//! Counts what is allocated, so that memory is compared as it is and not as each library says.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);
/// Counting costs time: only on demand.
static COUNTS: AtomicUsize = AtomicUsize::new(0);

fn count(new: usize, old: usize) {
    if COUNTS.load(Relaxed) == 1 {
        CALLS.fetch_add(usize::from(new > 0), Relaxed);
        HELD.fetch_add(new, Relaxed);
        let held = HELD.fetch_sub(old, Relaxed).wrapping_sub(old);
        PEAK.fetch_max(held, Relaxed);
    }
}

// SAFETY: all is done by the system's allocator, and counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes held by what `build` makes, the most held meanwhile, and the number of allocations.
pub fn of<T>(build: impl FnOnce() -> T) -> (usize, usize, usize) {
    [&HELD, &PEAK, &CALLS].iter().for_each(|counter| counter.store(0, Relaxed));
    COUNTS.store(1, Relaxed);
    let built = build();
    COUNTS.store(0, Relaxed);
    let counted = (HELD.load(Relaxed), PEAK.load(Relaxed), CALLS.load(Relaxed));
    drop(built);
    counted
}

/// Prints a line of a table: bytes and allocations by item, without those of the values
/// themselves, which stand in the container.
pub fn line<T>(name: &str, items: usize, build: impl FnOnce() -> T) {
    let (held, peak, calls) = of(build);
    let by_item = |count: usize| count as f64 / items as f64;
    println!("| {name} | {:.1} | {:.1} | {:.2} |", by_item(held), by_item(peak), by_item(calls));
}

pub fn heading(case: &str) {
    println!("\n{case}\n\n| | bytes each | at the peak | allocations each |\n|---|---|---|---|");
}
