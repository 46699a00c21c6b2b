use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt64Type,
};
use arrow::error::ArrowError;
use tidemill_model::{FieldType, TableBatch, Value};

use crate::schema::{field_type as arrow_type, time_type};

/// The field type that holds a column of this Arrow type, if one does: integers by sign, all
/// floats and decimals as floats, dictionaries as what they stand for.
pub(super) fn field_type(ty: &DataType) -> Option<FieldType> {
    match ty {
        signed if signed.is_signed_integer() => Some(FieldType::Int),
        unsigned if unsigned.is_unsigned_integer() => Some(FieldType::UInt),
        number if number.is_floating() || number.is_decimal() => Some(FieldType::Float),
        DataType::Boolean => Some(FieldType::Bool),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(FieldType::Text),
        DataType::Dictionary(_, value) => field_type(value),
        // A second time is kept as nanoseconds, which is what the engine's own times are.
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Some(FieldType::Int),
        _ => None,
    }
}

/// How a time column tells its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TimeKind {
    /// As a timestamp, a date or a text that Arrow reads as one; without a zone it is of this one.
    Calendar { zone: Arc<str> },
    /// As a number of units since the epoch, each so many nanoseconds.
    Epoch { unit_ns: i64 },
}

/// What times without a zone are, unless something else is said.
const UTC: &str = "+00:00";

/// Seconds since the epoch of times between 1990 and 2100.
const PLAUSIBLE_SECONDS: std::ops::Range<i64> = 631_152_000..4_102_444_800;

impl TimeKind {
    /// The kind of column `index`. The unit of numbers is the one in which the first of them is a
    /// time between 1990 and 2100.
    pub(super) fn of(
        ty: &DataType,
        sample: &[RecordBatch],
        index: usize,
        zone: Option<&str>,
    ) -> Option<Self> {
        let calendar = Self::Calendar { zone: zone.unwrap_or(UTC).into() };
        match ty {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Some(calendar),
            integer if integer.is_integer() => {
                let first = sample.iter().find_map(|batch| first_integer(batch.column(index)))?;
                let units = [1_000_000_000, 1_000_000, 1000, 1];
                let plausible = |unit_ns: &i64| {
                    PLAUSIBLE_SECONDS.contains(&(first / (1_000_000_000 / unit_ns)))
                };
                units.into_iter().find(plausible).map(|unit_ns| Self::Epoch { unit_ns })
            }
            text if field_type(text) == Some(FieldType::Text) => {
                let read = |batch: &RecordBatch| cast(batch.column(index), &time_type());
                let holds =
                    |batch: &RecordBatch| read(batch).is_ok_and(|t| t.null_count() < t.len());
                sample.first().is_none_or(holds).then_some(calendar)
            }
            _ => None,
        }
    }

    /// The times of a column in nanoseconds; null where there is none or it does not fit.
    pub(super) fn times(&self, column: &ArrayRef) -> Result<Int64Array, ArrowError> {
        match self {
            Self::Calendar { zone } => {
                let local = || cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, None));
                let zoned = DataType::Timestamp(TimeUnit::Nanosecond, Some(Arc::clone(zone)));
                let times = match column.data_type() {
                    DataType::Date32 | DataType::Date64 => cast(&local()?, &zoned)?,
                    _ => cast(column, &zoned)?,
                };
                Ok(times.as_primitive::<TimestampNanosecondType>().reinterpret_cast::<Int64Type>())
            }
            Self::Epoch { unit_ns } => {
                let numbers = cast(column, &DataType::Int64)?;
                let numbers = numbers.as_primitive::<Int64Type>();
                Ok(numbers.unary_opt::<_, Int64Type>(|number| number.checked_mul(*unit_ns)))
            }
        }
    }
}

fn first_integer(column: &ArrayRef) -> Option<i64> {
    let numbers = cast(column, &DataType::Int64).ok()?;
    let numbers = numbers.as_primitive::<Int64Type>();
    numbers.iter().flatten().next()
}

/// A column of values of the engine's types.
pub(super) struct FieldColumn {
    ty: FieldType,
    values: ArrayRef,
}

impl FieldColumn {
    pub(super) fn new(ty: FieldType, column: &ArrayRef) -> Result<Self, ArrowError> {
        let values = match column.data_type() {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                Arc::new(TimeKind::Calendar { zone: UTC.into() }.times(column)?)
            }
            same if *same == arrow_type(ty) => Arc::clone(column),
            _ => cast(column, &arrow_type(ty))?,
        };
        Ok(Self { ty, values })
    }

    /// Gives the row being written of `table` the value of `row`, if there is one.
    pub(super) fn set(&self, row: usize, table: &mut TableBatch, column: usize) {
        if self.values.is_null(row) {
            return;
        }
        let values = &self.values;
        match self.ty {
            FieldType::Float => {
                table.set_float(column, values.as_primitive::<Float64Type>().value(row));
            }
            FieldType::Int => table.set_int(column, values.as_primitive::<Int64Type>().value(row)),
            FieldType::UInt => {
                let value = values.as_primitive::<UInt64Type>().value(row);
                table.set(column, Value::UInt(value));
            }
            FieldType::Bool => table.set(column, Value::Bool(values.as_boolean().value(row))),
            FieldType::Text => {
                // An empty text is missing, in files of all kinds.
                let text = values.as_string::<i32>().value(row);
                if !text.is_empty() {
                    table.set(column, Value::Text(text));
                }
            }
        }
    }
}
