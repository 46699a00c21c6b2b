use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::{SortColumn, lexsort_to_indices, rank};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type};

use crate::error::Result;

/// The bits of a packed key that are the row's number: it decides between equals.
const ROW_BITS: u32 = 32;

/// So many rows are looked at at a time, of which the first ones wanted stay.
const STEP_ROWS: usize = 1 << 16;

/// The places of the first `fetch` rows in the order of these columns.
pub(super) fn places(columns: &[SortColumn], fetch: Option<usize>) -> Result<UInt32Array> {
    let columns: Vec<SortColumn> = columns.iter().map(ranked).collect();
    if !are_packed(&columns) {
        return Ok(lexsort_to_indices(&columns, fetch)?);
    }
    let rows = columns.first().map_or(0, |column| column.values.len());
    let wanted = fetch.unwrap_or(rows).min(rows);
    let most = wanted.saturating_mul(2).saturating_add(2 * STEP_ROWS);
    let mut keys = Vec::with_capacity(rows.min(most));
    for start in (0..rows).step_by(STEP_ROWS) {
        pack(&columns, start..rows.min(start + STEP_ROWS), &mut keys);
        // Not with every step, lest many wanted ones are looked through again and again.
        if keys.len() >= wanted.saturating_mul(2).saturating_add(STEP_ROWS) {
            keep(&mut keys, wanted);
        }
    }
    keep(&mut keys, wanted);
    keys.sort_unstable();
    Ok(UInt32Array::from_iter_values(keys.into_iter().map(|key| key as u32)))
}

/// Keeps the smallest ones.
fn keep(keys: &mut Vec<u128>, wanted: usize) {
    if wanted < keys.len() {
        keys.select_nth_unstable(wanted);
        keys.truncate(wanted);
    }
}

/// Of a dictionary the ranks of its values, which are compared faster than they, where they have such.
fn ranked(column: &SortColumn) -> SortColumn {
    let DataType::Dictionary(key, _) = column.values.data_type() else { return column.clone() };
    if **key != DataType::Int32 {
        return column.clone();
    }
    let dictionary = column.values.as_dictionary::<Int32Type>();
    let (keys, values) = (dictionary.keys(), dictionary.values());
    if values.len() > keys.len() || values.null_count() > 0 || values.is_empty() {
        return column.clone();
    }
    // Not all types have ranks.
    let Ok(ranks) = rank(values, None) else { return column.clone() };
    let ranks: UInt32Array = keys.iter().map(|key| key.map(|key| ranks[key as usize])).collect();
    SortColumn { values: Arc::new(ranks), options: column.options }
}

/// Whether a number has the order of the columns: not where it takes too many bits, or values are missing.
fn are_packed(columns: &[SortColumn]) -> bool {
    let bits = columns.iter().map(|column| bits(&column.values)).sum::<Option<u32>>();
    let rows = columns.first().map_or(0, |column| column.values.len());
    bits.is_some_and(|bits| bits + ROW_BITS <= u128::BITS) && u32::try_from(rows).is_ok()
}

/// Appends a number of each of these rows that has the order of the columns: times and integers as they are,
/// ranks in 32 bits.
fn pack(columns: &[SortColumn], rows: Range<usize>, out: &mut Vec<u128>) {
    let first = out.len();
    out.resize(first + rows.len(), 0);
    let keys = &mut out[first..];
    for column in columns {
        let is_descending = column.options.is_some_and(|options| options.descending);
        append(&column.values.slice(rows.start, rows.len()), is_descending, keys);
    }
    for (key, row) in keys.iter_mut().zip(rows) {
        *key = *key << ROW_BITS | row as u128;
    }
}

fn bits(values: &ArrayRef) -> Option<u32> {
    match values.data_type() {
        _ if values.null_count() > 0 => None,
        DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, _) | DataType::Int64 => {
            Some(64)
        }
        DataType::UInt32 => Some(32),
        _ => None,
    }
}

fn append(values: &ArrayRef, is_descending: bool, keys: &mut [u128]) {
    let flip = |word: u64| if is_descending { !word } else { word };
    let signed = |value: &i64| flip(*value as u64 ^ 1 << 63);
    let mut push = |bits: u32, words: &mut dyn Iterator<Item = u64>| {
        for (key, word) in keys.iter_mut().zip(words) {
            *key = *key << bits | u128::from(word);
        }
    };
    match values.data_type() {
        DataType::UInt32 => {
            let ranks = values.as_primitive::<UInt32Type>().values();
            push(32, &mut ranks.iter().map(|rank| flip(u64::from(*rank)) & 0xFFFF_FFFF));
        }
        DataType::Int64 => {
            push(64, &mut values.as_primitive::<Int64Type>().values().iter().map(signed))
        }
        _ => {
            let times = values.as_primitive::<TimestampNanosecondType>().values();
            push(64, &mut times.iter().map(signed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        DictionaryArray, Float64Array, Int32Array, Int64Array, StringViewArray,
        TimestampNanosecondArray,
    };
    use arrow::compute::{SortOptions, take};
    use proptest::prelude::*;

    fn sorted(columns: &[SortColumn], places: &UInt32Array) -> Vec<String> {
        let taken = columns.iter().map(|column| take(&column.values, places, None).unwrap());
        taken.map(|values| format!("{values:?}")).collect()
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_arrow(
            rows in prop::collection::vec((-3i64..4, 0usize..5, prop::option::weighted(0.9, 0usize..4)), 1..60),
            options in prop::collection::vec((any::<bool>(), any::<bool>()), 4),
            chosen in prop::sample::subsequence(vec![0usize, 1, 2, 3], 1..=4),
            fetch in prop::option::of(0usize..70),
            has_nulls: bool,
        ) {
            let names = ["b", "", "zz", "a", "b "];
            let times = rows.iter().map(|row| row.0 * (i64::MAX / 3));
            let times = TimestampNanosecondArray::from_iter_values(times);
            let tags: DictionaryArray<Int32Type> = rows.iter().map(|row| Some(names[row.1])).collect();
            let others: DictionaryArray<Int32Type> = rows.iter()
                .map(|row| row.2.or((!has_nulls).then_some(0)).map(|name| names[name])).collect();
            let numbers = Int64Array::from_iter_values(rows.iter().map(|row| row.0 + row.1 as i64));
            let all: [ArrayRef; 4] = [Arc::new(times), Arc::new(tags), Arc::new(others), Arc::new(numbers)];
            let columns: Vec<SortColumn> = chosen.iter().map(|place| {
                let (descending, nulls_first) = options[*place];
                let options = Some(SortOptions { descending, nulls_first });
                SortColumn { values: Arc::clone(&all[*place]), options }
            }).collect();
            let (got, wanted) = (places(&columns, fetch).unwrap(), lexsort_to_indices(&columns, fetch).unwrap());
            prop_assert_eq!(sorted(&columns, &got), sorted(&columns, &wanted));
            let mut rows: Vec<u32> = got.values().to_vec();
            rows.sort_unstable();
            rows.dedup();
            prop_assert_eq!(rows.len(), got.len(), "each row once");
        }
    }

    #[test]
    fn what_is_packed() {
        let column = |values: ArrayRef| SortColumn { values, options: None };
        let times = || column(Arc::new(TimestampNanosecondArray::from(vec![3, 1, 2])));
        let ranks = || column(Arc::new(UInt32Array::from(vec![1, 2, 3])));
        assert!(are_packed(&[times(), ranks()]));
        assert!(are_packed(&[ranks(), ranks(), ranks()]));
        assert!(!are_packed(&[times(), times()]), "too many bits");
        assert!(!are_packed(&[column(Arc::new(Float64Array::from(vec![1.0])))]));
        assert!(!are_packed(&[column(Arc::new(Int64Array::from(vec![Some(1), None])))]));
    }

    #[test]
    fn the_first_of_many_rows() {
        let numbers = (0..3 * STEP_ROWS as i64 + 7).map(|row| row * 7919 % 1_000_003);
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
        let columns = [SortColumn { values, options: None }];
        for fetch in [Some(0), Some(5), Some(STEP_ROWS + 1), None] {
            let wanted = lexsort_to_indices(&columns, fetch).unwrap();
            assert_eq!(places(&columns, fetch).unwrap(), wanted, "{fetch:?}");
        }
    }

    #[test]
    fn what_has_no_ranks_is_compared() {
        let values: ArrayRef = Arc::new(StringViewArray::from(vec!["b", "a"]));
        let tags = DictionaryArray::new(Int32Array::from(vec![0, 1, 0]), values);
        let columns = [SortColumn { values: Arc::new(tags), options: None }];
        assert_eq!(places(&columns, Some(1)).unwrap().values(), &[1]);
    }
}
