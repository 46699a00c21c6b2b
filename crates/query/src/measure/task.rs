use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

use datafusion::common::runtime::{JoinSetTracer, set_join_set_tracer};
use futures::future::BoxFuture;
use gauge_probe::{Section, Stretch};

/// A future whose work counts for a stretch.
pub(super) struct Measured<F> {
    future: Pin<Box<F>>,
    stretch: Stretch,
}

/// A future whose work counts for a section, if sections count now.
pub(crate) async fn measured_future<F: Future>(section: &'static Section, future: F) -> F::Output {
    if !Section::are_counting() {
        return future.await;
    }
    Measured { future: Box::pin(future), stretch: Stretch::new(Some(section), None) }.await
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, stretch } = &mut *self;
        stretch.run(|| future.as_mut().poll(context))
    }
}

/// From now on what DataFusion spawns counts for what spawns it, where that is measured. DataFusion has one such
/// hook a process, for good: if the program has taken it, tasks count for nothing.
pub(super) fn follow_tasks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It is the program's.
        let _ = set_join_set_tracer(&Follower);
    });
}

struct Follower;

type Answer = Box<dyn Any + Send>;

impl JoinSetTracer for Follower {
    fn trace_future(&self, future: BoxFuture<'static, Answer>) -> BoxFuture<'static, Answer> {
        let stretch = Stretch::current();
        match stretch.is_nothing() {
            true => future,
            false => Box::pin(Measured { future: Box::pin(future), stretch }),
        }
    }

    fn trace_block(
        &self,
        work: Box<dyn FnOnce() -> Answer + Send>,
    ) -> Box<dyn FnOnce() -> Answer + Send> {
        let stretch = Stretch::current();
        match stretch.is_nothing() {
            true => work,
            false => Box::new(move || stretch.run(work)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::common::runtime::SpawnedTask;
    use gauge_probe::Meter;

    use super::*;

    #[test]
    fn tasks_count_for_who_spawned_them() {
        follow_tasks();
        let meter = Arc::new(Meter::new());
        let stretch = Stretch::new(None, Some(Arc::clone(&meter)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let other = SpawnedTask::spawn(async { 0 });
            let (task, block) = stretch
                .run(|| (SpawnedTask::spawn(async { 1 }), SpawnedTask::spawn_blocking(|| 2)));
            let answers = (other.join().await, task.join().await, block.join().await);
            assert!(matches!(answers, (Ok(0), Ok(1), Ok(2))), "{answers:?}");
        });
        // Once to spawn them, and once each.
        assert_eq!(meter.calls(), 3);
    }
}
