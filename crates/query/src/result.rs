use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::EmptyRecordBatchStream;
use futures::{Stream, StreamExt};
use tidemill_memory::{Budget, Reservation};
use tokio::runtime::{Handle, Runtime};

use crate::error::{Error, Result};
use crate::memory::batch_bytes;
use crate::panics::caught;

/// Who ran a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutedBy {
    /// A native plan over the store's own columns.
    Native,
    /// DataFusion.
    DataFusion,
}

impl fmt::Display for ExecutedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::DataFusion => "DataFusion",
        })
    }
}

/// The whole answer to a statement. It counts against the memory budget until it is dropped.
#[derive(Debug)]
pub struct QueryResult {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    executed_by: ExecutedBy,
    _reservation: Reservation,
}

impl QueryResult {
    pub(crate) fn new(
        schema: SchemaRef,
        (batches, reservation): (Vec<RecordBatch>, Reservation),
        executed_by: ExecutedBy,
    ) -> Self {
        Self { schema, batches, executed_by, _reservation: reservation }
    }

    /// Column names and types.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows.
    #[must_use]
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// The rows, to keep; they no longer count against the budget.
    #[must_use]
    pub fn into_batches(self) -> Vec<RecordBatch> {
        self.batches
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Who ran the statement.
    #[must_use]
    pub fn executed_by(&self) -> ExecutedBy {
        self.executed_by
    }
}

/// An answer batch by batch, so that it need not fit in memory: an asynchronous [`Stream`] (on
/// any executor) or, with [`QueryStream::next_batch`], a blocking source.
pub struct QueryStream {
    inner: SendableRecordBatchStream,
    executed_by: ExecutedBy,
    runtime: Arc<OwnedRuntime>,
}

impl QueryStream {
    pub(crate) fn new(
        inner: SendableRecordBatchStream,
        executed_by: ExecutedBy,
        runtime: Arc<OwnedRuntime>,
    ) -> Self {
        Self { inner, executed_by, runtime }
    }

    /// Column names and types.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    /// Who runs the statement.
    #[must_use]
    pub fn executed_by(&self) -> ExecutedBy {
        self.executed_by
    }

    /// Waits for the next batch; `None` after the last.
    ///
    /// # Errors
    /// What goes wrong while the statement runs; nothing comes after it.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let runtime = Arc::clone(&self.runtime);
        runtime.block_on(poll_fn(|context| self.poll_batch(context))).transpose()
    }

    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        let polled = caught(|| Ok(self.inner.poll_next_unpin(context)));
        match polled {
            Ok(polled) => polled.map(|batch| batch.map(|batch| batch.map_err(Error::from))),
            Err(panicked) => {
                // What panicked is not asked again, and its memory is free.
                self.inner = Box::pin(EmptyRecordBatchStream::new(self.inner.schema()));
                Poll::Ready(Some(Err(panicked)))
            }
        }
    }

    /// All remaining batches.
    pub(crate) async fn collect(mut self, budget: &Budget) -> Result<QueryResult> {
        let mut reservation = budget.empty();
        let mut batches = Vec::new();
        while let Some(batch) = poll_fn(|context| self.poll_batch(context)).await {
            let batch = batch?;
            reservation.try_grow(batch_bytes(&batch))?;
            batches.push(batch);
        }
        Ok(QueryResult::new(self.inner.schema(), (batches, reservation), self.executed_by))
    }
}

impl fmt::Debug for QueryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryStream")
            .field("schema", &self.inner.schema())
            .field("executed_by", &self.executed_by)
            .finish_non_exhaustive()
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let runtime = Arc::clone(&self.runtime);
        // Operators spawn tasks when they are first polled, whatever executor polls them.
        let _entered = runtime.handle().enter();
        self.poll_batch(context)
    }
}

/// DataFusion's runtime, which may be dropped anywhere: also where waiting for its threads is
/// not allowed.
#[derive(Debug)]
pub(crate) struct OwnedRuntime {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl OwnedRuntime {
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("tidemill-query")
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a future to its end on this thread, or, where that may not wait because it belongs
    /// to another runtime, on one beside it.
    pub(crate) fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        if Handle::try_current().is_err() {
            return self.handle.block_on(future);
        }
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| self.handle.block_on(future));
            waiting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for OwnedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
