//! Text to typed columns with series resolved, alone, on one thread:
//! `cargo bench -p tidemill --no-default-features --bench text [-- FILTER]`.
//!
//! GB/s are bytes of text by the time that this thread ran, which other programs do not lengthen;
//! the best and the middle of all passes over a text that is in memory. The first pass, in which the
//! reader learns, is not counted; every pass is checked for its rows, times and values.
#![expect(clippy::expect_used, reason = "a bench stops at what should not be")]

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};
use tidemill::parse::line::{LineOptions, LineReader};
use tidemill::parse::tabular::TabularOptions;
use tidemill::parse::{RowReader, csv};
use tidemill::workload::{Format, Generator, Options, UseCase};
use tidemill::{Batch, Values};

/// Text is read in pieces of about this many bytes.
const CHUNK_BYTES: usize = 1 << 20;

struct Sample {
    name: &'static str,
    text: Vec<u8>,
    /// Bytes before the first row.
    header_bytes: usize,
    rows: usize,
    reader: fn(&[u8]) -> Box<dyn RowReader>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    // `cargo test` runs benches with it: small, once.
    let is_test = arguments.iter().any(|a| a == "--test");
    let filter = arguments.iter().find(|a| !a.starts_with("--")).map_or("", String::as_str);
    let (rows, passes) = if is_test { (2_000, 1) } else { (60_000, 40) };
    println!("| text | GB/s, best | GB/s, median | ns a row | bytes a row |");
    println!("|---|---|---|---|---|");
    for sample in samples(rows).into_iter().filter(|sample| sample.name.contains(filter)) {
        let mut seconds = measure(&sample, passes);
        seconds.sort_by(f64::total_cmp);
        let (bytes, median) = (sample.text.len() as f64, seconds[seconds.len() / 2]);
        println!(
            "| {} | {:.2} | {:.2} | {:.1} | {:.0} |",
            sample.name,
            bytes / seconds[0] / 1e9,
            bytes / median / 1e9,
            median * 1e9 / sample.rows as f64,
            bytes / sample.rows as f64,
        );
    }
}

/// Reads the text again and again with one reader; the seconds of each pass but the first.
fn measure(sample: &Sample, passes: usize) -> Vec<f64> {
    let (mut reader, mut batch) = ((sample.reader)(&sample.text), Batch::new());
    let mut first = None;
    let pass = |pass: usize| {
        let mut digest = Digest::default();
        let mut seconds = 0.0;
        for chunk in chunks(&sample.text[sample.header_bytes..]) {
            batch.clear_rows();
            let mut errors = Vec::new();
            let start = thread_seconds();
            let taken = reader.read(black_box(chunk), true, &mut batch, &mut errors);
            seconds += thread_seconds() - start;
            assert_eq!((taken.bytes, errors.len()), (chunk.len(), 0), "{}", sample.name);
            digest.add(&batch);
        }
        assert_eq!(digest.rows, sample.rows, "{}", sample.name);
        assert_eq!(digest, *first.get_or_insert(digest), "{}", sample.name);
        (pass > 0).then_some(seconds)
    };
    (0..=passes).filter_map(pass).collect()
}

/// What was read, in a few numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Digest {
    rows: usize,
    series: u64,
    times: i64,
    ints: i64,
    floats: f64,
    bytes: usize,
}

impl Digest {
    fn add(&mut self, batch: &Batch) {
        for table in batch.tables() {
            self.rows += table.rows();
            self.series += table.row_series().iter().map(|series| u64::from(*series)).sum::<u64>();
            self.times = table.times().iter().fold(self.times, |sum, time| sum.wrapping_add(*time));
            for column in table.columns() {
                match column.column.values() {
                    Values::Int(values) => {
                        self.ints = values.iter().fold(self.ints, |sum, v| sum.wrapping_add(*v));
                    }
                    Values::Float(values) => self.floats += values.iter().sum::<f64>(),
                    Values::Text(values) => self.bytes += values.parts().1.len(),
                    Values::UInt(_) | Values::Bool(_) => {}
                }
            }
        }
    }
}

fn samples(rows: usize) -> Vec<Sample> {
    let line = |name, text| Sample {
        name,
        text,
        header_bytes: 0,
        rows,
        reader: |_| Box::new(LineReader::new(LineOptions::default())),
    };
    let table = |name, text: Vec<u8>| Sample {
        name,
        header_bytes: header_bytes(&text),
        text,
        rows,
        reader: |text| {
            let plan = csv::survey(text, true, &TabularOptions::new("cpu"));
            plan.expect("a plan").reader(false)
        },
    };
    let cycling = generated(UseCase::Cpu, 100, Format::LineProtocol, rows);
    let csv = generated(UseCase::Cpu, 100, Format::Csv, rows);
    vec![
        line("cpu, hosts in turn", cycling.clone()),
        line("cpu, rows shuffled", shuffled(&cycling)),
        line("cpu, 4000 hosts", generated(UseCase::Cpu, 4000, Format::LineProtocol, rows)),
        line("devops", generated(UseCase::Devops, 100, Format::LineProtocol, rows)),
        line("iot", generated(UseCase::Iot, 100, Format::LineProtocol, rows)),
        line("all types", all_types(rows)),
        table("csv, hosts in turn", csv.clone()),
        table("csv, host after host", by_host(&csv)),
        table("csv, rows shuffled", below_header(&csv, shuffled)),
        table("csv, long numbers", long_numbers(rows)),
    ]
}

fn generated(use_case: UseCase, scale: u32, format: Format, rows: usize) -> Vec<u8> {
    let mut options = Options { scale, format, ..Options::new(use_case) };
    options.duration = std::time::Duration::from_secs(10 * (rows as u64 + 1));
    let mut text = Vec::new();
    let written = Generator::new(&options).expect("options in range").write_rows(&mut text, rows);
    assert_eq!(written, rows);
    text
}

fn header_bytes(csv: &[u8]) -> usize {
    csv.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// A CSV with its rows in another order.
fn below_header(csv: &[u8], reorder: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (header, rows) = csv.split_at(header_bytes(csv));
    [header, &reorder(rows)].concat()
}

/// The rows of each host together.
fn by_host(csv: &[u8]) -> Vec<u8> {
    below_header(csv, |rows| {
        let mut lines: Vec<&[u8]> = rows.split_inclusive(|byte| *byte == b'\n').collect();
        let host = |line: &[u8]| line.split(|byte| *byte == b',').nth(1).map(<[u8]>::to_vec);
        lines.sort_by_cached_key(|line| host(line));
        lines.concat()
    })
}

/// A CSV of counters and floats that differ in length.
fn long_numbers(rows: usize) -> Vec<u8> {
    use std::fmt::Write;
    let (mut text, mut random) = ("time,host,a,b,c,d,e,f,g,h\n".to_owned(), 5);
    for row in 0..rows {
        write!(text, "{},host_{}", 1_700_000_000 + row / 100, row % 100).expect("memory");
        for column in 0..4 {
            write!(text, ",{}", below(&mut random, 1 << (28 + column))).expect("memory");
        }
        for column in 0..4 {
            let number = below(&mut random, 100_000) as f64 / 1000.0 - f64::from(column * 10);
            write!(text, ",{number}").expect("memory");
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// The same lines in an order that nothing foresees.
fn shuffled(text: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut random = 1u64;
    for left in (1..lines.len()).rev() {
        lines.swap(left, below(&mut random, left as u64 + 1) as usize);
    }
    lines.concat()
}

fn below(random: &mut u64, bound: u64) -> u64 {
    *random =
        random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*random >> 33) % bound
}

/// Rows of three tables whose fields have all types, many lengths, and are sometimes missing.
fn all_types(rows: usize) -> Vec<u8> {
    use std::fmt::Write;
    let (mut text, mut random) = (String::new(), 7);
    for row in 0..rows {
        let (table, unit) = (row % 3, row / 3 % 50);
        write!(
            text,
            "sensors{table},plant=north,unit=u{unit} temperature={}.{},",
            row % 90,
            row % 7
        )
        .expect("memory");
        if below(&mut random, 8) > 0 {
            write!(text, "count={}u,", below(&mut random, 1 << 40)).expect("memory");
        }
        let is_on = below(&mut random, 2) == 0;
        write!(text, "on={is_on},state=\"level {}\",drift=-{}i", row % 9, below(&mut random, 5000))
            .expect("memory");
        writeln!(text, " {}", 1_700_000_000_000_000_000u64 + row as u64 * 1_000_003)
            .expect("memory");
    }
    text.into_bytes()
}

/// The text in pieces that end at a line.
fn chunks(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let cut = rest.get(..CHUNK_BYTES).unwrap_or(rest);
        let end = cut.iter().rposition(|byte| *byte == b'\n').map_or(cut.len(), |at| at + 1);
        let (chunk, behind) = rest.split_at(end);
        rest = behind;
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn thread_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
