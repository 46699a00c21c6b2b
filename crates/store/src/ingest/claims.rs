use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet};

use tidemill_model::{SeriesKey, TableBatch, TableSchema};

use super::{KnownTags, TableMap};
use crate::definition::Definition;

/// Defines the fields and tags that are new, in the order in which rows bring them: the first row
/// that is not refused has the name. (Types never change: a row that is not kept must not choose
/// them.)
pub(super) fn claim_names(
    rows: &TableBatch,
    map: &TableMap,
    new_series: &[(usize, u32)],
    definition: &mut Definition,
) {
    let mut refused = Refused { rows, new_series, is_refused: vec![false; rows.rows()] };
    let mut queue = BinaryHeap::new();
    let tags = new_tags(rows, new_series, &definition.schema);
    queue.extend(tags.iter().map(|(tag, row)| Reverse((*row, None, *tag))));
    for (index, column) in rows.columns().iter().enumerate() {
        let name = column.name.as_str();
        let known = definition.schema.field(name);
        let is_other = known.is_some_and(|f| definition.schema.fields[f].ty != column.column.ty());
        if is_other || name == TableSchema::TIME || definition.schema.tag(name).is_some() {
            refused.column(index);
        } else if known.is_none() {
            queue.extend(
                refused.next_of_column(index, 0).map(|row| Reverse((row, Some(index), name))),
            );
            if tags.contains_key(name) {
                refused.both(index, name);
            }
        }
    }
    refused.series(&map.refused.keys().copied().collect());
    for tag in tags.keys() {
        if *tag == TableSchema::TIME || definition.schema.field(tag).is_some() {
            refused.series(&refused.series_with(tag));
        }
    }
    while let Some(Reverse((row, column, name))) = queue.pop() {
        let schema = &definition.schema;
        if name == TableSchema::TIME || schema.tag(name).is_some() || schema.field(name).is_some() {
            continue;
        }
        if refused.is_refused[row] {
            let next = match column {
                Some(index) => refused.next_of_column(index, row + 1),
                None => refused.next_of_tag(name, row + 1),
            };
            queue.extend(next.map(|row| Reverse((row, column, name))));
            continue;
        }
        let ty = column.map(|index| rows.columns()[index].column.ty());
        match ty {
            None => definition.add_tag(name),
            Some(ty) => definition.add_field(name, ty),
        };
        // What another row means by the name is refused from now on.
        for (index, other) in rows.columns().iter().enumerate() {
            if other.name == name && Some(other.column.ty()) != ty {
                refused.column(index);
            }
        }
        if column.is_some() && tags.contains_key(name) {
            refused.series(&refused.series_with(name));
        }
    }
}

/// The tags of new series that the table lacks, and the first row that brings each.
fn new_tags<'a>(
    rows: &'a TableBatch,
    new_series: &[(usize, u32)],
    schema: &TableSchema,
) -> BTreeMap<&'a str, usize> {
    let (mut tags, mut known_tags) = (BTreeMap::new(), KnownTags::default());
    for (row, series) in new_series {
        let key = SeriesKey(rows.series_keys().bytes(*series));
        for (place, (tag, _)) in key.tags().flatten().enumerate() {
            if known_tags.tag(place, tag, schema).is_none() && !tags.contains_key(tag) {
                tags.insert(tag, *row);
            }
        }
    }
    tags
}

/// The rows of a batch that will not be kept, as far as is known.
struct Refused<'a> {
    rows: &'a TableBatch,
    new_series: &'a [(usize, u32)],
    is_refused: Vec<bool>,
}

impl Refused<'_> {
    /// All rows that have this column.
    fn column(&mut self, index: usize) {
        let column = &self.rows.columns()[index].column;
        let present = (0..column.len()).filter(|row| column.is_valid(*row));
        present.for_each(|row| self.is_refused[row] = true);
    }

    /// All rows of these series.
    fn series(&mut self, series: &HashSet<u32>) {
        if series.is_empty() {
            return;
        }
        for (is_refused, of) in self.is_refused.iter_mut().zip(self.rows.row_series()) {
            *is_refused |= series.contains(of);
        }
    }

    /// All rows that have this column and a tag of its name.
    fn both(&mut self, index: usize, tag: &str) {
        let (series, column) = (self.series_with(tag), &self.rows.columns()[index].column);
        for (row, of) in self.rows.row_series().iter().enumerate() {
            let has_both = row < column.len() && column.is_valid(row) && series.contains(of);
            self.is_refused[row] |= has_both;
        }
    }

    /// The new series with a tag.
    fn series_with(&self, tag: &str) -> HashSet<u32> {
        let has_tag = |series: &u32| {
            let key = SeriesKey(self.rows.series_keys().bytes(*series));
            key.tags().flatten().any(|(name, _)| name == tag)
        };
        self.new_series.iter().map(|(_, series)| *series).filter(has_tag).collect()
    }

    fn next_of_column(&self, index: usize, from: usize) -> Option<usize> {
        let column = &self.rows.columns()[index].column;
        (from..column.len()).find(|row| column.is_valid(*row) && !self.is_refused[*row])
    }

    fn next_of_tag(&self, tag: &str, from: usize) -> Option<usize> {
        let series = self.series_with(tag);
        let of = self.rows.row_series();
        (from..of.len()).find(|row| series.contains(&of[*row]) && !self.is_refused[*row])
    }
}
