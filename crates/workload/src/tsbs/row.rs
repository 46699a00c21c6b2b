use tidemill_model::{FieldType, Value};

/// The tables of a use case and the tags that all tables of a device share.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub(super) tables: Vec<Table>,
    pub(super) device_tags: Tags,
}

/// What a table of a use case looks like.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) fields: Vec<(&'static str, FieldType)>,
    /// The tags of this table alone, one text a device; empty texts where it has none.
    pub(super) own_tags: Tags,
}

/// One row, borrowed from the simulation that made it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// The index of its table.
    pub(super) table: usize,
    /// The host or truck.
    pub(super) device: usize,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub(super) time_ns: i64,
    /// One value a field of the table.
    pub(super) values: &'a [Value<'static>],
    /// Bit `i`: field `i` is missing.
    pub(super) missing_fields: u32,
    /// The index of a tag that is missing.
    pub(super) missing_tag: Option<usize>,
}

/// The tags of each device as line protocol writes them: `hostname=host_0,region=eu-west-1`, in
/// one block. No name or value has a character that any of our formats would escape.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags {
    text: String,
    ends: Vec<usize>,
}

impl Tags {
    /// Appends a device's tags, each followed by a comma except the last.
    pub(super) fn push(&mut self, tags: &[(&str, &str)]) {
        for (index, (name, value)) in tags.iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            self.text.push_str(name);
            self.text.push('=');
            self.text.push_str(value);
        }
        self.ends.push(self.text.len());
    }

    /// The number of devices.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub(super) fn get(&self, device: usize) -> &str {
        let start = if device == 0 { 0 } else { self.ends[device - 1] };
        &self.text[start..self.ends[device]]
    }

    /// A device's tags as pairs.
    pub(super) fn pairs(&self, device: usize) -> impl Iterator<Item = (&str, &str)> {
        self.get(device).split(',').filter_map(|tag| tag.split_once('='))
    }

    /// The values alone, as CSV writes them: each followed by a comma.
    pub(super) fn values(&self) -> Self {
        let mut values = Self::default();
        for device in 0..self.len() {
            for (_, value) in self.pairs(device) {
                values.text.push_str(value);
                values.text.push(',');
            }
            values.ends.push(values.text.len());
        }
        values
    }
}
