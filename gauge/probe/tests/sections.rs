//! Sections and counters in a program whose allocator counts when it is asked to. No harness: its threads
//! would allocate meanwhile.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::alloc::System;
use std::hint::black_box;

use gauge_probe::{Counter, Counters, Observed, Section, Spent, Switch};

#[global_allocator]
static ALLOCATOR: Observed<System, Switch<Counters>> =
    Observed::with(System, Switch::new(Counters));

static OUTER: Section = Section::new("outer");
static INNER: Section = Section::new("inner \"quoted\"");
static NEVER: Section = Section::new("never");
static ROWS: Counter = Counter::new("rows");

fn main() {
    off();
    ALLOCATOR.observer().start();
    Section::start_all();
    nested();
    Section::start_all();
    threads();
    recursion();
    snapshot();
    Section::stop_all();
    off();
    println!("sections: ok");
}

fn box_of(bytes: usize) {
    drop(black_box(vec![1u8; bytes]));
}

fn off() {
    let calls = OUTER.counts().calls;
    let allocations = Counters::process().allocations;
    OUTER.run(|| box_of(10));
    ROWS.add(1);
    assert_eq!((OUTER.counts().calls, ROWS.value() % 10), (calls, 0));
    let counted = Counters::process().allocations - allocations;
    assert_eq!(counted, u64::from(allocations > 0), "the allocator's switch is its own");
}

fn counts(section: &'static Section) -> [u64; 5] {
    let counts = section.counts();
    let Spent { allocations, bytes, .. } = counts.whole;
    [counts.calls, allocations, bytes, counts.own.allocations, counts.own.bytes]
}

fn nested() {
    {
        let _outer = OUTER.enter();
        box_of(100);
        for _ in 0..3 {
            INNER.run(|| box_of(20));
        }
        ROWS.add(30);
        let mut grown = black_box(Vec::<u8>::with_capacity(5));
        grown.reserve_exact(15);
        black_box(&mut grown);
    }
    box_of(7);
    assert_eq!(counts(&INNER), [3, 3, 60, 3, 60]);
    // Requests: three of its own, and those within.
    assert_eq!(counts(&OUTER), [1, 6, 175, 3, 115]);
    assert_eq!(ROWS.value(), 30);
    let [outer, inner] = [OUTER.counts(), INNER.counts()];
    assert!(outer.whole.cycles >= inner.whole.cycles + outer.own.cycles, "{outer:?} {inner:?}");
    assert!(inner.own.cycles > 0 && inner.own == inner.whole);
    let names: Vec<_> = Section::all().iter().map(|section| section.name).collect();
    assert_eq!(names, ["outer", "inner \"quoted\""], "one that was never entered is not there");
}

fn threads() {
    assert_eq!(counts(&OUTER), [0; 5], "a start forgets");
    assert_eq!(ROWS.value(), 0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    OUTER.run(|| box_of(10));
                    ROWS.add(1);
                }
            });
        }
    });
    assert_eq!(counts(&OUTER), [400, 400, 4000, 400, 4000]);
    assert_eq!(Counter::all(), [("rows", 400)]);
}

fn recursion() {
    Section::start_all();
    fn deep(depth: usize) {
        OUTER.run(|| {
            box_of(10);
            if depth > 1 {
                deep(depth - 1);
            }
        });
    }
    deep(3);
    // Its own is right; the whole has what is within twice and thrice.
    assert_eq!(counts(&OUTER), [3, 6, 60, 3, 30]);
}

fn snapshot() {
    ROWS.add(10);
    assert_eq!(NEVER.counts().calls, 0);
    let json = ALLOCATOR.snapshot();
    assert!(json.starts_with("{\"gauge_probe\":1,\"process\":{\"pid\":"), "{json}");
    let section = "\"sections\":[{\"name\":\"outer\",\"calls\":3,\"whole\":{\"cycles\":";
    assert!(json.contains(section), "{json}");
    assert!(json.contains("\"name\":\"inner \\\"quoted\\\"\""), "{json}");
    assert!(
        json.contains("\"counters\":{\"rows\":10},\"allocations\":{\"allocations\":"),
        "{json}"
    );
    let text = OUTER.counts().to_string();
    assert!(text.starts_with("outer: 3 calls, ") && text.ends_with("3 allocations, 30 bytes"));
}
