use std::ops::Range;

use tidemill_model::{Column, Text, Value, Values};

/// A field's values in consecutive rows, borrowed from a [`super::Reader`].
#[derive(Clone, Copy, Debug)]
pub struct ColumnSlice<'a> {
    values: SliceValues<'a>,
    validity: Option<(&'a [u64], usize)>,
    rows: usize,
}

/// The values of a [`ColumnSlice`]. A missing value's slot repeats the one before it or is zero.
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
            (_, Some(_)) => (0..self.rows).filter(|row| self.is_valid(*row)).count(),
        }
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
