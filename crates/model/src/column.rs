use crate::{Bitmap, FieldType, Value, Values};

/// One column: values and which of them are present.
///
/// A missing value has a slot, too, so that positions line up. One that was pushed repeats the value
/// before it (or is zero or empty), so that gaps compress; who writes rows that changed places
/// has [`Column::fill_gaps`] see to it.
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

    /// Puts rows `rows` of `from`, which is of the same type, over this column, which keeps its
    /// memory. Missing values' slots hold what they held there.
    ///
    /// # Panics
    /// When it is of another type, or has no such rows.
    pub fn take(&mut self, from: &Self, rows: &[u32]) {
        self.values.take(&from.values, rows);
        let validity = self.validity.take();
        self.validity = from.validity.as_ref().map(|bits| {
            let mut taken = validity.unwrap_or_default();
            taken.take(bits, rows);
            taken
        });
    }

    /// Lets every missing value's slot repeat the value before it; the first ones are zero.
    pub fn fill_gaps(&mut self) {
        let zeros = self.validity.iter().flat_map(Bitmap::zeros);
        zeros.for_each(|row| self.values.repeat_at(row));
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
    fn taken_rows_come_with_what_is_missing_and_gaps_repeat() {
        let mut from = Column::new(FieldType::Int);
        [Some(1), None, Some(3), None].into_iter().for_each(|v| from.push(v.map(Value::Int)));
        let mut column = Column::new(FieldType::Int);
        column.pad_to(9);
        column.take(&from, &[3, 2, 1, 0, 3]);
        let got: Vec<_> = (0..5).map(|row| column.get(row)).collect();
        assert_eq!(got, [None, Some(3), None, Some(1), None].map(|v| v.map(Value::Int)));
        assert_eq!(column.values(), &Values::Int(vec![3, 3, 1, 1, 3]));
        column.fill_gaps();
        assert_eq!(column.values(), &Values::Int(vec![0, 3, 3, 1, 1]));
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
