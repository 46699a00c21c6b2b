//! Line protocol to batches, in text bytes a second: `cargo bench -p tidemill-parse --bench line`.
//!
//! The texts are made here, in the shapes of the TSBS workloads: `cpu` (10 tags, 10 integers of
//! one or two digits), `floats` (5 tags, 10 floats, 1 row in 10 without a field) and `logs` (a
//! string with escapes). Every run counts the rows and sums the values it read.
#![expect(clippy::unwrap_used, reason = "a bench stops at what should not be")]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidemill_model::{Batch, Value};
use tidemill_parse::RowReader;
use tidemill_parse::line::{LineOptions, LineReader, points};

/// A text, and what reading it must give.
struct Sample {
    text: String,
    rows: usize,
    sum: f64,
}

/// Uniform numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

const ROWS: usize = 6000;
const HOSTS: usize = 100;
const START: i64 = 1_451_606_400_000_000_000;

fn time(row: usize) -> i64 {
    START + (row / HOSTS) as i64 * 10_000_000_000
}

fn cpu() -> Sample {
    let names = "user system idle nice iowait irq softirq steal guest guest_nice";
    let mut random = Random(1);
    let mut sample = Sample { text: String::new(), rows: ROWS, sum: 0.0 };
    for row in 0..ROWS {
        let host = row % HOSTS;
        let text = &mut sample.text;
        write!(
            text,
            "cpu,hostname=host_{host},region=ap-southeast-1,datacenter=ap-southeast-1b,rack={},\
             os=Ubuntu16.04LTS,arch=x64,team=NYC,service={},service_version=1,\
             service_environment=production",
            host * 7 % 100,
            host % 20
        )
        .unwrap();
        for (index, name) in names.split(' ').enumerate() {
            let value = random.below(101);
            let separator = if index == 0 { ' ' } else { ',' };
            write!(text, "{separator}usage_{name}={value}i").unwrap();
            sample.sum += value as f64;
        }
        writeln!(text, " {}", time(row)).unwrap();
    }
    sample
}

fn floats(decimals: usize) -> Sample {
    let names =
        "latitude longitude elevation velocity heading grade fuel_consumption load fuel status";
    let mut random = Random(2);
    let mut sample = Sample { text: String::new(), rows: ROWS, sum: 0.0 };
    for row in 0..ROWS {
        let host = row % HOSTS;
        let text = &mut sample.text;
        write!(
            text,
            "readings,name=truck_{host},fleet=West,driver=Seth,model=G-2000,device_version=v1.0"
        )
        .unwrap();
        let missing = 1 + random.below(100) as usize;
        let mut separator = ' ';
        for (index, name) in names.split(' ').enumerate() {
            if index == missing {
                continue;
            }
            let magnitude = random.below(18_000_000) as f64 / 100_000.0 / 3.0;
            let value = if random.below(2) == 0 { magnitude } else { -magnitude };
            let number = format!("{value:.decimals$}");
            write!(text, "{separator}{name}={number}").unwrap();
            sample.sum += number.parse::<f64>().unwrap();
            separator = ',';
        }
        writeln!(text, " {}", time(row)).unwrap();
    }
    sample
}

fn logs() -> Sample {
    let mut random = Random(3);
    let mut sample = Sample { text: String::new(), rows: ROWS, sum: 0.0 };
    for row in 0..ROWS {
        let status = 200 + random.below(300);
        writeln!(
            sample.text,
            "log,host=host_{},level=info message=\"GET /api/v1/things/{} \\\"quoted\\\" answered\",\
             status={status}u,ok=t {}",
            row % HOSTS,
            random.below(1 << 30),
            time(row),
        )
        .unwrap();
        sample.sum += status as f64;
    }
    sample
}

/// Panics unless `batch` holds what the sample says.
fn check(sample: &Sample, batch: &Batch) {
    assert_eq!(batch.rows(), sample.rows);
    let columns = batch.tables().iter().flat_map(|table| table.columns());
    let values = columns.flat_map(|c| (0..c.column.len()).filter_map(|row| c.column.get(row)));
    let sum: f64 = values
        .map(|value| match value {
            Value::Float(value) => value,
            Value::Int(value) => value as f64,
            Value::UInt(value) => value as f64,
            Value::Bool(_) | Value::Text(_) => 0.0,
        })
        .sum();
    assert!((sum - sample.sum).abs() < 1e-6 * sample.sum.abs().max(1.0), "{sum} {}", sample.sum);
}

fn lines(criterion: &mut Criterion) {
    let samples =
        [("cpu", cpu()), ("floats_5", floats(5)), ("floats_15", floats(15)), ("logs", logs())];
    let mut group = criterion.benchmark_group("line");
    for (name, sample) in &samples {
        let bytes = sample.text.as_bytes();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let mut reader = LineReader::new(LineOptions::default());
        let (mut batch, mut errors) = (Batch::new(), Vec::new());
        let _ = reader.read(bytes, true, &mut batch, &mut errors);
        check(sample, &batch);
        group.bench_function(format!("read/{name}"), |bencher| {
            bencher.iter(|| {
                batch.clear_rows();
                let taken = reader.read(black_box(bytes), true, &mut batch, &mut errors);
                assert_eq!((taken.bytes, errors.len()), (bytes.len(), 0));
            });
        });
        check(sample, &batch);
        group.bench_function(format!("points/{name}"), |bencher| {
            let options = LineOptions::default();
            bencher.iter(|| {
                let rows = points(black_box(bytes), true, &options).filter(Result::is_ok).count();
                assert_eq!(rows, sample.rows);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lines);
criterion_main!(benches);
