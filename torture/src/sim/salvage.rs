//! The standalone check and repair of a damaged store.
//!
//! The check needs no store that opens: it says that something is damaged wherever opening does not
//! give what the store held. The repair writes a new store, which opens, is sound, holds nothing
//! that was never there, and misses only what the check said.

use std::sync::Arc;

use tidemill_store::{Options, Repaired, Report as Checked, SimDisk, check, repair};

use super::digest::Digest;
use super::driver::Finding;
use super::look::{Outcome, Seen};
use super::machine::{DIR, NEW_DIR, open_new};
use super::sample::Sample;
use crate::common::{dump, judge_repair, texts};

/// What became of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Salvaged {
    /// All are in the new store.
    All,
    /// The new store holds what the damaged one says that it holds: a tail is gone, and reported.
    AsOpened,
    /// Some are gone, as the check said.
    Part,
}

impl Salvaged {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "check and repair => all rows",
            Self::AsOpened => "check and repair => what the damaged store itself still says",
            Self::Part => "check and repair => a part, the rest named by the check",
        }
    }
}

/// Checks and repairs a store of these files, of which opening says what was `seen`.
pub(super) fn salvage(sample: &Sample, disk: SimDisk, seen: &Seen) -> Result<Salvaged, Finding> {
    let before = disk.shared_files();
    let options = Options { disk: Arc::new(disk.clone()), ..sample.options.clone() };
    let checked = check(DIR, &options).map_err(|error| format!("check: {error}"))?;
    judge_check(sample, &checked, seen)?;
    let repaired =
        repair(DIR, NEW_DIR, options.clone()).map_err(|error| format!("repair: {error}"))?;
    let now = disk.shared_files();
    if before.iter().any(|(path, bytes)| now.get(path) != Some(bytes)) {
        return Err("check or repair changed the damaged store".to_owned());
    }
    compare(sample, &options, &checked, &repaired, seen)
}

fn judge_check(sample: &Sample, checked: &Checked, seen: &Seen) -> Result<(), Finding> {
    let (damages, notes) = (texts(checked), &checked.notes);
    match seen.outcome {
        Outcome::Refused | Outcome::Problem if damages.is_empty() => {
            Err(format!("opening says {:?}, the check nothing: {notes:?}", seen.outcome))
        }
        Outcome::Recovered if damages.is_empty() && *notes == sample.intact_notes => {
            Err(format!("the recovery reports what the check does not: {notes:?}"))
        }
        _ => Ok(()),
    }
}

fn compare(
    sample: &Sample,
    options: &Options,
    checked: &Checked,
    repaired: &Repaired,
    seen: &Seen,
) -> Result<Salvaged, Finding> {
    let of_new = |error| format!("the repaired store: {error}");
    let new = check(NEW_DIR, options).map_err(of_new)?;
    if !new.is_sound() {
        return Err(format!("the repaired store is damaged: {:#?}", texts(&new)));
    }
    let store = open_new(options).map_err(of_new)?;
    let snapshot = store.snapshot();
    let found = Digest::of_snapshot(&snapshot).map_err(of_new)?;
    if found == sample.answer() {
        return Ok(Salvaged::All);
    }
    if seen.found == Some(found) {
        return Ok(Salvaged::AsOpened);
    }
    let judged = judge_repair(&sample.rows, &sample.written, &dump(&snapshot), checked, repaired);
    judged.map_err(|what| format!("{what} (opened: {seen:?}, repaired: {} rows)", found.rows))?;
    Ok(Salvaged::Part)
}
