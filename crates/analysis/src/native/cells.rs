use std::cmp::Ordering;
use std::mem;

use tidemill_model::{Aggregate, FieldType, Value, count_ones};
use tidemill_store::{ColumnSlice, StoredAggregate};

use super::gathered::Gathered;
use super::runs::Run;
use crate::Scalar;
use crate::numeric::{Numeric, Statistics, merge, reduce};

/// What is known of one field (or of its ends) so far, one cell a group.
#[derive(Clone, Debug)]
pub(crate) enum Cells {
    Float(Vec<Aggregate<f64>>),
    Int(Vec<Aggregate<i64>>),
    UInt(Vec<Aggregate<u64>>),
    /// Bools and texts.
    Ordered(Vec<Ordered>),
    /// First and last values of any type.
    Ends(Vec<Ends>),
    /// All values of a number, in no order.
    Values(Vec<Gathered>),
}

/// Values that have an order and nothing else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ordered {
    pub(crate) count: u64,
    pub(crate) min: Option<Scalar>,
    pub(crate) max: Option<Scalar>,
}

/// The values at the least and at the greatest time; a missing value counts as well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    pub(crate) first: Option<End>,
    pub(crate) last: Option<End>,
}

#[derive(Clone, Debug)]
pub(crate) struct End {
    time: i64,
    pub(crate) value: Option<Scalar>,
}

macro_rules! each {
    ($cells:expr, $vector:ident => $body:expr) => {
        match $cells {
            Cells::Float($vector) => $body,
            Cells::Int($vector) => $body,
            Cells::UInt($vector) => $body,
            Cells::Ordered($vector) => $body,
            Cells::Ends($vector) => $body,
            Cells::Values($vector) => $body,
        }
    };
}

impl Cells {
    /// No cells for the statistics of a field.
    pub(crate) fn of_field(ty: FieldType) -> Self {
        match ty {
            FieldType::Float => Self::Float(Vec::new()),
            FieldType::Int => Self::Int(Vec::new()),
            FieldType::UInt => Self::UInt(Vec::new()),
            FieldType::Bool | FieldType::Text => Self::Ordered(Vec::new()),
        }
    }

    /// Bytes of one cell, what a text points to not counted.
    pub(crate) fn cell_bytes(&self) -> usize {
        fn size<T>(_: &[T]) -> usize {
            size_of::<T>()
        }
        // The smallest vector that has something holds four values.
        let points_to = if let Self::Values(_) = self { 4 * size_of::<f64>() } else { 0 };
        points_to + each!(self, cells => size(cells))
    }

    /// How many cells there are.
    pub(crate) fn len(&self) -> usize {
        each!(self, cells => cells.len())
    }

    /// Makes room for more cells.
    pub(crate) fn reserve(&mut self, more: usize) {
        each!(self, cells => cells.reserve(more));
    }

    /// Appends an empty cell.
    pub(crate) fn push(&mut self) {
        each!(self, cells => cells.push(Default::default()));
    }

    /// Appends the cells of the same field from elsewhere.
    pub(crate) fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Float(cells), Self::Float(other)) => cells.extend(other),
            (Self::Int(cells), Self::Int(other)) => cells.extend(other),
            (Self::UInt(cells), Self::UInt(other)) => cells.extend(other),
            (Self::Ordered(cells), Self::Ordered(other)) => cells.extend(other),
            (Self::Ends(cells), Self::Ends(other)) => cells.extend(other),
            (Self::Values(cells), Self::Values(other)) => cells.extend(other),
            _ => unreachable!("the same plan made both"),
        }
    }

    /// Puts the cells in another order and merges some: `groups[i]` are the old places of the new
    /// cell `i`, in order of time or series.
    pub(crate) fn regroup(&mut self, groups: &[&[u32]]) {
        each!(self, cells => *cells = regrouped(cells, groups));
    }

    /// Adds the runs of a piece. `stored` are slices whose statistics stand for their rows;
    /// `column` has the piece's rows and may be left out when the slices cover them all.
    pub(crate) fn add(
        &mut self,
        runs: &[Run],
        wanted: Statistics,
        stored: &[StoredAggregate],
        column: Option<&ColumnSlice<'_>>,
    ) {
        match self {
            Self::Float(cells) => add_numbers(cells, runs, wanted, stored, column),
            Self::Int(cells) => add_numbers(cells, runs, wanted, stored, column),
            Self::UInt(cells) => add_numbers(cells, runs, wanted, stored, column),
            Self::Ordered(cells) => {
                let Some(column) = column else { return };
                runs.iter().for_each(|run| cells[run.cell].add(run, wanted, column));
            }
            Self::Ends(cells) => {
                runs.iter().for_each(|run| cells[run.cell].add(run, stored, column));
            }
            Self::Values(cells) => {
                let Some(column) = column else { return };
                runs.iter().for_each(|run| cells[run.cell].add(column, &run.rows));
            }
        }
    }

    /// Adds the sums of runs of integers, none of which is missing.
    pub(crate) fn add_sums(&mut self, runs: &[Run], sums: &[i64]) {
        fn add<T: Numeric<Sum = i128>>(cells: &mut [Aggregate<T>], runs: &[Run], sums: &[i64]) {
            for (run, sum) in runs.iter().zip(sums) {
                let cell = &mut cells[run.cell];
                cell.count += run.rows.len() as u64;
                cell.sum += i128::from(*sum);
            }
        }
        match self {
            Self::Int(cells) => add(cells, runs, sums),
            Self::UInt(cells) => add(cells, runs, sums),
            _ => unreachable!("sums are of integers"),
        }
    }
}

fn regrouped<C: Merge>(cells: &mut [C], groups: &[&[u32]]) -> Vec<C> {
    let merged = |group: &&[u32]| {
        let mut places = group.iter().map(|place| mem::take(&mut cells[*place as usize]));
        let mut first = places.next().unwrap_or_default();
        places.for_each(|later| first.merge_later(later));
        first
    };
    groups.iter().map(merged).collect()
}

impl Merge for Gathered {
    fn merge_later(&mut self, later: Self) {
        self.merge(later);
    }
}

/// A cell of two of the same group.
trait Merge: Default {
    fn merge_later(&mut self, later: Self);
}

impl<T: Numeric> Merge for Aggregate<T> {
    fn merge_later(&mut self, later: Self) {
        *self = self.merge(&later);
    }
}

fn add_numbers<T: Numeric>(
    cells: &mut [Aggregate<T>],
    runs: &[Run],
    wanted: Statistics,
    stored: &[StoredAggregate],
    column: Option<&ColumnSlice<'_>>,
) {
    let mut slices = stored.iter().peekable();
    for run in runs {
        let cell = &mut cells[run.cell];
        let mut next = run.rows.start;
        // Slices ascend; one that starts before the run crosses its edge.
        while slices.next_if(|slice| slice.rows.start < run.rows.start).is_some() {}
        while let Some(slice) = slices.next_if(|slice| slice.rows.end <= run.rows.end) {
            if let (Some(column), true) = (column, next < slice.rows.start) {
                merge(cell, &reduce(column, next..slice.rows.start, wanted), wanted);
            }
            if let Some(aggregate) = T::of_stored(&slice.aggregate) {
                merge(cell, aggregate, wanted);
            }
            next = slice.rows.end;
        }
        if let (Some(column), true) = (column, next < run.rows.end) {
            merge(cell, &reduce(column, next..run.rows.end, wanted), wanted);
        }
    }
}

impl Ordered {
    fn add(&mut self, run: &Run, wanted: Statistics, column: &ColumnSlice<'_>) {
        if wanted == Statistics::Count {
            let count = match column.validity() {
                Some((words, offset)) => {
                    count_ones(words, offset + run.rows.start..offset + run.rows.end)
                }
                // Nothing is valid where no row has a value.
                None if column.is_valid(run.rows.start) => run.rows.len(),
                None => 0,
            };
            self.count += count as u64;
            return;
        }
        for value in run.rows.clone().filter_map(|row| column.get(row)) {
            self.count += 1;
            replace_if(&mut self.min, value, Ordering::Greater);
            replace_if(&mut self.max, value, Ordering::Less);
        }
    }
}

/// Puts `value` into `place` when that is empty or compares so with it.
fn replace_if(place: &mut Option<Scalar>, value: Value<'_>, ordering: Ordering) {
    if place.as_ref().is_none_or(|old| order(old.value(), value) == ordering) {
        *place = Some(Scalar::of(value));
    }
}

/// The order of two bools or two texts.
pub(crate) fn order(a: Value<'_>, b: Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(&b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

impl Merge for Ordered {
    fn merge_later(&mut self, later: Self) {
        self.count += later.count;
        if let Some(min) = &later.min {
            replace_if(&mut self.min, min.value(), Ordering::Greater);
        }
        if let Some(max) = &later.max {
            replace_if(&mut self.max, max.value(), Ordering::Less);
        }
    }
}

impl Ends {
    fn add(&mut self, run: &Run, stored: &[StoredAggregate], column: Option<&ColumnSlice<'_>>) {
        let is_earlier = self.first.as_ref().is_none_or(|end| run.first_time < end.time);
        let is_later = self.last.as_ref().is_none_or(|end| run.last_time > end.time);
        let decoded = |row: usize| column.and_then(|c| c.get(row)).map(Scalar::of);
        if is_earlier {
            let row = run.rows.start;
            let at = stored.binary_search_by_key(&row, |slice| slice.rows.start);
            let value = at.map_or_else(|_| decoded(row), |at| Scalar::first_of(&stored[at]));
            self.first = Some(End { time: run.first_time, value });
        }
        if is_later {
            let end = run.rows.end;
            let at = stored.binary_search_by_key(&end, |slice| slice.rows.end);
            let value = at.map_or_else(|_| decoded(end - 1), |at| Scalar::last_of(&stored[at]));
            self.last = Some(End { time: run.last_time, value });
        }
    }
}

impl Merge for Ends {
    fn merge_later(&mut self, later: Self) {
        let time = |end: &Option<End>| end.as_ref().map(|end| end.time);
        if time(&self.first).is_none_or(|own| time(&later.first).is_some_and(|time| time < own)) {
            self.first = later.first;
        }
        if time(&self.last).is_none_or(|own| time(&later.last).is_some_and(|time| time > own)) {
            self.last = later.last;
        }
    }
}
