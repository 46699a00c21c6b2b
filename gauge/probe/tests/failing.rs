//! Every request of a stretch of code is refused in turn, on the thread that asked for it alone.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::alloc::System;

use gauge_probe::{Counters, Failing, Observed, Refuse, Refusing, Scope, refuse_each};

#[global_allocator]
static ALLOCATOR: Observed<Failing<System>, Counters> =
    Observed::with(Failing::new(System), Counters);

/// Three requests: to allocate, to grow, to allocate zeros.
fn three() -> [bool; 3] {
    let mut bytes: Vec<u8> = Vec::new();
    let allocated = bytes.try_reserve_exact(10).is_ok();
    bytes.resize(bytes.capacity(), 1);
    let grown = bytes.try_reserve_exact(20).is_ok();
    let mut others: Vec<u64> = Vec::new();
    [allocated, grown, others.try_reserve_exact(3).is_ok()]
}

#[test]
fn the_one_of_a_number_is_refused_or_all_from_it() {
    let cases = [
        (Refuse::Once(0), [false, true, true], 1),
        (Refuse::Once(1), [true, false, true], 1),
        (Refuse::Once(2), [true, true, false], 1),
        (Refuse::Once(3), [true, true, true], 0),
        (Refuse::From(0), [false, false, false], 3),
        (Refuse::From(1), [true, false, false], 2),
        (Refuse::From(3), [true, true, true], 0),
    ];
    for (which, granted, refused) in cases {
        let scope = Scope::start();
        let mut gate = Refusing::new(which);
        let found = gate.run(three);
        let counted = scope.stop().thread;
        assert_eq!((found, gate.requests(), gate.refused()), (granted, 3, refused), "{which:?}");
        assert_eq!((counted.failures, counted.live_bytes()), (refused, 0), "{which:?}");
    }
    assert_eq!(three(), [true; 3]);
}

#[test]
fn nested_plans_return_and_other_threads_are_left_alone() {
    let mut gate = Refusing::new(Refuse::From(0));
    let (inner, outer) = gate.run(|| (Refusing::new(Refuse::Once(7)).run(three), three()));
    assert_eq!((inner, outer, gate.requests()), ([true; 3], [false; 3], 3));
    // It goes on counting where it stopped.
    let mut gate = Refusing::new(Refuse::Once(4));
    assert_eq!(
        (gate.run(three), three(), gate.run(three)),
        ([true; 3], [true; 3], [true, false, true])
    );
    // What the other thread asks for while this one is refused everything.
    let both = std::sync::Barrier::new(2);
    let found = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            both.wait();
            let found = three();
            both.wait();
            found
        });
        Refusing::new(Refuse::From(0)).run(|| {
            both.wait();
            both.wait();
        });
        other.join().unwrap()
    });
    assert_eq!(found, [true; 3]);
}

#[test]
fn every_request_is_refused_once_and_with_all_after_it() {
    let mut seen = Vec::new();
    let total = refuse_each(|gate| {
        let found = gate.run(three);
        seen.push(found.map(u8::from));
    });
    assert_eq!(
        seen,
        [[0, 1, 1], [0, 0, 0], [1, 0, 1], [1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1]]
    );
    assert_eq!(total, 3 + 6);
}
