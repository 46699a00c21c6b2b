use tidemill_model::{Aggregate, Bitmap, Column, FieldType, TableSchema, Values};

use super::cells::{Cells, Ordered};
use super::grouping::Grouping;
use super::partial::{Key, Partial};
use super::plan::{AggregatePlan, Call, Function, Groups, PlanStats};
use super::quantile;
use super::resolve::Resolved;
use crate::Scalar;
use crate::error::{Error, ErrorKind};
use crate::numeric::Numeric;

/// Makes an answer of accumulated groups, which are in order.
pub(super) fn answer(
    plan: &AggregatePlan,
    schema: &TableSchema,
    resolved: &Resolved,
    grouping: &Grouping,
    mut partial: Partial,
    stats: PlanStats,
) -> Result<Groups, Error> {
    if plan.bucket.is_none() && plan.group_tags.is_empty() && partial.keys.is_empty() {
        partial.push(Key { group: 0, bucket: 0 })?;
    }
    let keys = &partial.keys;
    let buckets = match plan.bucket {
        Some(_) => keys.iter().map(|key| key.bucket).collect(),
        None => Vec::new(),
    };
    let tag = |codes: &Vec<u32>| keys.iter().map(|key| codes[key.group as usize]).collect();
    let tags = grouping.codes.iter().map(tag).collect();
    let column = |(call, place): (&Call, &Option<usize>)| match place {
        None => Ok(ints(partial.rows.iter().copied())),
        Some(place) => {
            let accumulator = &resolved.accumulators[*place];
            let name = schema.fields.get(accumulator.field).map_or("", |field| &field.name);
            match &partial.cells[*place] {
                Cells::Float(cells) => numbers(cells, call.function, name, accumulator.ty),
                Cells::Int(cells) => numbers(cells, call.function, name, accumulator.ty),
                Cells::UInt(cells) => numbers(cells, call.function, name, accumulator.ty),
                Cells::Values(cells) => Ok(quantile::column(cells, call.function)),
                Cells::Ordered(cells) => Ok(ordered(cells, call.function, accumulator.ty)),
                Cells::Ends(cells) => {
                    let end = |cells: &super::cells::Ends| match call.function {
                        Function::First => cells.first.as_ref().and_then(|end| end.value.clone()),
                        _ => cells.last.as_ref().and_then(|end| end.value.clone()),
                    };
                    Ok(scalars(cells.iter().map(end), accumulator.ty))
                }
            }
        }
    };
    let values = plan.calls.iter().zip(&resolved.calls).map(column).collect::<Result<_, _>>()?;
    Ok(Groups { len: keys.len(), buckets, tags, values, stats })
}

fn ints(values: impl Iterator<Item = u64>) -> Column {
    // A count of rows that are in memory or on disk is far below 2^63.
    Column::from_parts(Values::Int(values.map(|value| value as i64).collect()), None)
}

/// A column of values, some of them missing.
pub(super) fn column<T: Copy + Default>(
    values: impl Iterator<Item = Option<T>>,
    make: impl FnOnce(Vec<T>) -> Values,
) -> Column {
    let (mut slots, mut validity) = (Vec::new(), Bitmap::default());
    for value in values {
        // A missing value repeats the one before.
        let slot = value.or_else(|| slots.last().copied()).unwrap_or_default();
        slots.push(slot);
        validity.push(value.is_some());
    }
    let is_complete = validity.count_ones() == validity.len();
    Column::from_parts(make(slots), (!is_complete).then_some(validity))
}

fn numbers<T: Numeric>(
    cells: &[Aggregate<T>],
    function: Function,
    field: &str,
    ty: FieldType,
) -> Result<Column, Error> {
    let present = |cell: &Aggregate<T>| cell.count + cell.nan_count;
    let float = |value: fn(&Aggregate<T>) -> Option<f64>| {
        let skips_nan = move |cell: &Aggregate<T>| {
            value(cell).map(|value| if cell.nan_count > 0 { f64::NAN } else { value })
        };
        column(cells.iter().map(skips_nan), Values::Float)
    };
    Ok(match function {
        Function::Count => ints(cells.iter().map(present)),
        Function::Avg => float(|cell| (!cell.is_empty()).then(|| cell.mean())),
        Function::Stddev => float(|cell| {
            let count = cell.count + cell.nan_count;
            (count > 1).then(|| (cell.m2 / (count - 1) as f64).sqrt())
        }),
        Function::Sum => {
            let sum = |cell: &Aggregate<T>| {
                if cell.is_empty() {
                    return Ok(None);
                }
                if cell.nan_count > 0 {
                    return Ok(T::nan());
                }
                let fits = T::from_sum(cell.sum).map(Some);
                fits.map_err(|sum| {
                    ErrorKind::SumOverflow { field: field.to_owned(), sum, ty }.into()
                })
            };
            let sums = cells.iter().map(sum).collect::<Result<Vec<_>, Error>>()?;
            column(sums.into_iter(), T::into_values)
        }
        Function::Min => column(
            cells.iter().map(|cell| if cell.count > 0 { Some(cell.min) } else { nan_of(cell) }),
            T::into_values,
        ),
        _ => column(
            cells.iter().map(|cell| nan_of(cell).or((cell.count > 0).then_some(cell.max))),
            T::into_values,
        ),
    })
}

/// NaN where there is one among the values.
fn nan_of<T: Numeric>(cell: &Aggregate<T>) -> Option<T> {
    if cell.nan_count > 0 { T::nan() } else { None }
}

fn ordered(cells: &[Ordered], function: Function, ty: FieldType) -> Column {
    match function {
        Function::Count => ints(cells.iter().map(|cell| cell.count)),
        Function::Min => scalars(cells.iter().map(|cell| cell.min.clone()), ty),
        _ => scalars(cells.iter().map(|cell| cell.max.clone()), ty),
    }
}

/// A column of values of one type.
fn scalars(values: impl Iterator<Item = Option<Scalar>>, ty: FieldType) -> Column {
    let mut column = Column::new(ty);
    for value in values {
        column.push(value.as_ref().map(Scalar::value));
    }
    column
}
