use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use tidemill_store::TableView;

use super::exec::SeriesScan;
use super::order;
use super::rows::{RowColumn, RowPlan};
use crate::filter::Selection;
use crate::schema::{ColumnKind, TableColumns};
use crate::tags::TagDictionary;

/// One table of a snapshot, as DataFusion sees it.
pub(crate) struct SeriesTable {
    view: TableView,
    columns: Arc<TableColumns>,
}

impl SeriesTable {
    pub(crate) fn new(view: TableView, columns: Arc<TableColumns>) -> Self {
        Self { view, columns }
    }

    pub(crate) fn view(&self) -> &TableView {
        &self.view
    }

    pub(crate) fn columns(&self) -> &Arc<TableColumns> {
        &self.columns
    }
}

/// The scan that reads these columns of the selected rows, under the names of `schema`.
pub(crate) fn scan(
    view: &TableView,
    columns: &TableColumns,
    (projection, schema): (Vec<RowColumn>, SchemaRef),
    selection: &Selection,
    limit: Option<usize>,
    max_partitions: usize,
) -> crate::Result<SeriesScan> {
    let mut series = selection.series(view, columns)?;
    let order = order::arrange(view, &mut series);
    let index = view.series_index();
    let dictionaries = projection.iter().filter_map(|kind| match kind {
        RowColumn::Stored(ColumnKind::Tag(tag)) => {
            let codes = index.tag_codes(*tag);
            let used = series.iter().map(|s| codes.of(*s));
            Some((*tag, TagDictionary::new(&index, *tag, used)))
        }
        _ => None,
    });
    let dictionaries = dictionaries.collect();
    let conditions = selection.fields.iter().copied().collect();
    let (view, range) = (view.clone(), selection.range);
    let plan = RowPlan { view, projection, schema, range, conditions, limit, dictionaries };
    Ok(SeriesScan::new(plan, series, order, selection.is_whole(), max_partitions)?)
}

impl fmt::Debug for SeriesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeriesTable({})", self.view.name())
    }
}

#[async_trait]
impl TableProvider for SeriesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns.arrow)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let exact = |filter: &&Expr| match Selection::default().narrow(filter, &self.columns) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(exact).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut selection = Selection::default();
        for filter in filters {
            if !selection.narrow(filter, &self.columns) {
                return datafusion::common::internal_err!(
                    "a filter that was not promised: {filter}"
                );
            }
        }
        let all: Vec<usize> = (0..self.columns.arrow.fields().len()).collect();
        let projection = projection.unwrap_or(&all);
        let kind = |index: &usize| RowColumn::Stored(self.columns.kind(*index));
        let kinds: Vec<_> = projection.iter().map(kind).collect();
        let fields: Vec<_> = projection
            .iter()
            .map(|index| Arc::clone(&self.columns.arrow.fields()[*index]))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let partitions = state.config().target_partitions();
        let columns = (kinds, schema);
        let scan = scan(&self.view, &self.columns, columns, &selection, limit, partitions)?;
        Ok(Arc::new(scan))
    }
}
