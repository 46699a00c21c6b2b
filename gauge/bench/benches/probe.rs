//! What the probe costs: a block of 16 to 512 bytes, allocated and freed, while nothing is observed, while it is
//! counted, and while its place is looked up, which takes longer the deeper the stack is. The bench's own stack
//! has about sixteen functions.
//!
//! `Sites` follows frame pointers where the program has them:
//! `RUSTFLAGS=-Cforce-frame-pointers=yes cargo bench -p gauge-bench --bench probe`; without them it unwinds.

use std::alloc::System;
use std::hint::black_box;
use std::sync::Arc;

use gauge_bench::{Criterion, Throughput, criterion_group, criterion_main};
use gauge_probe::{Counters, Meter, Observed, Section, Sites, Stretch, Switch};

#[global_allocator]
static ALLOCATOR: Observed<System, (Switch<Counters>, Switch<Sites>)> =
    Observed::with(System, (Switch::new(Counters), Switch::new(Sites::new())));
static SECTION: Section = Section::new("bench");

const PAIRS: usize = 32;

/// One block of each size.
fn pairs() {
    for size in 1..=PAIRS {
        drop(black_box(Vec::<u8>::with_capacity(size * 16)));
    }
}

/// So many functions further down.
#[inline(never)]
fn deep(functions: usize, work: &mut dyn FnMut()) {
    if functions == 0 {
        work();
    } else {
        deep(functions - 1, work);
        // Not a tail call: the frame stays.
        black_box(functions);
    }
}

fn blocks(criterion: &mut Criterion) {
    let (counters, sites) = ALLOCATOR.observer();
    let mut group = criterion.benchmark_group("block");
    group.throughput(Throughput::Elements(PAIRS as u64));
    group.bench_function("off", |bencher| bencher.iter(pairs));
    counters.start();
    group.bench_function("counting", |bencher| bencher.iter(pairs));
    counters.stop();
    sites.start();
    assert!(sites.observer().start(), "there is room for its tables");
    for functions in [0, 10, 30] {
        group.bench_function(format!("sites, {functions} deeper"), |bencher| {
            deep(functions, &mut || bencher.iter(pairs));
        });
    }
    sites.observer().stop();
    sites.stop();
    group.finish();
}

fn stretches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stretch");
    group.bench_function("section, off", |bencher| bencher.iter(|| SECTION.run(|| black_box(1))));
    Section::start_all();
    group.bench_function("section", |bencher| bencher.iter(|| SECTION.run(|| black_box(1))));
    Section::stop_all();
    let metered = Stretch::new(None, Some(Arc::new(Meter::new())));
    group.bench_function("meter", |bencher| bencher.iter(|| metered.run(|| black_box(1))));
    group.finish();
}

criterion_group!(benches, blocks, stretches);
criterion_main!(benches);
