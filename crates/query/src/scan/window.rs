use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, NullBufferBuilder};
use tidemill_kernels::reduce::min_max_i64;
use tidemill_store::{ColumnSlice, SliceValues};

/// A function of a number in each row and in those before it in its series: plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) function: WindowFunction,
    pub(crate) field: usize,
    /// How many rows, the present one included.
    pub(crate) rows: usize,
}

/// Rows come by batches of no more than these.
const MAX_BATCH_ROWS: usize = 8192;
/// Whole numbers up to this are floats.
const MAX_EXACT: u64 = 1 << 53;

/// What is made of the values of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowFunction {
    /// How many there are.
    Count,
    /// Their sum, of floats.
    Sum,
    /// Their mean.
    Avg,
}

impl Window {
    /// The most rows of a window that is computed here.
    pub(crate) const MAX_ROWS: usize = 1 << 16;

    /// The most bytes that it remembers.
    pub(super) fn memory_bytes(&self) -> usize {
        // Vectors may have twice as much as is in them.
        let sums = 2 * (2 * (self.rows + 1) + MAX_BATCH_ROWS) * size_of::<i64>();
        2 * self.rows.next_power_of_two() * size_of::<Together>() + sums
    }
}

/// Some values together.
#[derive(Clone, Copy, Debug, Default)]
struct Together {
    count: u64,
    sum: f64,
}

impl Together {
    fn and(self, later: Self) -> Self {
        Self { count: self.count + later.count, sum: self.sum + later.sum }
    }
}

/// A window that moves over the rows of a series.
///
/// Sums of small integers are exact: that of a window is the sum of all rows so far less the sum of those before the
/// window. As soon as a row is something else, rows are taken in stretches as long as the window. It is the end of one stretch and the beginning of the next: what
/// comes from each row to the end of its stretch is added up when that is complete, and the beginning on the way. So
/// nothing is ever subtracted, and each row costs two additions (van Herk, "A fast algorithm for local
/// minimum and maximum filters", 1992).
#[derive(Debug)]
pub(super) struct Sliding {
    window: Window,
    /// The sums of all rows of the series up to some, wrapping, as long as all are small integers: before the window,
    /// and at each of its rows, and maybe before that. Otherwise there are none.
    sums: Vec<i64>,
    /// The rows of the present stretch, and all of them together.
    rows: Vec<Together>,
    together: Together,
    /// Of each row of the stretch before: it and all that came after it in there.
    ends: Vec<Together>,
}

impl Sliding {
    pub(super) fn new(window: Window) -> Self {
        let (rows, ends) = (Vec::new(), Vec::new());
        Self { window, sums: vec![0], rows, together: Together::default(), ends }
    }

    pub(super) fn field(&self) -> usize {
        self.window.field
    }

    /// Begins with a series.
    pub(super) fn restart(&mut self) {
        self.rows.clear();
        self.ends.clear();
        self.together = Together::default();
        self.sums.clear();
        self.sums.push(0);
    }

    /// Moves over the next rows, and says what the window has at each.
    pub(super) fn advance(&mut self, slice: &ColumnSlice<'_>, out: &mut Windowed) {
        if !self.sums.is_empty() {
            if let SliceValues::Int(values) = slice.values()
                && slice.all_valid()
                && self.are_small(values)
            {
                return self.advance_exactly(values, out);
            }
            self.give_up_sums();
        }
        match slice.values() {
            SliceValues::Float(values) => self.each(slice, |row| values[row], out),
            SliceValues::Int(values) => self.each(slice, |row| values[row] as f64, out),
            SliceValues::UInt(values) => self.each(slice, |row| values[row] as f64, out),
            // What is no number is counted only.
            _ => self.each(slice, |_| 0.0, out),
        }
    }

    /// Whether all sums of a window of such values are floats.
    fn are_small(&self, values: &[i64]) -> bool {
        let greatest = MAX_EXACT / self.window.rows as u64;
        min_max_i64(values).is_none_or(|(least, most)| {
            least.unsigned_abs() <= greatest && most.unsigned_abs() <= greatest
        })
    }

    /// Takes the rows of the window once more, one by one.
    fn give_up_sums(&mut self) {
        let sums = std::mem::take(&mut self.sums);
        let window = &sums[sums.len().saturating_sub(self.window.rows + 1)..];
        for pair in window.windows(2) {
            self.push(Together { count: 1, sum: pair[1].wrapping_sub(pair[0]) as f64 });
        }
    }

    fn advance_exactly(&mut self, values: &[i64], out: &mut Windowed) {
        let (rows, before) = (self.window.rows, self.sums.len());
        let mut sum = self.sums[before - 1];
        self.sums.extend(values.iter().map(|value| {
            sum = sum.wrapping_add(*value);
            sum
        }));
        // The first windows of a series have fewer rows: until then nothing was removed.
        let short = (rows + 1).saturating_sub(before).min(values.len());
        let first = self.sums[0];
        for row in before..before + short {
            let sum = self.sums[row].wrapping_sub(first) as f64;
            out.push(self.window.function, Together { count: row as u64, sum });
        }
        let lasts = &self.sums[before + short..];
        let firsts = self.sums[(before + short).saturating_sub(rows)..].iter();
        let sums = lasts.iter().zip(firsts).map(|(last, first)| last.wrapping_sub(*first) as f64);
        out.extend_full(self.window.function, rows, sums);
        // Not each time: a window may be much longer than a piece.
        if self.sums.len() > 2 * (rows + 1) {
            self.sums.drain(..self.sums.len() - (rows + 1));
        }
    }

    fn each(&mut self, slice: &ColumnSlice<'_>, value: impl Fn(usize) -> f64, out: &mut Windowed) {
        let is_complete = slice.all_valid();
        for row in 0..slice.len() {
            let one = match is_complete || slice.is_valid(row) {
                true => Together { count: 1, sum: value(row) },
                false => Together::default(),
            };
            out.push(self.window.function, self.push(one));
        }
    }

    fn push(&mut self, row: Together) -> Together {
        if self.rows.len() == self.window.rows {
            self.turn();
        }
        self.rows.push(row);
        self.together = self.together.and(row);
        // The oldest row of the window is the one after this one's place in the stretch before.
        let end = self.ends.get(self.rows.len()).copied().unwrap_or_default();
        end.and(self.together)
    }

    /// The stretch is complete: the next begins.
    fn turn(&mut self) {
        self.ends.resize(self.rows.len(), Together::default());
        let mut together = Together::default();
        for (end, row) in self.ends.iter_mut().zip(self.rows.drain(..)).rev() {
            together = row.and(together);
            *end = together;
        }
        self.together = Together::default();
    }
}

/// What a window has at each row of a batch.
#[derive(Debug)]
pub(super) struct Windowed {
    numbers: Vec<f64>,
    counts: Vec<i64>,
    nulls: NullBufferBuilder,
}

impl Windowed {
    pub(super) fn new(capacity: usize) -> Self {
        let nulls = NullBufferBuilder::new(capacity);
        Self { numbers: Vec::new(), counts: Vec::new(), nulls }
    }

    fn push(&mut self, function: WindowFunction, together: Together) {
        let number = match function {
            WindowFunction::Count => return self.counts.push(together.count as i64),
            WindowFunction::Sum => together.sum,
            WindowFunction::Avg => together.sum / together.count as f64,
        };
        self.numbers.push(number);
        self.nulls.append(together.count > 0);
    }

    /// Windows that have all their rows.
    fn extend_full(
        &mut self,
        function: WindowFunction,
        rows: usize,
        sums: impl ExactSizeIterator<Item = f64>,
    ) {
        let windows = sums.len();
        match function {
            WindowFunction::Count => {
                self.counts.extend(std::iter::repeat_n(rows as i64, windows));
                return;
            }
            WindowFunction::Sum => self.numbers.extend(sums),
            WindowFunction::Avg => self.numbers.extend(sums.map(|sum| sum / rows as f64)),
        }
        self.nulls.append_n_non_nulls(windows);
    }

    pub(super) fn finish(mut self, function: WindowFunction) -> ArrayRef {
        match function {
            WindowFunction::Count => Arc::new(Int64Array::from(self.counts)),
            WindowFunction::Sum | WindowFunction::Avg => {
                Arc::new(Float64Array::new(self.numbers.into(), self.nulls.finish()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_its_last_rows() {
        for rows in 1..8 {
            let mut sliding =
                Sliding::new(Window { function: WindowFunction::Sum, field: 0, rows });
            for _ in 0..2 {
                let values: Vec<Together> = (0..30)
                    .map(|n| Together { count: u64::from(n % 3 > 0), sum: f64::from(n * n) })
                    .collect();
                for (place, value) in values.iter().enumerate() {
                    let got = sliding.push(*value);
                    let first = (place + 1).saturating_sub(rows);
                    let wanted =
                        values[first..=place].iter().fold(Together::default(), |a, b| a.and(*b));
                    assert_eq!((got.count, got.sum), (wanted.count, wanted.sum), "{rows} {place}");
                }
                sliding.restart();
            }
        }
    }

    #[test]
    fn sums_of_small_integers_are_the_same() {
        let values: Vec<i64> = (0..60).map(|n| n * n % 31 - 9).collect();
        for (rows, step, exact) in [(1, 7, 60), (5, 3, 60), (5, 11, 33), (9, 4, 4), (70, 25, 50)] {
            for function in [WindowFunction::Count, WindowFunction::Sum, WindowFunction::Avg] {
                let window = Window { function, field: 0, rows };
                let (mut sliding, mut got) = (Sliding::new(window), Windowed::new(60));
                for values in values[..exact].chunks(step) {
                    assert!(sliding.are_small(values));
                    sliding.advance_exactly(values, &mut got);
                }
                sliding.give_up_sums();
                let (mut slow, mut wanted) = (Sliding::new(window), Windowed::new(60));
                for (row, value) in values.iter().enumerate() {
                    let one = Together { count: 1, sum: *value as f64 };
                    wanted.push(function, slow.push(one));
                    if row >= exact {
                        got.push(function, sliding.push(one));
                    }
                }
                let case = format!("{function:?} of {rows}, {step} at a time");
                assert_eq!((got.numbers, got.counts), (wanted.numbers, wanted.counts), "{case}");
                assert_eq!(got.nulls.finish(), wanted.nulls.finish(), "{case}");
            }
        }
        let sliding = Sliding::new(Window { function: WindowFunction::Sum, field: 0, rows: 1000 });
        let greatest = (1 << 53) / 1000;
        assert!(sliding.are_small(&[greatest, -greatest]));
        assert!(!sliding.are_small(&[0, greatest + 1]) && !sliding.are_small(&[i64::MIN]));
    }
}
