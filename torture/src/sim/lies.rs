//! A disk that lies about syncs, and then loses power.
//!
//! Acknowledged writes may be gone then, and nothing can be done about it. What is left must be true
//! all the same: no panic, no value that was never written, each call whole or absent. A log whose mark
//! vouches for bytes that are not there is an error, which names a file; check and repair work, and
//! say as much.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_store::{
    Disk, Durability, Error, ErrorKind, Lie, Options, Recovery, SimDisk, check, repair,
};

use super::digest::Digest;
use super::driver::{Finding, Findings, Limits, Progress, caught, run};
use super::history::History;
use super::look::{Outcome, said, torn_tail};
use super::machine::{DIR, NEW_DIR, Session, open, open_new};
use super::sample::{LOG_HEADER_BYTES, mark};
use super::workload::{Call, Workload};
use crate::common::{Random, dump, texts};
use crate::report::{Replay, Report};

/// Syncs that succeed and keep nothing, once and for ever, before the power goes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LiesArgs {
    /// Seed 0 is the canonical workload, others are random ones.
    #[command(flatten)]
    pub(super) limits: Limits,
    /// Only every so many-th sync, for a short run.
    #[arg(long, default_value_t = 1)]
    pub(super) step: u64,
    /// Power cuts after each lie.
    #[arg(long, default_value_t = 6)]
    pub(super) cuts: usize,
}

/// What is left is older: said are a torn tail or a damaged mark; or only that a log was not closed,
/// as after every power cut while a store is open, an honest one, too; or nothing.
const OLDER: [&str; 3] = [
    "=> as it was after an earlier call, a torn tail or a damaged mark reported",
    "=> as it was after an earlier call, said only that a log was not closed",
    "=> as it was after an earlier call, not reported",
];
const MISSING: [&str; 3] = [
    "=> a call missing before one that is there, a torn tail or a damaged mark reported",
    "=> a call missing before one that is there, said only that a log was not closed",
    "=> a call missing before one that is there, not reported",
];
const NOTHING: &str = "=> the whole directory is gone, or empty";

/// Runs the campaign.
pub(crate) fn lies(args: &LiesArgs) -> Report {
    let replay = Replay::new("lies").option("step", args.step, 1).option("cuts", args.cuts, 6);
    run(&replay, &args.limits, |seed, progress, report| case(args, seed, progress, report))
}

fn case(
    args: &LiesArgs,
    seed: u64,
    progress: &Progress<'_>,
    report: &mut Report,
) -> Result<(), Finding> {
    let mut random = Random(seed);
    let mut workload = match seed {
        0 => Workload::canonical(),
        _ => Workload::random(&mut random, Durability::Fsync, 12, 10),
    };
    // Whether it was still set, and which rows it took then, would be one unknown more.
    workload.calls.retain(|call| !matches!(call, Call::Retain { .. }));
    let history = History::new(&workload);
    let syncs = moments(&workload, &SimDisk::new(seed))?.0;
    report.count("syncs of files and directories", syncs);
    let mut findings = Findings::default();
    for at in (random.below(args.step as usize) as u64..syncs).step_by(args.step as usize) {
        for (lie, end) in [Lie::Delays, Lie::Loses].map(|l| [(l, at + 1), (l, u64::MAX)]).concat() {
            let disk = SimDisk::new(seed);
            disk.lie_at_syncs(at..end, lie);
            let (_, moments) = moments(&workload, &disk)?;
            // About where the lie is.
            let first = moments.len() * at as usize / syncs as usize;
            for _ in 0..args.cuts {
                if progress.is_over() {
                    return findings.result();
                }
                let moment = first + random.below(moments.len() - first);
                let judge = Judge {
                    history: &history,
                    options: &workload.options,
                    before: &moments[moment].0,
                    acknowledged: moments[moment].1,
                    after: moments[moment].0.fork().power_cut(random.next()),
                };
                progress.injected(1);
                let times = if end == at + 1 { "once" } else { "from then on" };
                report.count(&format!("power cuts after a sync that lied ({lie:?}), {times}"), 1);
                let (is_read_only, next) = (random.one_in(4), random.next());
                match caught(|| judge.judge(is_read_only, next)).and_then(|result| result) {
                    Ok(silent) if silent == OLDER[2] => {
                        report.count(&format!("{silent}, {times}"), 1);
                    }
                    Ok(outcome) => report.count(outcome, 1),
                    Err(finding) => findings.add(format!(
                        "sync {at} lies ({lie:?}, {times}), cut at change {moment}: {finding}"
                    )),
                }
            }
        }
    }
    findings.result()
}

/// How many syncs a run makes; the machine before each change, and at the end, and how many calls
/// were done by then.
fn moments(workload: &Workload, disk: &SimDisk) -> Result<(u64, Vec<(SimDisk, usize)>), Finding> {
    disk.keep_moments();
    let failed = |error: Error| format!("without a power cut a call failed: {error}");
    let mut session = Session::open(Arc::new(disk.clone()), &workload.options).map_err(failed)?;
    let mut moments = Vec::new();
    for (done, call) in workload.calls.iter().enumerate() {
        session.call(call).map_err(failed)?;
        moments.extend(disk.take_moments().into_iter().map(|moment| (moment, done)));
    }
    moments.push((disk.fork(), workload.calls.len()));
    Ok((disk.all_syncs(), moments))
}

/// What the power cut left, and what it should have.
struct Judge<'a> {
    history: &'a History,
    options: &'a Options,
    before: &'a SimDisk,
    /// So many calls were.
    acknowledged: usize,
    after: SimDisk,
}

impl Judge<'_> {
    fn judge(&self, is_read_only: bool, next: u64) -> Result<&'static str, Finding> {
        let broken_log = self.broken_log();
        let disk = self.after.fork();
        let options = Options { read_only: is_read_only, ..self.options.clone() };
        let opened = open(&(Arc::new(disk.clone()) as Arc<dyn Disk>), &options);
        let store = match opened {
            Ok(store) => store,
            Err(error) if error.kind() == ErrorKind::NotFound && self.is_nothing_left() => {
                return Ok(NOTHING);
            }
            Err(error) => {
                named(&error)?;
                self.salvage(None, true)?;
                return Ok("=> an error at opening, which names the file");
            }
        };
        let problems =
            store.check().map_err(|error| format!("the check failed: {error}"))?.problems;
        problems.iter().try_for_each(named)?;
        if !problems.is_empty() {
            self.salvage(None, true)?;
            return Ok("=> a problem in the check, which names the file");
        }
        if let Some(log) = broken_log {
            return Err(format!("it opened, though bytes of {log} are gone that it is sure of"));
        }
        let snapshot = store.snapshot();
        let found = Digest::of_snapshot(&snapshot).map_err(|e| format!("reading failed: {e}"))?;
        let outcome = self.outcome(found, &dump(&snapshot), store.recovery())?;
        self.salvage(Some(found), !store.recovery().damaged_marks.is_empty())?;
        drop((snapshot, store));
        if !is_read_only {
            // The disk is honest by now: what was found stays.
            let again = open(&(Arc::new(disk.power_cut(next)) as Arc<dyn Disk>), self.options);
            let again = again.map_err(|error| format!("opened once, then not: {error}"))?;
            if Digest::of_snapshot(&again.snapshot()).ok() != Some(found) {
                return Err("what was found is gone after another power cut".to_owned());
            }
        }
        Ok(outcome)
    }

    fn outcome(
        &self,
        found: Digest,
        rows: &crate::common::Rows,
        recovery: &Recovery,
    ) -> Result<&'static str, Finding> {
        self.judge_torn(recovery)?;
        let last = self.history.versions.len().min(self.acknowledged + 2);
        let versions = &self.history.versions[..last];
        let told = |told: [&'static str; 3]| match said(recovery) {
            Outcome::Recovered => told[0],
            Outcome::Unclosed => told[1],
            _ => told[2],
        };
        match versions.iter().rposition(|version| *version == found) {
            Some(at) if at >= self.acknowledged => Ok("=> all there that was acknowledged"),
            Some(_) if self.is_nothing_left() => Ok(NOTHING),
            Some(_) => Ok(told(OLDER)),
            None if !self.history.is_subset(found, self.acknowledged + 1) => Err(format!(
                "no set of whole calls gives these {} rows, like {:?} ({recovery:?})",
                rows.len(),
                rows.first_key_value()
            )),
            None => Ok(told(MISSING)),
        }
    }

    /// Bytes at the end of the last log that are no write are reported to the byte.
    fn judge_torn(&self, recovery: &Recovery) -> Result<(), Finding> {
        let (written, left) = (self.before.shared_files(), self.after.shared_files());
        let last = left.iter().rfind(|(path, _)| is_extension(path, "wal"));
        // One that was removed already may be back.
        let Some((path, now)) = last.filter(|(path, _)| written.contains_key(*path)) else {
            return Ok(());
        };
        let torn = torn_tail(path, &written[path], now);
        if recovery.torn_tail == torn {
            return Ok(());
        }
        Err(format!("of a torn tail {torn:?} it says {:?}", recovery.torn_tail))
    }

    /// A log that is not what its own mark says.
    fn broken_log(&self) -> Option<String> {
        let written = self.before.shared_files();
        let logs = self.after.shared_files().into_iter();
        let mut logs = logs.filter(|(path, _)| is_extension(path, "wal"));
        let is_broken = |bytes: &[u8], written: &[u8]| {
            let marked = mark(bytes, 512).1.max(mark(bytes, 1024).1);
            let bodies =
                [bytes, written].map(|all| all.get(LOG_HEADER_BYTES..marked.max(LOG_HEADER_BYTES)));
            bytes.get(..512) != written.get(..512) || bodies[0].is_none() || bodies[0] != bodies[1]
        };
        let broken = logs.find(|(path, bytes)| {
            written.get(path).is_some_and(|written| is_broken(bytes, written))
        });
        broken.map(|(path, _)| path.display().to_string())
    }

    fn is_nothing_left(&self) -> bool {
        let is_data = |path: &PathBuf| !path.ends_with("LOCK") && !is_extension(path, "next");
        !self.after.shared_files().keys().any(is_data)
    }

    /// Check and repair work; `found` is what the store itself shows, if it can.
    fn salvage(&self, found: Option<Digest>, may_be_damaged: bool) -> Result<(), Finding> {
        let disk = self.after.fork();
        let options = Options { disk: Arc::new(disk), ..self.options.clone() };
        let checked = match check(DIR, &options) {
            Err(error)
                if error.kind() == ErrorKind::NotFound && found.is_some_and(|f| f.rows == 0) =>
            {
                return Ok(());
            }
            checked => checked.map_err(|error| format!("check: {error}"))?,
        };
        if found.is_none() && checked.is_sound() {
            return Err("it cannot be read, and the check finds nothing".to_owned());
        }
        if !checked.is_sound() && !may_be_damaged {
            return Err(format!("only the check found {:#?}", texts(&checked)));
        }
        let failed = |error| format!("repair: {error}");
        repair(DIR, NEW_DIR, options.clone()).map_err(failed)?;
        let new = open_new(&options).map_err(failed)?.snapshot();
        let repaired = Digest::of_snapshot(&new).map_err(failed)?;
        if found.is_some_and(|found| found != repaired) {
            return Err(format!("repair made {} rows of a store that opens", repaired.rows));
        }
        match self.history.invented(&dump(&new)) {
            Some(what) => Err(format!("repair invented {what}")),
            None => Ok(()),
        }
    }
}

fn is_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// An error says which file, and where in it its bytes are wrong if it is there.
fn named(error: &Error) -> Result<(), Finding> {
    let source = std::error::Error::source(error).and_then(|e| e.downcast_ref::<io::Error>());
    let is_missing = source.is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
    let is_corrupt = error.kind() == ErrorKind::Corrupt && error.offset_bytes().is_some();
    if (is_corrupt || is_missing) && error.path().is_some() {
        return Ok(());
    }
    Err(format!("badly told: {:?}: {error}", error.kind()))
}
