use tidemill_model::{Batch, SeriesKey};

use super::row::{Row, Schema};

/// The ten tags of a host and the two of its disk: no row has more.
const MAX_TAGS: usize = 12;

/// Writes rows into a batch.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchWriter {
    /// For each table its index in the batch and, for each field, the index of its column.
    places: Vec<(usize, Vec<usize>)>,
    keys: Vec<Keys>,
    key: Vec<u8>,
}

/// The series key of each device in one table, in one block.
#[derive(Clone, Debug, Default)]
struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl BatchWriter {
    /// Finds the places of the tables in `batch`; the keys are made once.
    pub(super) fn begin(&mut self, schema: &Schema, batch: &mut Batch) {
        let tables = &schema.tables;
        if self.keys.is_empty() {
            self.keys.resize(tables.len(), Keys::default());
            for (table, keys) in self.keys.iter_mut().enumerate() {
                for device in 0..schema.device_tags.len() {
                    encode(schema, table, device, None, &mut self.key);
                    keys.bytes.extend_from_slice(&self.key);
                    keys.ends.push(keys.bytes.len());
                }
            }
        }
        self.places.resize_with(tables.len(), Default::default);
        for ((index, columns), table) in self.places.iter_mut().zip(tables) {
            *index = batch.table(table.name);
            let target = &mut batch.tables_mut()[*index];
            columns.clear();
            columns.extend(table.fields.iter().map(|(name, ty)| target.column(name, *ty)));
        }
    }

    #[inline]
    pub(super) fn write(&mut self, row: &Row<'_>, schema: &Schema, batch: &mut Batch) {
        let (index, columns) = &self.places[row.table];
        let target = &mut batch.tables_mut()[*index];
        let series = if row.missing_tag.is_some() {
            encode(schema, row.table, row.device, row.missing_tag, &mut self.key);
            target.series(&self.key)
        } else {
            let Keys { bytes, ends } = &self.keys[row.table];
            let start = if row.device == 0 { 0 } else { ends[row.device - 1] };
            target.series(&bytes[start..ends[row.device]])
        };
        for (field, (column, value)) in columns.iter().zip(row.values).enumerate() {
            if row.missing_fields >> field & 1 == 0 {
                target.set(*column, *value);
            }
        }
        target.end_row(series, Some(row.time_ns), 0);
    }
}

/// The key of a device's tags over `key`, without the tag of index `missing`.
fn encode(schema: &Schema, table: usize, device: usize, missing: Option<usize>, key: &mut Vec<u8>) {
    let tags = schema.device_tags.pairs(device).enumerate();
    let kept = tags.filter(|(index, _)| Some(*index) != missing).map(|(_, tag)| tag);
    let mut tags = [("", ""); MAX_TAGS];
    let mut count = 0;
    for (slot, tag) in tags.iter_mut().zip(kept.chain(schema.tables[table].own_tags.pairs(device)))
    {
        *slot = tag;
        count += 1;
    }
    let encoded = SeriesKey::encode(&mut tags[..count], key);
    debug_assert!(encoded.is_ok(), "our own tags are short and differ in name");
}
