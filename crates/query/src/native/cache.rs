use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_store::Snapshot;

use super::NativeQuery;

/// The most statements that are remembered.
const MAX_STATEMENTS: usize = 256;
/// Longer statements are not remembered.
const MAX_STATEMENT_BYTES: usize = 4096;

/// Recognised statements by their text: dashboards ask the same ones again and again, and
/// planning takes longer than answering.
#[derive(Debug, Default)]
pub(crate) struct PlanCache {
    queries: Mutex<HashMap<String, Arc<NativeQuery>>>,
}

impl PlanCache {
    /// The statement with this text, if its table has still the schema it was planned for.
    pub(crate) fn get(&self, sql: &str, snapshot: &Snapshot) -> Option<Arc<NativeQuery>> {
        let query = self.queries().get(sql).cloned()?;
        let view = snapshot.table(&query.table.stored.name)?;
        Arc::ptr_eq(&view.shared_schema(), &query.table.stored).then_some(query)
    }

    /// Remembers a statement whose answer depends on nothing but the data.
    pub(crate) fn put(&self, sql: &str, query: &Arc<NativeQuery>) {
        if sql.len() > MAX_STATEMENT_BYTES {
            return;
        }
        let mut queries = self.queries();
        // Forgetting all at once is rare, and simpler than knowing which was used last.
        if queries.len() >= MAX_STATEMENTS {
            queries.clear();
        }
        queries.insert(sql.to_owned(), Arc::clone(query));
    }

    fn queries(&self) -> MutexGuard<'_, HashMap<String, Arc<NativeQuery>>> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
