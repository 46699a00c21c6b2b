//! What a store holds, as numbers that are quick to compare.

use std::hash::{Hash, Hasher};

use tidemill_model::{TimeRange, Value};
use tidemill_store::{Piece, Reader, Result, Snapshot, TableView};

/// A hasher that takes a word in a few cycles: the standard one was a tenth of a run. (wyhash's step.)
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let product =
            u128::from(self.0 ^ 0x9E37_79B9_7F4A_7C15) * u128::from(word ^ 0xE703_7ED1_A0B4_28DB);
        self.0 = (product as u64 ^ (product >> 64) as u64).wrapping_add(self.0.rotate_left(29));
    }

    fn write_i64(&mut self, word: i64) {
        self.write_u64(word as u64);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(word.into());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// One number for each row, of its table, tags and time, and one for each of its values, of the row
/// and the field, too; sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cells(Vec<u64>);

impl Cells {
    /// What can be read, and whether that is everything.
    pub(super) fn of(snapshot: &Snapshot) -> (Self, bool) {
        let (mut cells, mut is_whole) = (Vec::new(), true);
        for table in snapshot.tables() {
            let (mut reader, mut pieces) = (table.reader(), Vec::new());
            for series in 0..table.series_count() {
                let mut hasher = Mixer::default();
                table.name().hash(&mut hasher);
                table.series_index().series_tags(series).for_each(|tag| tag.hash(&mut hasher));
                is_whole &= reader.pieces(series, TimeRange::ALL, &mut pieces).is_ok();
                for piece in &pieces {
                    is_whole &= add(&mut cells, table, &mut reader, piece, &hasher).is_ok();
                }
            }
        }
        cells.sort_unstable();
        (Self(cells), is_whole)
    }

    /// Whether all of `other` is in it.
    pub(super) fn holds(&self, other: &Self) -> bool {
        let mut own = self.0.iter();
        other.0.iter().all(|cell| own.by_ref().find(|own| *own >= cell) == Some(cell))
    }

    /// What is in it and not in `other`.
    pub(super) fn without(&self, other: &Self) -> Self {
        let is_new = |cell: &&u64| other.0.binary_search(cell).is_err();
        Self(self.0.iter().filter(is_new).copied().collect())
    }
}

/// Adds the rows of a piece, unless their times cannot be read, and the values that can.
fn add(
    cells: &mut Vec<u64>,
    table: &TableView,
    reader: &mut Reader,
    piece: &Piece,
    series: &Mixer,
) -> Result<()> {
    let rows = reader.rows(piece)?;
    let mut times = Vec::new();
    reader.times(piece, 0..rows, &mut times)?;
    let row_hasher = |time: &i64| {
        let mut hasher = *series;
        time.hash(&mut hasher);
        hasher
    };
    let hashers: Vec<_> = times.iter().map(row_hasher).collect();
    cells.extend(hashers.iter().map(Hasher::finish));
    let mut result = Ok(());
    for (field, schema) in table.schema().fields.iter().enumerate() {
        match reader.column(piece, field, 0..rows) {
            Err(error) => result = Err(error),
            Ok(slice) => {
                for (row, hasher) in hashers.iter().enumerate() {
                    if let Some(value) = slice.get(row) {
                        let mut hasher = *hasher;
                        (&*schema.name, bits(value)).hash(&mut hasher);
                        cells.push(hasher.finish());
                    }
                }
            }
        }
    }
    result
}

/// A value, in a form that can be hashed.
pub(super) fn bits(value: Value<'_>) -> (u8, u64, &str) {
    match value {
        Value::Float(value) => (1, value.to_bits(), ""),
        Value::Int(value) => (2, value as u64, ""),
        Value::UInt(value) => (3, value, ""),
        Value::Bool(value) => (4, value.into(), ""),
        Value::Text(text) => (5, 0, text),
    }
}
