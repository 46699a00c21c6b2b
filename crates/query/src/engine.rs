use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
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
use crate::scan::SeriesScan;
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
    Native(NativeQuery, Snapshot),
    /// A native plan for rows as they are.
    Rows(Box<SeriesScan>),
    Explain {
        query: NativeQuery,
        snapshot: Snapshot,
        analyze: bool,
        schema: SchemaRef,
    },
    DataFusion {
        plan: LogicalPlan,
        max_rows: u64,
    },
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
            // Nothing of a native plan is asynchronous: it runs on this thread and those of the store.
            Prepared::Rows(scan) if scan.fetch().is_none() => {
                let rows_a_batch = self.shared.sessions.tasks().session_config().batch_size();
                let rows = scan.collect(rows_a_batch, &self.shared.budget)?;
                Ok(QueryResult::new(scan.schema(), rows, ExecutedBy::Native))
            }
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
            && query.is_possible(&snapshot)?
        {
            return self.native(query, snapshot);
        }
        let (plan, max_rows) = self.plan(sql, &snapshot)?;
        if !self.native {
            return Ok(Prepared::DataFusion { plan, max_rows });
        }
        if let Some((inner, analyze)) = explain::explained(&plan)
            && let Some(query) = native::recognise(inner)
            && query.is_possible(&snapshot)?
        {
            let schema = Arc::clone(plan.schema().inner());
            return Ok(Prepared::Explain { query, snapshot, analyze, schema });
        }
        match native::recognise(&plan) {
            Some(query) if query.is_possible(&snapshot)? => {
                let replan = |sql: &str| {
                    let (plan, _) = self.plan(sql, &snapshot).ok()?;
                    native::native_plan_of(&plan)
                };
                self.plans.put(sql, &plan, &query.plan, replan);
                self.native(query, snapshot)
            }
            _ => Ok(Prepared::DataFusion { plan, max_rows }),
        }
    }

    fn native(&self, query: NativeQuery, snapshot: Snapshot) -> Result<Prepared> {
        Ok(match query.scan(&snapshot, self.sessions.threads())? {
            Some(scan) => Prepared::Rows(Box::new(scan)),
            None => Prepared::Native(query, snapshot),
        })
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

    /// Starts a prepared statement.
    async fn run(&self, prepared: Prepared, runtime: &Arc<OwnedRuntime>) -> Result<QueryStream> {
        match prepared {
            Prepared::DataFusion { plan, max_rows } => {
                let session = self.sessions.running(&plan, max_rows);
                let planning = session.create_physical_plan(&plan);
                let plan = measure::measured_future(&stages::OPTIMISE, planning).await?;
                start(plan, session.task_ctx(), ExecutedBy::DataFusion, runtime)
            }
            Prepared::Rows(scan) => {
                let tasks = Arc::clone(self.sessions.tasks());
                start(scan.into_plan(), tasks, ExecutedBy::Native, runtime)
            }
            Prepared::Native(..) | Prepared::Explain { .. } => self.run_native(prepared, runtime),
        }
    }

    /// Runs a prepared native plan: its answer is one batch.
    fn run_native(&self, prepared: Prepared, runtime: &Arc<OwnedRuntime>) -> Result<QueryStream> {
        let batch = match prepared {
            Prepared::Native(query, snapshot) => query.run(&snapshot, &self.budget, &[])?.batch,
            Prepared::Explain { query, snapshot, analyze, schema } => {
                explain::native(&query, &snapshot, &self.budget, analyze, schema)?
            }
            Prepared::Rows(_) | Prepared::DataFusion { .. } => {
                return Err(Error::new(ErrorKind::Execution, "this plan is streamed"));
            }
        };
        let schema = batch.schema();
        let batches = futures::stream::iter([Ok(batch)]);
        let stream = RecordBatchStreamAdapter::new(schema, batches);
        Ok(QueryStream::new(Box::pin(stream), ExecutedBy::Native, Arc::clone(runtime)))
    }
}

/// Starts a plan whose answer comes batch by batch.
fn start(
    plan: Arc<dyn ExecutionPlan>,
    tasks: Arc<TaskContext>,
    by: ExecutedBy,
    runtime: &Arc<OwnedRuntime>,
) -> Result<QueryStream> {
    let (plan, watch) = measure::measured(plan)?;
    let mut stream = execute_stream(plan, tasks)?;
    if let Some(watch) = watch {
        let schema = stream.schema();
        // What is watched is watched to the end.
        let batches = stream.map(move |batch| (&watch, batch).1);
        stream = Box::pin(RecordBatchStreamAdapter::new(schema, batches));
    }
    Ok(QueryStream::new(stream, by, Arc::clone(runtime)))
}

#[cfg(test)]
mod tests {
    use tidemill_model::{Batch, SeriesKey, Value};
    use tidemill_store::Store;

    use super::*;

    /// Whether the second statement has the plan of the first.
    fn shares_plan(first: &str, second: &str) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), tidemill_store::Options::default()).unwrap();
        let mut batch = Batch::new();
        let table = batch.table("cpu");
        let table = &mut batch.tables_mut()[table];
        let mut key = Vec::new();
        SeriesKey::encode(&mut [("host", "a")], &mut key).unwrap();
        let series = table.series(&key);
        let column = table.column("usage", Value::Float(1.0).ty());
        table.set(column, Value::Float(1.0));
        table.end_row(series, Some(0), 0);
        table.finish();
        store.write(&mut batch).unwrap();
        let budget = store.budget().clone();
        let source = move || Ok::<_, tidemill_store::Error>(store.snapshot());
        let engine = Engine::new(source, &budget, Options::default()).unwrap();
        engine.sql(first).unwrap();
        let snapshot = (engine.shared.snapshot)().unwrap();
        engine.shared.plans.get(second, &snapshot).is_some()
    }

    #[test]
    fn statements_of_a_form_are_planned_once() {
        let sql = |host: &str, time: &str, width: &str| {
            format!(
                "SELECT date_bin(INTERVAL '{width}', time) AS t, max(usage) FROM cpu \
                 WHERE host = '{host}' AND time > '{time}' GROUP BY t"
            )
        };
        let first = sql("a", "2021-01-01", "1 minute");
        assert!(shares_plan(&first, &first));
        assert!(shares_plan(&first, &sql("it''s", "2022-02-02", "1 minute")));
        assert!(!shares_plan(&first, &sql("a", "2021-01-01", "2 minutes")));
        assert!(!shares_plan(&first, &sql("a", "yesterday", "1 minute")));
        assert!(!shares_plan(&first, &format!("{first} LIMIT 1")));
        let now = "SELECT max(usage) FROM cpu WHERE time < now()";
        assert!(shares_plan(now, now));
        let now = "SELECT now(), max(usage) FROM cpu";
        assert!(!shares_plan(now, now));
    }
}
