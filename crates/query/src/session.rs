use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::EmptyCatalogProviderList;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{FunctionRegistry, SessionState, SessionStateDefaults, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{Analyzer, AnalyzerRule, Optimizer, OptimizerRule};
use datafusion::prelude::SessionConfig;
use tidemill_memory::Budget;

use crate::catalog::{CATALOG, SCHEMA};
use crate::comparison::PlainComparisons;
use crate::error::Result;
use crate::functions;
use crate::lists::SimplifyApart;
use crate::memory::BudgetPool;
use crate::union_sides::physical_rules;

/// A statement over tables with at least this many rows is planned for several threads; for less
/// the exchange between them costs more than it gains.
const MIN_PARALLEL_ROWS: u64 = 200_000;

/// What DataFusion needs to plan and run, made once: it is what makes its sessions expensive.
pub(crate) struct Sessions {
    single: SessionState,
    parallel: SessionState,
    tasks: Arc<TaskContext>,
}

impl Sessions {
    pub(crate) fn new(
        budget: &Budget,
        threads: NonZeroUsize,
        spill_directory: Option<PathBuf>,
    ) -> Result<Self> {
        let spill = match spill_directory {
            Some(directory) => DiskManagerMode::Directories(vec![directory]),
            None => DiskManagerMode::OsTmpDirectory,
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(BudgetPool::new(budget)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill))
            .build_arc()?;
        let single = session(1, Arc::clone(&runtime))?;
        let parallel = session(threads.get(), runtime)?;
        let tasks = parallel.task_ctx();
        Ok(Self { single, parallel, tasks })
    }

    /// Threads that work on one statement.
    pub(crate) fn threads(&self) -> usize {
        self.parallel.config().target_partitions()
    }

    /// What native plans run with.
    pub(crate) fn tasks(&self) -> &Arc<TaskContext> {
        &self.tasks
    }

    /// The session to plan names and types with: it is the same for all statements.
    pub(crate) fn planning(&self) -> &SessionState {
        &self.single
    }

    /// A session to optimise and run a plan over so many rows; `now()` is this moment.
    pub(crate) fn running(&self, plan: &LogicalPlan, max_rows: u64) -> SessionState {
        let session = if max_rows < MIN_PARALLEL_ROWS { &self.single } else { &self.parallel };
        let mut session = session.clone();
        session.mark_start_execution();
        // DataFusion 55 sorts the sides of a union on their own, without a column that is constant
        // on each; where only the first rows are wanted it compares the sides with each other by
        // what is left, and `SELECT 2 AS a … UNION ALL SELECT 1 … ORDER BY a LIMIT 1` gives 2.
        if has_union(plan) {
            session.config_mut().options_mut().optimizer.repartition_sorts = false;
        }
        session
    }
}

/// Whether there is a union in a plan or in a subquery of it.
fn has_union(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let visited = plan.apply_with_subqueries(|plan| {
        found |= matches!(plan, LogicalPlan::Union(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || visited.is_err()
}

/// DataFusion's, with ours before types are decided, and after `grouping(x)` found its `x` among the groups.
fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules = Analyzer::new().rules;
    let place = rules.iter().position(|rule| rule.name() == "type_coercion").unwrap_or(0);
    rules.insert(place, Arc::new(PlainComparisons));
    rules
}

/// DataFusion's, with ours in the place of one.
fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    let ours: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(SimplifyApart::new());
    for rule in rules.iter_mut().filter(|rule| rule.name() == ours.name()) {
        *rule = Arc::clone(&ours);
    }
    rules
}

fn session(partitions: usize, runtime: Arc<RuntimeEnv>) -> Result<SessionState> {
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    // DataFusion 55 keeps the best groups in a hash table that loses NaN, and panics.
    config.options_mut().optimizer.enable_topk_aggregation = false;
    // It takes `x IS NOT TRUE` and `x IS DISTINCT FROM y` for NULL at times in the physical plan and
    // never in the logical one, and then refuses to group by them: `SELECT DISTINCT x IS NOT TRUE`.
    config.options_mut().execution.skip_physical_aggregate_schema_check = true;
    let parser = &mut config.options_mut().sql_parser;
    // Names are what was written into the store, letter by letter.
    parser.enable_ident_normalization = false;
    parser.collect_spans = true;
    // Text columns are plain Utf8, so literals and casts should be too.
    parser.map_string_types_to_utf8view = false;
    // No file formats and no table factories: there is nothing that opens a file.
    let mut session = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_catalog_list(Arc::new(EmptyCatalogProviderList))
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(SessionStateDefaults::default_scalar_functions())
        .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_table_function_list(SessionStateDefaults::default_table_functions())
        .with_analyzer_rules(analyzer_rules())
        .with_optimizer_rules(optimizer_rules())
        .with_physical_optimizer_rules(physical_rules())
        .build();
    for function in functions::aggregates() {
        session.register_udaf(function)?;
    }
    for function in functions::scalars() {
        session.register_udf(function)?;
    }
    Ok(session)
}
