//! What a table *is*: its schema and its series. Definitions only grow, so that every durable
//! form is a list of what was added since a [`Mark`].
//!
//! ```text
//! addition := start-mark, name str, duplicates u8,
//!             fields:  count varint, (name str, type u8)*
//!             tags:    count varint, name str*
//!             values:  for each tag, old and new: count varint, value str*
//!             series:  count varint, (pairs varint, (tag varint, code varint)*)*
//! start-mark := fields varint, tags varint, values varint * tags, series varint
//! ```
//!
//! `str` is a varint length and UTF-8 bytes; varints are LEB128. An addition that starts before
//! the present state (a log replayed over a newer manifest) adds only what is not there yet.

use std::convert::Infallible;

use tidemill_model::{Duplicates, FieldSchema, FieldType, TableSchema};

use crate::bytes::{Cursor, Malformed, Put};
use crate::series_index::SeriesIndex;

/// Parts of an addition that is written have at least so many bytes, but for the last one, and a value more at most.
const PART_BYTES: usize = if cfg!(test) { 16 } else { 1 << 20 };

/// A table's schema and series.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definition {
    pub(crate) schema: TableSchema,
    pub(crate) index: SeriesIndex,
}

/// How much of a [`Definition`] there was at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    fields: u32,
    values: Vec<u32>,
    series: u32,
}

impl Definition {
    pub(crate) fn new(name: &str, duplicates: Duplicates) -> Self {
        let schema = TableSchema { name: name.to_owned(), duplicates, ..TableSchema::default() };
        Self { schema, index: SeriesIndex::default() }
    }

    pub(crate) fn mark(&self) -> Mark {
        let values = (0..self.schema.tags.len()).map(|tag| self.index.tag_values(tag) as u32);
        Mark {
            fields: self.schema.fields.len() as u32,
            values: values.collect(),
            series: self.index.len(),
        }
    }

    /// Goes back to a mark.
    pub(crate) fn truncate(&mut self, mark: &Mark) {
        self.schema.fields.truncate(mark.fields as usize);
        self.schema.tags.truncate(mark.values.len());
        self.index.truncate(mark.series, &mark.values);
    }

    pub(crate) fn add_tag(&mut self, name: &str) -> usize {
        self.schema.tags.push(name.to_owned());
        self.index.add_tag();
        self.schema.tags.len() - 1
    }

    pub(crate) fn add_field(&mut self, name: &str, ty: FieldType) -> usize {
        self.schema.fields.push(FieldSchema { name: name.to_owned(), ty });
        self.schema.fields.len() - 1
    }

    /// Writes what was added since `since`.
    pub(crate) fn encode_since(&self, since: &Mark, out: &mut Vec<u8>) {
        let Ok(()) = self.encode_parts(since, out, |_| Ok::<(), Infallible>(()));
    }

    /// [`Definition::encode_since`] that tells whenever `out` is long, and at the end, so that it may be emptied.
    pub(crate) fn encode_parts<E>(
        &self,
        since: &Mark,
        out: &mut Vec<u8>,
        mut part: impl FnMut(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (schema, index) = (&self.schema, &self.index);
        out.put_varint(since.fields);
        out.put_varint(since.values.len() as u64);
        since.values.iter().for_each(|count| out.put_varint(*count));
        out.put_varint(since.series);
        out.put_str(&schema.name);
        out.put(&[schema.duplicates.code()]);
        let fields = &schema.fields[since.fields as usize..];
        out.put_varint(fields.len() as u64);
        for field in fields {
            out.put_str(&field.name);
            out.put(&[field.ty.code()]);
        }
        let tags = &schema.tags[since.values.len()..];
        out.put_varint(tags.len() as u64);
        tags.iter().for_each(|tag| out.put_str(tag));
        for tag in 0..schema.tags.len() {
            let known = since.values.get(tag).copied().unwrap_or(0);
            let count = index.tag_values(tag) as u32;
            out.put_varint(count - known);
            for code in known + 1..=count {
                out.put_str(index.tag_value(tag, code).unwrap_or_default());
                if out.len() >= PART_BYTES {
                    part(out)?;
                }
            }
        }
        out.put_varint(index.len() - since.series);
        for series in since.series..index.len() {
            out.put_varint(index.pairs(series).count() as u64);
            for (tag, code) in index.pairs(series) {
                out.put_varint(tag);
                out.put_varint(code);
            }
            if out.len() >= PART_BYTES {
                part(out)?;
            }
        }
        part(out)
    }

    /// Adds what an addition holds and the definition does not.
    pub(crate) fn apply(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let since = read_mark(cursor)?;
        let now = self.mark();
        if since.fields > now.fields
            || since.values.len() > now.values.len()
            || since.series > now.series
        {
            return cursor.fail("an addition to a later state of the table");
        }
        let name = cursor.str()?;
        let code = cursor.u8()?;
        let Some(duplicates) = Duplicates::from_code(code) else {
            return cursor.fail(format!("duplicates policy {code}"));
        };
        if self.schema.name.is_empty() && now == Mark::default() {
            self.schema.name = name.to_owned();
            self.schema.duplicates = duplicates;
        } else if self.schema.name != name {
            return cursor.fail(format!("table `{name}` where `{}` is expected", self.schema.name));
        }
        self.apply_fields(cursor, since.fields as usize)?;
        self.apply_tags(cursor, &since)?;
        self.apply_series(cursor, since.series)
    }

    fn apply_fields(&mut self, cursor: &mut Cursor<'_>, start: usize) -> Result<(), Malformed> {
        for position in start..start + cursor.count(2)? {
            let name = cursor.str()?;
            let code = cursor.u8()?;
            let Some(ty) = FieldType::from_code(code) else {
                return cursor.fail(format!("field type {code}"));
            };
            match self.schema.fields.get(position) {
                None => {
                    self.add_field(name, ty);
                }
                Some(known) if known.name == name && known.ty == ty => {}
                Some(known) => {
                    return cursor.fail(format!("field `{name}` where `{}` is", known.name));
                }
            }
        }
        Ok(())
    }

    fn apply_tags(&mut self, cursor: &mut Cursor<'_>, since: &Mark) -> Result<(), Malformed> {
        let start = since.values.len();
        let tags = start + cursor.count(1)?;
        for position in start..tags {
            let name = cursor.str()?;
            match self.schema.tags.get(position) {
                None => {
                    self.add_tag(name);
                }
                Some(known) if known == name => {}
                Some(known) => return cursor.fail(format!("tag `{name}` where `{known}` is")),
            }
        }
        for tag in 0..tags {
            let start = since.values.get(tag).copied().unwrap_or(0);
            for position in start..start.saturating_add(cursor.count(1)? as u32) {
                let value = cursor.str()?;
                if self.index.intern_value(tag, value) != position + 1 {
                    return cursor.fail(format!("value `{value}` of tag {tag} out of order"));
                }
            }
        }
        Ok(())
    }

    fn apply_series(&mut self, cursor: &mut Cursor<'_>, start: u32) -> Result<(), Malformed> {
        let mut pairs = Vec::new();
        let count = cursor.count(1)?;
        // Three bytes each at least, but for the one without tags.
        self.index.reserve(count.min(cursor.remaining() / 3 + 1));
        for position in start..start.saturating_add(count as u32) {
            pairs.clear();
            for _ in 0..cursor.count(2)? {
                let (tag, code) = (cursor.varint_u32()?, cursor.varint_u32()?);
                let after = pairs.last().is_none_or(|last: &(u32, u32)| last.0 < tag);
                let known = (tag as usize) < self.schema.tags.len()
                    && code >= 1
                    && code as usize <= self.index.tag_values(tag as usize);
                if !after || !known {
                    return cursor.fail(format!("a series with code {code} of tag {tag}"));
                }
                pairs.push((tag, code));
            }
            if self.index.intern_series(&pairs) != position {
                return cursor.fail(format!("series {position} out of order"));
            }
        }
        Ok(())
    }
}

fn read_mark(cursor: &mut Cursor<'_>) -> Result<Mark, Malformed> {
    let fields = cursor.varint_u32()?;
    let tags = cursor.count(1)?;
    let values = (0..tags).map(|_| cursor.varint_u32()).collect::<Result<_, _>>()?;
    Ok(Mark { fields, values, series: cursor.varint_u32()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Definition, Mark) {
        let mut table = Definition::new("cpu", Duplicates::Keep);
        table.add_field("u", FieldType::Float);
        let host = table.add_tag("host");
        let a = table.index.intern_value(host, "a");
        table.index.intern_series(&[(0, a)]);
        let mark = table.mark();
        table.add_field("n", FieldType::Int);
        let zone = table.add_tag("zone");
        let (b, z) = (table.index.intern_value(host, "b"), table.index.intern_value(zone, "z"));
        table.index.intern_series(&[(0, b), (1, z)]);
        (table, mark)
    }

    fn same(a: &Definition, b: &Definition) {
        assert_eq!(a.schema, b.schema);
        assert_eq!(a.mark(), b.mark());
        for series in 0..a.index.len() {
            let tags = |d: &Definition| d.index.pairs(series).collect::<Vec<_>>();
            assert_eq!(tags(a), tags(b));
        }
    }

    #[test]
    fn additions_rebuild_a_table_and_may_be_replayed() {
        let (table, mark) = sample();
        let (mut whole, mut rest) = (Vec::new(), Vec::new());
        table.encode_since(&Mark::default(), &mut whole);
        table.encode_since(&mark, &mut rest);
        let mut copy = Definition::default();
        copy.apply(&mut Cursor::new(&whole)).unwrap();
        same(&copy, &table);
        copy.apply(&mut Cursor::new(&rest)).unwrap();
        copy.apply(&mut Cursor::new(&whole)).unwrap();
        same(&copy, &table);
        copy.truncate(&mark);
        assert_eq!(copy.mark(), mark);
        copy.apply(&mut Cursor::new(&rest)).unwrap();
        same(&copy, &table);
    }

    #[test]
    fn parts_are_the_whole_and_short() {
        let (mut table, mark) = sample();
        for number in 0..100 {
            let host = table.index.intern_value(0, &format!("host_{number}"));
            table.index.intern_series(&[(0, host)]);
        }
        for since in [Mark::default(), mark, table.mark()] {
            let (mut whole, mut parts, mut count) = (Vec::new(), Vec::new(), 0);
            table.encode_since(&since, &mut whole);
            let told = table.encode_parts(&since, &mut Vec::new(), |part| {
                // The names of fields and tags come together.
                assert!(part.len() < 2 * PART_BYTES + 16, "{}", part.len());
                parts.append(part);
                count += 1;
                Ok::<_, Infallible>(())
            });
            assert_eq!((told, &parts), (Ok(()), &whole));
            assert!(count > whole.len() / (2 * PART_BYTES + 16) && count >= 1);
            let refused = table.encode_parts(&since, &mut Vec::new(), |_| Err("full"));
            assert_eq!(refused, Err("full"));
        }
    }

    #[test]
    fn an_addition_to_another_table_is_refused() {
        let (table, mark) = sample();
        let encoded = |table: &Definition, mark: &Mark| {
            let mut out = Vec::new();
            table.encode_since(mark, &mut out);
            out
        };
        let refused = |to: &Definition, addition: &[u8], reason: &str| {
            let malformed = to.clone().apply(&mut Cursor::new(addition)).unwrap_err();
            assert!(malformed.what.contains(reason), "{malformed:?}, not {reason}");
        };
        let mut first = table.clone();
        first.truncate(&mark);
        let whole = encoded(&table, &Mark::default());
        for later in [
            Mark { fields: 2, ..mark.clone() },
            Mark { values: vec![1, 0], ..mark.clone() },
            Mark { series: 2, ..mark.clone() },
        ] {
            refused(&first, &encoded(&table, &later), "a later state");
        }
        for (at, reason) in [(7, "duplicates policy 99"), (11, "field type 99")] {
            let mut other = whole.clone();
            other[at] = 99;
            refused(&Definition::default(), &other, reason);
        }
        // The same but for one thing.
        let with = |change: fn(&mut Definition)| {
            let mut other = table.clone();
            change(&mut other);
            other
        };
        refused(&with(|t| t.schema.name = "mem".into()), &whole, "table `cpu` where `mem`");
        refused(&with(|t| t.schema.fields[0].name = "v".into()), &whole, "field `u` where `v`");
        refused(&with(|t| t.schema.fields[0].ty = FieldType::Int), &whole, "field `u` where `u`");
        refused(&with(|t| t.schema.tags[0] = "node".into()), &whole, "tag `host` where `node`");
        // No fields, one tag with one value; then series as the case says.
        let policy = Duplicates::Keep.code();
        let start = [&[0, 0, 0, 3][..], b"cpu", &[policy, 0, 1, 1, b'h', 1, 1, b'a']].concat();
        let series = |series: &[u8]| [&start[..], series].concat();
        let empty = Definition::default();
        empty.clone().apply(&mut Cursor::new(&series(&[1, 1, 0, 1]))).unwrap();
        refused(&empty, &series(&[1, 1, 0, 0]), "code 0 of tag 0");
        refused(&empty, &series(&[1, 1, 0, 2]), "code 2 of tag 0");
        refused(&empty, &series(&[1, 1, 1, 1]), "code 1 of tag 1");
        refused(&empty, &series(&[1, 2, 0, 1, 0, 1]), "code 1 of tag 0");
        refused(&empty, &series(&[2, 1, 0, 1, 1, 0, 1]), "series 1 out of order");
        let twice = [&start[..start.len() - 3], &[2, 1, b'a', 1, b'a', 0]].concat();
        refused(&empty, &twice, "value `a` of tag 0 out of order");
    }

    #[test]
    fn damage_never_panics() {
        let (table, _) = sample();
        let mut bytes = Vec::new();
        table.encode_since(&Mark::default(), &mut bytes);
        for cut in 0..bytes.len() {
            assert!(
                Definition::default().apply(&mut Cursor::new(&bytes[..cut])).is_err(),
                "cut {cut}"
            );
        }
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = Definition::default().apply(&mut Cursor::new(&damaged));
            }
        }
    }
}
