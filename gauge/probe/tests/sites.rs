//! Sites in a program whose allocator remembers them. No harness: its threads would allocate meanwhile.
//!
//! Stacks are followed by frame pointers when it is built with `-Cforce-frame-pointers=yes`, and unwound
//! otherwise; the counts are the same.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

use std::alloc::System;
use std::hint::black_box;
use std::sync::mpsc;

use gauge_probe::{Counters, Observed, SiteCounts, SiteReport, Sites};

#[global_allocator]
static ALLOCATOR: Observed<System, (Counters, Sites)> =
    Observed::with(System, (Counters, Sites::new()));

fn main() {
    let (_, sites) = ALLOCATOR.observer();
    // Off, nothing is remembered.
    drop(black_box(vec![1u8; 10]));
    assert_eq!(sites.report().allocations, 0);
    exact_counts(sites);
    the_peak(sites);
    growing(sites);
    lifetimes(sites);
    threads(sites);
    a_block_of_before_the_start(sites);
    stacks_are_told_apart(sites);
    broken_chains(sites);
    callers_that_a_chain_hides(sites);
    with_frame_pointers_nothing_is_unwound_twice(sites);
    as_json(sites);
    println!("sites: ok");
}

/// What `run` adds. (What lives of the sites is theirs from before, too: cases leave nothing.)
fn during(sites: &Sites, run: impl FnOnce()) -> SiteReport {
    let before = sites.report();
    assert!(sites.start());
    run();
    sites.stop();
    let mut report = sites.report();
    report.allocations -= before.allocations;
    report.bytes -= before.bytes;
    report.unwound -= before.unwound;
    for site in &mut report.sites {
        let is_same = |other: &&SiteCounts| other.addresses == site.addresses;
        if let Some(earlier) = before.sites.iter().find(is_same) {
            site.allocations -= earlier.allocations;
            site.reallocations -= earlier.reallocations;
            site.bytes -= earlier.bytes;
            site.lifetime -= earlier.lifetime;
            for (now, then) in site.lifetimes.iter_mut().zip(earlier.lifetimes) {
                *now -= then;
            }
        }
    }
    report.sites.retain(|site| site.allocations + site.reallocations > 0);
    assert_eq!((report.untracked_blocks, report.displaced_blocks), (0, 0));
    report
}

#[inline(never)]
fn allocates_here(size: usize) -> Vec<u8> {
    let mut block = Vec::with_capacity(black_box(size));
    block.push(1);
    black_box(block)
}

#[inline(never)]
fn and_here(size: usize) -> Vec<u8> {
    let mut block = Vec::with_capacity(black_box(size));
    block.push(2);
    black_box(block)
}

/// Blocks, bytes; live blocks, bytes.
fn numbers(site: &SiteCounts) -> (u64, u64, i64, i64) {
    (site.allocations, site.bytes, site.live_blocks, site.live_bytes)
}

fn exact_counts(sites: &Sites) {
    let mut kept = Vec::with_capacity(10);
    let before = Counters::process();
    let report = during(sites, || {
        for number in 0..black_box(10) {
            let block = allocates_here(100);
            if number % 2 == 0 {
                kept.push(block);
            }
        }
        drop(and_here(5000));
        std::mem::forget(and_here(300));
    });
    let counted = Counters::process() - before;
    assert_eq!((report.allocations, report.bytes), (12, 6300), "{report}");
    // The observer's own reports are in the counters and nowhere else.
    assert!(counted.allocations > 12);
    let mut found: Vec<_> = report.sites.iter().map(numbers).collect();
    found.sort_unstable();
    // One place in a loop is one site; two calls of a function are two.
    assert_eq!(found, [(1, 300, 1, 300), (1, 5000, 0, 0), (10, 1000, 5, 500)], "{report}");
    assert_eq!((report.live_blocks, report.live_bytes), (6, 800), "{report}");
    let class =
        |size: usize| report.sizes.iter().find(move |c| c.smallest <= size && size <= c.largest);
    let sizes = [100, 300, 5000].map(|size| {
        let class = class(size).unwrap();
        (class.blocks, class.bytes, class.live_blocks, class.live_bytes)
    });
    assert_eq!(sizes, [(10, 1000, 5, 500), (1, 300, 1, 300), (1, 5000, 0, 0)]);
    let text = report.to_string();
    assert!(text.contains("allocates_here"), "{text}");
    assert!(text.contains("main"), "{text}");
    assert!(!text.contains("from\n    gauge_probe::") && !text.contains("/probe/src/"), "{text}");
    drop(kept);
    assert_eq!(sites.report().live_bytes, 300, "what goes after the stop is seen");
}

fn the_peak(sites: &Sites) {
    let before = sites.report().live_bytes;
    let report = during(sites, || {
        let small = allocates_here(100_000);
        for _ in 0..black_box(3) {
            let large = and_here(900_000);
            drop(black_box(large));
        }
        let other = allocates_here(50_000);
        drop(small);
        drop(other);
    });
    assert_eq!(report.peak_bytes, 1_000_000 + before, "{report}");
    let peaks: Vec<_> = report.sites.iter().map(|s| (s.bytes, s.peak_bytes, s.max_bytes)).collect();
    // Most at the peak first; what came after it has no part in it.
    let wanted = [(2_700_000, 900_000, 900_000), (100_000, 100_000, 100_000), (50_000, 0, 50_000)];
    assert_eq!(peaks, wanted, "{report}");
    // A peak that is now.
    let mut kept = Vec::new();
    let report = during(sites, || kept = allocates_here(2_000_000));
    assert_eq!(report.peak_bytes, 2_000_000 + before);
    assert_eq!(report.sites[0].peak_bytes, 2_000_000, "{report}");
    drop(kept);
    // It stays when it has passed.
    let report = sites.report();
    assert_eq!((report.peak_bytes, report.live_bytes), (2_000_000 + before, before));
    assert_eq!(report.sites[0].peak_bytes, 2_000_000, "{report}");
}

fn growing(sites: &Sites) {
    let before = sites.report();
    let report = during(sites, || {
        let mut values = allocates_here(8);
        for size in [16, 32, 64_000] {
            values.reserve_exact(size);
            black_box(&mut values);
        }
        // One that fails leaves the block where it was.
        assert!(values.try_reserve_exact(isize::MAX as usize - 64_001).is_err());
        (0..black_box(3)).for_each(|_| drop(and_here(24)));
        values.shrink_to(10);
        drop(black_box(values));
    });
    // A vector with one byte: 8, then 17, 33, 64,001 and back to 10.
    let sum = |of: fn(&SiteCounts) -> u64| report.sites.iter().map(of).sum::<u64>();
    assert_eq!((report.allocations, report.bytes), (1 + 3, 64_001 + 3 * 24), "{report}");
    assert_eq!((sum(|s| s.allocations), sum(|s| s.reallocations)), (4, 4));
    assert_eq!(sum(|s| s.bytes), 64_001 + 3 * 24);
    assert_eq!(report.live_bytes, before.live_bytes);
    // It died where it was last reallocated, and is as old as its allocation.
    let has_ended = |site: &&SiteCounts| site.lifetimes.iter().sum::<u64>() > 0;
    let ended: Vec<_> = report.sites.iter().filter(has_ended).collect();
    assert_eq!(ended.len(), 2, "{report}");
    let moved = ended.iter().find(|site| site.reallocations > 0).unwrap();
    assert_eq!((moved.allocations, moved.reallocations, moved.lifetime), (0, 1, 3));
}

fn lifetimes(sites: &Sites) {
    let report = during(sites, || {
        for &others in black_box([0, 1, 3, 4, 15, 16, 100].as_slice()) {
            let block = allocates_here(24);
            for _ in 0..others {
                drop(and_here(40));
            }
            drop(black_box(block));
        }
    });
    let text = report.to_string();
    let site = |bytes: u64| report.sites.iter().find(|site| site.bytes == bytes).expect(&text);
    let lived = site(7 * 24);
    assert_eq!((lived.allocations, lived.lifetime), (7, 1 + 3 + 4 + 15 + 16 + 100), "{report}");
    assert_eq!(lived.lifetimes[..6], [1, 2, 2, 1, 1, 0]);
    let short = site(139 * 40);
    assert_eq!((short.allocations, short.lifetime, short.lifetimes[0]), (139, 0, 139));
}

fn threads(sites: &Sites) {
    const BLOCKS: usize = 1000;
    let before = sites.report();
    let report = during(sites, || {
        // Blocks go from one thread to the other, which frees every second one.
        let (give, take) = mpsc::sync_channel::<Vec<u8>>(4);
        let giver = std::thread::spawn(move || {
            for _ in 0..BLOCKS {
                give.send(allocates_here(1 << 10)).unwrap();
            }
        });
        let mut kept = Vec::with_capacity(BLOCKS);
        for (number, block) in take.iter().enumerate() {
            if number % 2 == 0 {
                kept.push(block);
            }
        }
        giver.join().unwrap();
        let taker = std::thread::spawn(move || drop(kept));
        taker.join().unwrap();
    });
    let site = report.sites.iter().find(|site| site.bytes == (BLOCKS << 10) as u64).unwrap();
    assert_eq!(numbers(site), (BLOCKS as u64, (BLOCKS << 10) as u64, 0, 0));
    assert_eq!(site.lifetimes.iter().sum::<u64>(), BLOCKS as u64);
    assert!(site.max_bytes >= (BLOCKS << 9) as i64, "{report}");
    more_threads_than_shards(sites);
    // What std keeps for threads is small.
    assert!(report.live_bytes - before.live_bytes < 1000, "{report}");
}

/// Those beyond share one, under a lock.
fn more_threads_than_shards(sites: &Sites) {
    let report = during(sites, || {
        for _ in 0..300 {
            std::thread::spawn(|| drop(and_here(1))).join().unwrap();
        }
        // Joined, not scoped: a scope ends before its threads have freed their last.
        let run = || (0..black_box(100_000)).for_each(|_| drop(and_here(3001)));
        let threads = [run; 4].map(std::thread::spawn);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let site = report.sites.iter().find(|site| site.bytes == 400_000 * 3001).unwrap();
    assert_eq!(numbers(site), (400_000, 400_000 * 3001, 0, 0));
}

fn a_block_of_before_the_start(sites: &Sites) {
    let (old, mut growing) = (allocates_here(70), allocates_here(80));
    let before = sites.report();
    let report = during(sites, || {
        drop(old);
        growing.reserve_exact(5000);
    });
    assert_eq!((report.allocations, report.live_bytes - before.live_bytes), (1, 5001), "{report}");
    drop(growing);
    assert_eq!(sites.report().live_bytes, before.live_bytes);
}

#[inline(never)]
fn through(depth: usize, size: usize) -> Vec<u8> {
    let block = if depth == 0 { allocates_here(size) } else { through(depth - 1, size) };
    black_box(block)
}

fn stacks_are_told_apart(sites: &Sites) {
    let report = during(sites, || {
        for _ in 0..black_box(3) {
            for depth in 0..black_box(8) {
                drop(through(depth, 1000 + depth));
            }
        }
    });
    let mut found: Vec<_> = report.sites.iter().map(|s| (s.allocations, s.bytes)).collect();
    found.sort_unstable();
    let wanted: Vec<_> = (0..8).map(|depth| (3, 3 * (1000 + depth))).collect();
    assert_eq!(found, wanted, "{report}");
}

/// Functions that use RBP as any other register, as compilers do without frame pointers.
#[cfg(target_arch = "x86_64")]
mod general {
    use std::arch::naked_asm;

    /// Calls `run` with RBP being `garbage`.
    #[unsafe(naked)]
    pub(crate) extern "C" fn with_frame_pointer(garbage: usize, run: extern "C" fn()) {
        naked_asm!(
            ".cfi_startproc",
            "push rbp",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset rbp, -16",
            "mov rbp, rdi",
            "call rsi",
            "pop rbp",
            ".cfi_def_cfa_offset 8",
            "ret",
            ".cfi_endproc",
        );
    }

    /// Calls `run` and makes no frame record.
    #[unsafe(naked)]
    pub(crate) extern "C" fn without_record(run: extern "C" fn()) {
        naked_asm!(
            ".cfi_startproc",
            "sub rsp, 8",
            ".cfi_def_cfa_offset 16",
            "call rdi",
            "add rsp, 8",
            ".cfi_def_cfa_offset 8",
            "ret",
            ".cfi_endproc",
        );
    }
}

#[cfg(target_arch = "x86_64")]
extern "C" fn allocate_and_free() {
    drop(allocates_here(777));
}

/// Whatever the register holds, nothing outside of the stack is read, and the stack is found.
#[cfg(target_arch = "x86_64")]
fn broken_chains(sites: &Sites) {
    let on_stack = [0usize; 64];
    let looping: [usize; 2] = [on_stack.as_ptr().addr(), 1];
    let on_heap = Box::new([0usize; 64]);
    let stack = |offset: isize| (&raw const on_stack).addr().wrapping_add_signed(offset);
    let mut garbage =
        vec![0, 1, 8, usize::MAX, usize::MAX - 15, 1 << 47, (&raw const looping).addr()];
    garbage.extend([on_heap.as_ptr().addr(), broken_chains as *const () as usize]);
    // Up and down the stack: variables, registers that were saved, the real records, what lies beyond the end.
    garbage.extend((-2000..20_000).map(|word: isize| stack(word * 8)));
    garbage.extend((0..64).map(stack));
    garbage.extend((0..48).map(|bit| 1usize << bit));
    let calls = garbage.len() as u64;
    let report = during(sites, || {
        for &garbage in &garbage {
            general::with_frame_pointer(garbage, allocate_and_free);
        }
    });
    black_box((on_stack, looping, on_heap));
    assert_eq!((report.allocations, report.bytes), (calls, 777 * calls));
    // All from one place, whatever the chain said. (Where garbage is a real record, as the unwinder says.)
    assert_eq!(report.sites.len(), 1, "{report}");
    let text = report.to_string();
    assert!(text.contains("allocate_and_free"), "{text}");
}

#[cfg(not(target_arch = "x86_64"))]
fn broken_chains(_: &Sites) {}

#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn one_caller() {
    general::without_record(allocate_and_free);
    black_box(());
}

#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn another_caller() {
    general::without_record(allocate_and_free);
    // (Not the same as above: functions that are may become one.)
    black_box(2);
}

/// A function that leaves RBP alone hides its caller: two stacks have the same chain. On a thread of its
/// own, of whose chain just one outer frame is missing.
#[cfg(target_arch = "x86_64")]
fn callers_that_a_chain_hides(sites: &Sites) {
    let report = during(sites, || {
        let run = || {
            let callers = [one_caller as fn(), another_caller, another_caller];
            for caller in black_box(callers.as_slice()) {
                caller();
            }
        };
        std::thread::spawn(run).join().unwrap();
    });
    let mut counts: Vec<u64> = report
        .sites
        .iter()
        .filter(|site| site.bytes % 777 == 0)
        .map(|site| site.allocations)
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2], "{report}");
}

#[cfg(not(target_arch = "x86_64"))]
fn callers_that_a_chain_hides(_: &Sites) {}

/// Whether this program has frame pointers: its first frames are the unwinder's.
fn with_frame_pointers_nothing_is_unwound_twice(sites: &Sites) {
    let report = during(sites, || {
        for _ in 0..black_box(100) {
            drop(through(3, 50));
        }
    });
    assert_eq!(report.sites.len(), 1, "{report}");
    assert!([1, 100].contains(&report.unwound), "{}", report.unwound);
    let has_frame_pointers = report.unwound == 1;
    println!("frame pointers: {has_frame_pointers}");
    if let Ok(wanted) = std::env::var("EXPECT_FRAME_POINTERS") {
        assert_eq!(has_frame_pointers.to_string(), wanted);
    }
}

fn as_json(sites: &Sites) {
    let report = sites.report();
    let mut json = String::new();
    sites.write_json(&mut json).unwrap();
    assert!(json.starts_with("{\"elapsed_ns\":"), "{json}");
    for member in [
        format!("\"allocations\":{},\"bytes\":{}", report.allocations, report.bytes),
        format!("\"peak_bytes\":{}", report.peak_bytes),
        "\"lifetimes_from\":[0,1,4,16,".to_owned(),
        "\"timeline\":[{\"at_ns\":0,\"allocations\":0,\"bytes\":0,\"live_bytes\":0}".to_owned(),
        format!("\"addresses\":[\"{:#x}\"", report.sites[0].addresses[0]),
    ] {
        assert!(json.contains(&member), "{member}: {json}");
    }
    let snapshot = ALLOCATOR.snapshot();
    assert!(snapshot.starts_with("{\"gauge_probe\":1,\"process\":{\"pid\":"), "{snapshot}");
    assert!(snapshot.contains("\"allocations\":{\"allocations\":"), "{snapshot}");
    assert!(snapshot.contains(",\"sites\":{\"elapsed_ns\":"), "{snapshot}");
}
