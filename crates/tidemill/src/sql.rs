use std::sync::{Mutex, PoisonError};

use tidemill_query::{Engine, Matching, QueryResult, QueryStream};
use tidemill_store::{Compacted, SeriesIndex};

use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;

/// The engine of a store, started when it is first asked something.
#[derive(Debug, Default)]
pub(crate) struct Sql {
    engine: Mutex<Option<Engine>>,
}

impl Sql {
    fn engine(&self, store: &tidemill_store::Store) -> Result<Engine> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = &*engine {
            return Ok(engine.clone());
        }
        let source = {
            let store = store.clone();
            move || Ok::<_, tidemill_store::Error>(store.snapshot())
        };
        let started = Engine::new(source, store.budget(), tidemill_query::Options::default())?;
        Ok(engine.insert(started).clone())
    }
}

impl Store {
    /// Answers a statement in SQL over all that was acknowledged. Only `SELECT`, `EXPLAIN`, `SHOW`
    /// and `DESCRIBE` are let through.
    ///
    /// # Errors
    /// When the statement is wrong, or its answer does not fit the memory budget.
    pub fn sql(&self, sql: &str) -> Result<QueryResult> {
        Ok(self.sql_engine()?.sql(sql)?)
    }

    /// [`Store::sql`] for asynchronous callers, on any executor.
    ///
    /// # Errors
    /// As [`Store::sql`].
    pub async fn sql_async(&self, sql: &str) -> Result<QueryResult> {
        Ok(self.sql_engine()?.sql_async(sql).await?)
    }

    /// [`Store::sql`], handed out batch by batch: the answer need not fit in memory.
    ///
    /// # Errors
    /// As [`Store::sql`].
    pub fn sql_stream(&self, sql: &str) -> Result<QueryStream> {
        Ok(self.sql_engine()?.sql_stream(sql)?)
    }

    /// Deletes the rows of a table that a condition on times and tags means, as it stands behind
    /// `WHERE`: `time < '2026-01-01' AND host = 'a'`. Durably, all at once, and those that were
    /// acknowledged before the call: see [`tidemill_store::Store::delete`].
    ///
    /// # Errors
    /// When the condition is wrong or means more than times and tags
    /// ([`tidemill_query::Engine::matching`]), or the disk fails.
    pub fn delete(&self, table: &str, condition: &str) -> Result<Compacted> {
        let Matching { range, series } = self.sql_engine()?.matching(table, condition)?;
        let is_deleted = |_: &SeriesIndex, id| series.binary_search(&id).is_ok();
        Ok(self.store.delete(table, range, is_deleted)?)
    }

    /// The engine itself.
    ///
    /// # Errors
    /// When its threads cannot be started.
    pub fn sql_engine(&self) -> Result<Engine> {
        self.sql.engine(&self.store)
    }
}

impl From<tidemill_query::Error> for Error {
    fn from(error: tidemill_query::Error) -> Self {
        Self::because(ErrorKind::Query, "", error)
    }
}
