//! A number for all rows of a store, whatever order they come in: two stores of the same rows have
//! the same, and it is computed without building the rows.

use tidemill_model::{TimeRange, Value};
use tidemill_store::{Result, Snapshot, TableView};

use crate::common::{Fields, Model, Row};

/// How many rows, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Digest {
    pub(crate) rows: u64,
    sum: u64,
}

impl Digest {
    pub(crate) fn of_model(model: &Model) -> Self {
        let mut digest = Self::default();
        for ((table, host, time), fields) in &model.rows {
            digest.add(hash(table.as_bytes()), hash(host.as_bytes()), *time, of_fields(fields));
        }
        digest
    }

    /// # Errors
    /// What reading says.
    pub(crate) fn of_snapshot(snapshot: &Snapshot) -> Result<Self> {
        let mut digest = Self::default();
        snapshot.tables().iter().try_for_each(|table| digest.add_table(table))?;
        Ok(digest)
    }

    /// Adds a row that was not there.
    pub(crate) fn add_row(&mut self, row: &Row) {
        let fields =
            row.fields.iter().map(|(name, value)| of_value(hash(name.as_bytes()), value.value()));
        let fields = fields.fold(0, u64::wrapping_add);
        self.add(hash(row.table.as_bytes()), hash(row.host.as_bytes()), row.time, fields);
    }

    fn add(&mut self, table: u64, host: u64, time: i64, fields: u64) {
        self.rows += 1;
        let row = mix(table ^ mix(host ^ mix(time as u64)));
        self.sum = self.sum.wrapping_add(mix(row ^ fields));
    }

    fn add_table(&mut self, table: &TableView) -> Result<()> {
        let name = hash(table.name().as_bytes());
        let (mut reader, mut pieces) = (table.reader(), Vec::new());
        let (mut times, mut fields) = (Vec::new(), Vec::new());
        for series in 0..table.series_count() {
            let host = {
                let index = table.series_index();
                index.series_tags(series).next().map_or(hash(b""), |tag| hash(tag.1.as_bytes()))
            };
            reader.pieces(series, TimeRange::ALL, &mut pieces)?;
            for piece in &pieces {
                let rows = reader.rows(piece)?;
                times.clear();
                reader.times(piece, 0..rows, &mut times)?;
                fields.clear();
                fields.resize(rows, 0u64);
                for (field, schema) in table.schema().fields.iter().enumerate() {
                    let name = hash(schema.name.as_bytes());
                    let column = reader.column(piece, field, 0..rows)?;
                    for (row, sum) in fields.iter_mut().enumerate() {
                        let value = column.get(row).map_or(0, |value| of_value(name, value));
                        *sum = sum.wrapping_add(value);
                    }
                }
                for (time, fields) in times.iter().zip(&fields) {
                    self.add(name, host, *time, *fields);
                }
            }
        }
        Ok(())
    }
}

fn of_fields(fields: &Fields) -> u64 {
    let fields = fields.iter().map(|(name, value)| of_value(hash(name.as_bytes()), value.value()));
    fields.fold(0, u64::wrapping_add)
}

fn of_value(name: u64, value: Value<'_>) -> u64 {
    let (ty, bits) = match value {
        Value::Float(v) => (1, v.to_bits()),
        Value::Int(v) => (2, v as u64),
        Value::UInt(v) => (3, v),
        Value::Bool(v) => (4, u64::from(v)),
        Value::Text(v) => (5, hash(v.as_bytes())),
    };
    mix(name ^ mix(bits.wrapping_add(ty << 56 | ty)))
}

/// FNV-1a, mixed.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// The end of `SplitMix64`.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
