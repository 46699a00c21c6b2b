//! Bytes a value, and values a second of encoding and decoding.
//!
//! The series are generated; `TIDEMILL_ALP_DATA` names a folder with the columns of the ALP paper
//! (files `*.bin` of little-endian `f64`) to measure these as well.
#![allow(clippy::unwrap_used, missing_docs, reason = "what fails here fails the bench")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Random, tsbs_walk};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tidemill_codec::{Encoder, MAX_BLOCK_ROWS, VECTOR_ROWS, ints};

/// Blocks a column is made of.
const BLOCKS: usize = 16;

fn bench_ints(criterion: &mut Criterion, name: &str, values: &[i64]) {
    let mut encoder = Encoder::new();
    let mut blocks: Vec<(usize, Vec<u8>)> = Vec::new();
    for block in values.chunks(MAX_BLOCK_ROWS) {
        let mut bytes = Vec::new();
        encoder.ints(block, &mut bytes);
        blocks.push((block.len(), bytes));
    }
    let mut decoded: Vec<i64> = Vec::new();
    let decode = |decoded: &mut Vec<i64>| {
        for (rows, bytes) in &blocks {
            ints(bytes, *rows).unwrap().decode(0..*rows, decoded).unwrap();
        }
    };
    decode(&mut decoded);
    assert!(decoded == values, "{name} does not return");
    let bytes: usize = blocks.iter().map(|block| block.1.len()).sum();
    println!("{name}: {:.3} bytes a value", bytes as f64 / values.len() as f64);

    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(values.len() as u64));
    let mut out = Vec::new();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            for block in values.chunks(MAX_BLOCK_ROWS) {
                encoder.ints(black_box(block), &mut out);
            }
            out.len()
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            decoded.clear();
            decode(&mut decoded);
            decoded.len()
        });
    });
    let mut vector = [0i64; VECTOR_ROWS];
    group.bench_function("decode by vector", |bencher| {
        bencher.iter(|| {
            let mut sum = 0i64;
            for (rows, bytes) in &blocks {
                let column = ints(bytes, *rows).unwrap();
                for index in 0..column.vectors() {
                    column.decode_vector(index, &mut vector).unwrap();
                    sum = sum.wrapping_add(black_box(&vector)[7]);
                }
            }
            sum
        });
    });
    group.finish();
}

fn all(criterion: &mut Criterion) {
    let rows = BLOCKS * MAX_BLOCK_ROWS;
    let walk: Vec<i64> = (0..BLOCKS).flat_map(|b| tsbs_walk(MAX_BLOCK_ROWS, b as u64)).collect();
    bench_ints(criterion, "walk", &walk);
    let mut random = Random(1);
    let mut make = |value: fn(&mut Random) -> i64| -> Vec<i64> {
        (0..rows).map(|_| value(&mut random)).collect()
    };
    bench_ints(criterion, "uniform", &make(|random| random.below(1000) as i64));
    bench_ints(criterion, "hundreds", &make(|random| random.below(100_000) as i64 * 100));
    let status = |random: &mut Random| [200, 404, 500, 1 << 40][random.below(4) as usize];
    bench_ints(criterion, "few distinct", &make(status));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(std::time::Duration::from_millis(300)).measurement_time(std::time::Duration::from_millis(900));
    targets = all
}
criterion_main!(benches);
