use std::path::Path;

use tidemill_store::{BackedUp, Options, Repaired, Report};

use crate::error::Result;
use crate::store::Store;

impl Store {
    /// Copies the store into `dir`, which must not exist or be empty, as it is at one moment
    /// between call and return; neither readers nor writers wait. `progress` hears of bytes and rows.
    ///
    /// # Errors
    /// As [`tidemill_store::Store::backup`].
    pub fn backup(
        &self,
        dir: impl AsRef<Path>,
        progress: impl FnMut(u64, u64),
    ) -> Result<BackedUp> {
        Ok(self.store.backup_with_progress(dir, progress)?)
    }
}

/// Reads every file of the store in `dir` and says all that is damaged and what is lost by it; the
/// store need not open. `progress` hears of bytes and rows.
///
/// # Errors
/// As [`tidemill_store::check`]. Damage is no error.
pub fn check(
    dir: impl AsRef<Path>,
    options: &Options,
    progress: impl FnMut(u64, u64),
) -> Result<Report> {
    Ok(tidemill_store::check_with_progress(dir, options, progress)?)
}

/// Writes everything that can be read of the store in `from` into a new one in `to`. `progress`
/// hears of bytes and rows.
///
/// # Errors
/// As [`tidemill_store::repair`]. Damage is no error.
pub fn repair(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    options: Options,
    progress: impl FnMut(u64, u64),
) -> Result<Repaired> {
    Ok(tidemill_store::repair_with_progress(from, to, options, progress)?)
}
