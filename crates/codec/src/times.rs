//! The times of a block's rows, which consist of runs: stretches of one series, ascending.
//!
//! # Layout
//! ```text
//! column = 0x00 firsts steps             LINEAR: row i of a run is first + i * step
//!        | 0x01 firsts anchors deltas    DELTAS: a row is the one before it + its delta
//! ```
//! All are columns of [`crate::ints`](mod@crate::ints).
//!
//! * `firsts`: the first time of each run.
//! * `steps`: one a run, not negative; no run goes beyond the range of `i64`. A run of a single
//!   row repeats the step of the run before it.
//! * `anchors`: the time of each row whose number is a multiple of 1,024, so that a vector is
//!   decoded without those before it.
//! * `deltas`: one a row. The first row of a run repeats the delta of the row before it; the first
//!   row of the block has that of the second, or 0.
//!
//! Where the runs start is not part of the column.

use crate::bytes::Cursor;
use crate::ints::{IntColumn, Starts, appended, decode_rows, vector_count, vector_rows};
use crate::{Error, MAX_BLOCK_ROWS, VECTOR_ROWS};
use std::ops::Range;

pub(crate) const LINEAR: u8 = 0;
pub(crate) const DELTAS: u8 = 1;

/// What stands before a column's deltas: read once, and then looked at for every column of the same bytes. Its memory
/// may be used again for others.
#[derive(Clone, Debug, Default)]
pub struct TimeHeader {
    /// Of the column; `None`: its header was not read, or was none.
    rows: Option<usize>,
    firsts: Vec<i64>,
    /// Of runs that have a constant interval each.
    steps: Vec<i64>,
    anchors: Vec<i64>,
    /// Where the deltas begin, and their vectors; `None`: there are steps.
    deltas: Option<(usize, Starts)>,
}

/// An encoded column of times whose header is checked.
#[derive(Clone, Copy, Debug)]
pub struct TimeColumn<'a> {
    rows: usize,
    run_starts: &'a [u32],
    firsts: &'a [i64],
    shape: Shape<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Shape<'a> {
    Linear { steps: &'a [i64] },
    Deltas { anchors: &'a [i64], deltas: IntColumn<'a> },
}

/// Reads the header of a column of `rows` times that [`crate::Encoder::times`] made of the same
/// runs.
///
/// # Errors
/// When these are not the bytes of such a column, or when the runs don't start at row 0 and ascend
/// within the rows.
pub fn times<'a>(
    bytes: &'a [u8],
    rows: usize,
    run_starts: &'a [u32],
    header: &'a mut TimeHeader,
) -> Result<TimeColumn<'a>, Error> {
    header.read(bytes, rows, run_starts)?;
    header.column(bytes, rows, run_starts)
}

impl TimeHeader {
    /// Reads and checks the header of these times.
    ///
    /// # Errors
    /// As [`times`].
    pub fn read(&mut self, bytes: &[u8], rows: usize, run_starts: &[u32]) -> Result<(), Error> {
        self.rows = None;
        let mut cursor = Cursor::new(bytes);
        if rows > MAX_BLOCK_ROWS || !are_run_starts(run_starts, rows) {
            return Err(cursor.error("runs that don't fit the rows"));
        }
        let tag = cursor.u8()?;
        let Self { firsts, steps, anchors, deltas, .. } = self;
        for vector in [&mut *firsts, steps, anchors] {
            vector.clear();
        }
        IntColumn::parse(&mut cursor, run_starts.len())?.decode(0..run_starts.len(), firsts)?;
        *deltas = match tag {
            LINEAR => {
                let at = cursor.offset();
                let column = IntColumn::parse(&mut cursor, run_starts.len())?;
                column.decode(0..run_starts.len(), steps)?;
                for (run, (first, step)) in firsts.iter().zip(&*steps).enumerate() {
                    let rows = run_rows(run_starts, rows, run).len();
                    if *step < 0 || last_time(*first, *step, rows).is_none() {
                        return Err(Error::new(at, "a run beyond the range of times"));
                    }
                }
                None
            }
            DELTAS => {
                let vectors = vector_count(rows);
                IntColumn::parse(&mut cursor, vectors)?.decode(0..vectors, anchors)?;
                let at = cursor.offset();
                Some((at, IntColumn::parse(&mut cursor, rows)?.starts()))
            }
            _ => return Err(Error::new(0, "an unknown encoding of times")),
        };
        cursor.finish()?;
        self.rows = Some(rows);
        Ok(())
    }

    /// The column whose header this is: of the bytes, rows and runs it was read of.
    ///
    /// # Errors
    /// When they are others, at times: it may also be another column then.
    pub fn column<'a>(
        &'a self,
        bytes: &'a [u8],
        rows: usize,
        run_starts: &'a [u32],
    ) -> Result<TimeColumn<'a>, Error> {
        let Self { firsts, steps, anchors, deltas, .. } = self;
        let mut cursor = Cursor::new(bytes);
        if self.rows != Some(rows) || firsts.len() != run_starts.len() {
            return Err(cursor.error("the header of other times"));
        }
        let shape = match deltas {
            None => Shape::Linear { steps },
            Some((at, starts)) => {
                cursor.take(*at)?;
                let deltas = IntColumn::parse_with(&mut cursor, rows, Some(starts))?;
                Shape::Deltas { anchors, deltas }
            }
        };
        Ok(TimeColumn { rows, run_starts, firsts, shape })
    }

    /// Gives back memory that it does not need.
    pub fn shrink_to_fit(&mut self) {
        for vector in [&mut self.firsts, &mut self.steps, &mut self.anchors] {
            vector.shrink_to_fit();
        }
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let times = self.firsts.capacity() + self.steps.capacity() + self.anchors.capacity();
        times * size_of::<i64>()
    }
}

/// Whether these are starts of runs that make up so many rows.
pub(crate) fn are_run_starts(run_starts: &[u32], rows: usize) -> bool {
    let ascend = run_starts.is_sorted_by(|a, b| a < b);
    let ends = (run_starts.first() == Some(&0), run_starts.last().map(|last| *last as usize));
    ascend && if rows == 0 { run_starts.is_empty() } else { ends.0 && ends.1 < Some(rows) }
}

/// The rows of run `run`.
pub(crate) fn run_rows(run_starts: &[u32], rows: usize, run: usize) -> Range<usize> {
    run_starts[run] as usize..run_starts.get(run + 1).map_or(rows, |start| *start as usize)
}

/// The last of `rows` times, when it is one.
pub(crate) fn last_time(first: i64, step: i64, rows: usize) -> Option<i64> {
    first.checked_add(step.checked_mul(i64::try_from(rows.saturating_sub(1)).ok()?)?)
}

impl TimeColumn<'_> {
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of vectors.
    #[must_use]
    pub fn vectors(&self) -> usize {
        vector_count(self.rows)
    }

    /// The number of runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.run_starts.len()
    }

    /// The rows of a run.
    ///
    /// # Panics
    /// When there is no such run.
    #[must_use]
    pub fn run_rows(&self, run: usize) -> Range<usize> {
        run_rows(self.run_starts, self.rows, run)
    }

    /// The first time of a run.
    ///
    /// # Panics
    /// When there is no such run.
    #[must_use]
    pub fn first(&self, run: usize) -> i64 {
        self.firsts[run]
    }

    /// The time of the first row of a vector, without decoding it.
    ///
    /// # Panics
    /// When there is no such vector.
    #[must_use]
    pub fn anchor(&self, vector: usize) -> i64 {
        let row = vector * VECTOR_ROWS;
        assert!(row < self.rows, "no vector {vector} of {}", self.vectors());
        match &self.shape {
            Shape::Linear { steps } => self.linear_time(steps, row),
            Shape::Deltas { anchors, .. } => anchors[vector],
        }
    }

    /// The interval of a run's times in nanoseconds, not negative, when it is known to be
    /// constant.
    ///
    /// # Panics
    /// When there is no such run.
    #[must_use]
    pub fn step(&self, run: usize) -> Option<i64> {
        match self.shape {
            Shape::Linear { steps } => Some(steps[run]),
            Shape::Deltas { .. } => None,
        }
    }

    /// The interval of all runs' times in nanoseconds, when it is known to be constant and the
    /// same.
    #[must_use]
    pub fn constant_step(&self) -> Option<i64> {
        let Shape::Linear { steps } = self.shape else { return None };
        let (first, rest) = steps.split_first()?;
        rest.iter().all(|step| step == first).then_some(*first)
    }

    /// The time of a row. It costs a search for the run, and without a constant interval the
    /// decoding of a vector.
    ///
    /// # Errors
    /// When its bytes are corrupt.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn time_at(&self, row: usize) -> Result<i64, Error> {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        if let Shape::Linear { steps } = self.shape {
            return Ok(self.linear_time(steps, row));
        }
        let run = self.run_of(row);
        if self.run_starts[run] as usize == row {
            return Ok(self.firsts[run]);
        }
        let mut times = [0; VECTOR_ROWS];
        self.decode_vector(row / VECTOR_ROWS, &mut times)?;
        Ok(times[row % VECTOR_ROWS])
    }

    /// The time of a row of a run that has a constant interval.
    fn linear_time(&self, steps: &[i64], row: usize) -> i64 {
        let run = self.run_of(row);
        self.firsts[run] + steps[run] * (row - self.run_starts[run] as usize) as i64
    }

    /// How many rows of a run are before `time`: by arithmetic where its interval is constant,
    /// otherwise by a search, which decodes a vector.
    ///
    /// # Errors
    /// When its bytes are corrupt.
    ///
    /// # Panics
    /// When there is no such run.
    pub fn rows_before(&self, run: usize, time: i64) -> Result<usize, Error> {
        let rows = self.run_rows(run);
        let first = self.firsts[run];
        if time <= first {
            return Ok(0);
        }
        let (anchors, vectors) = match &self.shape {
            Shape::Linear { steps } => {
                // Both are positive and below 2^64.
                let (distance, step) = (time.wrapping_sub(first) as u64, steps[run] as u64);
                let before = if step == 0 { u64::MAX } else { distance.div_ceil(step) };
                return Ok(before.min(rows.len() as u64) as usize);
            }
            // The vectors that begin inside the run, but not with it.
            Shape::Deltas { anchors, .. } => {
                (anchors, rows.start / VECTOR_ROWS + 1..vector_count(rows.end))
            }
        };
        let vector =
            rows.start / VECTOR_ROWS + anchors[vectors].partition_point(|anchor| *anchor < time);
        let mut times = [0; VECTOR_ROWS];
        let decoded = self.decode_vector(vector, &mut times)?;
        let start = vector * VECTOR_ROWS;
        let inside = rows.start.max(start) - start..(rows.end - start).min(decoded);
        let before = times[inside.clone()].partition_point(|other| *other < time);
        Ok(start + inside.start + before - rows.start)
    }

    /// Decodes a vector into the front of `out` and returns its number of rows; the rest of `out`
    /// is undefined.
    ///
    /// # Errors
    /// When its bytes are corrupt.
    ///
    /// # Panics
    /// When there is no such vector.
    pub fn decode_vector(
        &self,
        vector: usize,
        out: &mut [i64; VECTOR_ROWS],
    ) -> Result<usize, Error> {
        assert!(vector < self.vectors(), "vector {vector} of {}", self.vectors());
        let start = vector * VECTOR_ROWS;
        let rows = start..start + vector_rows(self.rows, vector);
        if let Shape::Deltas { deltas, .. } = &self.shape {
            deltas.decode_vector(vector, out)?;
        }
        let mut run = self.run_of(start);
        let mut row = start;
        while row < rows.end {
            let run_rows = self.run_rows(run);
            let end = run_rows.end.min(rows.end);
            let (first, index) = (self.firsts[run], row - run_rows.start);
            let out = &mut out[row - start..end - start];
            match &self.shape {
                Shape::Linear { steps } => put_linear(first, steps[run], index, out),
                Shape::Deltas { .. } if index == 0 => sum_deltas(first, out),
                Shape::Deltas { anchors, .. } => sum_deltas(anchors[vector], out),
            }
            (row, run) = (end, run + 1);
        }
        Ok(rows.len())
    }

    /// Appends the times of `rows` to `out`.
    ///
    /// # Errors
    /// When their bytes are corrupt, then `out` may have got some of them, and others; or when there is no
    /// memory for them.
    ///
    /// # Panics
    /// When the column has no such rows.
    pub fn decode(&self, rows: Range<usize>, out: &mut Vec<i64>) -> Result<(), Error> {
        let out = appended(out, rows.len())?;
        self.decode_into(rows, out)
    }

    /// Puts the values of `rows` into `out`, which is as long. What `out` holds is not looked at: a
    /// buffer that is used again need not be cleared.
    ///
    /// # Errors
    /// When their bytes are corrupt; then `out` may hold some of them, and others.
    ///
    /// # Panics
    /// When the column has no such rows, or `out` another length.
    pub fn decode_into(&self, rows: Range<usize>, out: &mut [i64]) -> Result<(), Error> {
        decode_rows(rows, self.rows, out, |vector, out| self.decode_vector(vector, out))
    }

    /// The run that row `row` is in.
    fn run_of(&self, row: usize) -> usize {
        self.run_starts.partition_point(|start| *start as usize <= row) - 1
    }
}

/// Rows `index..` of a run.
fn put_linear(first: i64, step: i64, index: usize, out: &mut [i64]) {
    let mut time = first.wrapping_add(step.wrapping_mul(index as i64));
    for out in out {
        *out = time;
        time = time.wrapping_add(step);
    }
}

/// Turns deltas into times, of which the first is `first`.
fn sum_deltas(first: i64, deltas: &mut [i64]) {
    if let Some(delta) = deltas.first_mut() {
        *delta = 0;
    }
    tidemill_kernels::delta::prefix_sum(zerocopy::transmute_mut!(deltas), first as u64);
}
