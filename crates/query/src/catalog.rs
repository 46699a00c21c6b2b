use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::information_schema::{INFORMATION_SCHEMA, InformationSchemaProvider};
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, SchemaProvider, TableFunctionArgs, TableProvider,
};
use datafusion::common::{Result, TableReference};
use datafusion::config::ConfigOptions;
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF,
};
use futures::FutureExt;
use tidemill_store::{Snapshot, TableView};

use crate::error::{Error, ErrorKind, closest};
use crate::scan::SeriesTable;
use crate::schema::SchemaCache;

/// The name of the only catalog.
pub(crate) const CATALOG: &str = "tidemill";
/// The name of the schema that holds the store's tables.
pub(crate) const SCHEMA: &str = "public";

/// The tables of one snapshot: what a statement can name.
#[derive(Clone)]
pub(crate) struct Tables {
    snapshot: Snapshot,
    schemas: Arc<SchemaCache>,
}

impl Tables {
    pub(crate) fn new(snapshot: Snapshot, schemas: Arc<SchemaCache>) -> Self {
        Self { snapshot, schemas }
    }

    fn get(&self, name: &str) -> Option<SeriesTable> {
        let view = self.snapshot.table(name)?;
        Some(SeriesTable::new(view.clone(), self.schemas.get(view)))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.snapshot.tables().iter().map(TableView::name)
    }

    fn missing(&self, name: &str) -> Error {
        let mut message = format!("there is no table `{name}`");
        match closest(name, self.names()) {
            Some(close) => message.push_str(&format!("; did you mean `{close}`?")),
            None if self.snapshot.tables().is_empty() => message.push_str("; the store is empty"),
            None => message.push_str("; SHOW TABLES lists them"),
        }
        Error::new(ErrorKind::Planning, message)
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// What the SQL planner asks: tables of the snapshot, functions of the session.
pub(crate) struct Names<'a> {
    session: &'a SessionState,
    tables: Tables,
    max_rows: Cell<u64>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(session: &'a SessionState, tables: Tables) -> Self {
        Self { session, tables, max_rows: Cell::new(0) }
    }

    /// An upper bound of the rows of all tables that were named so far.
    pub(crate) fn max_rows(&self) -> u64 {
        self.max_rows.get()
    }
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let catalog_fits = name.catalog().is_none_or(|catalog| catalog == CATALOG);
        match name.schema() {
            None | Some(SCHEMA) if catalog_fits => {
                let table = self.tables.get(name.table());
                let table = table.ok_or_else(|| self.tables.missing(name.table()))?;
                self.max_rows.set(self.max_rows.get().saturating_add(table.view().max_rows()));
                Ok(provider_as_source(Arc::new(table)))
            }
            Some(INFORMATION_SCHEMA) if catalog_fits => {
                let catalogs: Arc<dyn CatalogProviderList> = Arc::new(self.tables.clone());
                let found = InformationSchemaProvider::new(catalogs)
                    .with_table_functions(self.session.table_functions().clone())
                    .table(name.table())
                    .now_or_never();
                match found {
                    Some(Ok(Some(table))) => Ok(provider_as_source(table)),
                    _ => Err(self.tables.missing(&name.to_string()).into()),
                }
            }
            _ => Err(self.tables.missing(&name.to_string()).into()),
        }
    }

    fn get_table_function_source(
        &self,
        name: &str,
        args: Vec<Expr>,
    ) -> Result<Arc<dyn TableSource>> {
        // DataFusion's own are number series: none reads outside the store.
        let function = self.session.table_functions().get(name).ok_or_else(|| {
            Error::refused(format!(
                "there is no table function `{name}`; no file or address is read"
            ))
        })?;
        let args = TableFunctionArgs::new(&args, self.session);
        Ok(provider_as_source(function.create_table_provider_with_args(args)?))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.session.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.session.relation_planners()
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.session.scalar_functions().get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.session.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.session.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.session.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.session.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.session.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.session.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.session.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.session.window_functions().keys().cloned().collect()
    }
}

/// The catalog that `information_schema` describes.
impl CatalogProviderList for Tables {
    fn register_catalog(
        &self,
        _: String,
        _: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOG).then(|| Arc::new(self.clone()) as Arc<dyn CatalogProvider>)
    }
}

impl CatalogProvider for Tables {
    fn schema_names(&self) -> Vec<String> {
        vec![SCHEMA.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        (name == SCHEMA).then(|| Arc::new(self.clone()) as Arc<dyn SchemaProvider>)
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        self.names().map(str::to_owned).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(self.get(name).map(|table| Arc::new(table) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.snapshot.table(name).is_some()
    }
}
