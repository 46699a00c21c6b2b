//! Loops whose cost is known, by which the measurement itself is judged.

use gauge_bench::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gauge_probe::Counting;
use std::alloc::System;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: Counting<System> = Counting::new(System);

/// A chain of dependent multiplications: four cycles each, whatever else the core does.
fn chain(steps: u64) -> u64 {
    (0..steps).fold(1, |value, step| black_box(value).wrapping_mul(step | 1))
}

fn loops(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chain");
    for steps in [100u64, 1000] {
        group.throughput(Throughput::Elements(steps));
        group.bench_with_input(BenchmarkId::from_parameter(steps), &steps, |bencher, steps| {
            bencher.iter(|| chain(black_box(*steps)));
        });
    }
    group.finish();
    criterion.bench_function("sort", |bencher| {
        let values: Vec<u64> =
            (0..1000u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        bencher.iter_batched_ref(|| values.clone(), |v| v.sort_unstable(), BatchSize::SmallInput);
    });
    criterion.bench_function("allocate", |bencher| bencher.iter(|| vec![0u8; 100]));
}

criterion_group!(benches, loops);
criterion_main!(benches);
