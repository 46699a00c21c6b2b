//! Columns of times: they return, answer by arithmetic, and corrupt ones do no harm.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::{ROWS, Random, for_each_corruption};
use proptest::prelude::*;
use tidemill_codec::{Encoder, TimeHeader, VECTOR_ROWS, times};

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_451_606_400 * SECOND;

fn encode(encoder: &mut Encoder, values: &[i64], run_starts: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoder.times(values, run_starts, &mut bytes);
    bytes
}

/// That `values` return by all ways, and that searching them is right; gives their encoded size.
#[track_caller]
fn check(encoder: &mut Encoder, values: &[i64], run_starts: &[u32]) -> usize {
    let bytes = encode(encoder, values, run_starts);
    let mut scratch = TimeHeader::default();
    let column = times(&bytes, values.len(), run_starts, &mut scratch).unwrap();
    let mut decoded = vec![42];
    column.decode(0..values.len(), &mut decoded).unwrap();
    assert!(decoded[1..] == *values, "{values:?} are not {decoded:?}");
    for (vector, expected) in values.chunks(VECTOR_ROWS).enumerate() {
        let mut out = [0; VECTOR_ROWS];
        assert_eq!(column.decode_vector(vector, &mut out), Ok(expected.len()));
        assert!(out[..expected.len()] == *expected, "vector {vector}");
        assert_eq!(column.anchor(vector), expected[0]);
    }
    for row in (0..values.len()).step_by(values.len() / 50 + 1) {
        assert_eq!(column.time_at(row), Ok(values[row]), "row {row}");
    }
    assert_eq!(column.runs(), run_starts.len());
    for run in (0..column.runs()).step_by(column.runs() / 50 + 1) {
        let times = &values[column.run_rows(run)];
        assert_eq!(column.first(run), times[0]);
        if let Some(step) = column.step(run) {
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] == step), "step of run {run}");
        }
        for at in (0..times.len()).step_by(times.len() / 20 + 1) {
            for time in [times[at].saturating_sub(1), times[at], times[at].saturating_add(1)] {
                let before = times.partition_point(|other| *other < time);
                assert_eq!(column.rows_before(run, time), Ok(before), "{time} in run {run}");
            }
        }
        assert_eq!(column.rows_before(run, i64::MIN), Ok(0));
    }
    bytes.len()
}

/// Starts of runs of `rows` rows each.
fn runs_of(rows: usize, total: usize) -> Vec<u32> {
    (0..total).step_by(rows).map(|row| row as u32).collect()
}

/// Ascending times: each run continues `step` after `START`, give or take `jitter`, with `gaps` in
/// a thousand.
fn make(run_starts: &[u32], rows: usize, step: i64, jitter: u64, gaps: u64) -> Vec<i64> {
    let mut random = Random(7);
    let mut time = START;
    let next = |row: usize| {
        if run_starts.contains(&(row as u32)) {
            time = START;
        }
        if random.below(1000) < gaps {
            time += step * (1 + random.below(20) as i64);
        }
        time += step;
        time + random.below(jitter + 1) as i64
    };
    (0..rows).map(next).collect()
}

#[test]
fn times_of_all_shapes_return() {
    let mut encoder = Encoder::new();
    for rows in ROWS {
        for run_length in [1, 7, 1000, 1024, 5000, 8192] {
            let runs = runs_of(run_length, rows);
            for (jitter, gaps) in [(0, 0), (0, 3), (SECOND as u64 / 2, 0), (1000, 20)] {
                check(&mut encoder, &make(&runs, rows, 10 * SECOND, jitter, gaps), &runs);
            }
        }
    }
}

#[test]
fn equal_times_are_found_across_vectors() {
    let values: Vec<i64> = (0..4000).map(|row| START + row / 3 * SECOND).collect();
    check(&mut Encoder::new(), &values, &[0]);
    let bytes = encode(&mut Encoder::new(), &values, &[0]);
    let mut scratch = TimeHeader::default();
    let column = times(&bytes, values.len(), &[0], &mut scratch).unwrap();
    // Rows 1023, 1024 and 1025, of which the first is in another vector.
    assert_eq!(column.rows_before(0, values[1024]), Ok(1023));
}

#[test]
fn constant_intervals_cost_nothing() {
    let mut encoder = Encoder::new();
    let cases = [
        // Run length, jitter in ns, gaps in a thousand, most bytes of 8,192 rows.
        (8192, 0, 0, 25),
        (1024, 0, 0, 25),
        (7, 0, 0, 40),
        (8192, 0, 2, 8 * 20 + 20 * 4 + 40),
        (1024, 0, 2, 8 * 20 + 20 * 8 + 60),
        (8192, 1_000_000, 0, 8192 * 21 / 8 + 8 * 20 + 40),
    ];
    for (run_length, jitter, gaps, most) in cases {
        let runs = runs_of(run_length, 8192);
        let bytes = check(&mut encoder, &make(&runs, 8192, 10 * SECOND, jitter, gaps), &runs);
        assert!(bytes <= most, "runs of {run_length}, {gaps} gaps: {bytes} bytes, not {most}");
    }
}

#[test]
fn runs_of_the_same_interval_say_so() {
    let steps = |values: &[i64], runs: &[u32]| {
        let bytes = encode(&mut Encoder::new(), values, runs);
        let mut scratch = TimeHeader::default();
        let column = times(&bytes, values.len(), runs, &mut scratch).unwrap();
        (column.step(0), column.constant_step())
    };
    assert_eq!(steps(&[5, 10, 15, 0, 5, 7], &[0, 3, 5]), (Some(5), Some(5)));
    assert_eq!(steps(&[9, 5, 10, 15], &[0, 1]), (Some(5), Some(5)));
    assert_eq!(steps(&[5, 10, 15, 0, 6], &[0, 3]), (Some(5), None));
    assert_eq!(steps(&[5, 10, 16], &[0]), (None, None));
    assert_eq!(steps(&[5, 5, 5], &[0]), (Some(0), Some(0)));
}

#[test]
fn a_header_is_that_of_its_own_times_only() {
    let mut encoder = Encoder::new();
    let uneven: Vec<i64> = (0..3000).map(|row| row * 10 + row % 7).collect();
    let even: Vec<i64> = (0..3000).map(|row| row * 10).collect();
    let (uneven_bytes, even_bytes) =
        (encode(&mut encoder, &uneven, &[0]), encode(&mut encoder, &even, &[0]));
    let mut header = TimeHeader::default();
    header.read(&uneven_bytes, 3000, &[0]).unwrap();
    for _ in 0..2 {
        let column = header.column(&uneven_bytes, 3000, &[0]).unwrap();
        let mut decoded = Vec::new();
        column.decode(2000..2100, &mut decoded).unwrap();
        assert_eq!(decoded, uneven[2000..2100]);
    }
    assert!(header.column(&uneven_bytes, 3000, &[0, 5]).is_err(), "other runs");
    assert!(header.column(&uneven_bytes, 1024, &[0]).is_err(), "other rows");
    // Of other bytes it may be another column; their end is looked for.
    assert!(header.column(&even_bytes, 3000, &[0]).is_err(), "shorter bytes");
    header.read(&even_bytes, 3000, &[0]).unwrap();
    assert_eq!(header.column(&even_bytes, 3000, &[0]).unwrap().anchor(2), even[2048]);
    assert!(header.column(&even_bytes, 3000, &[0, 5]).is_err(), "other runs");
    assert!(header.column(&even_bytes, 1024, &[0]).is_err(), "other rows");
    assert!(header.read(&uneven_bytes[1..], 3000, &[0]).is_err());
    assert!(header.column(&even_bytes, 3000, &[0]).is_err(), "none was read");
    assert!(TimeHeader::default().column(&[], 0, &[]).is_err(), "none was read");
}

#[test]
fn extreme_and_unsorted_times_return() {
    let mut encoder = Encoder::new();
    check(&mut encoder, &[i64::MIN, -1, i64::MAX], &[0]);
    check(&mut encoder, &[i64::MAX - 1, i64::MAX], &[0]);
    check(&mut encoder, &[i64::MIN, i64::MAX], &[0]);
    for values in [[3, 2, 1], [i64::MAX, i64::MIN, i64::MAX]] {
        let bytes = encode(&mut encoder, &values, &[0]);
        let (mut scratch, mut decoded) = (TimeHeader::default(), Vec::new());
        times(&bytes, 3, &[0], &mut scratch).unwrap().decode(0..3, &mut decoded).unwrap();
        assert_eq!(decoded, values);
    }
}

#[test]
fn the_bytes_of_each_encoding_stay() {
    let cases: [(&str, &[i64], &[u32], &str); 3] = [
        ("no rows", &[], &[], "00 01 01"),
        ("linear", &[100, 110, 120, 100, 110], &[0, 3], "00 00c801 0014"),
        ("deltas", &[100, 110, 121, 7, 18], &[0, 3], "01 0101c80100b901 00c801 010001141c"),
    ];
    for (name, values, run_starts, expected) in cases {
        let bytes = encode(&mut Encoder::new(), values, run_starts);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""), "{name}");
    }
}

#[test]
fn corrupt_bytes_are_errors_or_other_values() {
    let runs = [0, 1, 20];
    for (jitter, gaps) in [(0, 0), (1000, 50)] {
        let values = make(&runs, 40, SECOND, jitter, gaps);
        for_each_corruption(&encode(&mut Encoder::new(), &values, &runs), |bytes| {
            let (mut scratch, mut decoded) = (TimeHeader::default(), Vec::new());
            let Ok(column) = times(bytes, 40, &runs, &mut scratch) else { return };
            for run in 0..3 {
                assert!(
                    column.rows_before(run, START + 5 * SECOND).is_ok_and(|rows| rows <= 20)
                        || column.step(run).is_none()
                );
            }
            if column.decode(0..40, &mut decoded).is_ok() {
                assert_eq!(decoded.len(), 40);
                let _ = column.time_at(39);
            }
        });
    }
}

#[test]
fn runs_that_do_not_fit_the_rows_are_refused() {
    let bytes = encode(&mut Encoder::new(), &[1, 2, 4], &[0, 2]);
    for runs in [&[] as &[u32], &[1], &[0, 3], &[0, 0], &[0, 2, 1]] {
        assert!(times(&bytes, 3, runs, &mut TimeHeader::default()).is_err(), "{runs:?}");
    }
    assert!(times(&bytes, 1 << 40, &[0, 2], &mut TimeHeader::default()).is_err());
}

proptest! {
    #[test]
    fn any_ascending_times_return(deltas in prop::collection::vec((0..1000i64, 0..5u8), 1..400), start in any::<i64>()) {
        let mut time = start / 2;
        let mut runs = vec![0];
        let values: Vec<i64> = deltas.iter().enumerate().map(|(row, (delta, kind))| {
            match kind {
                0 if row > 0 && delta % 7 == 0 => { runs.push(row as u32); time = start / 2 + delta; }
                1 => time += delta,
                _ => time += 10,
            }
            time
        }).collect();
        check(&mut Encoder::new(), &values, &runs);
    }
}
