//! Statistics of slices of a block, so that a query can answer without decoding.
//!
//! A *slice* is what a run and a vector of 1,024 rows have in common, when that is at least
//! [`MIN_SLICE_ROWS`]; those of fewer rows at the end of a block of one series are computed when
//! the others are read. For each slice of a numeric column, in order:
//!
//! ```text
//! integers: valid varint, then if valid > 0: first z, last - first z, first - min varint,
//!           max - first varint, sum - first * valid z, m2 f64
//! floats:   valid varint, nan varint, first f64, last f64, then if valid > nan: min f64, max f64,
//!           sum f64, m2 f64
//! ```
//!
//! (`z`: zigzag varint.)

use std::iter;
use std::ops::Range;

use tidemill_codec::VECTOR_ROWS;
use tidemill_kernels::reduce::{self, Moments};
use tidemill_model::{Aggregate, Bitmap, Column, FieldType, Number, Values};

use crate::bytes::{Cursor, Malformed, Put, unzigzag, zigzag};

/// Statistics of fewer rows cost more than decoding them.
pub(crate) const MIN_SLICE_ROWS: usize = 128;

/// Statistics of one of the numeric types.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variants are those of FieldType")]
pub enum AnyAggregate {
    Float(Aggregate<f64>),
    Int(Aggregate<i64>),
    UInt(Aggregate<u64>),
}

/// Statistics of consecutive rows, as they stand in the segment, or as they would.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAggregate {
    /// Rows of the piece.
    pub rows: Range<usize>,
    /// How many of them have a value, NaNs included.
    pub valid: u64,
    /// Their statistics.
    pub aggregate: AnyAggregate,
}

impl StoredAggregate {
    /// Whether these are integers of which any rows together have a sum of 64 bits.
    pub(crate) fn has_small_sums(&self) -> bool {
        let greatest = match &self.aggregate {
            AnyAggregate::Int(a) => a.min.unsigned_abs().max(a.max.unsigned_abs()),
            AnyAggregate::UInt(a) => a.max,
            AnyAggregate::Float(_) => return false,
        };
        let sum = u128::from(greatest) * self.rows.len() as u128;
        self.valid == self.rows.len() as u64 && sum <= i64::MAX as u128
    }

    /// With those of the rows that follow; `None` if they are of another type.
    pub(crate) fn merge(self, later: &Self) -> Option<Self> {
        let aggregate = match (self.aggregate, later.aggregate) {
            (AnyAggregate::Float(a), AnyAggregate::Float(b)) => AnyAggregate::Float(a.merge(&b)),
            (AnyAggregate::Int(a), AnyAggregate::Int(b)) => AnyAggregate::Int(a.merge(&b)),
            (AnyAggregate::UInt(a), AnyAggregate::UInt(b)) => AnyAggregate::UInt(a.merge(&b)),
            _ => return None,
        };
        let rows = self.rows.start..later.rows.end;
        Some(Self { rows, valid: self.valid + later.valid, aggregate })
    }
}

/// The slices of a block of `rows` rows whose runs start at `run_starts`.
pub(crate) fn slices(run_starts: &[u32], rows: usize) -> impl Iterator<Item = Range<usize>> {
    let ends = run_starts.iter().skip(1).map(|end| *end as usize).chain([rows]);
    let runs = run_starts.iter().zip(ends).map(|(start, end)| *start as usize..end);
    runs.flat_map(|run| {
        let mut start = run.start;
        iter::from_fn(move || {
            let end = run.end.min((start / VECTOR_ROWS + 1) * VECTOR_ROWS);
            let slice = start..end;
            start = end;
            (!slice.is_empty()).then_some(slice)
        })
    })
    .filter(|slice| slice.len() >= MIN_SLICE_ROWS)
}

/// Appends the statistics of each slice of a numeric column; of others, nothing.
pub(crate) fn encode(
    column: &Column,
    slices: impl Iterator<Item = Range<usize>>,
    out: &mut Vec<u8>,
) {
    let validity = column.validity();
    for slice in slices {
        let valid = validity.map_or(slice.len(), |bits| bits.count_ones_in(slice.start, slice.end));
        match column.values() {
            Values::Float(values) => {
                out.put_varint(valid as u64);
                put_float(valid, &float(values, validity, slice), out);
            }
            Values::Int(values) => {
                out.put_varint(valid as u64);
                let moments = match bits(validity, &slice) {
                    None => reduce::moments_i64(&values[slice.clone()]),
                    Some((words, offset)) => {
                        reduce::moments_i64_valid(&values[slice.clone()], words, offset)
                    }
                };
                put_integer(&complete(&moments, values, validity, slice), out, i128::from);
            }
            Values::UInt(values) => {
                out.put_varint(valid as u64);
                let moments = match bits(validity, &slice) {
                    None => reduce::moments_u64(&values[slice.clone()]),
                    Some((words, offset)) => {
                        reduce::moments_u64_valid(&values[slice.clone()], words, offset)
                    }
                };
                put_integer(&complete(&moments, values, validity, slice), out, i128::from);
            }
            Values::Bool(_) | Values::Text(_) => {}
        }
    }
}

fn bits<'a>(validity: Option<&'a Bitmap>, slice: &Range<usize>) -> Option<(&'a [u64], usize)> {
    validity.map(|bits| (bits.words(), slice.start))
}

fn float(values: &[f64], validity: Option<&Bitmap>, slice: Range<usize>) -> Aggregate<f64> {
    let moments = match bits(validity, &slice) {
        None => reduce::moments_f64(&values[slice.clone()]),
        Some((words, offset)) => reduce::moments_f64_valid(&values[slice.clone()], words, offset),
    };
    complete(&moments, values, validity, slice)
}

/// The moments of a slice with its first and last present value.
fn complete<T: Number + reduce::Number<Sum = <T as Number>::Sum>>(
    moments: &Moments<T>,
    values: &[T],
    validity: Option<&Bitmap>,
    slice: Range<usize>,
) -> Aggregate<T> {
    let is_valid = |row: &usize| validity.is_none_or(|bits| bits.get(*row));
    let first = slice.clone().find(is_valid).map_or(T::default(), |row| values[row]);
    let last = slice.rev().find(is_valid).map_or(T::default(), |row| values[row]);
    Aggregate {
        count: moments.count,
        nan_count: moments.nan_count,
        sum: moments.sum,
        min: moments.min,
        max: moments.max,
        m2: moments.m2,
        first,
        last,
    }
}

fn put_integer<T: Number<Sum = i128>>(a: &Aggregate<T>, out: &mut Vec<u8>, wide: fn(T) -> i128) {
    if a.count == 0 {
        return;
    }
    let first = wide(a.first);
    out.put_varint(zigzag(first));
    out.put_varint(zigzag(wide(a.last) - first));
    out.put_varint((first - wide(a.min)) as u128);
    out.put_varint((wide(a.max) - first) as u128);
    out.put_varint(zigzag(a.sum - first * i128::from(a.count)));
    out.put_u64(a.m2.to_bits());
}

fn put_float(valid: usize, a: &Aggregate<f64>, out: &mut Vec<u8>) {
    out.put_varint(a.nan_count);
    let all = [a.first, a.last, a.min, a.max, a.sum, a.m2];
    let count = if valid == 0 {
        0
    } else if a.count == 0 {
        2
    } else {
        6
    };
    all.iter().take(count).for_each(|value| out.put_u64(value.to_bits()));
}

/// The statistics of some rows of a column, as they would be read; `None` if its type has none.
pub(crate) fn statistics_of(column: &Column, rows: Range<usize>) -> Option<StoredAggregate> {
    let mut bytes = Vec::new();
    encode(column, iter::once(rows.clone()), &mut bytes);
    decode_slice(column.ty(), rows, &mut Cursor::new(&bytes)).ok()
}

/// Reads the statistics of the next slice, of these rows, of a column of this type.
pub(crate) fn decode_slice(
    ty: FieldType,
    rows: Range<usize>,
    cursor: &mut Cursor<'_>,
) -> Result<StoredAggregate, Malformed> {
    let valid = cursor.varint_u64()?;
    if valid > rows.len() as u64 {
        return cursor.fail(format!("{valid} values in {} rows", rows.len()));
    }
    let aggregate = match ty {
        FieldType::Float => AnyAggregate::Float(decode_float(valid, cursor)?),
        FieldType::Int => AnyAggregate::Int(decode_integer(valid, cursor)?),
        FieldType::UInt => AnyAggregate::UInt(decode_integer(valid, cursor)?),
        FieldType::Bool | FieldType::Text => {
            return cursor.fail(format!("statistics of a {ty} column"));
        }
    };
    Ok(StoredAggregate { rows, valid, aggregate })
}

fn decode_float(valid: u64, cursor: &mut Cursor<'_>) -> Result<Aggregate<f64>, Malformed> {
    let nan_count = cursor.varint_u64()?;
    let Some(count) = valid.checked_sub(nan_count) else {
        return cursor.fail(format!("{nan_count} NaNs among {valid} values"));
    };
    let mut a = Aggregate { count, nan_count, ..Aggregate::default() };
    let float = |cursor: &mut Cursor<'_>| cursor.u64().map(f64::from_bits);
    if valid > 0 {
        (a.first, a.last) = (float(cursor)?, float(cursor)?);
    }
    if count > 0 {
        (a.min, a.max, a.sum, a.m2) =
            (float(cursor)?, float(cursor)?, float(cursor)?, float(cursor)?);
    }
    Ok(a)
}

fn decode_integer<T>(valid: u64, cursor: &mut Cursor<'_>) -> Result<Aggregate<T>, Malformed>
where
    T: Number<Sum = i128> + TryFrom<i128>,
{
    if valid == 0 {
        return Ok(Aggregate::default());
    }
    let first = unzigzag(cursor.varint()?);
    let last = first.wrapping_add(unzigzag(cursor.varint()?));
    let min = first.wrapping_sub(cursor.varint()? as i128);
    let max = first.wrapping_add(cursor.varint()? as i128);
    let base = first.checked_mul(i128::from(valid));
    let offset = unzigzag(cursor.varint()?);
    let m2 = f64::from_bits(cursor.u64()?);
    let fits = |value: i128| T::try_from(value).ok();
    let (Some(first), Some(last), Some(least), Some(greatest)) =
        (fits(first), fits(last), fits(min), fits(max))
    else {
        return cursor.fail("statistics beyond 64 bits");
    };
    // So the sum of all sums there may be fits as well.
    let sums = min * i128::from(valid)..=max * i128::from(valid);
    match base.and_then(|base| base.checked_add(offset)).filter(|sum| sums.contains(sum)) {
        Some(sum) => {
            let (min, max) = (least, greatest);
            Ok(Aggregate { count: valid, nan_count: 0, sum, min, max, m2, first, last })
        }
        None => cursor.fail("a sum that its values cannot have"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tidemill_model::Value;

    #[test]
    fn slices_are_pieces_of_runs_within_vectors() {
        let got: Vec<_> = slices(&[0], 2100).collect();
        assert_eq!(got, [0..1024, 1024..2048], "52 rows are too few");
        let got: Vec<_> = slices(&[0, 500, 600], 2100).collect();
        assert_eq!(got, [0..500, 600..1024, 1024..2048]);
    }

    fn check(ty: FieldType, values: &[Option<Value<'_>>]) {
        let mut column = Column::new(ty);
        values.iter().for_each(|value| column.push(*value));
        let mut out = Vec::new();
        encode(&column, slices(&[0], values.len()), &mut out);
        let mut cursor = Cursor::new(&out);
        for slice in slices(&[0], values.len()) {
            let present = values[slice.clone()].iter().flatten();
            let valid = present.clone().count() as u64;
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs()) || a == b;
            match ty {
                FieldType::Float => {
                    let floats = present.map(|v| if let Value::Float(f) = v { *f } else { 0.0 });
                    let want = Aggregate::of_all(floats);
                    let got = decode_slice(ty, slice.clone(), &mut cursor).unwrap();
                    let AnyAggregate::Float(a) = got.aggregate else { panic!("{got:?}") };
                    assert_eq!(
                        (got.valid, a.count, a.nan_count),
                        (valid, want.count, want.nan_count)
                    );
                    if a.count > 0 {
                        assert_eq!((a.min, a.max), (want.min, want.max));
                        assert!(close(a.sum, want.sum) && close(a.m2, want.m2), "{a:?} {want:?}");
                    }
                    assert_eq!(a.first.to_bits(), want.first.to_bits());
                    assert_eq!(a.last.to_bits(), want.last.to_bits());
                }
                _ => {
                    let ints = present.map(|v| if let Value::Int(i) = v { *i } else { 0 });
                    let want = Aggregate::of_all(ints);
                    let got = decode_slice(ty, slice.clone(), &mut cursor).unwrap();
                    let AnyAggregate::Int(a) = got.aggregate else { panic!("{got:?}") };
                    assert!(close(a.m2, want.m2), "{a:?} {want:?}");
                    assert_eq!(
                        (got.valid, Aggregate { m2: 0.0, ..a }),
                        (valid, Aggregate { m2: 0.0, ..want })
                    );
                }
            }
        }
        assert_eq!(cursor.end(), Ok(()));
    }

    proptest! {
        #[test]
        fn statistics_survive(
            ints in prop::collection::vec(prop::option::weighted(0.9, -1000i64..1000), 128..400),
            floats in prop::collection::vec(prop::option::weighted(0.9, prop_oneof![9 => -1e6..1e6, 1 => Just(f64::NAN)]), 128..400),
        ) {
            let ints: Vec<_> = ints.into_iter().map(|v| v.map(Value::Int)).collect();
            check(FieldType::Int, &ints);
            let floats: Vec<_> = floats.into_iter().map(|v| v.map(Value::Float)).collect();
            check(FieldType::Float, &floats);
        }
    }

    #[test]
    fn what_no_writer_makes_is_refused() {
        let refused = |ty, numbers: &[u128], reason: &str| {
            let mut out = Vec::new();
            numbers.iter().for_each(|number| out.put_varint(*number));
            out.put(&[0; 64]);
            let malformed = decode_slice(ty, 0..9, &mut Cursor::new(&out)).unwrap_err();
            assert!(malformed.what.contains(reason), "{malformed:?}, not {reason}");
        };
        refused(FieldType::Float, &[2, 3], "3 NaNs among 2 values");
        refused(FieldType::Int, &[10], "10 values in 9 rows");
        refused(FieldType::Bool, &[1], "statistics of a bool column");
        let sum = "a sum that its values cannot have";
        refused(FieldType::Int, &[2, zigzag(5), 0, 1, 1, zigzag(3)], sum);
        refused(FieldType::Int, &[2, zigzag(5), 0, 1, 1, zigzag(-3)], sum);
        refused(FieldType::UInt, &[2, zigzag(5), 0, 1, 1, zigzag(i128::MIN)], sum);
        let beyond = "beyond 64 bits";
        let huge = zigzag(1 << 64);
        refused(FieldType::Int, &[1, huge], beyond);
        refused(FieldType::Int, &[1, 0, huge], beyond);
        refused(FieldType::Int, &[1, 0, 0, 1 << 64], beyond);
        refused(FieldType::Int, &[1, 0, 0, 0, 1 << 64], beyond);
        refused(FieldType::UInt, &[1, zigzag(-1)], beyond);
    }

    #[test]
    fn extremes_and_nothing() {
        check(
            FieldType::Int,
            &[Some(Value::Int(i64::MIN)), Some(Value::Int(i64::MAX))].repeat(100),
        );
        check(FieldType::Int, &[None; 200]);
        check(FieldType::Float, &[None; 200]);
        check(FieldType::Float, &[Some(Value::Float(f64::NAN)); 200]);
    }
}
