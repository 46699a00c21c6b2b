use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Float64Array, Int64Array, NullBufferBuilder,
    StringBuilder, UInt64Array,
};
use tidemill_kernels::elementwise::filter;
use tidemill_model::FieldType;
use tidemill_store::{ColumnSlice, SliceValues};

use crate::field_condition::ones;

/// One field's column of a batch.
pub(super) struct FieldBuilder {
    pub(super) field: usize,
    values: ValuesBuilder,
    nulls: NullBufferBuilder,
}

enum ValuesBuilder {
    Float(Vec<f64>),
    Int(Vec<i64>),
    UInt(Vec<u64>),
    Bool(BooleanBufferBuilder),
    /// Keeps the nulls itself.
    Text(StringBuilder),
}

impl FieldBuilder {
    pub(super) fn new(field: usize, ty: FieldType, capacity: usize) -> Self {
        let values = match ty {
            FieldType::Float => ValuesBuilder::Float(Vec::with_capacity(capacity)),
            FieldType::Int => ValuesBuilder::Int(Vec::with_capacity(capacity)),
            FieldType::UInt => ValuesBuilder::UInt(Vec::with_capacity(capacity)),
            FieldType::Bool => ValuesBuilder::Bool(BooleanBufferBuilder::new(capacity)),
            FieldType::Text => ValuesBuilder::Text(StringBuilder::new()),
        };
        Self { field, values, nulls: NullBufferBuilder::new(capacity) }
    }

    pub(super) fn text_bytes(&self) -> usize {
        match &self.values {
            ValuesBuilder::Text(text) => text.values_slice().len(),
            _ => 0,
        }
    }

    pub(super) fn append(&mut self, slice: &ColumnSlice<'_>, rows: usize) {
        match (&mut self.values, slice.values()) {
            (ValuesBuilder::Float(to), SliceValues::Float(from)) => to.extend_from_slice(from),
            (ValuesBuilder::Int(to), SliceValues::Int(from)) => to.extend_from_slice(from),
            (ValuesBuilder::UInt(to), SliceValues::UInt(from)) => to.extend_from_slice(from),
            (ValuesBuilder::Bool(to), SliceValues::Bool(from)) => to.append_slice(from),
            (ValuesBuilder::Text(to), SliceValues::Text(from)) => {
                for row in 0..rows {
                    to.append_option(slice.is_valid(row).then(|| from.get(row)));
                }
                return;
            }
            // A field that the source lacks.
            (values, _) => {
                values.append_nothing(rows);
                self.nulls.append_n_nulls(rows);
                return;
            }
        }
        match slice.all_valid() {
            true => self.nulls.append_n_non_nulls(rows),
            false => (0..rows).for_each(|row| self.nulls.append(slice.is_valid(row))),
        }
    }

    /// Appends the rows whose bits are set, `count` of them.
    pub(super) fn append_kept(&mut self, slice: &ColumnSlice<'_>, mask: &[u64], count: usize) {
        let rows = || mask.iter().enumerate().flat_map(|(word, bits)| ones(word, *bits));
        match (&mut self.values, slice.values()) {
            (ValuesBuilder::Float(to), SliceValues::Float(from)) => filter(from, mask, to),
            (ValuesBuilder::Int(to), SliceValues::Int(from)) => filter(from, mask, to),
            (ValuesBuilder::UInt(to), SliceValues::UInt(from)) => filter(from, mask, to),
            (ValuesBuilder::Bool(to), SliceValues::Bool(from)) => {
                rows().for_each(|row| to.append(from[row]));
            }
            (ValuesBuilder::Text(to), SliceValues::Text(from)) => {
                for row in rows() {
                    to.append_option(slice.is_valid(row).then(|| from.get(row)));
                }
                return;
            }
            (values, _) => {
                values.append_nothing(count);
                self.nulls.append_n_nulls(count);
                return;
            }
        }
        match slice.all_valid() {
            true => self.nulls.append_n_non_nulls(count),
            false => rows().for_each(|row| self.nulls.append(slice.is_valid(row))),
        }
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        let nulls = self.nulls.finish();
        self.values.give_back();
        match self.values {
            ValuesBuilder::Float(values) => Arc::new(Float64Array::new(values.into(), nulls)),
            ValuesBuilder::Int(values) => Arc::new(Int64Array::new(values.into(), nulls)),
            ValuesBuilder::UInt(values) => Arc::new(UInt64Array::new(values.into(), nulls)),
            ValuesBuilder::Bool(mut values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            ValuesBuilder::Text(mut values) => Arc::new(values.finish()),
        }
    }
}

impl ValuesBuilder {
    /// Keeps no more room than twice what is there: an answer may be kept for long.
    fn give_back(&mut self) {
        fn shrink<T>(values: &mut Vec<T>) {
            if values.len() < values.capacity() / 2 {
                values.shrink_to_fit();
            }
        }
        match self {
            Self::Float(values) => shrink(values),
            Self::Int(values) => shrink(values),
            Self::UInt(values) => shrink(values),
            Self::Bool(_) | Self::Text(_) => {}
        }
    }

    fn append_nothing(&mut self, rows: usize) {
        match self {
            Self::Float(values) => values.resize(values.len() + rows, 0.0),
            Self::Int(values) => values.resize(values.len() + rows, 0),
            Self::UInt(values) => values.resize(values.len() + rows, 0),
            Self::Bool(values) => values.append_n(rows, false),
            Self::Text(values) => (0..rows).for_each(|_| values.append_null()),
        }
    }
}
