//! Ten hot loops of different kinds, for judging `cargo gauge compare`.

use gauge_bench::{BatchSize, Criterion, criterion_group, criterion_main};
use std::collections::HashMap;
use std::hint::black_box;

/// The length of the first loop: what a slowdown is planted in.
const STEPS: u64 = 1000;

fn numbers(count: u64) -> Vec<u64> {
    (0..count).map(|i| (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20).collect()
}

fn rows(criterion: &mut Criterion) {
    let values = numbers(4096);
    let floats: Vec<f64> = values.iter().map(|value| *value as f64).collect();
    let bytes: Vec<u8> = values.iter().map(|value| (value % 251) as u8).collect();
    let text = values.iter().map(|value| value.to_string()).collect::<Vec<_>>().join(",");
    let map: HashMap<u64, u64> = values.iter().map(|value| (*value, value / 3)).collect();
    let mut sorted = values.clone();
    sorted.sort_unstable();

    criterion.bench_function("chain", |bencher| {
        bencher.iter(|| (0..STEPS).fold(1u64, |value, step| black_box(value).wrapping_mul(step | 1)));
    });
    criterion.bench_function("sum", |bencher| bencher.iter(|| black_box(&floats).iter().sum::<f64>()));
    criterion.bench_function("dot", |bencher| {
        bencher.iter(|| floats.iter().zip(&floats).map(|(a, b)| a * b).fold(0.0, f64::max));
    });
    criterion.bench_function("parse", |bencher| {
        bencher.iter(|| text.split(',').filter_map(|word| word.parse::<u64>().ok()).count());
    });
    criterion.bench_function("lookup", |bencher| {
        bencher.iter(|| values.iter().filter_map(|value| map.get(value)).sum::<u64>());
    });
    criterion.bench_function("search", |bencher| {
        bencher.iter(|| values.iter().filter(|value| sorted.binary_search(value).is_ok()).count());
    });
    criterion.bench_function("sort", |bencher| {
        bencher.iter_batched_ref(|| values.clone(), |values| values.sort_unstable(), BatchSize::SmallInput);
    });
    criterion.bench_function("copy", |bencher| bencher.iter(|| black_box(&bytes).clone()));
    criterion.bench_function("checksum", |bencher| {
        bencher.iter(|| bytes.iter().fold(0u32, |sum, byte| sum.rotate_left(5) ^ u32::from(*byte)));
    });
    criterion.bench_function("allocate", |bencher| {
        bencher.iter(|| (0..64).map(|size| vec![0u8; size * 16]).collect::<Vec<_>>());
    });
}

criterion_group!(benches, rows);
criterion_main!(benches);
