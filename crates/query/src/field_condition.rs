use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use tidemill_kernels::elementwise::{
    Comparison, compare_columns_f64, compare_f64, compare_i64, compare_u64, words,
};
use tidemill_model::{FieldType, TableSchema};
use tidemill_store::{AnyAggregate, ColumnSlice, SliceValues, StoredAggregate};

use crate::filter::constant;
use crate::schema::{ColumnKind, TableColumns};

/// Integers up to here are floats exactly.
const MAX_EXACT: u64 = 1 << 53;

/// A comparison of a numeric field with a constant of its type, or that a field of any type has a value: plain data. A
/// missing value satisfies none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FieldCondition {
    pub(crate) field: usize,
    comparison: Comparison,
    constant: Constant,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Constant {
    Float(f64),
    Int(i64),
    UInt(u64),
    /// None: any value will do.
    Any,
}

/// Which of some rows satisfy conditions, as far as their statistics tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// None does.
    Never,
    /// All do.
    Always,
    /// They must be looked at.
    Open,
}

impl FieldCondition {
    /// The comparisons that a condition consists of, all of which must hold, if it compares a field with constants and nothing is
    /// lost by doing so in the field's type.
    pub(crate) fn of(condition: &Expr, table: &TableColumns) -> Option<Vec<Self>> {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let direct = Self::compared(left, *op, right, table);
                direct
                    .or_else(|| Self::compared(right, op.swap()?, left, table))
                    .map(|one| vec![one])
            }
            Expr::Between(between) if !between.negated => Some(vec![
                Self::compared(&between.expr, Operator::GtEq, &between.low, table)?,
                Self::compared(&between.expr, Operator::LtEq, &between.high, table)?,
            ]),
            Expr::IsNotNull(column) => {
                let field = field_of(column, table)?;
                Some(vec![Self { field, comparison: Comparison::Eq, constant: Constant::Any }])
            }
            _ => None,
        }
    }

    fn compared(column: &Expr, op: Operator, other: &Expr, table: &TableColumns) -> Option<Self> {
        let field = field_of(column, table)?;
        let comparison = match op {
            Operator::Lt => Comparison::Lt,
            Operator::LtEq => Comparison::Le,
            Operator::Gt => Comparison::Gt,
            Operator::GtEq => Comparison::Ge,
            Operator::Eq => Comparison::Eq,
            Operator::NotEq => Comparison::Ne,
            _ => return None,
        };
        let exact = |value: u64| (value <= MAX_EXACT).then_some(value as f64);
        let constant = match (table.stored.fields[field].ty, constant(other)?) {
            (FieldType::Float, ScalarValue::Float64(Some(value))) if value.is_finite() => {
                Constant::Float(value)
            }
            (FieldType::Float, ScalarValue::Int64(Some(value))) => {
                let size = exact(value.unsigned_abs())?;
                Constant::Float(if value < 0 { -size } else { size })
            }
            (FieldType::Int, ScalarValue::Int64(Some(value))) => Constant::Int(value),
            (FieldType::UInt, ScalarValue::UInt64(Some(value))) => Constant::UInt(value),
            (FieldType::UInt, ScalarValue::Int64(Some(value))) => {
                Constant::UInt(u64::try_from(value).ok()?)
            }
            _ => return None,
        };
        Some(Self { field, comparison, constant })
    }

    /// What is known of rows without looking at them.
    pub(crate) fn outcome(&self, stored: &StoredAggregate) -> Outcome {
        let (any, all) = match (stored.aggregate, self.constant) {
            _ if stored.valid == 0 => (false, false),
            (_, Constant::Any) => (true, true),
            (AnyAggregate::Float(a), _) if a.nan_count > 0 => (true, false),
            (AnyAggregate::Float(a), Constant::Float(c)) => self.within(a.min, a.max, c),
            (AnyAggregate::Int(a), Constant::Int(c)) => self.within(a.min, a.max, c),
            (AnyAggregate::UInt(a), Constant::UInt(c)) => self.within(a.min, a.max, c),
            _ => (true, false),
        };
        match any {
            false => Outcome::Never,
            true if all && stored.valid == stored.rows.len() as u64 => Outcome::Always,
            true => Outcome::Open,
        }
    }

    /// Whether the comparison holds for any, and for all values from `min` to `max`.
    fn within<T: PartialOrd + Copy>(&self, min: T, max: T, constant: T) -> (bool, bool) {
        let holds = |value| self.comparison.holds(value, constant);
        match self.comparison {
            Comparison::Eq => (min <= constant && constant <= max, holds(min) && holds(max)),
            Comparison::Ne => (holds(min) || holds(max), constant < min || max < constant),
            _ => (holds(min) || holds(max), holds(min) && holds(max)),
        }
    }

    /// Keeps those bits of `mask` whose rows satisfy the condition.
    pub(crate) fn keep(&self, slice: &ColumnSlice<'_>, mask: &mut [u64], own: &mut [u64]) {
        let own = &mut own[..words(slice.len())];
        match (slice.values(), self.constant) {
            (SliceValues::Float(values), Constant::Float(c)) => {
                compare_f64(values, self.comparison, c, own);
                self.compare_nans(values, own);
            }
            (SliceValues::Int(values), Constant::Int(c)) => {
                compare_i64(values, self.comparison, c, own);
            }
            (SliceValues::UInt(values), Constant::UInt(c)) => {
                compare_u64(values, self.comparison, c, own);
            }
            // No row has a value.
            (SliceValues::Missing, _) => own.fill(0),
            (_, Constant::Any) => {
                own.fill(u64::MAX);
                if let (Some(last), rows @ 1..) = (own.last_mut(), slice.len() % 64) {
                    *last = (1 << rows) - 1;
                }
            }
            _ => own.fill(0),
        }
        if !slice.all_valid() {
            let valid = |row: &usize| slice.is_valid(*row);
            for (word, own) in own.iter_mut().enumerate() {
                *own &= ones(word, *own).filter(valid).fold(0, |bits, row| bits | 1 << (row % 64));
            }
        }
        for (bits, own) in mask.iter_mut().zip(own) {
            *bits &= *own;
        }
    }

    /// SQL has an order of all floats: a NaN is greater than all numbers, or, with its sign set, less.
    fn compare_nans(&self, values: &[f64], mask: &mut [u64]) {
        for (values, bits) in values.chunks(64).zip(mask) {
            let mut nans = [0];
            compare_columns_f64(values, Comparison::Ne, values, &mut nans);
            for row in ones(0, nans[0]) {
                let order = if values[row].is_sign_negative() { -1 } else { 1 };
                let bit = 1 << row;
                *bits = if self.comparison.holds(order, 0) { *bits | bit } else { *bits & !bit };
            }
        }
    }

    /// The condition in words, for `EXPLAIN`.
    pub(crate) fn describe(&self, table: &TableSchema) -> String {
        let comparison = match self.comparison {
            Comparison::Lt => "<",
            Comparison::Le => "<=",
            Comparison::Gt => ">",
            Comparison::Ge => ">=",
            Comparison::Eq => "=",
            Comparison::Ne => "<>",
        };
        let name = &table.fields[self.field].name;
        match self.constant {
            Constant::Any => format!("{name} IS NOT NULL"),
            Constant::Float(value) => format!("{name} {comparison} {value:?}"),
            Constant::Int(value) => format!("{name} {comparison} {value}"),
            Constant::UInt(value) => format!("{name} {comparison} {value}"),
        }
    }
}

fn field_of(expr: &Expr, table: &TableColumns) -> Option<usize> {
    let Expr::Column(column) = expr else { return None };
    match table.find(&column.name)? {
        ColumnKind::Field(field) => Some(field),
        _ => None,
    }
}

/// The numbers of the bits that are set in a word.
pub(crate) fn ones(word: usize, mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(word * 64 + bit)
    })
}
