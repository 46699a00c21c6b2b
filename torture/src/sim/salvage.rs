//! The standalone check and repair of a damaged store.
//!
//! The check needs no store that opens: it says that something is damaged wherever opening does not
//! give what the store held. The repair writes a new store, which opens, is sound, holds nothing
//! that was never there, and misses only what the check said, and nothing of what undamaged bytes
//! hold.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use tidemill_store::{Disk, Options, Repaired, Report as Checked, check, repair};

use super::damage::Damage;
use super::digest::Digest;
use super::driver::Finding;
use super::look::{Files, Outcome, Seen, machine};
use super::machine::{DIR, NEW_DIR, open, open_new};
use super::sample::{LOG_HEADER_BYTES, Sample, SampleFile, Version};
use crate::common::{Held, Rows, dump, judge_repair, texts};

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
pub(super) fn salvage(
    sample: &Sample,
    files: &Files,
    damage: Damage,
    seen: &Seen,
) -> Result<Salvaged, Finding> {
    let disk = machine(sample, files)?;
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
    let mut held = held(sample, files, damage);
    if matches!(seen.outcome, Outcome::Recovered | Outcome::Unclosed) {
        held.set_opened(opened(sample, files)?);
    } else if checked.notes.iter().any(|note| note.contains("one that was cut off")) {
        // The same, of a store that does not open for another reason.
        held.set_opened(sample.durable_rows().clone());
    }
    compare((sample, &held), &options, &checked, &repaired, seen)
}

/// What the damaged store holds when it is opened. A repair may find more: a whole write behind one that was
/// cut off, which opening ends at.
fn opened(sample: &Sample, files: &Files) -> Result<Rows, Finding> {
    let disk: Arc<dyn Disk> = Arc::new(machine(sample, files)?);
    let store =
        open(&disk, &sample.options).map_err(|error| format!("the second time: {error}"))?;
    Ok(dump(&store.snapshot()))
}

/// What undamaged bytes hold: all that is flushed (of a damaged segment the report says more
/// exactly what is lost), and the writes whose place in a log holds what it held, if nothing keeps
/// them from being found.
fn held(sample: &Sample, files: &Files, damage: Damage) -> Held {
    let logs: Vec<_> = sample.files.iter().zip(files).filter(|(own, _)| own.is_log()).collect();
    let is_whole = |version: &Version, before: &Version| {
        let ((log, end), (log_before, end_before)) = (&version.log_end, &before.log_end);
        let start = if log == log_before { *end_before } else { LOG_HEADER_BYTES };
        let log = logs.iter().find(|(own, _)| own.path == *log);
        log.is_some_and(|(own, now)| is_left(own, now.as_deref(), start..*end))
    };
    // Where bytes move, or come from elsewhere, what follows in the file may not be told from them.
    let is_in_place = matches!(damage, Damage::Flip { .. } | Damage::Zero { .. });
    let is_found = |version: &Version| {
        let log = logs.iter().find(|(own, _)| own.path == version.log_end.0);
        log.is_some_and(|(own, now)| {
            is_in_place || now.as_ref().is_some_and(|now| **now == *own.bytes)
        })
    };
    let first_log = logs.first().map_or_else(PathBuf::new, |(own, _)| own.path.clone());
    let flushed = sample.version_at(&first_log, LOG_HEADER_BYTES);
    let mut held = Held::default();
    // An old manifest does not name the later segments, and without its word they do not count.
    let mut manifests = sample.files.iter().zip(files).filter(|(own, _)| own.kind() == "manifest");
    let is_old = matches!(damage, Damage::Old { .. } | Damage::Stale { .. })
        && manifests.any(|(own, now)| now.as_ref() != Some(&own.bytes));
    let mut are_all_whole = !is_old;
    if are_all_whole {
        held.hold(&sample.versions[flushed].rows);
    }
    for pair in sample.versions[flushed..].windows(2) {
        let [before, version] = pair else { continue };
        let is_whole = is_whole(version, before);
        are_all_whole &= is_whole;
        if are_all_whole {
            held = Held::default();
            held.hold(&version.rows);
        } else if is_whole && is_found(version) {
            held.hold(version.rows.iter().filter(|row| !before.rows.contains_key(row.0)));
        }
        held.allow(&version.rows);
    }
    held
}

fn is_left(own: &SampleFile, now: Option<&Vec<u8>>, range: Range<usize>) -> bool {
    let now = now.and_then(|now| now.get(range.clone()));
    range.is_empty() || now.is_some_and(|now| own.bytes.get(range) == Some(now))
}

fn judge_check(sample: &Sample, checked: &Checked, seen: &Seen) -> Result<(), Finding> {
    let (damages, notes) = (texts(checked), &checked.notes);
    match seen.outcome {
        Outcome::Refused | Outcome::Problem if damages.is_empty() => {
            Err(format!("opening says {:?}, the check nothing: {notes:?}", seen.outcome))
        }
        Outcome::Recovered | Outcome::Unclosed
            if damages.is_empty() && *notes == sample.intact_notes =>
        {
            Err(format!("the recovery reports what the check does not: {notes:?}"))
        }
        _ => Ok(()),
    }
}

fn compare(
    (sample, held): (&Sample, &Held),
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
    let rows = sample.rows();
    let judged = judge_repair((rows, held), &sample.written, &dump(&snapshot), checked, repaired);
    judged.map_err(|what| format!("{what} (opened: {seen:?}, repaired: {} rows)", found.rows))?;
    Ok(Salvaged::Part)
}
