//! How far a command is, on a terminal.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Bytes, their rate and rows, redrawn a few times a second on standard error; nothing where that
/// is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

/// Redraws a second, at most.
const REDRAWS: u8 = 8;

impl Progress {
    /// Of something with this many bytes, if that is known.
    pub(crate) fn new(what: &str, total_bytes: Option<u64>) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(REDRAWS);
        let bar = ProgressBar::with_draw_target(total_bytes, target);
        let template = match total_bytes {
            Some(_) => {
                "{prefix:.bold} {bar:24.cyan/dim} {bytes} of {total_bytes}, {bytes_per_sec}, {msg}{eta} left"
            }
            None => "{prefix:.bold} {spinner} {bytes}, {bytes_per_sec}, {msg}{elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(what.to_owned());
        if total_bytes.is_none() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar }
    }

    /// Nothing is shown.
    pub(crate) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// So far.
    pub(crate) fn set(&self, bytes: u64, rows: u64) {
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("{} rows, ", HumanCount(rows)));
            self.bar.set_position(bytes);
        }
    }

    /// Writes a line above it to standard error.
    pub(crate) fn say(&self, line: &str) {
        // Who reads no errors cannot be told of this one.
        self.bar.suspend(|| {
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{line}\n"));
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
