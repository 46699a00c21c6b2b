use std::sync::Arc;

use arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Distinct, Expr, FetchType, LogicalPlan, Projection, SkipType, TableScan,
};

use tidemill_store::Snapshot;

use super::aggregate::{aggregate, distinct, unalias};
use super::last::{distinct_on, ranked};
use super::plan::{NativePlan, NativeQuery, Shape, Step};
use super::windows::Windows;
use crate::engine::Matching;
use crate::error::Result;
use crate::filter::Selection;
use crate::scan::{RowColumn, SeriesTable};
use crate::schema::TableColumns;

/// The native plan of a logical plan as the SQL planner makes it, if there is one.
pub(crate) fn recognise(plan: &LogicalPlan) -> Option<NativeQuery> {
    let native = Arc::new(native_plan_of(plan)?);
    NativeQuery::new(&native, &native.conditions)
}

/// The same, whatever its conditions are.
pub(crate) fn native_plan_of(plan: &LogicalPlan) -> Option<NativePlan> {
    let mut native = match rows(plan) {
        Some(rows) => rows,
        None => descend(plan)?,
    };
    native.schema = Arc::clone(plan.schema().inner());
    Some(native)
}

/// Columns of a table's rows, and how many of them: nothing is done with their values.
fn rows(plan: &LogicalPlan) -> Option<NativePlan> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => rows(&alias.input),
        LogicalPlan::Limit(plan) => {
            let mut native = rows(&plan.input)?;
            let SkipType::Literal(0) = plan.get_skip_type().ok()? else { return None };
            let FetchType::Literal(fetch) = plan.get_fetch_type().ok()? else { return None };
            let Shape::Rows { limit, .. } = &mut native.shape else { return None };
            *limit = [*limit, fetch].into_iter().flatten().min();
            Some(native)
        }
        LogicalPlan::Projection(projection) => {
            let (windows, input): (&[Expr], _) = match projection.input.as_ref() {
                LogicalPlan::Window(plan) => (&plan.window_expr, &plan.input),
                _ => (&[], &projection.input),
            };
            let (table, conditions) = source(input)?;
            let windows = Windows::of(windows, &table)?;
            let column = |expr: &Expr| match unalias(expr) {
                Expr::Column(column) => windows
                    .find(&column.name)
                    .or_else(|| table.find(&column.name).map(RowColumn::Stored)),
                _ => None,
            };
            let columns = projection.expr.iter().map(column).collect::<Option<_>>()?;
            let shape = Shape::Rows { columns, partition: windows.partition, limit: None };
            Some(native_plan(table, conditions, shape, projection.schema.inner()))
        }
        _ => None,
    }
}

/// Walks down to the shape and notes the steps on the way back.
fn descend(plan: &LogicalPlan) -> Option<NativePlan> {
    match plan {
        LogicalPlan::Projection(projection) => {
            // How many digits a decimal has is decided with the types, which is not done yet.
            let is_decimal = |field: &FieldRef| field.data_type().is_decimal();
            let has_decimal = projection.schema.fields().iter().any(is_decimal);
            if has_decimal || projection.expr.iter().any(has_subquery) {
                return None;
            }
            let mut query = descend(&projection.input)?;
            query.steps.push(Step::Project {
                columns: projection.expr.clone(),
                input: Arc::clone(projection.input.schema()),
                output: Arc::clone(projection.schema.inner()),
            });
            Some(query)
        }
        LogicalPlan::Sort(sort) => {
            if sort.expr.iter().any(|sort| has_subquery(&sort.expr)) {
                return None;
            }
            let mut query = descend(&sort.input)?;
            let input = Arc::clone(sort.input.schema());
            query.steps.push(Step::Sort { by: sort.expr.clone(), input, fetch: sort.fetch });
            Some(query)
        }
        LogicalPlan::Limit(limit) => {
            let mut query = descend(&limit.input)?;
            let SkipType::Literal(skip) = limit.get_skip_type().ok()? else { return None };
            let FetchType::Literal(fetch) = limit.get_fetch_type().ok()? else { return None };
            query.steps.push(Step::Limit { skip, fetch });
            Some(query)
        }
        LogicalPlan::Filter(filter) => {
            if let Some(ranked) = ranked(filter) {
                let (table, conditions) = source(ranked.input)?;
                let shape = ranked.shape(&table)?;
                return Some(native_plan(table, conditions, shape, filter.input.schema().inner()));
            }
            if has_subquery(&filter.predicate) {
                return None;
            }
            let mut query = descend(&filter.input)?;
            let input = Arc::clone(filter.input.schema());
            query.steps.push(Step::Filter { condition: filter.predicate.clone(), input });
            Some(query)
        }
        LogicalPlan::SubqueryAlias(alias) => descend(&alias.input),
        LogicalPlan::Aggregate(plan) => {
            let (table, conditions) = source(&plan.input)?;
            let shape = aggregate(plan, &table)?;
            Some(native_plan(table, conditions, shape, plan.schema.inner()))
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let LogicalPlan::Projection(Projection { expr, input, schema, .. }) = input.as_ref()
            else {
                return None;
            };
            let (table, conditions) = source(input)?;
            let shape = distinct(expr, &table)?;
            Some(native_plan(table, conditions, shape, schema.inner()))
        }
        LogicalPlan::Distinct(Distinct::On(plan)) => {
            let (table, conditions) = source(&plan.input)?;
            let shape = distinct_on(plan, &table)?;
            Some(native_plan(table, conditions, shape, plan.schema.inner()))
        }
        _ => None,
    }
}

/// What `SELECT * FROM table WHERE …` selects, if it does so by times and tags alone.
pub(crate) fn matching(
    plan: &LogicalPlan,
    table: &str,
    snapshot: &Snapshot,
) -> Result<Option<Matching>> {
    let LogicalPlan::Projection(projection) = plan else { return Ok(None) };
    let LogicalPlan::Filter(filter) = projection.input.as_ref() else { return Ok(None) };
    if !matches!(filter.input.as_ref(), LogicalPlan::TableScan(_)) {
        return Ok(None);
    }
    let (Some((columns, conditions)), Some(view)) =
        (source(&projection.input), snapshot.table(table))
    else {
        return Ok(None);
    };
    let selection = Selection::of(&conditions, &columns).and_then(Selection::by_times_and_tags);
    let Some(selection) = selection else { return Ok(None) };
    let series = selection.series(view, &columns)?;
    Ok(Some(Matching { range: selection.range, series }))
}

fn native_plan(
    table: Arc<TableColumns>,
    conditions: Vec<Expr>,
    shape: Shape,
    schema: &SchemaRef,
) -> NativePlan {
    let (shape_schema, schema) = (Arc::clone(schema), Arc::clone(schema));
    NativePlan { table, conditions, shape, shape_schema, steps: Vec::new(), schema }
}

/// Whether a part of an expression is a statement of its own.
fn has_subquery(expr: &Expr) -> bool {
    let is_subquery = |expr: &Expr| {
        Ok(matches!(expr, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)))
    };
    expr.exists(is_subquery).unwrap_or(true)
}

/// A table and the conditions on its rows.
fn source(plan: &LogicalPlan) -> Option<(Arc<TableColumns>, Vec<Expr>)> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => source(&alias.input),
        LogicalPlan::Filter(filter) => {
            let (table, mut conditions) = source(&filter.input)?;
            conditions.extend(split_conjunction(&filter.predicate).into_iter().cloned());
            Some((table, conditions))
        }
        LogicalPlan::TableScan(TableScan {
            source,
            projection: None,
            filters,
            fetch: None,
            ..
        }) if filters.is_empty() => {
            let provider = source_as_provider(source).ok()?;
            let table = provider.downcast_ref::<SeriesTable>()?;
            Some((Arc::clone(table.columns()), Vec::new()))
        }
        _ => None,
    }
}
