//! Columns of times in runs.

use std::ops::Range;

use tidemill_codec::{TimeHeader, VECTOR_ROWS, times};

use super::{at_both_levels, check_error, most_rows, range, round_trip, rows, words};
use crate::bounded;
use crate::input::Input;

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let run_rows = [1, 2, 7, 100, 1000, 1024, 5000, 8192][usize::from(choice >> 1 & 7)];
    let runs = |rows: usize| (0..rows as u32).step_by(run_rows).collect::<Vec<_>>();
    if choice & 1 != 0 {
        let rows = rows(&mut input);
        let part = range(&mut input, rows);
        bounded(|| decode(input.bytes, rows, &runs(rows), part));
        return;
    }
    let (start, end) = (usize::from(input.u16()), usize::from(input.u16()));
    let damage = input.take(3);
    let most = most_rows(&mut input);
    let mut values: Vec<i64> = words(&mut input, most).iter().map(|w| *w as i64).collect();
    let part = start.min(end).min(values.len())..end.max(start).min(values.len());
    let runs = runs(values.len());
    values.chunks_mut(run_rows).for_each(<[i64]>::sort_unstable);
    let encode = |encoder: &mut tidemill_codec::Encoder, out: &mut Vec<u8>| {
        encoder.times(&values, &runs, out);
    };
    round_trip(damage, encode, |bytes, is_whole| {
        let decoded = bounded(|| decode(bytes, values.len(), &runs, part.clone()));
        assert!(!is_whole || decoded.as_ref() == Some(&values), "{decoded:?} of {values:?}");
        if is_whole {
            search(bytes, &values, &runs, start, end);
        }
    });
}

/// Decodes a column in every way; all ways must agree.
fn decode(bytes: &[u8], rows: usize, runs: &[u32], part: Range<usize>) -> Option<Vec<i64>> {
    let mut scratch = TimeHeader::default();
    let column = match times(bytes, rows, runs, &mut scratch) {
        Ok(column) => column,
        Err(error) => {
            check_error(error, bytes);
            return None;
        }
    };
    let whole = at_both_levels(|| {
        let mut out = Vec::new();
        column.decode(0..rows, &mut out).map(|()| out)
    });
    let mut some = vec![7; part.len()];
    let partly = column.decode_into(part.clone(), &mut some);
    for run in [0, column.runs() / 2, column.runs().saturating_sub(1)] {
        if run < column.runs() {
            let _ = (column.first(run), column.step(run), column.run_rows(run));
            let before = column.rows_before(run, some.first().copied().unwrap_or_default());
            assert!(
                before.is_ok_and(|before| before <= column.run_rows(run).len()) || whole.is_err()
            );
        }
    }
    let values = match whole {
        Ok(values) => values,
        Err(error) => {
            check_error(error, bytes);
            return None;
        }
    };
    assert!(partly.is_ok() && some == values[part.clone()]);
    let mut vector = [0; VECTOR_ROWS];
    for (index, want) in values.chunks(VECTOR_ROWS).enumerate() {
        assert_eq!(column.decode_vector(index, &mut vector), Ok(want.len()));
        assert_eq!(vector[..want.len()], *want, "vector {index}");
        let _ = column.anchor(index);
    }
    for row in [part.start, part.end.saturating_sub(1)] {
        if row < rows {
            assert_eq!(column.time_at(row), Ok(values[row]), "row {row}");
        }
    }
    Some(values)
}

/// That searching a good column finds what its values say.
fn search(bytes: &[u8], values: &[i64], runs: &[u32], run: usize, row: usize) {
    let mut scratch = TimeHeader::default();
    let Ok(column) = times(bytes, values.len(), runs, &mut scratch) else { return };
    if column.runs() == 0 {
        return;
    }
    for (index, vector) in values.chunks(VECTOR_ROWS).enumerate() {
        assert_eq!(column.anchor(index), vector[0], "vector {index}");
    }
    let run = run % column.runs();
    let in_run = &values[column.run_rows(run)];
    assert_eq!(column.first(run), in_run[0]);
    if let Some(step) = column.step(run) {
        assert!(in_run.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step));
    }
    let at = in_run[row % in_run.len()];
    for time in [at, at.saturating_add(1), at.saturating_sub(1), i64::MIN, i64::MAX] {
        let before = in_run.partition_point(|other| *other < time);
        assert_eq!(column.rows_before(run, time), Ok(before), "{time} in run {run}");
    }
    // The header is looked at once more.
    let mut again = Vec::new();
    let column = scratch.column(bytes, values.len(), runs);
    assert!(column.is_ok_and(|c| c.decode(0..values.len(), &mut again).is_ok()) && again == values);
}
