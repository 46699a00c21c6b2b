use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, ScalarValue};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, Volatility};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::PhysicalExpr;
use tidemill_model::TimeRange;
use tidemill_store::{SeriesIndex, TableView};

use crate::error::Result;
use crate::field_condition::FieldCondition;
use crate::schema::{ColumnKind, TableColumns, tag_type, time_type};
use crate::{lists, tags};

/// The rows of a table that a statement wants: plain data.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// Rows inside this range,
    pub(crate) range: TimeRange,
    /// of the series that satisfy all of these,
    pub(crate) tags: Vec<TagPredicate>,
    /// with values that satisfy all of these.
    pub(crate) fields: Vec<FieldCondition>,
}

/// A condition on the tags of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TagPredicate {
    /// The tag is there and its value is one of `values`, or, `negated`, none of them.
    In { tag: usize, values: Vec<String>, negated: bool },
    /// The tag is absent, or, `negated`, there.
    Missing { tag: usize, negated: bool },
    /// Anything else that can be computed from tags (`columns`, ascending): true for the series.
    Computed { columns: Vec<usize>, condition: Expr },
}

impl Default for Selection {
    fn default() -> Self {
        Self { range: TimeRange::ALL, tags: Vec::new(), fields: Vec::new() }
    }
}

impl Selection {
    /// The rows for which all conditions hold, if it can be said exactly.
    pub(crate) fn of(conditions: &[Expr], table: &TableColumns) -> Option<Self> {
        let mut selection = Self::default();
        for condition in conditions {
            let always = || constant(condition) == Some(ScalarValue::Boolean(Some(true)));
            if !selection.narrow(condition, table) && !always() {
                return None;
            }
        }
        Some(selection)
    }

    /// Narrows the selection by `condition`, exactly; `false` when it cannot say it, and then
    /// nothing has changed.
    pub(crate) fn narrow(&mut self, condition: &Expr, table: &TableColumns) -> bool {
        // What the optimiser made of a condition that holds for all rows or for none.
        if let Expr::Literal(ScalarValue::Boolean(holds), _) = condition {
            if *holds != Some(true) {
                self.range = TimeRange::EMPTY;
            }
            return true;
        }
        if let Some(range) = time_condition(condition, table) {
            self.range = self.range.intersect(range);
            return true;
        }
        if let Some(predicate) = tag_condition(condition, table) {
            self.tags.push(predicate);
            return true;
        }
        let fields = FieldCondition::of(condition, table);
        let is_said = fields.is_some();
        self.fields.extend(fields.into_iter().flatten());
        is_said
    }

    /// Whether it leaves out no row of the table.
    pub(crate) fn is_whole(&self) -> bool {
        self.range == TimeRange::ALL && self.tags.is_empty() && self.fields.is_empty()
    }

    /// The selection, if it leaves out no row of a series within its range.
    pub(crate) fn by_times_and_tags(self) -> Option<Self> {
        self.fields.is_empty().then_some(self)
    }

    /// The series that satisfy the tag conditions, ascending.
    pub(crate) fn series(&self, view: &TableView, table: &TableColumns) -> Result<Vec<u32>> {
        let index = view.series_index();
        let count = index.len().min(view.series_count());
        let mut series: Vec<u32> = match self.tags.first() {
            None => return Ok((0..count).collect()),
            Some(first) => first.matches(&index, table, 0..count)?,
        };
        for predicate in &self.tags[1..] {
            series = predicate.matches(&index, table, series.into_iter())?;
        }
        Ok(series)
    }
}

impl TagPredicate {
    /// The predicate in words, for `EXPLAIN`.
    pub(crate) fn describe(&self, tags: &[String]) -> String {
        match self {
            Self::In { tag, values, negated } => {
                let not = if *negated { "NOT " } else { "" };
                format!("{} {not}IN {values:?}", tags[*tag])
            }
            Self::Missing { tag, negated } => {
                format!("{} IS {}NULL", tags[*tag], if *negated { "NOT " } else { "" })
            }
            Self::Computed { condition, .. } => condition.to_string(),
        }
    }

    /// Those of `series` that satisfy the predicate.
    fn matches(
        &self,
        index: &SeriesIndex,
        table: &TableColumns,
        series: impl Iterator<Item = u32>,
    ) -> Result<Vec<u32>> {
        Ok(match self {
            Self::In { tag, values, negated } => {
                let codes = index.tag_codes(*tag);
                let mut wanted: Vec<u32> =
                    values.iter().filter_map(|value| index.tag_code(*tag, value)).collect();
                wanted.sort_unstable();
                series
                    .filter(|s| {
                        let code = codes.of(*s);
                        code != 0 && wanted.binary_search(&code).is_ok() != *negated
                    })
                    .collect()
            }
            Self::Missing { tag, negated } => {
                let codes = index.tag_codes(*tag);
                series.filter(|s| (codes.of(*s) == 0) != *negated).collect()
            }
            Self::Computed { columns, condition } => {
                compute(index, table, columns, condition, series.collect())?
            }
        })
    }
}

/// Evaluates a condition on a batch with one row a series, so that it means exactly what
/// DataFusion means by it.
fn compute(
    index: &SeriesIndex,
    table: &TableColumns,
    columns: &[usize],
    condition: &Expr,
    series: Vec<u32>,
) -> Result<Vec<u32>> {
    let fields: Vec<_> =
        columns.iter().map(|tag| table.arrow_field(ColumnKind::Tag(*tag)).clone()).collect();
    let arrays: Vec<ArrayRef> =
        columns.iter().map(|tag| tags::series_column(index, *tag, &series)).collect();
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(series.len()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?;
    let schema = Arc::new(DFSchema::try_from(schema)?);
    let mask = executable(condition, &schema)?.evaluate(&batch)?.into_array(series.len())?;
    // Of a condition that is always NULL, the type is, too.
    let mask = cast(&mask, &DataType::Boolean)?;
    let mask = mask.as_boolean();
    let holds = |(row, series)| (mask.is_valid(row) && mask.value(row)).then_some(series);
    Ok(series.into_iter().enumerate().filter_map(holds).collect())
}

/// The times for which `condition` holds, if it compares `time` with constants.
fn time_condition(condition: &Expr, table: &TableColumns) -> Option<TimeRange> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            if is_time(left, table) {
                compared(*op, constant_time(right)?)
            } else if is_time(right, table) {
                compared(op.swap()?, constant_time(left)?)
            } else {
                None
            }
        }
        Expr::Between(between) if !between.negated && is_time(&between.expr, table) => {
            Some(TimeRange::new(constant_time(&between.low)?, constant_time(&between.high)?))
        }
        _ => None,
    }
}

fn compared(op: Operator, time: i64) -> Option<TimeRange> {
    let up_from =
        |start: Option<i64>| start.map_or(TimeRange::EMPTY, |s| TimeRange::new(s, i64::MAX));
    let down_from =
        |end: Option<i64>| end.map_or(TimeRange::EMPTY, |e| TimeRange::new(i64::MIN, e));
    match op {
        Operator::Eq => Some(TimeRange::new(time, time)),
        Operator::GtEq => Some(up_from(Some(time))),
        Operator::Gt => Some(up_from(time.checked_add(1))),
        Operator::LtEq => Some(down_from(Some(time))),
        Operator::Lt => Some(down_from(time.checked_sub(1))),
        _ => None,
    }
}

/// Whether `expr` is the column `time`, or it cast to nanoseconds of another zone, which is the
/// same instant: comparing with a date or a zoneless timestamp does that.
fn is_time(expr: &Expr, table: &TableColumns) -> bool {
    match expr {
        Expr::Column(column) => table.find(&column.name) == Some(ColumnKind::Time),
        Expr::Cast(cast) => {
            let utc = [None, Some("+00:00"), Some("UTC")];
            matches!(cast.field.data_type(), DataType::Timestamp(TimeUnit::Nanosecond, zone) if utc.contains(&zone.as_deref()))
                && is_time(&cast.expr, table)
        }
        Expr::Alias(alias) => is_time(&alias.expr, table),
        _ => false,
    }
}

/// The instant that a constant expression stands for when compared with `time`.
pub(crate) fn constant_time(expr: &Expr) -> Option<i64> {
    let literal = constant(expr)?;
    if literal.is_null() {
        return None;
    }
    let comparable = matches!(
        literal,
        ScalarValue::Utf8(_)
            | ScalarValue::LargeUtf8(_)
            | ScalarValue::Utf8View(_)
            | ScalarValue::Date32(_)
            | ScalarValue::TimestampSecond(..)
            | ScalarValue::TimestampMillisecond(..)
            | ScalarValue::TimestampMicrosecond(..)
            | ScalarValue::TimestampNanosecond(..)
    );
    if !comparable {
        return None;
    }
    match literal.cast_to(&time_type()) {
        Ok(ScalarValue::TimestampNanosecond(time, _)) => time,
        _ => None,
    }
}

/// The value of an expression without columns: literals, arithmetic and functions of them,
/// `now()` at this moment.
pub(crate) fn constant(expr: &Expr) -> Option<ScalarValue> {
    if let Expr::Literal(value, _) = expr {
        return Some(value.clone());
    }
    if !is_computable(expr, &mut |_| false) {
        return None;
    }
    match simplified(expr, &Arc::new(DFSchema::empty())).ok()? {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

/// An expression with its types coerced, constants folded, and functions that cannot run as they
/// are, such as `coalesce`, made into others; `now()` is this moment.
fn simplified(expr: &Expr, schema: &DFSchemaRef) -> datafusion::common::Result<Expr> {
    let context =
        SimplifyContext::builder().with_schema(Arc::clone(schema)).with_current_time().build();
    let simplifier = ExprSimplifier::new(context);
    let hidden = lists::hide(simplifier.coerce(expr.clone(), schema)?)?.data;
    Ok(lists::show(simplifier.simplify(hidden)?)?.data)
}

/// An expression over columns of `schema`, as the planner makes it, ready to be evaluated.
pub(crate) fn executable(expr: &Expr, schema: &DFSchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    let expr = simplified(expr, schema)?;
    let (props, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    Ok(create_physical_expr(&expr, schema, &props, &context)?)
}

/// A condition on tags only.
fn tag_condition(condition: &Expr, table: &TableColumns) -> Option<TagPredicate> {
    simple_tag_condition(condition, table).or_else(|| computed_tag_condition(condition, table))
}

fn simple_tag_condition(condition: &Expr, table: &TableColumns) -> Option<TagPredicate> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let negated = match op {
                Operator::Eq => false,
                Operator::NotEq => true,
                _ => return None,
            };
            let (tag, value) = match (tag_column(left, table), tag_column(right, table)) {
                (Some(tag), None) => (tag, text(right)?),
                (None, Some(tag)) => (tag, text(left)?),
                _ => return None,
            };
            Some(TagPredicate::In { tag, values: vec![value], negated })
        }
        Expr::InList(InList { expr, list, negated }) => {
            let tag = tag_column(expr, table)?;
            let values = list.iter().map(text).collect::<Option<_>>()?;
            Some(TagPredicate::In { tag, values, negated: *negated })
        }
        Expr::IsNull(expr) => {
            Some(TagPredicate::Missing { tag: tag_column(expr, table)?, negated: false })
        }
        Expr::IsNotNull(expr) => {
            Some(TagPredicate::Missing { tag: tag_column(expr, table)?, negated: true })
        }
        _ => None,
    }
}

fn tag_column(expr: &Expr, table: &TableColumns) -> Option<usize> {
    let Expr::Column(column) = expr else { return None };
    match table.find(&column.name) {
        Some(ColumnKind::Tag(tag)) => Some(tag),
        _ => None,
    }
}

/// A text literal, as the parser writes it or as the optimiser does (of the dictionary's type).
fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(ScalarValue::Dictionary(_, value), _) => {
            value.try_as_str().flatten().map(str::to_owned)
        }
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        Expr::Cast(cast) if *cast.field.data_type() == tag_type() => text(&cast.expr),
        _ => None,
    }
}

fn computed_tag_condition(condition: &Expr, table: &TableColumns) -> Option<TagPredicate> {
    let mut columns = Vec::new();
    let mut is_tag = |column: &Column| match table.find(&column.name) {
        Some(ColumnKind::Tag(tag)) => {
            columns.push(tag);
            true
        }
        _ => false,
    };
    // Without a tag it is a constant, which is no business of the series index.
    if !is_computable(condition, &mut is_tag) || columns.is_empty() {
        return None;
    }
    columns.sort_unstable();
    columns.dedup();
    let unqualified = condition.clone().transform(|expr| {
        Ok(match expr {
            Expr::Column(column) => {
                Transformed::yes(Expr::Column(Column::new_unqualified(column.name)))
            }
            other => Transformed::no(other),
        })
    });
    let condition = unqualified.ok()?.data;
    // A text alone is no condition: DataFusion says so.
    let fields = columns.iter().map(|tag| table.arrow_field(ColumnKind::Tag(*tag)).clone());
    let schema = DFSchema::try_from(Schema::new(fields.collect::<Vec<_>>())).ok()?;
    let is_condition =
        matches!(condition.get_type(&schema).ok()?, DataType::Boolean | DataType::Null);
    is_condition.then_some(TagPredicate::Computed { columns, condition })
}

/// Whether an expression is made of allowed columns, constants and functions that give the same
/// answer throughout a statement: no subqueries, parameters or random numbers.
fn is_computable(expr: &Expr, allow_column: &mut dyn FnMut(&Column) -> bool) -> bool {
    let mut computable = true;
    let visited = expr.apply(|node| {
        computable &= match node {
            Expr::Column(column) => allow_column(column),
            Expr::ScalarFunction(call) => call.func.signature().volatility != Volatility::Volatile,
            Expr::Alias(_)
            | Expr::Literal(..)
            | Expr::BinaryExpr(_)
            | Expr::Like(_)
            | Expr::SimilarTo(_)
            | Expr::Not(_)
            | Expr::IsNotNull(_)
            | Expr::IsNull(_)
            | Expr::IsTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNotFalse(_)
            | Expr::IsNotUnknown(_)
            | Expr::Negative(_)
            | Expr::Between(_)
            | Expr::Case(_)
            | Expr::Cast(_)
            | Expr::TryCast(_)
            | Expr::InList(_) => true,
            _ => false,
        };
        Ok(if computable { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    visited.is_ok() && computable
}
