//! Answers, and when two of them are the same.

use std::cmp::Ordering;
use std::fmt;

use anyhow::{Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt64Type,
};

/// One value of an answer; times are integers, nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Int(i128),
    Float(f64),
    Bool(bool),
    Text(String),
}

pub(crate) type Rows = Vec<Vec<Cell>>;

/// Floats are the same when they differ by at most this, times the greater of them and the scale
/// of the dataset.
const TOLERANCE: f64 = 1e-9;

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
        }
    }
}

/// The rows of record batches.
pub(crate) fn rows(batches: &[RecordBatch]) -> Result<Rows> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<Vec<Cell>> = batch.columns().iter().map(column).collect::<Result<_>>()?;
        rows.extend(
            (0..batch.num_rows()).map(|row| columns.iter().map(|c| c[row].clone()).collect()),
        );
    }
    Ok(rows)
}

fn column(array: &ArrayRef) -> Result<Vec<Cell>> {
    let array = match array.data_type() {
        DataType::Dictionary(_, values) => return column(&cast(array, values)?),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => &cast(array, &DataType::Int64)?,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => &cast(array, &DataType::UInt64)?,
        DataType::Utf8View | DataType::LargeUtf8 => &cast(array, &DataType::Utf8)?,
        _ => array,
    };
    let value: Box<dyn Fn(usize) -> Cell> = match array.data_type() {
        DataType::Null => Box::new(|_| Cell::Null),
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>();
            Box::new(|row| Cell::Int(values.value(row).into()))
        }
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>();
            Box::new(|row| Cell::Int(values.value(row).into()))
        }
        DataType::Decimal128(_, 0) => {
            let values = array.as_primitive::<Decimal128Type>();
            Box::new(|row| Cell::Int(values.value(row)))
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            Box::new(|row| Cell::Float(values.value(row)))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let values = array.as_primitive::<TimestampNanosecondType>();
            Box::new(|row| Cell::Int(values.value(row).into()))
        }
        DataType::Boolean => {
            let values = array.as_boolean();
            Box::new(|row| Cell::Bool(values.value(row)))
        }
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            Box::new(|row| Cell::Text(values.value(row).to_owned()))
        }
        other => bail!("an answer of type {other}, which is not compared"),
    };
    let cell = |row| if array.is_null(row) { Cell::Null } else { value(row) };
    Ok((0..array.len()).map(cell).collect())
}

/// Whether two answers are the same: row by row when they are ordered, else in any order.
pub(crate) fn same(a: &Rows, b: &Rows, is_ordered: bool, scale: f64) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let same = |a: &Vec<Cell>, b: &Vec<Cell>| same_row(a, b, scale);
    if a.iter().zip(b).all(|(a, b)| same(a, b)) {
        return true;
    }
    if is_ordered {
        return false;
    }
    let sorted = |rows: &Rows| {
        let mut rows = rows.clone();
        rows.sort_by(|a, b| order(a, b));
        rows
    };
    let (a, mut b) = (sorted(a), sorted(b));
    if a.iter().zip(&b).all(|(a, b)| same(a, b)) {
        return true;
    }
    // Rounding may have changed the order: each row takes the first that is like it.
    a.iter().all(|row| match b.iter().position(|other| same(row, other)) {
        None => false,
        Some(place) => {
            b.swap_remove(place);
            true
        }
    })
}

/// The rows of each answer that are not in the other.
pub(crate) fn unlike(a: &Rows, b: &Rows, scale: f64) -> (Rows, Rows) {
    let mut right = b.clone();
    let mut left = a.clone();
    left.retain(|row| match right.iter().position(|other| same_row(row, other, scale)) {
        None => true,
        Some(place) => {
            right.remove(place);
            false
        }
    });
    (left, right)
}

fn same_row(a: &[Cell], b: &[Cell], scale: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_cell(a, b, scale))
}

fn same_cell(a: &Cell, b: &Cell, scale: f64) -> bool {
    match (a, b) {
        (Cell::Float(a), Cell::Float(b)) => same_float(*a, *b, scale),
        (Cell::Int(a), Cell::Float(b)) | (Cell::Float(b), Cell::Int(a)) => {
            same_float(*a as f64, *b, scale)
        }
        _ => a == b,
    }
}

fn same_float(a: f64, b: f64, scale: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    // An infinity is like nothing but itself.
    a.is_finite() && b.is_finite() && (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(scale)
}

/// An order that floats decide last.
fn order(a: &[Cell], b: &[Cell]) -> Ordering {
    let exact = a.iter().zip(b).map(|(a, b)| match (a, b) {
        (Cell::Float(_), Cell::Float(_)) => Ordering::Equal,
        (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    });
    let floats = a.iter().zip(b).map(|(a, b)| match (a, b) {
        // Nought has no sign here.
        (Cell::Float(a), Cell::Float(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
        _ => Ordering::Equal,
    });
    exact.chain(floats).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn rank(cell: &Cell) -> u8 {
    match cell {
        Cell::Null => 0,
        Cell::Int(_) => 1,
        Cell::Float(_) => 2,
        Cell::Bool(_) => 3,
        Cell::Text(_) => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Rows, same};

    fn float(value: f64) -> Rows {
        vec![vec![Cell::Float(value)]]
    }

    #[test]
    fn floats_are_the_same_within_the_tolerance_and_nothing_else_is() {
        for (a, b, is_same) in [
            (1.0, 1.0 + 1e-10, true),
            (1.0, 1.0 + 1e-8, false),
            (1e300, 1e300 * (1.0 + 1e-10), true),
            (0.0, 1e-10, true),
            (0.0, 1e-8, false),
            (0.0, -0.0, true),
            (f64::NAN, -f64::NAN, true),
            (f64::NAN, 0.0, false),
            (f64::INFINITY, f64::INFINITY, true),
            (f64::INFINITY, f64::MAX, false),
            (f64::INFINITY, f64::NEG_INFINITY, false),
        ] {
            assert_eq!(same(&float(a), &float(b), true, 1.0), is_same, "{a} {b}");
        }
        assert!(!same(&vec![vec![Cell::Null]], &float(0.0), true, 1.0));
        assert!(!same(&vec![vec![Cell::Int(1)]], &vec![vec![Cell::Int(2)]], true, 1.0));
        assert!(!same(&vec![vec![Cell::Text("1".into())]], &vec![vec![Cell::Int(1)]], true, 1.0));
    }

    #[test]
    fn the_order_of_rows_counts_where_it_is_decided() {
        let row = |a: f64, b: i128| vec![Cell::Float(a), Cell::Int(b)];
        let a = vec![row(1.0, 1), row(1.0 + 1e-12, 2), row(1.0, 2)];
        let b = vec![row(1.0, 2), row(1.0, 1), row(1.0, 2)];
        assert!(same(&a, &b, false, 1.0) && !same(&a, &b, true, 1.0));
        let c = vec![row(1.0, 1), row(1.0, 1), row(1.0, 2)];
        assert!(!same(&a, &c, false, 1.0) && !same(&a, &a[..2].to_vec(), false, 1.0));
    }
}
