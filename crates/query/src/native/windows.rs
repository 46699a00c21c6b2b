use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunctionParams};
use datafusion::logical_expr::{
    Expr, SortExpr, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition,
};
use tidemill_model::FieldType;

use super::aggregate::is_time;
use super::last::tag;
use crate::scan::{RowColumn, Window, WindowFunction};
use crate::schema::{ColumnKind, TableColumns};

/// The windows of a statement, each over the last rows of a series.
pub(super) struct Windows {
    /// The names of their columns, and what they are.
    windows: Vec<(String, Window)>,
    /// The tags they are partitioned by; `None` without windows.
    pub(super) partition: Option<Vec<usize>>,
}

impl Windows {
    /// `function(field) OVER (PARTITION BY tags ORDER BY time ROWS BETWEEN n PRECEDING AND CURRENT ROW)`, all by the same tags.
    pub(super) fn of(exprs: &[Expr], table: &TableColumns) -> Option<Self> {
        let mut all = Self { windows: Vec::new(), partition: None };
        for expr in exprs {
            let (window, partition) = window(expr, table)?;
            if all.partition.get_or_insert_with(|| partition.clone()) != &partition {
                return None;
            }
            all.windows.push((expr.schema_name().to_string(), window));
        }
        Some(all)
    }

    pub(super) fn find(&self, name: &str) -> Option<RowColumn> {
        let found = self.windows.iter().find(|(own, _)| own == name);
        found.map(|(_, window)| RowColumn::Window(*window))
    }
}

fn window(expr: &Expr, table: &TableColumns) -> Option<(Window, Vec<usize>)> {
    let Expr::WindowFunction(window) = expr else { return None };
    let WindowFunctionDefinition::AggregateUDF(function) = &window.fun else { return None };
    let WindowFunctionParams {
        args,
        partition_by,
        order_by,
        window_frame,
        filter: None,
        null_treatment: None | Some(NullTreatment::RespectNulls),
        distinct: false,
    } = &window.params
    else {
        return None;
    };
    let [Expr::Column(column)] = args.as_slice() else { return None };
    let ColumnKind::Field(field) = table.find(&column.name)? else { return None };
    let ty = table.stored.fields[field].ty;
    let function = match (function.name(), ty) {
        ("count", _) => WindowFunction::Count,
        ("sum", FieldType::Float) => WindowFunction::Sum,
        ("avg", FieldType::Float | FieldType::Int | FieldType::UInt) => WindowFunction::Avg,
        _ => return None,
    };
    let [SortExpr { expr: by, asc: true, .. }] = order_by.as_slice() else { return None };
    let is_rows = window_frame.units == WindowFrameUnits::Rows;
    let (true, true, WindowFrameBound::Preceding(ScalarValue::UInt64(Some(before)))) =
        (is_time(by, table), is_rows, &window_frame.start_bound)
    else {
        return None;
    };
    if window_frame.end_bound != WindowFrameBound::CurrentRow {
        return None;
    }
    let rows = usize::try_from(*before).ok()?.checked_add(1)?;
    if rows > Window::MAX_ROWS {
        return None;
    }
    let partition = partition_by.iter().map(|expr| tag(expr, table)).collect::<Option<_>>()?;
    Some((Window { function, field, rows }, partition))
}
