//! How often a series was sampled, and where it was not.

use tidemill_model::TimeRange;
use tidemill_store::{Piece, Reader};

use crate::error::Error;

/// The interval is taken from at most so many stretches of a series …
const MAX_SAMPLED_PIECES: usize = 16;
/// … of so many rows each.
const MAX_SAMPLED_ROWS: usize = 257;
/// The fewest rows that have gaps: of fewer, no distance is the usual one.
const MIN_ROWS: u64 = 4;

/// The times of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesTimes {
    /// The number of rows.
    pub rows: u64,
    /// The first and the last time.
    pub range: TimeRange,
    /// The sampling interval, in nanoseconds: the median distance of neighbouring rows (of an even
    /// number of them the greater of the two in the middle), taken from 4,096 of them spread over
    /// the series; `None` for a single row.
    pub interval_ns: Option<i64>,
    /// Stretches in which rows are missing.
    pub gaps: Gaps,
}

/// Distances of neighbouring rows of more than 1.5 intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// How many there are.
    pub count: u64,
    /// The longest distance, in nanoseconds.
    pub longest_ns: u64,
    /// How many rows would have filled them.
    pub missing_rows: u64,
}

impl Gaps {
    fn add(&mut self, distance_ns: u64, interval_ns: u64) {
        // More than 1.5 intervals, without overflow.
        if distance_ns - distance_ns / 3 > interval_ns {
            self.count += 1;
            self.longest_ns = self.longest_ns.max(distance_ns);
            let intervals = (distance_ns as f64 / interval_ns as f64).round() as u64;
            self.missing_rows += intervals.saturating_sub(1);
        }
    }

    /// The gaps of several series.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
        self.missing_rows += other.missing_rows;
    }
}

/// The times of one series, given its pieces; `None` without rows. `times` is scratch.
pub(crate) fn series_times(
    reader: &mut Reader,
    pieces: &[Piece],
    times: &mut Vec<i64>,
) -> Result<Option<SeriesTimes>, Error> {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Ok(None) };
    let range = TimeRange::new(first.range().start, last.range().end);
    let mut rows = 0;
    for piece in pieces {
        rows += reader.rows(piece)? as u64;
    }
    let interval = sampled_interval(reader, pieces, times)?;
    let mut gaps = Gaps::default();
    if let Some(interval) = interval.filter(|_| rows >= MIN_ROWS) {
        let mut before: Option<i64> = None;
        for piece in pieces {
            let start = piece.range().start;
            if let Some(before) = before {
                gaps.add(start.abs_diff(before), interval);
            }
            before = Some(piece.range().end);
            add_gaps(reader, piece, interval, times, &mut gaps)?;
        }
    }
    let interval_ns = interval.map(|interval| i64::try_from(interval).unwrap_or(i64::MAX));
    Ok(Some(SeriesTimes { rows, range, interval_ns, gaps }))
}

/// The gaps inside a piece.
fn add_gaps(
    reader: &mut Reader,
    piece: &Piece,
    interval: u64,
    times: &mut Vec<i64>,
    gaps: &mut Gaps,
) -> Result<(), Error> {
    let rows = reader.rows(piece)?;
    if let Some((_, step)) = reader.linear_times(piece)? {
        // All are gaps or none is.
        let mut one = Gaps::default();
        // The distance of two times fits a u64.
        one.add(step as u64, interval);
        let count = if rows > 1 { one.count * (rows as u64 - 1) } else { 0 };
        let missing_rows = one.missing_rows * count;
        gaps.merge(&Gaps {
            count,
            missing_rows,
            longest_ns: if count > 0 { one.longest_ns } else { 0 },
        });
        return Ok(());
    }
    times.clear();
    reader.times(piece, 0..rows, times)?;
    for pair in times.windows(2) {
        gaps.add(pair[1].abs_diff(pair[0]), interval);
    }
    Ok(())
}

/// The median distance of neighbouring rows in stretches spread over the series.
fn sampled_interval(
    reader: &mut Reader,
    pieces: &[Piece],
    times: &mut Vec<i64>,
) -> Result<Option<u64>, Error> {
    let mut distances = Vec::new();
    let step = pieces.len().div_ceil(MAX_SAMPLED_PIECES);
    for place in (0..pieces.len()).step_by(step) {
        let piece = &pieces[place];
        times.clear();
        // The first row of a short piece has its neighbour in the piece before.
        if let Some(before) = place.checked_sub(1) {
            times.push(pieces[before].range().end);
        }
        let rows = reader.rows(piece)?.min(MAX_SAMPLED_ROWS - times.len());
        reader.times(piece, 0..rows, times)?;
        distances.extend(times.windows(2).map(|pair| pair[1].abs_diff(pair[0])));
    }
    if distances.is_empty() {
        return Ok(None);
    }
    let middle = distances.len() / 2;
    Ok(Some((*distances.select_nth_unstable(middle).1).max(1)))
}

/// The median of intervals, each as often as the number beside it (the rows of its series).
pub(crate) fn table_interval(mut weighted: Vec<(i64, u64)>) -> Option<i64> {
    weighted.sort_unstable();
    let half = weighted.iter().map(|(_, rows)| rows).sum::<u64>() / 2;
    let mut before = 0;
    weighted.into_iter().find_map(|(interval, rows)| {
        before += rows;
        (before > half).then_some(interval)
    })
}
