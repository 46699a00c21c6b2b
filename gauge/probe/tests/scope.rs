//! Scopes in a program whose allocator counts. No harness: its threads would allocate meanwhile.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::alloc::System;
use std::hint::black_box;
use std::sync::Barrier;

use gauge_probe::{Counters, Counting, Scope};

#[global_allocator]
static ALLOCATOR: Counting<System> = Counting::new(System);

fn main() {
    what_vectors_do();
    a_loop_that_allocates_nothing();
    threads_in_a_scope();
    nested_scopes_and_peaks();
    scopes_out_of_order();
    println!("scope: ok");
}

/// What it does, and: allocations, reallocations, deallocations, bytes, live bytes, peak.
type Case = (&'static str, fn(), [i64; 6]);

fn what_vectors_do() {
    let cases: &[Case] = &[
        ("nothing", || (), [0, 0, 0, 0, 0, 0]),
        ("a vector without room", || drop(black_box(Vec::<u8>::new())), [0, 0, 0, 0, 0, 0]),
        ("a box", || drop(black_box(Box::new(1u64))), [1, 0, 1, 8, 0, 8]),
        ("zeroed", || drop(black_box(vec![0u8; 1000])), [1, 0, 1, 1000, 0, 1000]),
        ("aligned", || drop(black_box(Box::new(Aligned([1; 256])))), [1, 0, 1, 256, 0, 256]),
        ("growing: 4, 8, 16", grow, [1, 2, 1, 16, 0, 16]),
        ("shrinking", shrink, [1, 1, 1, 100, 0, 100]),
        ("two after each other", || one_after_the_other(50), [2, 0, 2, 100, 0, 50]),
        ("forgotten", || std::mem::forget(black_box(vec![1u8; 10])), [1, 0, 0, 10, 10, 10]),
    ];
    for (name, run, wanted) in cases {
        let scope = Scope::start();
        run();
        let counts = scope.stop();
        assert_eq!(counts.thread, counts.process, "{name}");
        let of = counts.thread;
        let got = [
            of.allocations as i64,
            of.reallocations as i64,
            of.deallocations as i64,
            of.bytes_allocated as i64,
            of.live_bytes(),
            counts.thread_peak_bytes.unwrap() as i64,
        ];
        assert_eq!(got, *wanted, "{name}");
    }
}

#[repr(align(256))]
struct Aligned(#[expect(dead_code, reason = "only its size matters")] [u8; 256]);

fn grow() {
    let mut values: Vec<u8> = Vec::with_capacity(4);
    for size in [8, 16] {
        values.reserve_exact(size);
        black_box(&mut values);
    }
}

fn shrink() {
    let mut values: Vec<u8> = Vec::with_capacity(100);
    values.push(1);
    black_box(&mut values).shrink_to_fit();
}

fn one_after_the_other(size: usize) {
    for _ in 0..2 {
        drop(black_box(vec![1u8; size]));
    }
}

fn a_loop_that_allocates_nothing() {
    let mut buffer = String::new();
    let mut work = || {
        buffer.clear();
        (0..100).for_each(|_| buffer.push_str("row "));
        black_box(&buffer);
    };
    work();
    let scope = Scope::start();
    (0..1000).for_each(|_| work());
    let counts = scope.stop();
    assert_eq!(counts.process.requests(), 0, "{counts}");
}

fn threads_in_a_scope() {
    // (A barrier allocates nothing, a channel does when it first blocks.)
    let turn = Barrier::new(2);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            turn.wait();
            let scope = Scope::start();
            (0..1000).for_each(|index| drop(black_box(Box::new(index))));
            assert_eq!(scope.stop().thread.allocations, 1000);
            turn.wait();
            turn.wait();
        });
        let scope = Scope::start();
        turn.wait();
        turn.wait();
        let counts = scope.stop();
        turn.wait();
        assert_eq!((counts.thread.allocations, counts.process.allocations), (0, 1000), "{counts}");
    });
}

fn nested_scopes_and_peaks() {
    let kept = black_box(vec![0u8; 5000]);
    let outer = Scope::start();
    drop(black_box(vec![0u8; 300]));
    let inner = Scope::start();
    drop(black_box(vec![0u8; 200]));
    let inner = inner.stop();
    drop(black_box(vec![0u8; 100]));
    let outer = outer.stop();
    assert_eq!((inner.thread.allocations, inner.thread_peak_bytes), (1, Some(200)));
    assert_eq!((outer.thread.allocations, outer.thread_peak_bytes), (3, Some(300)));
    // A thread that frees what was there before never has more than at the start.
    let scope = Scope::start();
    drop(kept);
    drop(black_box(vec![0u8; 1000]));
    let counts = scope.stop();
    assert_eq!((counts.thread.live_bytes(), counts.thread_peak_bytes), (-5000, Some(0)));
}

fn scopes_out_of_order() {
    let outermost = Scope::start();
    let first = Scope::start();
    drop(black_box(vec![0u8; 4000]));
    let second = Scope::start();
    drop(black_box(vec![0u8; 10]));
    let first = first.stop();
    let second = second.stop();
    let outermost = outermost.stop();
    assert_eq!((first.thread.allocations, first.thread_peak_bytes), (2, None));
    assert_eq!((second.thread.allocations, second.thread_peak_bytes), (1, Some(10)));
    assert_eq!((outermost.thread.allocations, outermost.thread_peak_bytes), (2, None));
    // One that is dropped is as one that was stopped.
    let outer = Scope::start();
    drop(Scope::start());
    drop(black_box(vec![0u8; 20]));
    assert_eq!(outer.stop().thread_peak_bytes, Some(20));
    assert!(Counters::process().allocations > 0);
}
