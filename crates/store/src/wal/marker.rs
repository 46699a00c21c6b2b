use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::Log;

/// After so long without a write the log is marked.
const IDLE: Duration = Duration::from_millis(100);

/// A thread that marks the log when nothing more comes for a moment, until it is dropped.
#[derive(Debug)]
pub(crate) struct Marker {
    log: Arc<Log>,
    thread: Option<JoinHandle<()>>,
}

impl Marker {
    /// Starts it. Without it the log is marked when it is closed.
    pub(crate) fn start(log: &Arc<Log>) -> Self {
        let of_thread = Arc::clone(log);
        let mark = move || while of_thread.mark_when_idle(IDLE) {};
        let started = std::thread::Builder::new().name("tidemill-mark".into()).spawn(mark);
        let thread = started
            .inspect_err(|error| tracing::warn!(%error, "no thread to mark the log when idle"))
            .ok();
        Self { log: Arc::clone(log), thread }
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        self.log.stop_marker();
        if let Some(thread) = self.thread.take() {
            // It panics never, and has nothing to tell.
            let _ = thread.join();
        }
    }
}
