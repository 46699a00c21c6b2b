use std::ops::Range;

use tidemill_model::{Bitmap, Column, Text, Value, Values, count_ones};

/// A field's values in consecutive rows, borrowed from a [`super::Reader`].
#[derive(Clone, Copy, Debug)]
pub struct ColumnSlice<'a> {
    values: SliceValues<'a>,
    validity: Option<(&'a [u64], usize)>,
    rows: usize,
}

/// The values of a [`ColumnSlice`]. What is in a missing value's slot is not said: mostly the value before it, or zero.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the variants are those of FieldType")]
pub enum SliceValues<'a> {
    Float(&'a [f64]),
    Int(&'a [i64]),
    UInt(&'a [u64]),
    Bool(&'a [bool]),
    Text(TextSlice<'a>),
    /// No row has a value.
    Missing,
}

/// Consecutive strings.
#[derive(Clone, Copy, Debug)]
pub struct TextSlice<'a> {
    text: &'a Text,
    start: usize,
}

impl<'a> TextSlice<'a> {
    /// String `index` of the slice.
    ///
    /// # Panics
    /// When the slice is shorter.
    #[must_use]
    pub fn get(&self, index: usize) -> &'a str {
        self.text.get(self.start + index)
    }
}

/// Puts values over others.
fn replace<T: Copy>(out: &mut Vec<T>, values: &[T]) {
    out.clear();
    out.extend_from_slice(values);
}

impl<'a> ColumnSlice<'a> {
    pub(crate) fn missing(rows: usize) -> Self {
        Self { values: SliceValues::Missing, validity: None, rows }
    }

    pub(crate) fn of(column: &'a Column, rows: Range<usize>) -> Self {
        let values = match column.values() {
            Values::Float(values) => SliceValues::Float(&values[rows.clone()]),
            Values::Int(values) => SliceValues::Int(&values[rows.clone()]),
            Values::UInt(values) => SliceValues::UInt(&values[rows.clone()]),
            Values::Bool(values) => SliceValues::Bool(&values[rows.clone()]),
            Values::Text(text) => SliceValues::Text(TextSlice { text, start: rows.start }),
        };
        let validity = column.validity().map(|bits| (bits.words(), rows.start));
        Self { values, validity, rows: rows.len() }
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> SliceValues<'a> {
        self.values
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Which rows have a value: row `i` does when bit `(offset + i) % 64` of word
    /// `(offset + i) / 64` is set. `None`: all do (unless the values are
    /// [`SliceValues::Missing`]).
    #[must_use]
    pub fn validity(&self) -> Option<(&'a [u64], usize)> {
        self.validity
    }

    /// Whether every row has a value.
    #[must_use]
    pub fn all_valid(&self) -> bool {
        self.valid_count() == self.rows
    }

    /// How many rows have a value.
    #[must_use]
    pub fn valid_count(&self) -> usize {
        match (self.values, self.validity) {
            (SliceValues::Missing, _) => 0,
            (_, None) => self.rows,
            (_, Some((words, offset))) => count_ones(words, offset..offset + self.rows),
        }
    }

    /// Appends the rows to `out`, which is of the field's type.
    ///
    /// # Panics
    /// When it is of another type.
    pub fn append_to(&self, out: &mut Column) {
        if self.rows == 0 {
            return;
        }
        if out.is_empty() {
            return self.copy_into(out);
        }
        let (ty, before) = (out.ty(), out.len());
        if matches!(self.values, SliceValues::Missing) {
            return out.pad_to(before + self.rows);
        }
        let (mut values, mut validity) = std::mem::replace(out, Column::new(ty)).into_parts();
        match (&mut values, self.values) {
            (Values::Float(out), SliceValues::Float(values)) => out.extend_from_slice(values),
            (Values::Int(out), SliceValues::Int(values)) => out.extend_from_slice(values),
            (Values::UInt(out), SliceValues::UInt(values)) => out.extend_from_slice(values),
            (Values::Bool(out), SliceValues::Bool(values)) => out.extend_from_slice(values),
            (Values::Text(out), SliceValues::Text(texts)) => {
                out.append(texts.text, texts.start..texts.start + self.rows);
            }
            (_, other) => panic!("a {ty} column given {other:?}"),
        }
        match self.validity.filter(|_| !self.all_valid()) {
            Some((words, offset)) => validity
                .get_or_insert_with(|| Bitmap::filled(before, true))
                .append(words, offset, self.rows),
            None => {
                if let Some(validity) = &mut validity {
                    validity.extend(self.rows, true);
                }
            }
        }
        *out = Column::from_parts(values, validity);
    }

    /// Puts the rows over `out`, which is of the field's type and keeps its memory.
    ///
    /// # Panics
    /// When it is of another type.
    pub fn copy_into(&self, out: &mut Column) {
        let ty = out.ty();
        let (mut values, validity) = std::mem::replace(out, Column::new(ty)).into_parts();
        match (&mut values, self.values) {
            (_, SliceValues::Missing) => {
                *out = Column::from_parts(values, None);
                out.clear();
                return out.pad_to(self.rows);
            }
            (Values::Float(out), SliceValues::Float(values)) => replace(out, values),
            (Values::Int(out), SliceValues::Int(values)) => replace(out, values),
            (Values::UInt(out), SliceValues::UInt(values)) => replace(out, values),
            (Values::Bool(out), SliceValues::Bool(values)) => replace(out, values),
            (Values::Text(out), SliceValues::Text(texts)) => {
                out.clear();
                out.append(texts.text, texts.start..texts.start + self.rows);
            }
            (_, other) => panic!("a {ty} column given {other:?}"),
        }
        let validity = self.validity.filter(|_| !self.all_valid()).map(|(words, offset)| {
            let mut bitmap = validity.unwrap_or_default();
            bitmap.assign(words, offset, self.rows);
            bitmap
        });
        *out = Column::from_parts(values, validity);
    }

    /// Whether row `row` has a value.
    #[must_use]
    pub fn is_valid(&self, row: usize) -> bool {
        match (self.values, self.validity) {
            (SliceValues::Missing, _) => false,
            (_, None) => row < self.rows,
            (_, Some((words, offset))) => {
                let bit = offset + row;
                row < self.rows
                    && words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
            }
        }
    }

    /// The value of row `row`, or `None` where it is missing.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<Value<'a>> {
        if !self.is_valid(row) {
            return None;
        }
        match self.values {
            SliceValues::Float(values) => values.get(row).copied().map(Value::Float),
            SliceValues::Int(values) => values.get(row).copied().map(Value::Int),
            SliceValues::UInt(values) => values.get(row).copied().map(Value::UInt),
            SliceValues::Bool(values) => values.get(row).copied().map(Value::Bool),
            SliceValues::Text(text) => Some(Value::Text(text.get(row))),
            SliceValues::Missing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tidemill_model::FieldType;

    fn column(ty: FieldType, rows: &[Option<u8>]) -> Column {
        let mut column = Column::new(ty);
        for row in rows {
            let text = "x".repeat(row.unwrap_or_default().into());
            column.push(row.map(|value| match ty {
                FieldType::Float => Value::Float(value.into()),
                FieldType::Int => Value::Int(value.into()),
                FieldType::UInt => Value::UInt(value.into()),
                FieldType::Bool => Value::Bool(value % 2 == 0),
                FieldType::Text => Value::Text(&text),
            }));
        }
        column
    }

    fn check(ty: FieldType, rows: &[Option<u8>], cut: Range<usize>, before: &[Option<u8>]) {
        let (source, mut out) = (column(ty, rows), column(ty, before));
        let slice = ColumnSlice::of(&source, cut.clone());
        let wanted = column(ty, &[before, &rows[cut.clone()]].concat());
        let values = |column: &Column| -> Vec<_> {
            (0..column.len()).map(|row| column.get(row).map(|value| format!("{value:?}"))).collect()
        };
        slice.append_to(&mut out);
        assert_eq!(values(&out), values(&wanted));
        slice.copy_into(&mut out);
        assert_eq!(values(&out), values(&column(ty, &rows[cut.clone()])));
        let valid = rows[cut.clone()].iter().flatten().count();
        assert_eq!((slice.valid_count(), slice.all_valid()), (valid, valid == cut.len()));
        ColumnSlice::missing(0).append_to(&mut out);
        let before = (out.len(), out.valid_count());
        assert_eq!(before, (cut.len(), valid));
        ColumnSlice::missing(cut.len()).append_to(&mut out);
        assert_eq!((out.len(), out.valid_count()), (2 * cut.len(), valid));
        ColumnSlice::missing(cut.len()).copy_into(&mut out);
        assert_eq!((out.len(), out.valid_count()), (cut.len(), 0));
    }

    proptest! {
        #[test]
        fn slices_are_copied_and_appended(
            rows in prop::collection::vec(prop::option::weighted(0.9, 0u8..9), 0..200),
            before in prop::collection::vec(prop::option::weighted(0.95, 0u8..9), 0..20),
            (from, to) in (0usize..200, 0usize..200),
            is_dense in any::<bool>(),
        ) {
            let dense = |rows: Vec<Option<u8>>| -> Vec<_> {
                rows.into_iter().map(|row| if is_dense { row.or(Some(0)) } else { row }).collect()
            };
            let (rows, before) = (dense(rows), dense(before));
            let (from, to) = (from.min(rows.len()), to.min(rows.len()));
            for code in 0..5 {
                let ty = FieldType::from_code(code).unwrap_or(FieldType::Text);
                check(ty, &rows, from.min(to)..from.max(to), &before);
            }
        }
    }
}
