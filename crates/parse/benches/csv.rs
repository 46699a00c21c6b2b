//! CSV to batches, in text bytes a second: `cargo bench -p tidemill-parse --bench csv`.
//!
//! The texts are made here. `cpu` has the shape of the TSBS cpu-only workload (a time, 10 tags, 10
//! integers of one or two digits, 100 hosts in turn); `cpu_rfc3339` writes its times as text,
//! `cpu_shuffled` its hosts in random order, `cpu_quoted` puts every text in quotes. `floats` is a
//! time and five floats of one series. Every run counts the rows and sums the values it read.
#![expect(clippy::unwrap_used, reason = "a bench stops at what should not be")]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidemill_model::{Batch, Value};
use tidemill_parse::RowReader;
use tidemill_parse::csv::{CsvReader, points, survey};
use tidemill_parse::tabular::{Plan, TabularOptions};

/// A text, and what reading it must give.
struct Sample {
    text: String,
    rows: usize,
    series: usize,
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
const START_SECONDS: i64 = 1_451_606_400;

#[derive(Clone, Copy, Default)]
struct Style {
    rfc3339: bool,
    shuffled: bool,
    quoted: bool,
}

fn cpu(style: Style) -> Sample {
    let mut text = "time,hostname,region,datacenter,rack,os,arch,team,service,service_version,\
                    service_environment,usage_user,usage_system,usage_idle,usage_nice,\
                    usage_iowait,usage_irq,usage_softirq,usage_steal,usage_guest,\
                    usage_guest_nice\n"
        .to_owned();
    let (mut random, mut sum) = (Random(1), 0.0);
    for row in 0..ROWS {
        let host = if style.shuffled { random.below(100) as usize } else { row % HOSTS };
        let seconds = START_SECONDS + (row / HOSTS) as i64 * 10;
        let time = if style.rfc3339 {
            jiff::Timestamp::from_second(seconds).unwrap().to_string()
        } else {
            (seconds * 1_000_000_000).to_string()
        };
        let cells = format!(
            "{time},host_{host},eu-central-1,eu-central-1a,{},Ubuntu15.10,x86,SF,{},1,staging",
            host * 7 % 100,
            host % 20
        );
        if style.quoted {
            write!(text, "\"{}\"", cells.replace(',', "\",\"")).unwrap();
        } else {
            text.push_str(&cells);
        }
        for _ in 0..10 {
            let value = random.below(101);
            write!(text, ",{value}").unwrap();
            sum += value as f64;
        }
        text.push('\n');
    }
    Sample { text, rows: ROWS, series: HOSTS, sum }
}

fn floats() -> Sample {
    let mut text = "time,a,b,c,d,e\n".to_owned();
    let (mut random, mut sum) = (Random(2), 0.0);
    for row in 0..ROWS {
        let time = jiff::Timestamp::from_second(START_SECONDS + 60 * row as i64).unwrap();
        text.push_str(&time.strftime("%Y-%m-%d %H:%M:%S").to_string());
        for _ in 0..5 {
            let value = random.below(10_000_000) as f64 / 1000.0;
            write!(text, ",{value}").unwrap();
            sum += value;
        }
        text.push('\n');
    }
    Sample { text, rows: ROWS, series: 1, sum }
}

fn plan(sample: &Sample) -> Plan {
    let tags = sample.text.lines().next().unwrap().split(',').skip(1);
    let tags = tags.filter(|name| sample.series > 1 && !name.starts_with("usage_"));
    let tags = Some(tags.map(str::to_owned).collect());
    let options = TabularOptions { tags, ..TabularOptions::new("cpu") };
    survey(sample.text.as_bytes(), true, &options).unwrap()
}

fn check(batch: &Batch, sample: &Sample) {
    let table = &batch.tables()[0];
    let values = table.columns().iter().flat_map(|column| {
        (0..table.rows()).map(|row| match column.column.get(row) {
            Some(Value::Float(value)) => value,
            Some(Value::Int(value)) => value as f64,
            _ => 0.0,
        })
    });
    let sum: f64 = values.sum();
    assert_eq!((batch.rows(), table.series_keys().len()), (sample.rows, sample.series));
    assert!((sum - sample.sum).abs() <= 1e-9 * sample.sum, "{sum} instead of {}", sample.sum);
}

fn bench(criterion: &mut Criterion) {
    let style = Style::default();
    let samples = [
        ("cpu", cpu(style)),
        ("cpu_rfc3339", cpu(Style { rfc3339: true, ..style })),
        ("cpu_shuffled", cpu(Style { shuffled: true, ..style })),
        ("cpu_quoted", cpu(Style { quoted: true, ..style })),
        ("floats", floats()),
    ];
    let mut group = criterion.benchmark_group("csv");
    for (name, sample) in &samples {
        let bytes = sample.text.as_bytes();
        let plan = plan(sample);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let (mut batch, mut errors) = (Batch::new(), Vec::new());
        let mut reader = CsvReader::new(&plan, true);
        let _ = reader.read(bytes, true, &mut batch, &mut errors);
        check(&batch, sample);
        let body = &bytes[sample.text.find('\n').unwrap() + 1..];
        group.bench_function(format!("read/{name}"), |bencher| {
            bencher.iter(|| {
                batch.clear_rows();
                let taken = reader.read(black_box(body), true, &mut batch, &mut errors);
                assert_eq!((taken.bytes, errors.len()), (body.len(), 0));
            });
        });
        check(&batch, sample);
    }
    let (name, sample) = &samples[0];
    let text = sample.text.as_bytes();
    let plan = plan(sample);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function(format!("points/{name}"), |bencher| {
        bencher.iter(|| {
            let rows = points(black_box(text), true, true, &plan);
            assert_eq!(rows.filter(Result::is_ok).count(), sample.rows);
        });
    });
    group.bench_function(format!("survey_types/{name}"), |bencher| {
        let mut plan = plan.clone();
        bencher.iter(|| assert_eq!(plan.survey_types(black_box(text), true, true), text.len()));
    });
    group.bench_function(format!("survey/{name}"), |bencher| {
        let options = TabularOptions::new("cpu");
        let head = &text[..text.len().min(tidemill_parse::tabular::SAMPLE_BYTES)];
        bencher.iter(|| survey(black_box(head), false, &options).unwrap());
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
