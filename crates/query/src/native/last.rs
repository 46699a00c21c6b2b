use arrow::compute::SortOptions;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    BinaryExpr, DistinctOn, Expr, Filter, LogicalPlan, Operator, Projection, Window,
    WindowFunctionDefinition,
};

use super::aggregate::is_time;
use super::plan::{LastColumn, Shape};
use crate::schema::{ColumnKind, TableColumns};

/// `SELECT DISTINCT ON (tags) … ORDER BY tags, time DESC`.
pub(super) fn distinct_on(plan: &DistinctOn, table: &TableColumns) -> Option<Shape> {
    let keys: Vec<usize> =
        plan.on_expr.iter().map(|expr| tag(expr, table)).collect::<Option<_>>()?;
    let (newest_first, by_keys) = plan.sort_expr.as_ref()?.split_last()?;
    if newest_first.asc || !is_time(&newest_first.expr, table) {
        return None;
    }
    let order = by_keys.iter().map(|sort| {
        let tag = tag(&sort.expr, table)?;
        let place = keys.iter().position(|key| *key == tag)?;
        let options = SortOptions { descending: !sort.asc, nulls_first: sort.nulls_first };
        Some((place, options))
    });
    let order: Vec<_> = order.collect::<Option<_>>()?;
    let columns = plan.select_expr.iter().map(|expr| last_column(expr, table));
    let columns = columns.collect::<Option<_>>()?;
    Some(Shape::Last { keys, columns, order })
}

/// Rows numbered by `row_number() OVER (PARTITION BY tags ORDER BY time DESC)`, of which only
/// number 1 is wanted. Gives the plan the numbers are of, too.
pub(super) struct Ranked<'a> {
    projection: &'a Projection,
    window: &'a WindowFunction,
    rank: &'a Column,
    pub(super) input: &'a LogicalPlan,
}

/// The parts of a filter `rank = 1` over such numbers.
pub(super) fn ranked(filter: &Filter) -> Option<Ranked<'_>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &filter.predicate else { return None };
    let (Expr::Column(rank), Expr::Literal(number, _)) = (left.as_ref(), right.as_ref()) else {
        return None;
    };
    let wanted = match op {
        Operator::Eq | Operator::LtEq => 1,
        Operator::Lt => 2,
        _ => return None,
    };
    if *number != ScalarValue::Int64(Some(wanted)) {
        return None;
    }
    let mut plan = filter.input.as_ref();
    while let LogicalPlan::SubqueryAlias(alias) = plan {
        plan = alias.input.as_ref();
    }
    let LogicalPlan::Projection(projection) = plan else { return None };
    let LogicalPlan::Window(Window { input, window_expr, .. }) = projection.input.as_ref() else {
        return None;
    };
    let [Expr::WindowFunction(window)] = window_expr.as_slice() else { return None };
    Some(Ranked { projection, window, rank, input: input.as_ref() })
}

impl Ranked<'_> {
    pub(super) fn shape(&self, table: &TableColumns) -> Option<Shape> {
        let WindowFunctionDefinition::WindowUDF(function) = &self.window.fun else { return None };
        let params = &self.window.params;
        let [newest_first] = params.order_by.as_slice() else { return None };
        let counts_down = function.name() == "row_number"
            && params.args.is_empty()
            && params.filter.is_none()
            && !newest_first.asc
            && is_time(&newest_first.expr, table);
        if !counts_down {
            return None;
        }
        let keys: Vec<usize> =
            params.partition_by.iter().map(|expr| tag(expr, table)).collect::<Option<_>>()?;
        let columns: Vec<LastColumn> = self
            .projection
            .expr
            .iter()
            .map(|expr| self.column(expr, table))
            .collect::<Option<_>>()?;
        // The filter must be on the number and not on another column.
        let rank = self.projection.schema.index_of_column_by_name(None, &self.rank.name)?;
        (columns.get(rank) == Some(&LastColumn::Rank)).then_some(Shape::Last {
            keys,
            columns,
            order: Vec::new(),
        })
    }

    fn column(&self, expr: &Expr, table: &TableColumns) -> Option<LastColumn> {
        let number = Expr::WindowFunction(Box::new(self.window.clone()));
        match expr {
            Expr::Alias(alias) => self.column(&alias.expr, table),
            Expr::Column(column) if column.name == number.schema_name().to_string() => {
                Some(LastColumn::Rank)
            }
            _ => last_column(expr, table),
        }
    }
}

pub(super) fn tag(expr: &Expr, table: &TableColumns) -> Option<usize> {
    match last_column(expr, table)? {
        LastColumn::Tag(tag) => Some(tag),
        _ => None,
    }
}

fn last_column(expr: &Expr, table: &TableColumns) -> Option<LastColumn> {
    match expr {
        Expr::Alias(alias) => last_column(&alias.expr, table),
        Expr::Column(column) => Some(match table.find(&column.name)? {
            ColumnKind::Time => LastColumn::Time,
            ColumnKind::Tag(tag) => LastColumn::Tag(tag),
            ColumnKind::Field(field) => LastColumn::Field(field),
        }),
        _ => None,
    }
}
