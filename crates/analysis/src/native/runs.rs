use std::ops::Range;

use tidemill_store::{Piece, Reader};

use super::plan::Bucket;
use crate::error::{Error, ErrorKind};

/// Rows of a piece that fall into one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first time of the bucket; 0 without buckets.
    pub(crate) bucket: i64,
    /// The place of the group among the cells; set by whoever keeps them.
    pub(crate) cell: usize,
    pub(crate) rows: Range<usize>,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
}

/// The times of a bucket: from `start` until `end`, `None` where that is after the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edges {
    pub(crate) start: i64,
    pub(crate) end: Option<i64>,
}

impl Bucket {
    /// When the bucket that holds `time` starts.
    ///
    /// # Errors
    /// When that is before the first time there is.
    pub fn start(self, time: i64) -> Result<i64, Error> {
        let start = match time.checked_sub(self.origin_ns) {
            Some(distance) => time.checked_sub(distance.rem_euclid(self.width_ns)),
            None => {
                let distance = i128::from(time) - i128::from(self.origin_ns);
                let inside = distance.rem_euclid(i128::from(self.width_ns));
                i64::try_from(i128::from(time) - inside).ok()
            }
        };
        Ok(start.ok_or(ErrorKind::BucketOutOfRange(time))?)
    }

    /// The bucket that holds `time`.
    pub(crate) fn edges(self, time: i64) -> Result<Edges, Error> {
        let start = self.start(time)?;
        Ok(Edges { start, end: start.checked_add(self.width_ns) })
    }
}

/// Cuts a piece of `rows` rows where a new bucket begins, over `runs`. `times` is scratch.
///
/// A bucket's edge is found by one division where the times have a constant interval, otherwise
/// by a search that starts at the edge before.
pub(crate) fn cut(
    reader: &mut Reader,
    piece: &Piece,
    rows: usize,
    bucket: Option<Bucket>,
    times: &mut Vec<i64>,
    runs: &mut Vec<Run>,
) -> Result<(), Error> {
    runs.clear();
    let range = piece.range();
    let whole = |bucket: i64| {
        let (first_time, last_time) = (range.start, range.end);
        Run { bucket, cell: 0, rows: 0..rows, first_time, last_time }
    };
    let Some(bucket) = bucket else {
        runs.push(whole(0));
        return Ok(());
    };
    let edges = bucket.edges(range.start)?;
    if edges.end.is_none_or(|end| range.end < end) {
        runs.push(whole(edges.start));
        return Ok(());
    }
    if let Some((first, step)) = reader.linear_times(piece)? {
        return cut_linear(first, step, rows, bucket, runs);
    }
    times.clear();
    reader.times(piece, 0..rows, times)?;
    cut_times(times, bucket, runs)
}

fn cut_linear(
    first: i64,
    step: i64,
    rows: usize,
    bucket: Bucket,
    runs: &mut Vec<Run>,
) -> Result<(), Error> {
    let time = |row: usize| first.wrapping_add(step.wrapping_mul(row as i64));
    let mut start = 0;
    while start < rows {
        let edges = bucket.edges(time(start))?;
        let end = match edges.end {
            // Distances of times fit a u64.
            Some(edge) if step != 0 => {
                let (distance, step) = (edge.wrapping_sub(first) as u64, step as u64);
                usize::try_from(distance.div_ceil(step)).unwrap_or(rows).min(rows)
            }
            _ => rows,
        };
        let (first_time, last_time) = (time(start), time(end - 1));
        runs.push(Run { bucket: edges.start, cell: 0, rows: start..end, first_time, last_time });
        start = end;
    }
    Ok(())
}

fn cut_times(times: &[i64], bucket: Bucket, runs: &mut Vec<Run>) -> Result<(), Error> {
    let mut start = 0;
    while let Some(&first_time) = times.get(start) {
        let edges = bucket.edges(first_time)?;
        let end = match edges.end {
            Some(edge) => start + rows_before(&times[start..], edge),
            None => times.len(),
        };
        let last_time = times[end - 1];
        runs.push(Run { bucket: edges.start, cell: 0, rows: start..end, first_time, last_time });
        start = end;
    }
    Ok(())
}

/// How many ascending times are before `edge`: doubling steps, then a binary search, so that a
/// near edge is found in a few comparisons.
fn rows_before(times: &[i64], edge: i64) -> usize {
    let mut step = 1;
    while times.get(step).is_some_and(|time| *time < edge) {
        step *= 2;
    }
    let from = step / 2;
    let to = times.len().min(step + 1);
    from + times[from..to].partition_point(|time| *time < edge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_the_rows_of_each_bucket(
            start in -100i64..100, deltas in prop::collection::vec(1i64..30, 1..80),
            origin_ns in -50i64..50, width_ns in 1i64..100, step in 1i64..30, is_linear: bool,
        ) {
            let bucket = Bucket { origin_ns, width_ns };
            let times: Vec<i64> = if is_linear {
                (0..deltas.len() as i64).map(|row| start + row * step).collect()
            } else {
                deltas.iter().scan(start, |time, delta| { *time += delta; Some(*time) }).collect()
            };
            let mut runs = Vec::new();
            if is_linear {
                cut_linear(start, step, times.len(), bucket, &mut runs).unwrap();
            } else {
                cut_times(&times, bucket, &mut runs).unwrap();
            }
            prop_assert!(runs.is_sorted_by(|a, b| a.bucket < b.bucket && a.rows.end == b.rows.start));
            prop_assert_eq!(runs[0].rows.start, 0);
            prop_assert_eq!(runs[runs.len() - 1].rows.end, times.len());
            for run in runs {
                prop_assert_eq!((run.first_time, run.last_time), (times[run.rows.start], times[run.rows.end - 1]));
                for time in &times[run.rows] {
                    let number = (time - origin_ns) as f64 / width_ns as f64;
                    prop_assert_eq!(run.bucket, number.floor() as i64 * width_ns + origin_ns);
                }
            }
        }

        #[test]
        fn edges_hold_their_time(time: i64, origin_ns: i64, width_ns in 1i64..) {
            let naive = (i128::from(time) - i128::from(origin_ns)).div_euclid(width_ns.into())
                * i128::from(width_ns) + i128::from(origin_ns);
            match (Bucket { origin_ns, width_ns }).edges(time) {
                Ok(edges) => {
                    prop_assert_eq!(i128::from(edges.start), naive);
                    prop_assert_eq!(edges.end, i64::try_from(naive + i128::from(width_ns)).ok());
                }
                Err(_) => prop_assert!(naive < i128::from(i64::MIN)),
            }
        }
    }
}
