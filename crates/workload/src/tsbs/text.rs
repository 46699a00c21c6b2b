use tidemill_model::Value;

use super::Format;
use super::row::{Row, Schema, Tags};
use crate::number::{push_float, push_int};

/// Writes rows as text.
#[derive(Clone, Debug)]
pub(super) struct TextWriter {
    format: Format,
    /// As [`Tags`], in the form of the format.
    device_tags: Tags,
    tables: Vec<TableText>,
}

/// The parts of a table's rows that never change.
#[derive(Clone, Debug)]
struct TableText {
    /// Line protocol: the table's name and a comma.
    lead: Vec<u8>,
    own_tags: Tags,
    /// Line protocol: each field's name and an equals sign.
    fields: Vec<Vec<u8>>,
}

impl TextWriter {
    pub(super) fn new(format: Format, schema: &Schema) -> Self {
        let tags = |tags: &Tags| match format {
            Format::LineProtocol => tags.clone(),
            Format::Csv => tags.values(),
        };
        let tables = schema.tables.iter().map(|table| TableText {
            lead: format!("{},", table.name).into_bytes(),
            own_tags: tags(&table.own_tags),
            fields: table.fields.iter().map(|(name, _)| format!("{name}=").into_bytes()).collect(),
        });
        Self { format, device_tags: tags(&schema.device_tags), tables: tables.collect() }
    }

    /// The CSV header of a table; nothing for line protocol.
    pub(super) fn header(&self, schema: &Schema, table: usize, out: &mut Vec<u8>) {
        if self.format == Format::Csv {
            let table = &schema.tables[table];
            let tags = schema.device_tags.pairs(0).chain(table.own_tags.pairs(0));
            let tags = tags.map(|(name, _)| name);
            let fields = table.fields.iter().map(|(name, _)| *name);
            let names: Vec<_> = std::iter::once("time").chain(tags).chain(fields).collect();
            out.extend_from_slice(names.join(",").as_bytes());
            out.push(b'\n');
        }
    }

    #[inline]
    pub(super) fn write(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        match self.format {
            Format::LineProtocol => self.write_line(row, out),
            Format::Csv => self.write_csv(row, out),
        }
    }

    fn write_line(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        let table = &self.tables[row.table];
        out.extend_from_slice(&table.lead);
        self.write_line_tags(row, out);
        let mut before = b' ';
        for (index, (name, value)) in table.fields.iter().zip(row.values).enumerate() {
            if row.missing_fields >> index & 1 == 1 {
                continue;
            }
            out.push(before);
            before = b',';
            out.extend_from_slice(name);
            match value {
                Value::Int(value) => {
                    push_int(out, *value);
                    out.push(b'i');
                }
                value => push_plain(out, value),
            }
        }
        out.push(b' ');
        push_int(out, row.time_ns);
        out.push(b'\n');
    }

    fn write_line_tags(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        let tags = self.device_tags.get(row.device);
        let own_tags = self.tables[row.table].own_tags.get(row.device);
        if let Some(missing) = row.missing_tag {
            let kept = tags.split(',').enumerate().filter(|(index, _)| *index != missing);
            for (index, (_, tag)) in kept.enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(tag.as_bytes());
            }
        } else {
            out.extend_from_slice(tags.as_bytes());
        }
        if !own_tags.is_empty() {
            out.push(b',');
            out.extend_from_slice(own_tags.as_bytes());
        }
    }

    fn write_csv(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        push_int(out, row.time_ns);
        out.push(b',');
        let tags = self.device_tags.get(row.device);
        if let Some(missing) = row.missing_tag {
            for (index, value) in tags.split_inclusive(',').enumerate() {
                let value = if index == missing { "," } else { value };
                out.extend_from_slice(value.as_bytes());
            }
        } else {
            out.extend_from_slice(tags.as_bytes());
        }
        out.extend_from_slice(self.tables[row.table].own_tags.get(row.device).as_bytes());
        for (index, value) in row.values.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if row.missing_fields >> index & 1 == 0 {
                push_plain(out, value);
            }
        }
        out.push(b'\n');
    }
}

/// A value without a mark of its type.
#[inline]
fn push_plain(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Int(value) => push_int(out, *value),
        Value::Float(value) => push_float(out, *value),
        // The suite has no other types.
        Value::UInt(_) | Value::Bool(_) | Value::Text(_) => {}
    }
}
