//! What a merge of the same rows by a naive map gives; the oracle of the tests here and of the
//! model tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemill_model::{Column, Duplicates, FieldType, Value};

use crate::chunk::Chunk;

pub(crate) type Row = Vec<Option<i64>>;

pub(crate) fn merge(rows: &[(u32, i64, Row)], duplicates: Duplicates) -> BTreeMap<(u32, i64), Row> {
    let mut map: BTreeMap<(u32, i64), Row> = BTreeMap::new();
    for (series, time, values) in rows {
        match map.entry((*series, *time)) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(values.clone());
            }
            std::collections::btree_map::Entry::Occupied(mut slot) => {
                if duplicates == Duplicates::Last {
                    for (old, new) in slot.get_mut().iter_mut().zip(values) {
                        *old = new.or(*old);
                    }
                }
            }
        }
    }
    map
}

pub(crate) fn chunks(rows: &[(u32, i64, Row)], size: usize) -> Vec<Arc<Chunk>> {
    rows.chunks(size.max(1))
        .enumerate()
        .map(|(number, rows)| {
            let mut chunk = Chunk { sequence: number as u64, ..Chunk::default() };
            let fields = rows.first().map_or(0, |row| row.2.len());
            chunk.columns = (0..fields)
                .map(|field| {
                    let mut column = Column::new(FieldType::Int);
                    rows.iter().for_each(|row| column.push(row.2[field].map(Value::Int)));
                    (field as u32, column)
                })
                .filter(|(_, column)| column.valid_count() > 0)
                .collect();
            chunk.series = rows.iter().map(|row| row.0).collect();
            chunk.times = rows.iter().map(|row| row.1).collect();
            Arc::new(chunk)
        })
        .collect()
}
