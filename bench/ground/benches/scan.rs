//! `scan` beside what finds the same characters otherwise, on the texts of the Time Series
//! Benchmark Suite; and beside the readers of `tidemill-parse`, to see what a scan is of reading.

mod levels;

use levels::{boxed, levels};
use std::cell::RefCell;
use std::hint::black_box;
use std::time::Duration;
use tidemill_ground::{Strategy, Work, compare, size};
use tidemill_kernels::scan::{CsvScanner, LineScanner, count_newlines, newlines, whitespace};
use tidemill_model::Batch;
use tidemill_parse::RowReader;
use tidemill_parse::csv::{CsvReader, survey};
use tidemill_parse::line::{LineOptions, LineReader};
use tidemill_parse::tabular::TabularOptions;
use tidemill_workload::{Format, Generator, Options, UseCase};

fn text(format: Format, bytes: usize) -> Vec<u8> {
    let options = Options {
        scale: 100,
        duration: Duration::from_secs(24 * 3600),
        format,
        ..Options::new(UseCase::Cpu)
    };
    let mut generator = Generator::new(&options).unwrap_or_else(|error| panic!("{error}"));
    let mut text = Vec::new();
    while text.len() < bytes && generator.write_rows(&mut text, 100) > 0 {}
    text
}

/// Rows with a text each that has a comma, an escaped quote and a newline in it.
fn logs(bytes: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut row = 0;
    while text.len() < bytes {
        let time = 1_451_606_400_000_000_000_u64 + row * 1_000_000;
        let message = format!("request {row}, path \\\"/api/{}\\\"\nfailed", row % 977);
        let key = format!("log,host=host_{},path=/a\\ b", row % 100);
        let line = format!("{key} level={}i,message=\"{message}\" {time}\n", row % 5);
        text.extend_from_slice(line.as_bytes());
        row += 1;
    }
    text
}

fn hash(found: &[u32]) -> u64 {
    found.iter().step_by(97).fold(found.len() as u64, |hash, offset| hash ^ u64::from(*offset))
}

fn line_protocol(text: &[u8], name: &str) {
    let found = RefCell::new(Vec::new());
    let found = &found;
    let mut strategies: Vec<Strategy<'_>> = levels(|| {
        move || {
            let mut found = found.borrow_mut();
            found.clear();
            LineScanner::new().scan(black_box(text), &mut found);
            hash(&found)
        }
    });
    strategies.insert(
        0,
        boxed("byte by byte (tidemill, scalar)", move || {
            levels::at(tidemill_kernels::Isa::Scalar);
            let mut found = found.borrow_mut();
            found.clear();
            LineScanner::new().scan(black_box(text), &mut found);
            hash(&found)
        }),
    );
    compare(name, Work::Bytes(text.len() as u64), &mut strategies);
    let mut strategies: Vec<Strategy<'_>> = levels(|| {
        move || {
            let mut found = found.borrow_mut();
            found.clear();
            LineScanner::new().line_ends(black_box(text), &mut found);
            hash(&found)
        }
    });
    compare(&format!("{name}: ends of lines"), Work::Bytes(text.len() as u64), &mut strategies);
}

/// How many separators there are: what `memchr` can say too.
fn separators_visited(text: &[u8]) {
    let found = RefCell::new(Vec::new());
    let found = &found;
    let mut strategies = vec![boxed("memchr3_iter on `,`, `=`, space", move || {
        memchr::memchr3_iter(b',', b'=', b' ', black_box(text)).fold(0, |count, at| {
            black_box(at);
            count + 1
        })
    })];
    strategies.extend(levels(|| {
        move || {
            let mut found = found.borrow_mut();
            found.clear();
            LineScanner::new().scan(black_box(text), &mut found);
            found.iter().filter(|at| text[**at as usize] != b'\n').count() as u64
        }
    }));
    compare(
        "line protocol, visiting each separator",
        Work::Bytes(text.len() as u64),
        &mut strategies,
    );
}

fn characters(text: &[u8]) {
    let found = RefCell::new(Vec::new());
    let masks = RefCell::new(vec![0; text.len().div_ceil(64)]);
    let (found, masks) = (&found, &masks);
    let bytes = Work::Bytes(text.len() as u64);
    let mut strategies = vec![boxed("memchr_iter", move || {
        let mut found = found.borrow_mut();
        found.clear();
        found.extend(memchr::memchr_iter(b'\n', black_box(text)).map(|at| at as u32));
        hash(&found)
    })];
    strategies.extend(levels(|| {
        move || {
            let mut found = found.borrow_mut();
            found.clear();
            newlines(black_box(text), &mut found);
            hash(&found)
        }
    }));
    compare("newlines", bytes, &mut strategies);

    let mut strategies = vec![boxed("memchr_iter().count()", move || {
        memchr::memchr_iter(b'\n', black_box(text)).count() as u64
    })];
    strategies.extend(levels(|| move || count_newlines(black_box(text)) as u64));
    compare("count newlines", bytes, &mut strategies);

    let ones = |masks: &[u64]| masks.iter().fold(0, |hash, mask| hash ^ mask);
    let mut strategies = vec![boxed("is_ascii_whitespace, a byte at a time", move || {
        let mut masks = masks.borrow_mut();
        for (mask, bytes) in masks.iter_mut().zip(black_box(text).chunks(64)) {
            *mask = 0;
            for (bit, byte) in bytes.iter().enumerate() {
                *mask |= u64::from(byte.is_ascii_whitespace()) << bit;
            }
        }
        ones(&masks)
    })];
    strategies.extend(levels(|| {
        move || {
            let mut masks = masks.borrow_mut();
            whitespace(black_box(text), &mut masks);
            ones(&masks)
        }
    }));
    compare("whitespace to bitmap", bytes, &mut strategies);
}

fn csv(text: &[u8]) {
    let found = RefCell::new(Vec::new());
    let found = &found;
    let rows = memchr::memchr_iter(b'\n', text).count() as u64 - 1;
    let mut strategies = vec![
        boxed("simd-csv, zero copy, all cells", move || {
            let mut reader = simd_csv::ZeroCopyReader::from_reader(black_box(text));
            let mut rows = 0;
            while let Ok(Some(record)) = reader.read_byte_record() {
                black_box(record.iter().map(<[u8]>::len).sum::<usize>());
                rows += 1;
            }
            rows
        }),
        boxed("simd-csv, count records", move || {
            simd_csv::Splitter::from_reader(black_box(text)).count_records().unwrap_or(0)
        }),
    ];
    strategies.extend(levels(|| {
        move || {
            let mut found = found.borrow_mut();
            found.clear();
            CsvScanner::new(b',').scan(black_box(text), &mut found);
            let mut start = 0;
            let mut rows = 0;
            let mut bytes = 0;
            for end in found.iter() {
                bytes += end - start;
                start = end + 1;
                rows += u64::from(text[*end as usize] == b'\n');
            }
            black_box(bytes);
            rows - 1
        }
    }));
    let options = TabularOptions::new("cpu");
    let plan = survey(text, true, &options).unwrap_or_else(|error| panic!("{error}"));
    let (mut batch, mut errors) = (Batch::new(), Vec::new());
    let mut reader = CsvReader::new(&plan, true);
    let _ = reader.read(text, true, &mut batch, &mut errors);
    let body = &text[memchr::memchr(b'\n', text).unwrap_or(0) + 1..];
    strategies.push(boxed("tidemill-parse, rows in a batch", move || {
        levels::best();
        batch.clear_rows();
        let _ = reader.read(black_box(body), true, &mut batch, &mut errors);
        assert!(errors.is_empty());
        batch.rows() as u64
    }));
    assert_eq!(body.iter().filter(|byte| **byte == b'\n').count() as u64, rows);
    compare("CSV", Work::Bytes(text.len() as u64), &mut strategies);
}

/// Reading whole rows, of which finding the separators is a part.
fn line_reader(text: &[u8]) {
    let ends = RefCell::new(Vec::new());
    let ends = &ends;
    let (mut batch, mut errors) = (Batch::new(), Vec::new());
    let mut reader = LineReader::new(LineOptions::default());
    let mut strategies = vec![boxed("tidemill-parse, rows in a batch", move || {
        levels::best();
        batch.clear_rows();
        let _ = reader.read(black_box(text), true, &mut batch, &mut errors);
        batch.rows() as u64
    })];
    strategies.extend(levels(|| {
        move || {
            let mut ends = ends.borrow_mut();
            ends.clear();
            LineScanner::new().line_ends(black_box(text), &mut ends);
            ends.len() as u64
        }
    }));
    compare(
        "line protocol, rows read and rows found",
        Work::Bytes(text.len() as u64),
        &mut strategies,
    );
}

fn main() {
    // In the second-level cache, as the chunks that a reader works on.
    let bytes = size(512 << 10, 20 << 10);
    let lines = text(Format::LineProtocol, bytes);
    line_protocol(&lines, "line protocol, cpu-only, 512 KiB");
    line_protocol(&logs(bytes), "line protocol, a text with escapes a row, 512 KiB");
    separators_visited(&lines);
    line_reader(&lines);
    characters(&lines);
    csv(&text(Format::Csv, bytes));
}
