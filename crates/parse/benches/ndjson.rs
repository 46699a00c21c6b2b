//! NDJSON to batches, in text bytes a second: `cargo bench -p tidemill-parse --bench ndjson`.
//!
//! The texts are made here. `cpu` has the shape of the TSBS cpu-only workload (a time, 10 tags, 10
//! integers of one or two digits, 100 hosts in turn), `nested` the same with its tags and fields
//! in objects, `sparse` without one member in ten. `logs` is a time, a tag, a string with escapes
//! and a float. Every run counts the rows and sums the values it read.
#![expect(clippy::unwrap_used, reason = "a bench stops at what should not be")]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidemill_model::{Batch, Value};
use tidemill_parse::RowReader;
use tidemill_parse::ndjson::{NdjsonReader, points, survey};
use tidemill_parse::tabular::{Plan, SAMPLE_BYTES, TabularOptions};

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

fn cpu(nested: bool, sparse: bool) -> Sample {
    let names = "user system idle nice iowait irq softirq steal guest guest_nice";
    let (between, end) = if nested { ("},\"fields\":{", "}}") } else { (",", "}") };
    let mut random = Random(1);
    let mut sample = Sample { text: String::new(), rows: ROWS, sum: 0.0 };
    for row in 0..ROWS {
        let host = row % HOSTS;
        let text = &mut sample.text;
        let tags = if nested { ",\"tags\":{" } else { "," };
        write!(
            text,
            "{{\"time\":{}{tags}\"hostname\":\"host_{host}\",\"region\":\"ap-southeast-1\",\
             \"datacenter\":\"ap-southeast-1b\",\"rack\":\"{}\",\"os\":\"Ubuntu16.04LTS\",\
             \"arch\":\"x64\",\"team\":\"NYC\",\"service\":\"{}\",\"service_version\":\"1\",\
             \"service_environment\":\"production\"{between}",
            time(row),
            host * 7 % 100,
            host % 20
        )
        .unwrap();
        let mut separator = "";
        for name in names.split(' ') {
            if sparse && random.below(10) == 0 {
                continue;
            }
            let value = random.below(101);
            write!(text, "{separator}\"usage_{name}\":{value}").unwrap();
            sample.sum += value as f64;
            separator = ",";
        }
        writeln!(text, "{end}").unwrap();
    }
    sample
}

fn logs() -> Sample {
    let mut random = Random(3);
    let mut sample = Sample { text: String::new(), rows: ROWS, sum: 0.0 };
    for row in 0..ROWS {
        let seconds = random.below(1_000_000) as f64 / 1e5;
        let at = jiff::Timestamp::from_nanosecond(i128::from(time(row))).unwrap();
        writeln!(
            sample.text,
            "{{\"time\": \"{at}\", \"host\": \"host_{}\", \"message\": \"GET \\/api\\/things\\/{} \
             \\\"quoted\\\" answered\", \"seconds\": {seconds}}}",
            row % HOSTS,
            random.below(1 << 30),
        )
        .unwrap();
        sample.sum += seconds;
    }
    sample
}

fn plan(sample: &Sample) -> Plan {
    let head = &sample.text.as_bytes()[..sample.text.len().min(SAMPLE_BYTES)];
    survey(head, false, &TabularOptions::new("cpu")).unwrap()
}

/// Panics unless `batch` holds what the sample says.
fn check(sample: &Sample, batch: &Batch) {
    let table = &batch.tables()[0];
    assert_eq!((batch.rows(), table.series_keys().len()), (sample.rows, HOSTS));
    let columns = table.columns().iter();
    let values = columns.flat_map(|c| (0..c.column.len()).filter_map(|row| c.column.get(row)));
    let sum: f64 = values
        .map(|value| match value {
            Value::Float(value) => value,
            Value::Int(value) => value as f64,
            _ => 0.0,
        })
        .sum();
    assert!((sum - sample.sum).abs() < 1e-6 * sample.sum, "{sum} {}", sample.sum);
}

fn bench(criterion: &mut Criterion) {
    let samples = [
        ("cpu", cpu(false, false)),
        ("nested", cpu(true, false)),
        ("sparse", cpu(false, true)),
        ("logs", logs()),
    ];
    let mut group = criterion.benchmark_group("ndjson");
    for (name, sample) in &samples {
        let bytes = sample.text.as_bytes();
        let plan = plan(sample);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let mut reader = NdjsonReader::new(&plan, false);
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
    }
    let (name, sample) = &samples[0];
    let bytes = sample.text.as_bytes();
    let mut plan = plan(sample);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function(format!("points/{name}"), |bencher| {
        bencher.iter(|| {
            let rows = points(black_box(bytes), true, true, &plan);
            assert_eq!(rows.filter(Result::is_ok).count(), sample.rows);
        });
    });
    group.bench_function(format!("survey_types/{name}"), |bencher| {
        bencher.iter(|| assert_eq!(plan.survey_types(black_box(bytes), true, true), bytes.len()));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
