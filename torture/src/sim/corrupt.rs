//! Damage to the files of small stores.
//!
//! A store of damaged files says so (an error, a problem that the check finds, a report of the
//! recovery), naming the file, or it holds what it held. It never panics and never answers
//! otherwise without a word. The standalone check and repair find as much (`salvage.rs`).

use std::sync::Arc;

use super::damage::Damage;
use super::driver::{Finding, Findings, Limits, Progress, caught, run};
use super::look::{Files, Outcome, Seen, look, sure_bytes};
use super::salvage::salvage;
use super::sample::{Sample, SampleFile, frames};
use crate::common::Random;
use crate::report::{Replay, Report};

/// Every bit flipped, every truncation, and worse, of small stores' files.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CorruptArgs {
    #[command(flatten)]
    pub(super) limits: Limits,
    /// Only every so many-th damage, for a short run.
    #[arg(long, default_value_t = 1)]
    pub(super) step: usize,
    /// Only one in so many is also checked and repaired as `tidemill check` and `repair` do.
    #[arg(long, default_value_t = 1)]
    pub(super) salvage_every: usize,
}

/// Runs the campaign.
pub(crate) fn corrupt(args: &CorruptArgs) -> Report {
    let replay = Replay::new("corrupt").option("step", args.step, 1);
    let replay = replay.option("salvage-every", args.salvage_every, 1);
    run(&replay, &args.limits, |seed, progress, report| case(args, seed, progress, report))
}

fn case(
    args: &CorruptArgs,
    seed: u64,
    progress: &Progress<'_>,
    report: &mut Report,
) -> Result<(), Finding> {
    let sample = Sample::new(seed)?;
    let mut random = Random(seed);
    let mut findings = Findings::default();
    let whole = sample.files.iter().map(|file| Some(Arc::clone(&file.bytes))).collect::<Vec<_>>();
    let intact = caught(|| look(&sample, &whole, None, false));
    if !matches!(intact, Ok(Ok(Seen { outcome: Outcome::Unnoticed, .. }))) {
        return Err(format!("the store itself: {intact:?}"));
    }
    report.count("stores whose last log was not closed", u64::from(sample.is_open));
    for file in 0..sample.files.len() {
        let own = &sample.files[file];
        report.count(&format!("bytes of {} files", own.extension()), own.bytes.len() as u64);
        let all = Damage::all(&sample, file, &mut random);
        for damage in all.into_iter().skip(random.below(args.step)).step_by(args.step) {
            if progress.is_over() {
                return findings.result();
            }
            let Some(files) = damage.apply(&sample, file) else { continue };
            progress.injected(1);
            report.count(damage.name(), 1);
            let is_read_only = random.one_in(4);
            let is_salvaged = random.one_in(args.salvage_every);
            let injected = Injected { sample: &sample, file, damage, files: &files };
            let outcome = caught(|| injected.judge(is_read_only, is_salvaged, report));
            if let Err(finding) = outcome.and_then(|outcome| outcome) {
                report.count("SILENT or badly reported", 1);
                findings.add(format!(
                    "{} of {} bytes, {damage}, read only: {is_read_only}: {finding}",
                    own.path.display(),
                    own.bytes.len()
                ));
            }
        }
    }
    report.count("stores to which all of it was done", u64::from(args.step == 1));
    findings.result()
}

/// A damaged store.
struct Injected<'a> {
    sample: &'a Sample,
    file: usize,
    damage: Damage,
    files: &'a Files,
}

impl Injected<'_> {
    /// Opens it, and has the standalone check and repair look at it.
    fn judge(
        &self,
        is_read_only: bool,
        is_salvaged: bool,
        report: &mut Report,
    ) -> Result<(), Finding> {
        let damage = Some((self.file, self.damage));
        let seen = look(self.sample, self.files, damage, is_read_only);
        self.enter(seen.as_ref().ok().map(|seen| seen.outcome), report);
        let seen = seen?;
        report.count(seen.outcome.name(), 1);
        if is_salvaged {
            report.count("checked and repaired", 1);
            report.count(salvage(self.sample, self.files, self.damage, &seen)?.name(), 1);
        }
        Ok(())
    }

    /// Flips and cuts go into the cross table: whether they are in what is sure to be durable. That
    /// a log was not closed, which it was not before either, says nothing of them; but of a cut
    /// between two writes there is nothing else to say.
    fn enter(&self, outcome: Option<Outcome>, report: &mut Report) {
        let own: &SampleFile = &self.sample.files[self.file];
        let at = match self.damage {
            Damage::Flip { bit } => bit / 8,
            Damage::Cut { length } => length,
            _ => return,
        };
        // All of the other files is committed.
        let is_behind = own.is_log() && at >= sure_bytes(own, &self.files[self.file]);
        let is_between = || frames(&own.bytes).iter().any(|frame| frame.start == at);
        let is_told = !matches!(outcome, None | Some(Outcome::Unnoticed | Outcome::Unclosed));
        let (row, held) = match (self.damage, is_behind) {
            (Damage::Cut { .. }, false) => (CUT_BEFORE, is_told),
            (Damage::Cut { .. }, true) if is_between() => {
                (CUT_BETWEEN, outcome == Some(Outcome::Unclosed))
            }
            (Damage::Cut { .. }, true) => (CUT_INSIDE, is_told),
            (_, false) => (FLIP_BEFORE, is_told),
            (_, true) => (FLIP_AFTER, is_told),
        };
        report.share(row, own.kind(), held);
    }
}

pub(super) const CUT_BEFORE: &str = "cuts before the synced mark: detected";
pub(super) const CUT_INSIDE: &str = "cuts after it, inside a write: reported as a torn tail";
pub(super) const CUT_BETWEEN: &str = "cuts after it, between writes: said only: not closed";
pub(super) const FLIP_BEFORE: &str = "flipped bits before the synced mark: detected";
pub(super) const FLIP_AFTER: &str = "flipped bits after it: detected, or a torn tail";
