use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use tidemill_memory::{Budget, Reservation};

/// DataFusion's memory pool: its operators draw from the store's [`Budget`].
///
/// First come, first served. An operator that can spill does so when it is refused; another one
/// fails with the figures.
#[derive(Debug)]
pub(crate) struct BudgetPool {
    limit_bytes: usize,
    held: Mutex<Reservation>,
}

impl BudgetPool {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self { limit_bytes: budget.limit_bytes(), held: Mutex::new(budget.empty()) }
    }

    fn held(&self) -> MutexGuard<'_, Reservation> {
        // A reservation is one number, consistent whatever panicked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for BudgetPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "budget of {} bytes", self.limit_bytes)
    }
}

impl MemoryPool for BudgetPool {
    fn name(&self) -> &str {
        "budget"
    }

    fn grow(&self, _: &MemoryReservation, additional: usize) {
        let mut held = self.held();
        let bytes = held.bytes() + additional;
        held.force(bytes);
    }

    fn shrink(&self, _: &MemoryReservation, shrink: usize) {
        self.held().shrink(shrink);
    }

    fn try_grow(
        &self,
        reservation: &MemoryReservation,
        additional: usize,
    ) -> Result<(), DataFusionError> {
        self.held().try_grow(additional).map_err(|refused| {
            let operator = reservation.consumer().name();
            DataFusionError::ResourcesExhausted(format!("{operator}: {refused}"))
        })
    }

    fn reserved(&self) -> usize {
        self.held().bytes()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit_bytes)
    }
}

/// Bytes of a batch, without the dictionaries that it shares with the others.
pub(crate) fn batch_bytes(batch: &RecordBatch) -> usize {
    let column_bytes = |column: &arrow::array::ArrayRef| match column.data_type() {
        arrow::datatypes::DataType::Dictionary(..) => column.len() * size_of::<i32>(),
        _ => column.get_array_memory_size(),
    };
    batch.columns().iter().map(column_bytes).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::memory_pool::MemoryConsumer;

    use super::*;

    #[test]
    fn operators_draw_from_the_budget_and_give_back() {
        let budget = Budget::new(100);
        let elsewhere = budget.try_reserve(30).unwrap();
        let pool: Arc<dyn MemoryPool> = Arc::new(BudgetPool::new(&budget));
        let sort = MemoryConsumer::new("sort").register(&pool);
        sort.try_grow(60).unwrap();
        assert_eq!((budget.used_bytes(), pool.reserved()), (90, 60));
        let refused = sort.try_grow(20).unwrap_err().to_string();
        assert!(refused.contains("sort: memory budget exceeded: 20 bytes"), "{refused}");
        drop(elsewhere);
        sort.try_grow(20).unwrap();
        drop(sort);
        assert_eq!(budget.used_bytes(), 0);
    }
}
