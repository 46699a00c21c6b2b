use std::collections::TryReserveError;

use crate::{Bitmap, FieldType, Value};

/// One column: values and which of them are present.
///
/// A missing value's slot repeats the value before it (or is zero or empty), so that positions
/// line up and gaps compress.
#[derive(Clone, Debug)]
pub struct Column {
    values: Values,
    /// `None`: all are present.
    validity: Option<Bitmap>,
}

/// The same values present in the same rows, whatever fills the slots of missing ones.
impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        let (ty, len) = (self.ty(), self.len());
        (ty, len) == (other.ty(), other.len())
            && (0..len).all(|row| self.get(row) == other.get(row))
    }
}

/// The values of a [`Column`].
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variants are those of FieldType")]
pub enum Values {
    Float(Vec<f64>),
    Int(Vec<i64>),
    UInt(Vec<u64>),
    Bool(Vec<bool>),
    Text(Text),
}

/// Strings in one block: string `i` ends at `ends[i]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Text {
    /// The number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Appends a string.
    ///
    /// # Panics
    /// When the column would hold more than 4 GiB: batches and blocks are bounded far below.
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        assert!(self.bytes.len() <= u32::MAX as usize, "a text column holds at most 4 GiB");
        self.ends.push(self.bytes.len() as u32);
    }

    /// String `index`.
    ///
    /// # Panics
    /// When `index >= len`.
    #[must_use]
    pub fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        // Only `push` appends, so every boundary is a character's.
        std::str::from_utf8(&self.bytes[start..self.ends[index] as usize]).unwrap_or_default()
    }

    /// All strings.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The end offsets and the block of all bytes.
    #[must_use]
    pub fn parts(&self) -> (&[u32], &[u8]) {
        (&self.ends, &self.bytes)
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<u32>() + self.bytes.capacity()
    }

    /// Makes room for `more` strings (not for their bytes).
    pub fn reserve(&mut self, more: usize) {
        self.ends.reserve(more);
    }

    /// Makes room for `more` strings and no others (not for their bytes).
    pub fn reserve_exact(&mut self, more: usize) {
        self.ends.reserve_exact(more);
    }

    /// Makes room for `more` strings of `bytes` bytes in all.
    ///
    /// # Errors
    /// When there is no such memory; the strings are as they were.
    pub fn try_reserve(&mut self, more: usize, bytes: usize) -> Result<(), TryReserveError> {
        self.ends.try_reserve(more)?;
        self.bytes.try_reserve(bytes)
    }

    /// Keeps the first `len` strings.
    pub fn truncate(&mut self, len: usize) {
        if len < self.ends.len() {
            self.ends.truncate(len);
            self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
        }
    }

    /// Forgets all strings and keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
    }
}

macro_rules! each_values {
    ($self:expr, $vector:ident => $body:expr) => {
        match $self {
            Values::Float($vector) => $body,
            Values::Int($vector) => $body,
            Values::UInt($vector) => $body,
            Values::Bool($vector) => $body,
            Values::Text($vector) => $body,
        }
    };
}

impl Values {
    /// No values of this type.
    #[must_use]
    pub fn new(ty: FieldType) -> Self {
        match ty {
            FieldType::Float => Self::Float(Vec::new()),
            FieldType::Int => Self::Int(Vec::new()),
            FieldType::UInt => Self::UInt(Vec::new()),
            FieldType::Bool => Self::Bool(Vec::new()),
            FieldType::Text => Self::Text(Text::default()),
        }
    }

    /// Their type.
    #[must_use]
    pub fn ty(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Int(_) => FieldType::Int,
            Self::UInt(_) => FieldType::UInt,
            Self::Bool(_) => FieldType::Bool,
            Self::Text(_) => FieldType::Text,
        }
    }

    /// How many there are, missing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        each_values!(self, v => v.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Float(v) => v.capacity() * 8,
            Self::Int(v) => v.capacity() * 8,
            Self::UInt(v) => v.capacity() * 8,
            Self::Bool(v) => v.capacity(),
            Self::Text(v) => v.memory_bytes(),
        }
    }

    /// The value in slot `index`, present or not.
    ///
    /// # Panics
    /// When `index >= len`.
    #[must_use]
    pub fn get(&self, index: usize) -> Value<'_> {
        match self {
            Self::Float(v) => Value::Float(v[index]),
            Self::Int(v) => Value::Int(v[index]),
            Self::UInt(v) => Value::UInt(v[index]),
            Self::Bool(v) => Value::Bool(v[index]),
            Self::Text(v) => Value::Text(v.get(index)),
        }
    }

    fn truncate(&mut self, len: usize) {
        each_values!(self, v => v.truncate(len));
    }

    fn reserve(&mut self, more: usize) {
        each_values!(self, v => v.reserve(more));
    }

    fn reserve_exact(&mut self, more: usize) {
        each_values!(self, v => v.reserve_exact(more));
    }

    fn push_filler(&mut self, count: usize) {
        match self {
            Self::Float(v) => v.resize(v.len() + count, v.last().copied().unwrap_or_default()),
            Self::Int(v) => v.resize(v.len() + count, v.last().copied().unwrap_or_default()),
            Self::UInt(v) => v.resize(v.len() + count, v.last().copied().unwrap_or_default()),
            Self::Bool(v) => v.resize(v.len() + count, v.last().copied().unwrap_or_default()),
            Self::Text(v) => v.ends.resize(v.len() + count, v.bytes.len() as u32),
        }
    }
}

impl Column {
    /// An empty column of this type.
    #[must_use]
    pub fn new(ty: FieldType) -> Self {
        Self { values: Values::new(ty), validity: None }
    }

    /// A column of these values.
    ///
    /// # Panics
    /// When the bitmap has another length than the values.
    #[must_use]
    pub fn from_parts(values: Values, validity: Option<Bitmap>) -> Self {
        if let Some(bitmap) = &validity {
            assert_eq!(bitmap.len(), values.len(), "one validity bit a value");
        }
        Self { values, validity }
    }

    /// The values and the validity bitmap (`None`: all are present).
    #[must_use]
    pub fn into_parts(self) -> (Values, Option<Bitmap>) {
        (self.values, self.validity)
    }

    /// The type.
    #[must_use]
    pub fn ty(&self) -> FieldType {
        self.values.ty()
    }

    /// The number of rows, missing values included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slots.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Which rows have a value; `None`: all.
    #[must_use]
    pub fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }

    /// Whether row `index` has a value.
    #[must_use]
    pub fn is_valid(&self, index: usize) -> bool {
        index < self.len() && self.validity.as_ref().is_none_or(|bitmap| bitmap.get(index))
    }

    /// How many rows have a value.
    #[must_use]
    pub fn valid_count(&self) -> usize {
        self.validity.as_ref().map_or(self.len(), Bitmap::count_ones)
    }

    /// The value of row `index`, or `None` where it is missing.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value<'_>> {
        self.is_valid(index).then(|| self.values.get(index))
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.values.memory_bytes()
            + self.validity.as_ref().map_or(0, |bitmap| bitmap.words().len() * 8)
    }

    /// Makes room for `more` rows.
    pub fn reserve(&mut self, more: usize) {
        self.values.reserve(more);
    }

    /// Makes room for `more` rows and no others: once for many, not now and then.
    pub fn reserve_exact(&mut self, more: usize) {
        self.values.reserve_exact(more);
    }

    /// Appends missing values until there are `len` rows.
    pub fn pad_to(&mut self, len: usize) {
        let now = self.len();
        if now < len {
            let validity = self.validity.get_or_insert_with(|| Bitmap::filled(now, true));
            validity.extend(len - now, false);
            self.values.push_filler(len - now);
        }
    }

    /// Keeps the first `len` rows.
    pub fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        if let Some(validity) = &mut self.validity {
            validity.truncate(len);
        }
    }

    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.values.truncate(0);
        self.validity = None;
    }

    /// Appends a value or a missing one.
    ///
    /// # Panics
    /// When the value is of another type.
    pub fn push(&mut self, value: Option<Value<'_>>) {
        let row = self.len();
        match value {
            None => self.pad_to(row + 1),
            Some(value) => self.set_row(row, value),
        }
    }

    /// Makes `value` the value of row `row`, which is the last row or the one after some padding.
    ///
    /// # Panics
    /// When the value is of another type.
    #[inline]
    pub fn set_row(&mut self, row: usize, value: Value<'_>) {
        match value {
            Value::Float(v) => self.set_float(row, v),
            Value::Int(v) => self.set_int(row, v),
            Value::UInt(v) => self.set_uint(row, v),
            Value::Bool(v) => self.set_bool(row, v),
            Value::Text(v) => self.set_text(row, v),
        }
    }

    /// Readies slot `row` to be pushed: pads missing rows, or takes back a value the same row
    /// was given before (the last one of a line wins).
    #[cold]
    fn align(&mut self, row: usize) {
        self.truncate(row);
        self.pad_to(row);
    }

    #[inline]
    fn mark_valid(&mut self) {
        if let Some(validity) = &mut self.validity {
            validity.push(true);
        }
    }
}

macro_rules! set_row {
    ($($name:ident, $variant:ident, $ty:ty;)*) => {
        impl Column {
            $(
                /// [`Column::set_row`] for one type: the hot path of a reader.
                ///
                /// # Panics
                /// When the column is of another type.
                #[inline]
                pub fn $name(&mut self, row: usize, value: $ty) {
                    if self.len() != row {
                        self.align(row);
                    }
                    match &mut self.values {
                        Values::$variant(values) => values.push(value),
                        other => panic!(concat!("a {} column given a ", stringify!($variant)), other.ty()),
                    }
                    self.mark_valid();
                }
            )*
        }
    };
}

set_row! {
    set_float, Float, f64;
    set_int, Int, i64;
    set_uint, UInt, u64;
    set_bool, Bool, bool;
    set_text, Text, &str;
}

macro_rules! extend_rows {
    ($($name:ident, $variant:ident, $ty:ty;)*) => {
        impl Column {
            $(
                /// [`Column::set_row`] for as many rows as there are values, from `row` on.
                ///
                /// # Panics
                /// When the column is of another type.
                pub fn $name(&mut self, row: usize, new: impl Iterator<Item = $ty>) {
                    if self.len() != row {
                        self.align(row);
                    }
                    match &mut self.values {
                        Values::$variant(values) => values.extend(new),
                        other => panic!(concat!("a {} column given a ", stringify!($variant)), other.ty()),
                    }
                    let len = self.len();
                    if let Some(validity) = &mut self.validity {
                        validity.extend(len - row, true);
                    }
                }
            )*
        }
    };
}

extend_rows! {
    extend_float, Float, f64;
    extend_int, Int, i64;
    extend_uint, UInt, u64;
    extend_bool, Bool, bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_line_up_whatever_is_missing() {
        let mut column = Column::new(FieldType::Int);
        column.set_int(0, 7);
        column.set_int(3, 9);
        column.pad_to(5);
        let got: Vec<_> = (0..6).map(|row| column.get(row)).collect();
        let (seven, nine) = (Some(Value::Int(7)), Some(Value::Int(9)));
        assert_eq!(got, [seven, None, None, nine, None, None]);
        assert_eq!(column.valid_count(), 2);
        assert_eq!(column.values(), &Values::Int(vec![7, 7, 7, 9, 9]));
    }

    #[test]
    fn the_last_value_of_a_row_wins() {
        let mut column = Column::new(FieldType::Text);
        column.set_text(0, "a");
        column.set_text(1, "b");
        column.set_text(1, "cc");
        assert_eq!(column.get(1), Some(Value::Text("cc")));
        assert_eq!(column.len(), 2);
        column.truncate(1);
        column.push(None);
        assert_eq!(column.get(1), None);
        assert_eq!(column.get(0), Some(Value::Text("a")));
    }

    #[test]
    fn clear_forgets_what_was_missing() {
        let mut column = Column::new(FieldType::Float);
        column.pad_to(3);
        column.clear();
        column.set_float(0, 1.5);
        assert_eq!(column.validity(), None);
    }
}
