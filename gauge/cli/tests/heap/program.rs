//! What `cargo gauge heap` is tested on: known blocks at known places. Compiled by the test.

use std::hint::black_box;
use std::sync::mpsc;

struct Thing;

trait Make {
    fn make(bytes: usize) -> Vec<u8>;
}

impl Make for Thing {
    /// Its name has angle brackets: `<program::Thing as program::Make>::make`.
    #[inline(never)]
    fn make(bytes: usize) -> Vec<u8> {
        black_box(vec![1; black_box(bytes)])
    }
}

#[inline(never)]
fn leaks(blocks: usize) {
    for _ in 0..blocks {
        std::mem::forget(Thing::make(1000));
    }
}

#[inline(never)]
fn at_the_peak() {
    let large = black_box(vec![1u8; black_box(5_000_000)]);
    let larger = black_box(vec![1u8; black_box(7_000_000)]);
    drop((large, larger));
}

#[inline(never)]
fn after_the_peak() {
    drop(black_box(vec![1u8; black_box(4_000_000)]));
}

#[inline(never)]
fn grows() {
    let mut values: Vec<u8> = black_box(Vec::with_capacity(black_box(100)));
    for bytes in [1_000, 10_000, 100_000] {
        values.reserve_exact(black_box(bytes));
        black_box(&mut values);
    }
}

#[inline(never)]
fn to_give_away() -> Vec<u8> {
    black_box(vec![1; black_box(300)])
}

#[inline(never)]
fn in_threads() {
    drop(black_box(vec![1u8; black_box(77)]));
}

/// Places by the thousand: two ways to each of the next depth.
#[inline(never)]
fn forks(depth: u32) {
    if depth == 0 {
        return drop(black_box(vec![1u8; black_box(11)]));
    }
    forks(depth - 1);
    black_box(());
    forks(depth - 1);
    black_box(());
}

/// Waits in a thread until this process, which ends meanwhile, has begun to write; and ends it.
fn ends_again(how: String) {
    let folder = std::env::var("GAUGE_HEAP_FOLDER").unwrap();
    std::thread::spawn(move || {
        while std::fs::read_dir(&folder).unwrap().next().is_none() {}
        if how == "twice-abort" {
            std::process::abort();
        }
        let me = std::process::id().to_string();
        let signals = "kill -TERM $0; kill -INT $0; kill -HUP $0";
        std::process::Command::new("/bin/sh").args(["-c", signals, &me]).status().unwrap();
    });
}

fn main() {
    let how = std::env::args().nth(1).unwrap_or_default();
    leaks(black_box(3));
    at_the_peak();
    after_the_peak();
    grows();
    let (give, take) = mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        scope.spawn(move || take.iter().take(50).for_each(drop));
        (0..black_box(50)).for_each(|_| give.send(to_give_away()).unwrap());
    });
    // More than have tables of their own.
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| (0..black_box(40)).for_each(|_| in_threads()));
            }
        });
    }
    println!("the program's own output");
    match how.as_str() {
        "fail" => std::process::exit(3),
        "twice-abort" | "twice-signal" => {
            forks(black_box(13));
            ends_again(how);
        }
        "abort" => std::process::abort(),
        "terminate" => {
            let me = std::process::id().to_string();
            std::process::Command::new("kill").arg(me).status().unwrap();
            std::thread::park();
        }
        _ => {}
    }
}
