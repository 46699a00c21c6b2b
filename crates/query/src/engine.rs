use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::planner::{ParserOptions, SqlToRel};
use futures::StreamExt;
use tidemill_memory::Budget;
use tidemill_model::TimeRange;
use tidemill_store::Snapshot;

use crate::catalog::{Names, Tables};
use crate::error::{Error, ErrorKind, Result};
use crate::explain;
use crate::measure::{self, stages};
use crate::native::{self, NativeQuery, PlanCache};
use crate::panics::{caught, panicked};
use crate::result::{ExecutedBy, OwnedRuntime, QueryResult, QueryStream};
use crate::schema::SchemaCache;
use crate::session::Sessions;
use crate::statement;

/// How an [`Engine`] runs statements.
#[derive(Clone, Debug)]
pub struct Options {
    /// Run the common shapes as native plans; without, DataFusion runs everything. The answers
    /// are the same.
    pub native: bool,
    /// Threads that work on one statement; by default one for each processor.
    pub threads: NonZeroUsize,
    /// Where operators spill when the budget is used up: the operating system's directory for
    /// temporary files unless told otherwise. Files are deleted when the statement ends.
    pub spill_directory: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { native: true, threads, spill_directory: None }
    }
}

/// Answers SQL statements about a store.
///
/// Every statement sees one consistent snapshot. Only `SELECT` (with everything DataFusion knows
/// below it), `EXPLAIN`, `SHOW` and `DESCRIBE` are let through: no statement reads or writes
/// anything outside the store. Cheap to clone; clones share caches and threads.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    runtime: Arc<OwnedRuntime>,
}

struct Shared {
    snapshot: Box<dyn Fn() -> Result<Snapshot> + Send + Sync>,
    budget: Budget,
    sessions: Sessions,
    schemas: Arc<SchemaCache>,
    plans: PlanCache,
    native: bool,
}

/// Rows of a table as a condition on its times and tags says them: all of some series in a range
/// of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matching {
    /// The range.
    pub range: TimeRange,
    /// Ids of the series, ascending.
    pub series: Vec<u32>,
}

/// A statement that is ready to run.
pub(crate) enum Prepared {
    Native(Arc<NativeQuery>, Snapshot),
    Explain { query: NativeQuery, snapshot: Snapshot, analyze: bool, schema: SchemaRef },
    DataFusion { plan: LogicalPlan, max_rows: u64 },
}

impl Engine {
    /// An engine over the snapshots that `source` gives. Operators draw their memory from
    /// `budget`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when threads cannot be started or the spill directory not be used.
    pub fn new<E>(
        source: impl Fn() -> Result<Snapshot, E> + Send + Sync + 'static,
        budget: &Budget,
        options: Options,
    ) -> Result<Self>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let _starting = stages::ENGINE.enter();
        let Options { native, threads, spill_directory } = options;
        let runtime = OwnedRuntime::new(threads.get());
        let runtime = runtime.map_err(|error| Error::wrap(ErrorKind::Io, error))?;
        let shared = Shared {
            snapshot: Box::new(move || source().map_err(Error::store)),
            budget: budget.clone(),
            sessions: Sessions::new(budget, threads, spill_directory)?,
            schemas: Arc::default(),
            plans: PlanCache::default(),
            native,
        };
        Ok(Self { shared: Arc::new(shared), runtime: Arc::new(runtime) })
    }

    /// Runs a statement and waits for its whole answer, which must fit into the budget.
    ///
    /// # Errors
    /// As [`ErrorKind`] lists.
    pub fn sql(&self, sql: &str) -> Result<QueryResult> {
        caught(|| match self.shared.prepare(sql)? {
            // Nothing of a native plan is asynchronous: it runs on this thread.
            prepared @ Prepared::Native(..) => {
                let stream = self.shared.run_native(prepared, &self.runtime)?;
                futures::executor::block_on(stream.collect(&self.shared.budget))
            }
            prepared => self.runtime.block_on(async {
                let stream = self.shared.run(prepared, &self.runtime).await?;
                stream.collect(&self.shared.budget).await
            }),
        })
    }

    /// [`Engine::sql`] for asynchronous callers, on any executor; the work is done by the
    /// engine's own threads.
    ///
    /// # Errors
    /// As [`Engine::sql`].
    pub async fn sql_async(&self, sql: &str) -> Result<QueryResult> {
        let (engine, sql) = (self.clone(), sql.to_owned());
        let task = self.runtime.handle().spawn(async move {
            let prepared = engine.shared.prepare(&sql)?;
            let stream = engine.shared.run(prepared, &engine.runtime).await?;
            stream.collect(&engine.shared.budget).await
        });
        task.await.map_err(|error| match error.try_into_panic() {
            Ok(panic) => panicked(&*panic),
            Err(cancelled) => Error::wrap(ErrorKind::Execution, cancelled),
        })?
    }

    /// Starts a statement and hands out its answer batch by batch.
    ///
    /// # Errors
    /// As [`Engine::sql`], for what is known before the first row.
    pub fn sql_stream(&self, sql: &str) -> Result<QueryStream> {
        caught(|| {
            let prepared = self.shared.prepare(sql)?;
            self.runtime.block_on(self.shared.run(prepared, &self.runtime))
        })
    }
}

impl Engine {
    /// What a condition, as it stands behind `WHERE`, says of a table, when it says it by times
    /// and tags alone: `time < '2026-01-01' AND host = 'a'`. Conditions joined by `AND` that
    /// each concern times (a comparison, `BETWEEN`) or tags (anything) can be said so.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when fields come into it, or times otherwise than by a range; and
    /// as [`Engine::sql`].
    pub fn matching(&self, table: &str, condition: &str) -> Result<Matching> {
        // On a line of its own, so that a comment in it ends and places can be told.
        let quoted = table.replace('"', "\"\"");
        let sql = format!("SELECT * FROM \"{quoted}\" WHERE\n{condition}\n");
        let snapshot = (self.shared.snapshot)()?;
        let matching = caught(|| {
            let (plan, _) = self.shared.plan(&sql, &snapshot).map_err(Error::one_line_up)?;
            native::matching(&plan, table, &snapshot)
        })?;
        matching.ok_or_else(|| {
            Error::refused(format!(
                "`{condition}` is no condition on times and tags alone: write comparisons of `time` \
                 with constants, and conditions on tags, joined by AND"
            ))
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("native", &self.shared.native).finish_non_exhaustive()
    }
}

impl Shared {
    /// Reads, plans and recognises a statement.
    fn prepare(&self, sql: &str) -> Result<Prepared> {
        let _planning = stages::PLAN.enter();
        let snapshot = (self.snapshot)()?;
        if self.native
            && let Some(query) = self.plans.get(sql, &snapshot)
        {
            return Ok(Prepared::Native(query, snapshot));
        }
        let (plan, max_rows) = self.plan(sql, &snapshot)?;
        if self.native
            && let Some(prepared) = self.recognise(sql, &plan, snapshot)
        {
            return Ok(prepared);
        }
        Ok(Prepared::DataFusion { plan, max_rows })
    }

    /// The logical plan of a statement, and how many rows the tables it names have at most.
    fn plan(&self, sql: &str, snapshot: &Snapshot) -> Result<(LogicalPlan, u64)> {
        let statement = stages::PARSE.run(|| statement::parse(sql))?;
        let session = self.sessions.planning();
        let tables = Tables::new(snapshot.clone(), Arc::clone(&self.schemas));
        let names = Names::new(session, tables);
        let options = ParserOptions::from(&session.config_options().sql_parser);
        let plan = SqlToRel::new_with_options(&names, options).statement_to_plan(statement)?;
        statement::verify(sql, &plan)?;
        Ok((plan, names.max_rows()))
    }

    fn recognise(&self, sql: &str, plan: &LogicalPlan, snapshot: Snapshot) -> Option<Prepared> {
        if let Some((inner, analyze)) = explain::explained(plan) {
            let schema = Arc::clone(plan.schema().inner());
            let query = native::recognise(inner)?;
            return Some(Prepared::Explain { query, snapshot, analyze, schema });
        }
        let query = Arc::new(native::recognise(plan)?);
        if native::is_repeatable(plan) {
            self.plans.put(sql, &query);
        }
        Some(Prepared::Native(query, snapshot))
    }

    /// Starts a prepared statement.
    async fn run(&self, prepared: Prepared, runtime: &Arc<OwnedRuntime>) -> Result<QueryStream> {
        let Prepared::DataFusion { plan, max_rows } = prepared else {
            return self.run_native(prepared, runtime);
        };
        let session = self.sessions.running(&plan, max_rows);
        let planning = session.create_physical_plan(&plan);
        let plan = measure::measured_future(&stages::OPTIMISE, planning).await?;
        let (plan, watch) = measure::measured(plan)?;
        let mut stream = execute_stream(plan, session.task_ctx())?;
        if let Some(watch) = watch {
            let schema = stream.schema();
            // What is watched is watched to the end.
            let batches = stream.map(move |batch| (&watch, batch).1);
            stream = Box::pin(RecordBatchStreamAdapter::new(schema, batches));
        }
        Ok(QueryStream::new(stream, ExecutedBy::DataFusion, Arc::clone(runtime)))
    }

    /// Runs a prepared native plan: its answer is one batch.
    fn run_native(&self, prepared: Prepared, runtime: &Arc<OwnedRuntime>) -> Result<QueryStream> {
        let batch = match prepared {
            Prepared::Native(query, snapshot) => query.run(&snapshot, &self.budget, &[])?.batch,
            Prepared::Explain { query, snapshot, analyze, schema } => {
                explain::native(&query, &snapshot, &self.budget, analyze, schema)?
            }
            Prepared::DataFusion { .. } => {
                return Err(Error::new(ErrorKind::Execution, "this is no native plan"));
            }
        };
        let schema = batch.schema();
        let batches = futures::stream::iter([Ok(batch)]);
        let stream = RecordBatchStreamAdapter::new(schema, batches);
        Ok(QueryStream::new(Box::pin(stream), ExecutedBy::Native, Arc::clone(runtime)))
    }
}
