use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{SortColumn, SortOptions, cast, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::{Expr, SortExpr};

use super::Step;
use super::sort::places;
use crate::error::Result;
use crate::filter::executable;

impl Step {
    /// Does the step on the rows of a batch.
    pub(super) fn apply(&self, batch: RecordBatch) -> Result<RecordBatch> {
        match self {
            Self::Filter { condition, input } => {
                let mask = evaluate(condition, input, &batch)?;
                // Of a condition that is always NULL, the type is, too.
                let mask = cast(&mask, &DataType::Boolean)?;
                Ok(filter_record_batch(&batch, mask.as_boolean())?)
            }
            Self::Project { columns, input, output } => {
                let columns = columns.iter().map(|column| evaluate(column, input, &batch));
                let columns = columns.collect::<Result<Vec<_>>>()?;
                with_schema(output, columns, batch.num_rows())
            }
            Self::Sort { by, input, fetch } => sort(by, input, *fetch, &batch),
            Self::Limit { skip, fetch } => {
                let start = (*skip).min(batch.num_rows());
                let rows = batch.num_rows() - start;
                Ok(batch.slice(start, fetch.map_or(rows, |fetch| fetch.min(rows))))
            }
        }
    }
}

/// A batch of these columns under the names of `schema`, and of its types where a computed
/// column has another (the planner has not coerced types yet).
pub(super) fn with_schema(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let typed = columns.into_iter().zip(schema.fields()).map(|(column, field)| {
        match column.data_type() == field.data_type() {
            true => Ok(column),
            false => cast(&column, field.data_type()),
        }
    });
    let columns = typed.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

fn sort(
    by: &[SortExpr],
    input: &DFSchemaRef,
    fetch: Option<usize>,
    batch: &RecordBatch,
) -> Result<RecordBatch> {
    let columns = by.iter().map(|sort| -> Result<SortColumn> {
        let options = SortOptions { descending: !sort.asc, nulls_first: sort.nulls_first };
        Ok(SortColumn { values: evaluate(&sort.expr, input, batch)?, options: Some(options) })
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(take_record_batch(batch, &places(&columns, fetch)?)?)
}

/// The values of an expression over columns named as in `input`.
fn evaluate(expr: &Expr, input: &DFSchemaRef, batch: &RecordBatch) -> Result<ArrayRef> {
    match expr {
        Expr::Alias(alias) => evaluate(&alias.expr, input, batch),
        Expr::Column(column) => Ok(Arc::clone(batch.column(input.index_of_column(column)?))),
        _ => {
            let expr = executable(expr, input)?;
            Ok(expr.evaluate(batch)?.into_array(batch.num_rows())?)
        }
    }
}
