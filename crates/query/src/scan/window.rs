use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, NullBufferBuilder};
use tidemill_store::{ColumnSlice, SliceValues};

/// A function of a number in each row and in those before it in its series: plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) function: WindowFunction,
    pub(crate) field: usize,
    /// How many rows, the present one included.
    pub(crate) rows: usize,
}

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
        2 * self.rows.next_power_of_two() * size_of::<Together>()
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
/// Rows are taken in stretches as long as the window. It is the end of one stretch and the beginning of the next: what
/// comes from each row to the end of its stretch is added up when that is complete, and the beginning on the way. So
/// nothing is ever subtracted, and each row costs two additions (van Herk, "A fast algorithm for local
/// minimum and maximum filters", 1992).
#[derive(Debug)]
pub(super) struct Sliding {
    window: Window,
    /// The rows of the present stretch, and all of them together.
    rows: Vec<Together>,
    together: Together,
    /// Of each row of the stretch before: it and all that came after it in there.
    ends: Vec<Together>,
}

impl Sliding {
    pub(super) fn new(window: Window) -> Self {
        Self { window, rows: Vec::new(), together: Together::default(), ends: Vec::new() }
    }

    pub(super) fn field(&self) -> usize {
        self.window.field
    }

    /// Begins with a series.
    pub(super) fn restart(&mut self) {
        self.rows.clear();
        self.ends.clear();
        self.together = Together::default();
    }

    /// Moves over the next rows, and says what the window has at each.
    pub(super) fn advance(&mut self, slice: &ColumnSlice<'_>, out: &mut Windowed) {
        match slice.values() {
            SliceValues::Float(values) => self.each(slice, |row| values[row], out),
            SliceValues::Int(values) => self.each(slice, |row| values[row] as f64, out),
            SliceValues::UInt(values) => self.each(slice, |row| values[row] as f64, out),
            // What is no number is counted only.
            _ => self.each(slice, |_| 0.0, out),
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
}
