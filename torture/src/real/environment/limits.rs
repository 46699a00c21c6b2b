//! A sync that fails, a directory that goes, few open files, files that are not ours.

use std::path::Path;
use std::sync::Arc;

use tidemill_model::Batch;
use tidemill_store::{Failure, Fault, FaultyDisk, Operation, Options, RealDisk, Store};

use super::{Checked, Outcome, compare, live, random_victim, text};
use crate::common::{Model, Random, dump, fill};
use crate::real::allowed::Allowed;
use crate::real::inspect::Way;
use crate::real::workload::{Profile, rows};

/// Each sync in turn: nothing is acknowledged after it, and everything before it is there.
pub(super) fn failing_sync(dir: &Path, is_quick: bool) -> Checked {
    let (mut failed, mut acknowledged) = (0, 0);
    for at in (0..40).step_by(if is_quick { 20 } else { 1 }) {
        let dir = dir.join(format!("store-{at}"));
        let (disk, mut random) = (FaultyDisk::new(RealDisk), Random(at));
        let operation = Some(Operation::Sync);
        disk.set_fault(Some(Fault { operation, at, is_permanent: false, failure: Failure::Io }));
        let options = || Options { disk: Arc::new(disk.clone()), ..Profile::plain().options() };
        let mut model = Model::new(Profile::plain().duplicates);
        let Ok(store) = Store::open(&dir, options()) else {
            failed += 1;
            continue;
        };
        let (mut batch, mut in_flight, mut has_failed) = (Batch::new(), None, false);
        for number in 0..12 {
            let rows = rows(&mut random);
            batch.clear_rows();
            fill(&mut batch, &rows);
            match store.write(&mut batch) {
                Ok(_) if has_failed => {
                    return Err(format!("sync {at}: a write after it was taken"));
                }
                Ok(_) => {
                    model.write(&rows);
                    acknowledged += 1;
                }
                Err(_) if has_failed => {}
                Err(_) => {
                    has_failed = true;
                    let mut after = model.clone();
                    after.write(&rows);
                    in_flight = Some(after);
                }
            }
            // What a failed flush left is in the log, which may go on.
            if number % 4 == 3 && store.flush().is_ok() && has_failed {
                return Err(format!("sync {at}: a flush after the failed write succeeded"));
            }
        }
        failed += disk.failed();
        drop(store);
        disk.set_fault(None);
        let store = Store::open(&dir, options()).map_err(text)?;
        let found = dump(&store.snapshot());
        if found != model.rows && in_flight.is_none_or(|after| after.rows != found) {
            return Err(format!("sync {at}: {} rows, not {}", found.len(), model.rows.len()));
        }
    }
    if failed == 0 {
        return Err("no sync failed: the check checks nothing".to_owned());
    }
    Ok(Outcome::Fine(format!(
        "{failed} syncs failed; {acknowledged} writes acknowledged are there"
    )))
}

/// The files are gone while the store is open: errors, no panic, and no new store in its place.
pub(super) fn removed_directory(dir: &Path, _is_quick: bool) -> Checked {
    let (dir, mut random, mut batch) = (dir.join("store"), Random(1), Batch::new());
    let store = Store::open(&dir, Profile::plain().options()).map_err(text)?;
    let write = |store: &Store, batch: &mut Batch, random: &mut Random| {
        batch.clear_rows();
        fill(batch, &rows(random));
        store.write(batch).map(drop)
    };
    write(&store, &mut batch, &mut random).map_err(text)?;
    store.flush().map_err(text)?;
    write(&store, &mut batch, &mut random).map_err(text)?;
    std::fs::remove_dir_all(&dir).map_err(text)?;
    // The log is still open, so this one cannot know.
    let written = write(&store, &mut batch, &mut random);
    let Err(error) = store.flush() else {
        return Err("a flush into a directory that is gone succeeded".to_owned());
    };
    let _ = (store.compact(), store.check().map_err(text)?);
    if write(&store, &mut batch, &mut random).is_ok() {
        return Err("a write after the failed flush was taken".to_owned());
    }
    drop(store);
    if dir.exists() {
        return Err("the directory is back".to_owned());
    }
    let options = Options { create: false, ..Profile::plain().options() };
    if Store::open(&dir, options).is_ok() {
        return Err("a store that is gone was opened".to_owned());
    }
    let write = if written.is_ok() { "taken (its log was open)" } else { "refused" };
    Ok(Outcome::Fine(format!("one more write is {write}; the flush says: {error}")))
}

/// From hardly enough for the standard streams on.
pub(super) fn open_files(dir: &Path, is_quick: bool) -> Checked {
    let (mut refused, mut fine) = (0, 0);
    for limit in (3..60).step_by(if is_quick { 20 } else { 1 }) {
        let mut victim = random_victim(&dir.join(format!("store-{limit}")), limit, 25);
        let mut allowed = Allowed::new(victim.plan().0.duplicates);
        let at = |what| format!("with {limit} files: {what}");
        // What is there already has to be opened, too.
        for seed in [limit, limit + 1000] {
            (victim.seed, victim.open_files) = (seed, Some(limit));
            let (ended, progress) = live(&victim, &mut allowed).map_err(at)?;
            // A flush beside the writers has nobody to tell but the next one, and not why.
            let is_clear = ["Too many open files", "Poisoned"].map(|why| ended.said.contains(why));
            if progress.failed > 0 && !is_clear.contains(&true) {
                return Err(at(format!("it was not told why: {}", ended.said)));
            }
            if progress.failed > 0 {
                refused += 1
            } else {
                fine += 1
            }
            compare(&victim, Way::Read, &mut allowed).map_err(at)?;
        }
        compare(&victim, Way::Write, &mut allowed).map_err(at)?;
    }
    if refused == 0 || fine == 0 {
        return Err(format!(
            "{refused} victims had too few files, {fine} enough: no limit was met"
        ));
    }
    Ok(Outcome::Fine(format!("{refused} victims had too few and were told; {fine} had enough")))
}

/// What others keep in the store's directory is neither removed nor in the way.
pub(super) fn foreign_files(dir: &Path, _is_quick: bool) -> Checked {
    const NAMES: [&str; 6] =
        ["notes.txt", "1.seg", "backup.wal.gz", "table-x.def", "MANIFEST.old", ".hidden"];
    let mut victim = random_victim(&dir.join("store"), 4, 25);
    let mut allowed = Allowed::new(victim.plan().0.duplicates);
    live(&victim, &mut allowed)?;
    for name in NAMES {
        std::fs::write(victim.dir.join(name), name).map_err(text)?;
    }
    std::fs::create_dir(victim.dir.join("directory")).map_err(text)?;
    victim.seed += 1;
    let (ended, progress) = live(&victim, &mut allowed)?;
    if progress.failed > 0 {
        return Err(format!("a call failed: {}", ended.said));
    }
    compare(&victim, Way::Write, &mut allowed)?;
    for name in NAMES {
        let content = std::fs::read(victim.dir.join(name)).map_err(|e| format!("{name}: {e}"))?;
        if content != name.as_bytes() {
            return Err(format!("{name} was changed"));
        }
    }
    Ok(Outcome::Fine(format!("{} of them are as they were", NAMES.len() + 1)))
}
