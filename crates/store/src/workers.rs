use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The engine's threads, one a processor, for all stores of the process.
///
/// They are not rayon's global pool: a program's own jobs there may wait for the store, and the
/// store must not wait for them.
#[must_use]
pub fn workers() -> &'static ThreadPool {
    static WORKERS: LazyLock<ThreadPool> = LazyLock::new(|| {
        let builder = ThreadPoolBuilder::new().thread_name(|number| format!("tidemill-{number}"));
        #[expect(clippy::expect_used, reason = "a process that can start no thread can do nothing")]
        builder.build().expect("threads can be started")
    });
    &WORKERS
}
