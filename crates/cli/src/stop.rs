//! Ctrl-C and its like: finish cleanly at the first, at once at the second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a process ended by SIGINT, as shells give it.
pub(crate) const INTERRUPTED: i32 = 130;

/// A flag that is set when the process is asked to stop.
///
/// # Errors
/// When the signals cannot be handled.
pub(crate) fn flag() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
    })?;
    Ok(flag)
}
