//! Sections and counters in a program whose allocator counts when it is asked to. No harness: its threads
//! would allocate meanwhile.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::alloc::System;
use std::hint::black_box;
use std::sync::Arc;

use gauge_probe::{Counter, Counters, Meter, Observed, Section, Spent, Stretch, Switch, Watch};
use tidemill_machine::counter;

#[global_allocator]
static ALLOCATOR: Observed<System, Switch<Counters>> =
    Observed::with(System, Switch::new(Counters));

static OUTER: Section = Section::new("outer");
static INNER: Section = Section::new("inner \"quoted\"");
static NEVER: Section = Section::new("never");
static ROWS: Counter = Counter::new("rows");

fn main() {
    off();
    watch();
    ALLOCATOR.observer().start();
    Section::start_all();
    nested();
    Section::start_all();
    threads();
    recursion();
    snapshot();
    meters();
    along();
    waits();
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

fn watch() {
    drop(Watch::start());
    assert!(!Counters::are_counting(), "there is no switch to turn on");
    ALLOCATOR.observer().offer();
    {
        let _one = Watch::start();
        drop(Watch::start());
        assert!(Counters::are_counting());
        ALLOCATOR.observer().start();
        ALLOCATOR.observer().stop();
        assert!(Counters::are_counting(), "a stop does not end what another one watches");
    }
    assert!(!Counters::are_counting());
}

/// A stretch with a meter of its own.
fn metered(section: Option<&'static Section>) -> (Stretch, Arc<Meter>) {
    let meter = Arc::new(Meter::new());
    (Stretch::new(section, Some(Arc::clone(&meter))), meter)
}

fn meters() {
    let ((outer, above), (inner, below)) = (metered(None), metered(None));
    outer.run(|| {
        box_of(100);
        // A section is no meter: what is in it is the meter's own.
        INNER.run(|| box_of(7));
        inner.run(|| box_of(20));
        inner.run(|| box_of(30));
    });
    box_of(1000);
    let of = |meter: &Meter| (meter.calls(), meter.own().allocations, meter.own().bytes);
    assert_eq!((of(&above), of(&below)), ((1, 2, 107), (2, 2, 50)));
    assert!(above.own().cycles > 0 && below.own().cycles > 0);
    assert!(Stretch::current().is_nothing());
}

fn along() {
    Section::start_all();
    let (stretch, meter) = metered(Some(Section::named("at run time")));
    stretch.run(|| {
        let here = Stretch::current();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                box_of(5000);
                here.run(|| box_of(40));
                here.run(|| metered(None).0.run(|| box_of(600)));
            });
        });
    });
    let at_run_time = Section::named("at run time");
    assert!(std::ptr::eq(at_run_time, Section::named(&["at run", "time"].join(" "))));
    assert_eq!((at_run_time.counts().calls, meter.calls()), (3, 3));
    // Of the other thread what was done for the stretch; of this one, what it takes to start it.
    let (own, section) = (meter.own().bytes, at_run_time.counts().own.bytes);
    assert!((40..600).contains(&own) && section >= own + 600 && section < 5000, "{own} {section}");
}

fn waits() {
    Section::start_all();
    let (stretch, meter) = metered(Some(&OUTER));
    let start = counter::read();
    let waited = stretch.run(|| {
        Stretch::wait(|| {
            let start = counter::read();
            INNER.run(|| box_of(1_000_000));
            counter::read() - start
        })
    });
    let rest = counter::read() - start - waited;
    let (own, section) = (meter.own(), OUTER.counts().own);
    assert!(own.cycles <= rest && section.cycles <= rest, "{own:?} {section:?} {rest} {waited}");
    // What is allocated meanwhile is.
    assert_eq!((own.bytes, section.bytes, INNER.counts().own.bytes), (1_000_000, 0, 1_000_000));
}
