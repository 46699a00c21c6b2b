//! Rows of several sources made one: the later source wins per field, or the first row stays.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use tidemill_model::{Column, Duplicates};

use super::slice::ColumnSlice;

/// The rows of a merged piece: which row of which part stands where.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    /// The time of each row.
    pub(crate) times: Vec<i64>,
    /// What the rows are made of, in order.
    stretches: Vec<Stretch>,
    /// Part and row within it of those that have the same time, by age.
    same: Vec<(u32, u32)>,
}

/// Rows that follow one another in a part, or one row of several parts.
#[derive(Debug)]
struct Stretch {
    /// Its first row among the merged ones.
    start: usize,
    from: From,
}

#[derive(Debug)]
enum From {
    /// Rows of a part, from this one on.
    Part(usize, usize),
    /// These of `same`, together.
    Several(Range<usize>),
}

impl Merge {
    /// Merges the times of parts, each ascending, in the order of their age.
    pub(crate) fn new(parts: &[Vec<i64>]) -> Self {
        let mut merge = Self::default();
        merge.times.reserve(parts.iter().map(Vec::len).sum());
        // The next row of each part, the earliest first, of the same time the oldest.
        let next = |part: usize, row: usize| Some(Reverse((*parts[part].get(row)?, part, row)));
        let mut heap: BinaryHeap<_> = (0..parts.len()).filter_map(|part| next(part, 0)).collect();
        while let Some(Reverse((time, part, row))) = heap.pop() {
            let start = merge.times.len();
            let until = heap.peek().map(|Reverse((time, ..))| *time);
            let rest = &parts[part][row..];
            let alone = match until {
                Some(until) => rows_before(rest, until),
                None => rest.len(),
            };
            if alone > 0 {
                merge.times.extend_from_slice(&rest[..alone]);
                merge.stretches.push(Stretch { start, from: From::Part(part, row) });
                heap.extend(next(part, row + alone));
                continue;
            }
            let before = merge.same.len();
            merge.same.push((part as u32, row as u32));
            heap.extend(next(part, row + 1));
            while let Some(Reverse((_, part, row))) =
                heap.peek().filter(|Reverse((other, ..))| *other == time).copied()
            {
                heap.pop();
                merge.same.push((part as u32, row as u32));
                heap.extend(next(part, row + 1));
            }
            merge.times.push(time);
            let from = From::Several(before..merge.same.len());
            merge.stretches.push(Stretch { start, from });
        }
        merge
    }

    pub(crate) fn rows(&self) -> usize {
        self.times.len()
    }

    /// Puts the values of rows of a field, given its column in each part, over `out`.
    pub(crate) fn column(
        &self,
        parts: &[Column],
        rows: Range<usize>,
        duplicates: Duplicates,
        out: &mut Column,
    ) {
        out.clear();
        out.reserve(rows.len());
        let first = self.stretches.partition_point(|stretch| stretch.start <= rows.start);
        let mut next = rows.start;
        for place in first.saturating_sub(1)..self.stretches.len() {
            if next >= rows.end {
                break;
            }
            let stretch = &self.stretches[place];
            let end = self.stretches.get(place + 1).map_or(self.rows(), |later| later.start);
            let end = end.min(rows.end);
            match &stretch.from {
                From::Part(part, row) => {
                    let from = row + (next - stretch.start);
                    ColumnSlice::of(&parts[*part], from..from + (end - next)).append_to(out);
                }
                From::Several(same) => {
                    let value = |&(part, row): &(u32, u32)| parts[part as usize].get(row as usize);
                    let same = &self.same[same.clone()];
                    out.push(match duplicates {
                        Duplicates::Last => same.iter().rev().find_map(value),
                        Duplicates::Keep | Duplicates::Error => same.first().and_then(value),
                    });
                }
            }
            next = end;
        }
    }
}

/// How many of ascending times are before `until`: by doubling steps, for mostly they are few.
fn rows_before(times: &[i64], until: i64) -> usize {
    let mut end = 1;
    while times.get(end - 1).is_some_and(|time| *time < until) {
        end *= 2;
    }
    let start = end / 2;
    start + times[start..times.len().min(end)].partition_point(|time| *time < until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};
    use tidemill_model::{FieldType, Value};

    /// Of each time, what each part that has it says, by age.
    type Model = BTreeMap<i64, Vec<Option<i64>>>;

    fn part(rows: &BTreeMap<i64, Option<i64>>) -> (Vec<i64>, Column) {
        let mut column = Column::new(FieldType::Int);
        rows.values().for_each(|value| column.push(value.map(Value::Int)));
        (rows.keys().copied().collect(), column)
    }

    proptest! {
        #[test]
        fn merged_rows_are_those_of_a_map(
            parts in prop::collection::vec(
                prop::collection::btree_map(0i64..300, prop::option::weighted(0.8, 0i64..99), 0..120), 1..5),
            (from, to) in (0usize..400, 0usize..400),
        ) {
            let mut model = Model::new();
            for rows in &parts {
                rows.iter().for_each(|(time, value)| model.entry(*time).or_default().push(*value));
            }
            let (times, columns): (Vec<_>, Vec<_>) = parts.iter().map(part).unzip();
            let merge = Merge::new(&times);
            prop_assert_eq!(&merge.times, &model.keys().copied().collect::<Vec<_>>());
            let starts: BTreeSet<usize> = merge.stretches.iter().map(|s| s.start).collect();
            prop_assert_eq!(starts.len(), merge.stretches.len());
            let (from, to) = (from.min(merge.rows()), to.min(merge.rows()));
            let rows = from.min(to)..from.max(to);
            let mut out = Column::new(FieldType::Int);
            for duplicates in [Duplicates::Last, Duplicates::Keep] {
                merge.column(&columns, rows.clone(), duplicates, &mut out);
                let wanted = model.values().map(|values| match duplicates {
                    Duplicates::Last => values.iter().rev().find_map(|value| *value),
                    _ => values[0],
                });
                let wanted: Vec<_> = wanted.collect();
                let got: Vec<_> = (0..out.len()).map(|row| out.get(row)).collect();
                let wanted: Vec<_> =
                    wanted[rows.clone()].iter().map(|value| value.map(Value::Int)).collect();
                prop_assert_eq!(got, wanted);
            }
        }
    }

    #[test]
    fn stretches_are_as_long_as_they_can_be() {
        let merge = Merge::new(&[(0..100).collect(), (40..60).map(|time| time * 2).collect()]);
        assert_eq!(merge.rows(), 100 + 10);
        assert!(matches!(merge.stretches[0].from, From::Part(0, 0)));
        assert_eq!(merge.stretches[1].start, 80);
        assert_eq!(merge.stretches.len(), 1 + 20 + 1);
    }
}
