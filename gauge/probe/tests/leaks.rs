//! Leaks and the largest blocks in a program whose allocator remembers them. No harness: its threads
//! would allocate meanwhile.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::alloc::System;
use std::hint::black_box;

use gauge_probe::{Counters, Frame, Histogram, Largest, Leaks, Observed, Scope};

/// As few blocks and places as there may be, so that both tables overflow.
type All = (Counters, Histogram, Largest<3>, Leaks<BLOCKS, SITES>);
const BLOCKS: usize = 1024;
const SITES: usize = 4;

#[global_allocator]
static ALLOCATOR: Observed<System, All> =
    Observed::with(System, (Counters, Histogram::new(), Largest::new(), Leaks::new()));

fn main() {
    let (_, _, largest, leaks) = ALLOCATOR.observer();
    // Whatever the first unwinding and the first look at symbols allocate and keep.
    leaks.start(1);
    let warm = Box::new(1);
    leaks.stop();
    drop(leaks.report());
    drop(black_box(warm));
    what_lives_is_found(leaks);
    what_went_is_forgotten(leaks);
    samples(leaks);
    all_are_found_after_a_sample(leaks);
    places_overflow(leaks);
    blocks_overflow(leaks);
    the_largest(largest);
    println!("leaks: ok");
}

type Table = Leaks<BLOCKS, SITES>;

/// Between `start` and `stop` nothing but `run` allocates.
fn remembering<R>(leaks: &Table, every_bytes: u64, run: impl FnOnce() -> R) -> R {
    leaks.start(every_bytes);
    let result = run();
    leaks.stop();
    result
}

fn live(leaks: &Table) -> (u64, u64) {
    let report = leaks.report();
    (report.live_blocks, report.live_bytes)
}

#[inline(never)]
fn leaks_here(size: usize) -> Vec<u8> {
    black_box(vec![1; size])
}

fn what_lives_is_found(leaks: &Table) {
    let scope = Scope::start();
    let kept = remembering(leaks, 1, || {
        drop(leaks_here(100));
        // One place, twice: the compiler does not know how often.
        let mut kept = [Vec::new(), Vec::new()];
        let mut next = 0;
        while next < black_box(2) {
            kept[next] = leaks_here(1000);
            next = black_box(next + 1);
        }
        std::thread::scope(|_| ());
        kept
    });
    let counts = scope.stop();
    let report = leaks.report();
    assert_eq!((report.live_blocks, report.live_bytes), (2, 2000), "{report}");
    assert!(counts.thread.allocations >= 3);
    assert_eq!(report.untracked_blocks, 0);
    let site = &report.sites[0];
    assert_eq!((site.live_blocks, site.live_bytes), (2, 2000), "{report}");
    assert!(site.blocks >= 2);
    let is_named = |frame: &Frame| frame.name.as_ref().unwrap().contains("leaks_here");
    assert!(site.frames.iter().any(is_named), "{report}");
    assert!(!site.frames[0].name.as_ref().unwrap().contains("gauge_probe"), "{report}");
    let json = report.to_json();
    assert!(json.starts_with("{\"live_blocks\":2,\"live_bytes\":2000,"), "{json}");
    drop(kept);
    assert_eq!(live(leaks), (0, 0));
}

fn what_went_is_forgotten(leaks: &Table) {
    let mut values = remembering(leaks, 1, || {
        let mut values = leaks_here(10);
        values.reserve_exact(5000);
        // One that fails leaves the old block where it is.
        assert!(values.try_reserve_exact(isize::MAX as usize - 5010).is_err());
        values
    });
    assert_eq!(live(leaks), (1, 5010));
    // Off: a block that grows now is no longer one of those that were remembered.
    values.reserve_exact(10_000);
    assert_eq!(live(leaks), (0, 0));
    let elsewhere = remembering(leaks, 1, || leaks_here(30));
    assert_eq!(live(leaks), (1, 30));
    std::thread::spawn(move || drop(elsewhere)).join().unwrap();
    assert_eq!(live(leaks), (0, 0));
}

fn samples(leaks: &Table) {
    let mut kept: Vec<Vec<u8>> = Vec::with_capacity(1000);
    // On a thread of its own, which has not yet begun to count to a thousand.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            remembering(leaks, 1000, || (0..500).for_each(|_| kept.push(leaks_here(10))));
        });
    });
    let report = leaks.report();
    // 5,000 bytes in blocks of 10: with every thousandth, 5 blocks.
    assert_eq!((report.live_blocks, report.live_bytes, report.every_bytes), (5, 50, 1000));
    drop(kept);
    assert_eq!(live(leaks), (0, 0));
}

fn all_are_found_after_a_sample(leaks: &Table) {
    let mut kept: Vec<Vec<u8>> = Vec::with_capacity(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            remembering(leaks, 1 << 20, || kept.push(leaks_here(10)));
            remembering(leaks, 1, || kept.push(leaks_here(20)));
        });
    });
    assert_eq!(live(leaks), (1, 20));
    drop(kept);
    assert_eq!(live(leaks), (0, 0));
}

/// Recursion makes every block's place another one.
#[inline(never)]
fn deep(depth: usize, kept: &mut Vec<Vec<u8>>) {
    kept.push(leaks_here(7));
    if depth > 1 {
        deep(depth - 1, kept);
    }
    black_box(());
}

fn places_overflow(leaks: &Table) {
    let mut kept = Vec::with_capacity(100);
    remembering(leaks, 1, || deep(10, &mut kept));
    let report = leaks.report();
    assert_eq!((report.live_blocks, report.live_bytes), (10, 70), "{report}");
    assert!(report.unattributed_blocks >= 10 - SITES as u64, "{report}");
    assert_eq!(report.unattributed_bytes, 7 * report.unattributed_blocks);
    let named: u64 = report.sites.iter().map(|site| site.live_blocks).sum();
    assert_eq!(named + report.unattributed_blocks, 10, "{report}");
    drop(kept);
    assert_eq!(live(leaks), (0, 0));
}

fn blocks_overflow(leaks: &Table) {
    let mut kept = Vec::with_capacity(BLOCKS);
    remembering(leaks, 1, || (0..BLOCKS).for_each(|_| kept.push(leaks_here(16))));
    let report = leaks.report();
    assert_eq!(report.live_blocks + report.untracked_blocks, BLOCKS as u64, "{report}");
    assert!(report.untracked_blocks >= BLOCKS as u64 / 8, "{report}");
    assert_eq!(report.untracked_bytes, 16 * report.untracked_blocks);
    drop(kept);
    assert_eq!(live(leaks), (0, 0));
}

#[inline(never)]
fn the_largest(largest: &Largest<3>) {
    largest.clear();
    let sizes = [20_000_000, 90_000_000, 10_000_000, 40_000_000, 90_000_000, 30_000_000];
    for size in sizes {
        drop(black_box(Vec::<u8>::with_capacity(size)));
    }
    let report = largest.report();
    let found: Vec<usize> = report.blocks.iter().map(|block| block.size).collect();
    assert_eq!(found, [90_000_000, 90_000_000, 40_000_000], "{report}");
    let frames = &report.blocks[0].frames;
    let is_named = |frame: &Frame| frame.name.as_ref().unwrap().contains("the_largest");
    assert!(frames.iter().any(is_named), "{report}");
    assert!(report.to_json().starts_with("{\"blocks\":[{\"size\":90000000,\"align\":1,"));
}
