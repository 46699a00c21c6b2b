use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{Aggregate, Expr, SortExpr};
use tidemill_analysis::native::{Bucket, Call, Function, Share};
use tidemill_model::FieldType;

use super::bucket::bucket;
use super::plan::{AggregateColumn, LastColumn, Shape};
use crate::filter::constant;
use crate::functions::{FIRST, LAST};
use crate::schema::{ColumnKind, TableColumns};

/// What one aggregate expression asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Call(Call),
    /// The greatest time of the group.
    NewestTime,
}

/// The shape of a `GROUP BY` over a table, if it is one.
pub(super) fn aggregate(plan: &Aggregate, table: &TableColumns) -> Option<Shape> {
    let groups = Groups::of(&plan.group_expr, table)?;
    let asked: Vec<Asked> =
        plan.aggr_expr.iter().map(|expr| asked(expr, table)).collect::<Option<_>>()?;
    groups.last_rows(&asked).or_else(|| groups.aggregates(&asked))
}

/// The shape of `SELECT DISTINCT` of tags and buckets.
pub(super) fn distinct(columns: &[Expr], table: &TableColumns) -> Option<Shape> {
    Groups::of(columns, table)?.aggregates(&[])
}

/// What rows are grouped by.
struct Groups {
    bucket: Option<Bucket>,
    tags: Vec<usize>,
    columns: Vec<AggregateColumn>,
}

impl Groups {
    fn of(exprs: &[Expr], table: &TableColumns) -> Option<Self> {
        let mut groups = Self { bucket: None, tags: Vec::new(), columns: Vec::new() };
        for (place, expr) in exprs.iter().enumerate() {
            // DataFusion groups by the same expression once, and that is one column.
            if exprs[..place].contains(expr) {
                continue;
            }
            let column = match unalias(expr) {
                Expr::Column(column) => match table.find(&column.name)? {
                    ColumnKind::Tag(tag) => {
                        groups.tags.push(tag);
                        AggregateColumn::Tag(groups.tags.len() - 1)
                    }
                    _ => return None,
                },
                Expr::ScalarFunction(call) => {
                    let bucket = bucket(call, table)?;
                    if groups.bucket.replace(bucket).is_some_and(|other| other != bucket) {
                        return None;
                    }
                    AggregateColumn::Bucket
                }
                _ => return None,
            };
            groups.columns.push(column);
        }
        Some(groups)
    }

    fn aggregates(self, asked: &[Asked]) -> Option<Shape> {
        let call = |asked: &Asked| match asked {
            Asked::Call(call) => Some(*call),
            Asked::NewestTime => None,
        };
        let calls: Vec<Call> = asked.iter().map(call).collect::<Option<_>>()?;
        let mut columns = self.columns;
        columns.extend((0..calls.len()).map(AggregateColumn::Call));
        Some(Shape::Aggregate { bucket: self.bucket, group_tags: self.tags, calls, columns })
    }

    /// The same as newest rows, where nothing else is asked for: that reads one row a series.
    /// Without groups SQL wants one row even of nothing, which that does not give.
    fn last_rows(&self, asked: &[Asked]) -> Option<Shape> {
        if self.bucket.is_some() || self.tags.is_empty() || asked.is_empty() {
            return None;
        }
        let group = self.columns.iter().map(|column| match column {
            AggregateColumn::Tag(place) => Some(LastColumn::Tag(self.tags[*place])),
            _ => None,
        });
        let asked = asked.iter().map(|asked| match asked {
            Asked::NewestTime => Some(LastColumn::Time),
            Asked::Call(Call { function: Function::Last, field }) => {
                Some(LastColumn::Field(*field))
            }
            Asked::Call(_) => None,
        });
        let columns = group.chain(asked).collect::<Option<_>>()?;
        Some(Shape::Last { keys: self.tags.clone(), columns, order: Vec::new() })
    }
}

pub(super) fn unalias(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unalias(&alias.expr),
        other => other,
    }
}

fn asked(expr: &Expr, table: &TableColumns) -> Option<Asked> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = unalias(expr) else {
        return None;
    };
    let ignores_nulls = params.null_treatment == Some(NullTreatment::IgnoreNulls);
    if params.distinct || params.filter.is_some() || ignores_nulls {
        return None;
    }
    let by_time = || direction(&params.order_by, table);
    let (function, argument) = match (func.name(), params.args.as_slice()) {
        ("count", []) => (Function::CountRows, None),
        ("count", [one]) if is_constant(one) => (Function::CountRows, None),
        ("count", [value]) => (Function::Count, Some(value)),
        ("sum", [value]) => (Function::Sum, Some(value)),
        ("min", [value]) => (Function::Min, Some(value)),
        ("max", [value]) => (Function::Max, Some(value)),
        ("avg", [value]) => (Function::Avg, Some(value)),
        ("stddev", [value]) => (Function::Stddev, Some(value)),
        ("first_value", [value]) => (by_time()?.first(), Some(value)),
        ("last_value", [value]) => (by_time()?.last(), Some(value)),
        (FIRST, [value, time]) if is_time(time, table) => (Function::First, Some(value)),
        (LAST, [value, time]) if is_time(time, table) => (Function::Last, Some(value)),
        ("percentile_cont", [value, share]) => {
            (quantile(value, share, &params.order_by)?, Some(value))
        }
        _ => return None,
    };
    let is_ordered = matches!(function, Function::First | Function::Last | Function::Quantile(_));
    if !params.order_by.is_empty() && !is_ordered {
        return None;
    }
    let Some(argument) = argument else {
        return Some(Asked::Call(Call { function, field: 0 }));
    };
    let Expr::Column(column) = argument else { return None };
    match (table.find(&column.name)?, function) {
        (ColumnKind::Time, Function::Count) => {
            Some(Asked::Call(Call { function: Function::CountRows, field: 0 }))
        }
        (ColumnKind::Time, Function::Max | Function::Last) => Some(Asked::NewestTime),
        (ColumnKind::Field(field), _) => {
            let is_number =
                !matches!(table.stored.fields[field].ty, FieldType::Bool | FieldType::Text);
            (is_number || !function.needs_number()).then_some(Asked::Call(Call { function, field }))
        }
        _ => None,
    }
}

/// `percentile_cont(share) WITHIN GROUP (ORDER BY value)`, which comes as `percentile_cont(value, share)`; of values that
/// descend it is that of the rest.
fn quantile(value: &Expr, share: &Expr, order: &[SortExpr]) -> Option<Function> {
    let share = match constant(share)? {
        ScalarValue::Float64(share) => share?,
        ScalarValue::Int64(share) => share? as f64,
        _ => return None,
    };
    let share = match order {
        [] => share,
        [SortExpr { expr, asc: true, .. }] if expr == value => share,
        [SortExpr { expr, asc: false, .. }] if expr == value => 1.0 - share,
        _ => return None,
    };
    Share::new(share).map(Function::Quantile)
}

/// Which way rows are ordered by time.
#[derive(Clone, Copy)]
enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    fn first(self) -> Function {
        match self {
            Self::Ascending => Function::First,
            Self::Descending => Function::Last,
        }
    }

    fn last(self) -> Function {
        match self {
            Self::Ascending => Function::Last,
            Self::Descending => Function::First,
        }
    }
}

fn direction(order: &[SortExpr], table: &TableColumns) -> Option<Direction> {
    match order {
        [SortExpr { expr, asc, .. }] if is_time(expr, table) => {
            Some(if *asc { Direction::Ascending } else { Direction::Descending })
        }
        _ => None,
    }
}

pub(super) fn is_time(expr: &Expr, table: &TableColumns) -> bool {
    matches!(expr, Expr::Column(column) if table.find(&column.name) == Some(ColumnKind::Time))
}

/// `count(*)` counts a constant by the time it gets here.
fn is_constant(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if !value.is_null())
}
