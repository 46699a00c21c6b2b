use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;
use tidemill_store::SeriesIndex;

/// The values of one tag that some series use, as an Arrow dictionary, and the key of each
/// series in it. The dictionary is made once a statement and shared by all its batches.
#[derive(Debug)]
pub(crate) struct TagDictionary {
    values: ArrayRef,
    /// Codes of the series index, ascending; the key of a code is its place.
    codes: Vec<u32>,
}

impl TagDictionary {
    /// The dictionary of the values behind these codes; code 0, the absent tag, has none.
    pub(crate) fn new(index: &SeriesIndex, tag: usize, codes: impl Iterator<Item = u32>) -> Self {
        let mut codes: Vec<u32> = codes.filter(|code| *code != 0).collect();
        codes.sort_unstable();
        codes.dedup();
        let text = codes.iter().map(|code| index.tag_value(tag, *code).unwrap_or_default());
        let values: ArrayRef = Arc::new(StringArray::from_iter_values(text));
        Self { values, codes }
    }

    /// The key of a code; `None` for the absent tag.
    pub(crate) fn key(&self, code: u32) -> Option<i32> {
        self.codes.binary_search(&code).ok().map(|key| key as i32)
    }

    /// The values, by key.
    pub(crate) fn values(&self) -> &ArrayRef {
        &self.values
    }

    /// Bytes of memory held.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.values.get_array_memory_size() + self.codes.capacity() * 4
    }

    /// A column of these keys, `None` where the tag is absent.
    pub(crate) fn column(&self, keys: impl Iterator<Item = Option<i32>>) -> ArrayRef {
        dictionary_column(Int32Array::from_iter(keys), &self.values)
    }

    /// A column of these codes.
    pub(crate) fn column_of_codes(&self, codes: &[u32]) -> ArrayRef {
        self.column(codes.iter().map(|code| self.key(*code)))
    }
}

/// A dictionary array of keys that [`TagDictionary::key`] gave.
pub(crate) fn dictionary_column(keys: Int32Array, values: &ArrayRef) -> ArrayRef {
    #[expect(clippy::expect_used, reason = "every key is the place of a value")]
    let array = DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(values))
        .expect("keys are places of values");
    Arc::new(array)
}

/// A column of keys with one run for all: `rows` times the same key.
pub(crate) fn repeated_keys(runs: &[(Option<i32>, usize)]) -> Int32Array {
    let rows = runs.iter().map(|(_, rows)| rows).sum();
    let mut keys = Vec::with_capacity(rows);
    for (key, rows) in runs {
        keys.resize(keys.len() + rows, key.unwrap_or_default());
    }
    let nulls = runs.iter().any(|(key, _)| key.is_none()).then(|| {
        let valid = runs.iter().flat_map(|(key, rows)| std::iter::repeat_n(key.is_some(), *rows));
        NullBuffer::from_iter(valid)
    });
    Int32Array::new(ScalarBuffer::from(keys), nulls)
}

/// One row a series: the tag's value.
pub(crate) fn series_column(index: &SeriesIndex, tag: usize, series: &[u32]) -> ArrayRef {
    let codes: Vec<u32> = {
        let all = index.tag_codes(tag);
        series.iter().map(|s| all.of(*s)).collect()
    };
    TagDictionary::new(index, tag, codes.iter().copied()).column_of_codes(&codes)
}
