//! Bytes a value, and millions of values a second that are encoded and decoded.
//!
//! The series are generated; `TIDEMILL_ALP_DATA` names a folder with columns of the ALP paper
//! (files `*.bin` of little-endian `f64`) to measure these as well.
#![allow(clippy::unwrap_used, missing_docs, reason = "what fails here fails the bench")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Random, tsbs_walk};
use criterion::{Criterion, Throughput};
use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tidemill_codec::{Compression, Encoder, MAX_BLOCK_ROWS, TimeHeader, floats, ints, times};

const BLOCKS: usize = 16;

/// How values of a type are encoded, and decoded to the end of a vector.
type Encode<T> = fn(&mut Encoder, &[T], &mut Vec<u8>);
type Decode<T> = fn(&[u8], usize, &mut Vec<T>);

fn main() {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .without_plots();
    bench_ints(&mut criterion);
    bench_times(&mut criterion);
    bench_floats(&mut criterion);
    criterion.final_summary();
}

fn bench_ints(criterion: &mut Criterion) {
    let mut random = Random(1);
    let mut make = |value: fn(&mut Random) -> i64| -> Vec<i64> {
        (0..BLOCKS * MAX_BLOCK_ROWS).map(|_| value(&mut random)).collect()
    };
    let walk = (0..BLOCKS as u64).flat_map(|seed| tsbs_walk(MAX_BLOCK_ROWS, seed)).collect();
    let columns: [(&str, Vec<i64>); 5] = [
        ("walk of TSBS", walk),
        ("uniform", make(|random| random.below(1000) as i64)),
        ("multiples of 100", make(|random| random.below(100_000) as i64 * 100)),
        (
            "one in 50 an outlier",
            make(|random| match random.below(50) {
                0 => random.word() as i64 >> 1,
                _ => random.below(30) as i64,
            }),
        ),
        ("four distinct", make(|random| [200, 404, 500, 1 << 40][random.below(4) as usize])),
    ];
    for (name, values) in columns {
        bench(criterion, name, &values, Encoder::ints, |bytes, rows, out| {
            ints(bytes, rows).unwrap().decode(0..rows, out).unwrap();
        });
    }
}

fn bench_times(criterion: &mut Criterion) {
    let mut random = Random(2);
    let mut make = |jitter: u64| -> Vec<i64> {
        let mut time = |row: usize| row as i64 * 10_000_000_000 + random.below(jitter) as i64;
        (0..BLOCKS * MAX_BLOCK_ROWS).map(&mut time).collect()
    };
    for (name, values) in [("constant interval", make(1)), ("jitter of 1 ms", make(1_000_000))] {
        let encode: Encode<i64> = |encoder, values, out| encoder.times(values, &[0], out);
        bench(criterion, name, &values, encode, |bytes, rows, out| {
            let mut scratch = TimeHeader::default();
            times(bytes, rows, &[0], &mut scratch).unwrap().decode(0..rows, out).unwrap();
        });
    }
}

fn bench_floats(criterion: &mut Criterion) {
    let mut random = Random(3);
    let tenths = |value: i64| value as f64 / 10.0;
    let normal = (0..BLOCKS * MAX_BLOCK_ROWS).map(|_| random.normal()).collect();
    let mut columns: Vec<(String, Vec<f64>)> = vec![
        ("tenths".into(), tsbs_walk(BLOCKS * MAX_BLOCK_ROWS, 7).into_iter().map(tenths).collect()),
        ("normal".into(), normal),
    ];
    if let Some(folder) = std::env::var_os("TIDEMILL_ALP_DATA") {
        for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "bin") {
                let bytes = std::fs::read(&file).unwrap();
                let values = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
                let name = file.file_stem().unwrap().to_string_lossy().into_owned();
                columns.push((name, values.collect()));
            }
        }
    }
    for (name, values) in columns {
        bench(criterion, &name, &values, Encoder::floats, |bytes, rows, out| {
            floats(bytes, rows).unwrap().decode(0..rows, out).unwrap();
        });
    }
}

/// Measures a column in blocks, fast and, if that is another, small; and that it returns.
fn bench<T: Copy + PartialEq>(
    criterion: &mut Criterion,
    name: &str,
    values: &[T],
    encode: Encode<T>,
    decode: Decode<T>,
) {
    let fast = bench_as(Compression::Fast, criterion, name, values, encode, decode, None);
    let name = format!("{name}, small");
    bench_as(Compression::Small, criterion, &name, values, encode, decode, Some(fast));
}

/// Gives the bytes, unless they are those of `before`.
fn bench_as<T: Copy + PartialEq>(
    compression: Compression,
    criterion: &mut Criterion,
    name: &str,
    values: &[T],
    encode: Encode<T>,
    decode: Decode<T>,
    before: Option<usize>,
) -> usize {
    let mut encoder = Encoder::new();
    encoder.set_compression(compression);
    let mut blocks: Vec<(usize, Vec<u8>)> = Vec::new();
    for block in values.chunks(MAX_BLOCK_ROWS) {
        let mut bytes = Vec::new();
        encode(&mut encoder, block, &mut bytes);
        blocks.push((block.len(), bytes));
    }
    let bytes: usize = blocks.iter().map(|block| block.1.len()).sum();
    if before == Some(bytes) {
        return bytes;
    }
    let (mut encoded, mut decoded) = (Vec::new(), Vec::new());
    let encoding = best_time(criterion, name, "encode", values.len(), &mut || {
        encoded.clear();
        for block in values.chunks(MAX_BLOCK_ROWS) {
            encode(&mut encoder, black_box(block), &mut encoded);
        }
    });
    let decoding = best_time(criterion, name, "decode", values.len(), &mut || {
        decoded.clear();
        for (rows, bytes) in &blocks {
            decode(black_box(bytes), *rows, &mut decoded);
        }
    });
    assert!(decoded == values, "{name} does not return");
    let rate = |time: Option<f64>| time.map_or(0.0, |time| values.len() as f64 / time / 1e6);
    println!(
        "{name:36} {:6.3} bytes a value, encodes {:5.0}, decodes {:5.0} M values/s",
        bytes as f64 / values.len() as f64,
        rate(encoding),
        rate(decoding),
    );
    bytes
}

/// The shortest mean of a sample, in seconds; nothing in `cargo test`.
fn best_time(
    criterion: &mut Criterion,
    column: &str,
    name: &str,
    values: usize,
    run: &mut dyn FnMut(),
) -> Option<f64> {
    let best = Cell::new(None::<f64>);
    let mut group = criterion.benchmark_group(column);
    group.throughput(Throughput::Elements(values as u64));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            let start = Instant::now();
            for _ in 0..calls {
                run();
            }
            let time = start.elapsed();
            let mean = time.as_secs_f64() / calls as f64;
            best.set(Some(best.get().map_or(mean, |best| best.min(mean))));
            time
        });
    });
    group.finish();
    best.get()
}
