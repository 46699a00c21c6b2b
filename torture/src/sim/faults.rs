//! Every call to the disk fails, in every way, once or for ever.
//!
//! The caller hears of it, or it did not matter. What was acknowledged is there after the process
//! was killed or the power went, and nothing else but the calls that failed, each whole or not at
//! all. While a disk fails, reads give an error or the truth.

use std::sync::Arc;

use tidemill_store::{Durability, ErrorKind, Failure, Fault, FaultyDisk, SimDisk};

use super::digest::Digest;
use super::driver::{Finding, Findings, Limits, Progress, caught, run};
use super::machine::{Session, open};
use super::workload::{Call, Workload};
use crate::common::{Model, Random};
use crate::report::{Replay, Report};

/// Every call to the disk failing, in every way, once and for ever.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FaultsArgs {
    /// Seed 0 is the canonical workload, others are random ones.
    #[command(flatten)]
    pub(super) limits: Limits,
    /// Only every so many-th call, for a short run.
    #[arg(long, default_value_t = 1)]
    pub(super) step: u64,
}

/// What follows the first error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The process ends, or the power goes.
    Stop { is_kill: bool },
    /// The program goes on with the same store, and the power goes at the end.
    GoOn,
    /// It drops the store, opens it again and goes on.
    Reopen,
}

const THEN: [Then; 4] =
    [Then::Stop { is_kill: true }, Then::Stop { is_kill: false }, Then::GoOn, Then::Reopen];

/// Runs the campaign.
pub(crate) fn faults(args: &FaultsArgs) -> Report {
    let replay = Replay::new("faults").option("step", args.step, 1);
    run(&replay, &args.limits, |seed, progress, report| case(args, seed, progress, report))
}

fn case(
    args: &FaultsArgs,
    seed: u64,
    progress: &Progress<'_>,
    report: &mut Report,
) -> Result<(), Finding> {
    let mut random = Random(seed);
    let workload = match seed {
        0 => Workload::canonical(),
        _ => Workload::random(&mut random, Durability::Fsync, 12, 10),
    };
    let calls = {
        let disk = FaultyDisk::new(SimDisk::new(seed));
        Run::new(&workload, disk.clone()).go(Then::GoOn)?;
        disk.calls()
    };
    report.count("calls to the disk", calls);
    let mut findings = Findings::default();
    lying_syncs(&workload, seed, &mut random, progress, report, &mut findings)?;
    for at in (0..calls).skip(random.below(args.step as usize)).step_by(args.step as usize) {
        for failure in Failure::ALL {
            for (is_permanent, then) in THEN.map(|then| [(false, then), (true, then)]).concat() {
                if progress.is_over() {
                    return findings.result();
                }
                let fault = Fault { operation: None, at, is_permanent, failure };
                let cut = random.next();
                progress.injected(1);
                let sim = SimDisk::new(seed);
                let result = caught(|| check(&workload, sim, Some(fault), then, cut));
                match result.and_then(|result| result) {
                    Ok(outcome) => outcome.count(&name(fault), report),
                    Err(finding) => findings.add(format!("{fault:?}, then {then:?}: {finding}")),
                }
            }
        }
    }
    findings.result()
}

struct Outcome {
    failed: u64,
    told: u64,
}

/// Every sync fails, and what it could not write counts as written from then on.
fn lying_syncs(
    workload: &Workload,
    seed: u64,
    random: &mut Random,
    progress: &Progress<'_>,
    report: &mut Report,
    findings: &mut Findings,
) -> Result<(), Finding> {
    let sim = SimDisk::new(seed);
    Run::new(workload, FaultyDisk::new(sim.clone())).go(Then::GoOn)?;
    for (at, then) in (0..sim.syncs()).flat_map(|at| THEN.map(|then| (at, then))) {
        let sim = SimDisk::new(seed);
        sim.fail_sync_at(at);
        progress.injected(1);
        let cut = random.next();
        let result = caught(|| check(workload, sim, None, then, cut));
        match result.and_then(|result| result) {
            Ok(outcome) => {
                outcome.count("a sync whose pages count as written from then on", report)
            }
            Err(finding) => findings.add(format!("sync {at} fails, then {then:?}: {finding}")),
        }
    }
    Ok(())
}

fn name(fault: Fault) -> String {
    let times = if fault.is_permanent { "for ever" } else { "once" };
    format!("{:?} {times}", fault.failure)
}

impl Outcome {
    fn count(&self, name: &str, report: &mut Report) {
        report.count(name, 1);
        report.count("calls made to fail", self.failed);
        report.count("errors told", self.told);
        report.count("faults that no caller had to hear of", u64::from(self.told == 0));
    }
}

/// Runs the workload with a fault, ends it, and looks at what is left.
fn check(
    workload: &Workload,
    sim: SimDisk,
    fault: Option<Fault>,
    then: Then,
    cut: u64,
) -> Result<Outcome, Finding> {
    let disk = FaultyDisk::new(sim.clone());
    disk.set_fault(fault);
    let mut run = Run::new(workload, disk.clone());
    run.is_sync_failing = fault.is_none();
    run.is_once = fault.is_none_or(|fault| !fault.is_permanent);
    let told = run.go(then)?;
    let outcome = Outcome { failed: disk.failed(), told };
    let mut sim = match then {
        Then::Stop { is_kill: true } => sim.crash(),
        _ => sim.power_cut(cut),
    };
    // What it finds stays, whatever happens next.
    for round in 0..2u64 {
        let store = open(&(Arc::new(sim.clone()) as _), &workload.options);
        let store = store.map_err(|error| format!("opening afterwards: {error}"))?;
        let found = Digest::of_snapshot(&store.snapshot()).map_err(|error| error.to_string())?;
        run.expect(found, "afterwards")?;
        let check = store.check().map_err(|error| error.to_string())?;
        if let Some(problem) = check.problems.first() {
            return Err(format!("the check found: {problem}"));
        }
        run.models.retain(|(digest, _)| *digest == found);
        sim = sim.power_cut(cut.wrapping_add(round));
    }
    Ok(outcome)
}

struct Run<'a> {
    workload: &'a Workload,
    disk: FaultyDisk<SimDisk>,
    /// What the store may hold: a call that failed may have taken effect.
    models: Vec<(Digest, Model)>,
    /// The machine itself fails.
    is_sync_failing: bool,
    /// It fails once, so that nothing may after the store was opened again.
    is_once: bool,
    is_over: bool,
}

impl<'a> Run<'a> {
    fn new(workload: &'a Workload, disk: FaultyDisk<SimDisk>) -> Self {
        let model = Model::new(workload.options.duplicates);
        let models = vec![(Digest::default(), model)];
        Self { workload, disk, models, is_sync_failing: false, is_once: false, is_over: false }
    }

    /// Makes the calls. Returns how many errors were told.
    fn go(&mut self, then: Then) -> Result<u64, Finding> {
        let mut told = 0;
        let mut session = None;
        for (index, call) in self.workload.calls.iter().enumerate() {
            if session.is_none() {
                let disk = Arc::new(self.disk.clone());
                match Session::open(disk, &self.workload.options) {
                    Ok(opened) => {
                        session = Some(opened);
                        self.is_over = self.is_once && told > 0;
                    }
                    Err(error) => {
                        told += self.told(&error, "opening")?;
                        if matches!(then, Then::Stop { .. }) {
                            return Ok(told);
                        }
                        continue;
                    }
                }
            }
            let Some(open) = &mut session else { continue };
            match open.call(call) {
                Ok(refused) => self.succeeded(call, refused)?,
                Err(error) => {
                    told += self.told(&error, call.name())?;
                    // A store that is poisoned does not even begin.
                    if error.kind() != ErrorKind::Poisoned {
                        self.in_doubt(call);
                    }
                    match then {
                        Then::Stop { .. } => return Ok(told),
                        // What it set and did not take back removes more with the next flush.
                        _ if matches!(call, Call::Retain { .. }) => return Ok(told),
                        Then::GoOn => {}
                        Then::Reopen => {
                            session = None;
                            continue;
                        }
                    }
                }
            }
            if let Some(store) = open.store() {
                match Digest::of_snapshot(&store.snapshot()) {
                    Ok(found) => self.expect(found, call.name())?,
                    Err(error) => told += self.told(&error, "reading")?,
                }
                if index % 4 == 0 {
                    let check = store.check();
                    let problems = check.map_err(|error| format!("checking: {error}"))?.problems;
                    for problem in problems {
                        told += self.told(&problem, "checking")?;
                    }
                }
            }
        }
        Ok(told)
    }

    /// An error that is one of the disk's.
    fn told(&self, error: &tidemill_store::Error, doing: &str) -> Result<u64, Finding> {
        let is_kind = [ErrorKind::Io, ErrorKind::Poisoned].contains(&error.kind());
        if is_kind && !self.is_over && (self.is_sync_failing || self.disk.failed() > 0) {
            return Ok(1);
        }
        Err(format!("{doing}: badly told: {:?}: {error}", error.kind()))
    }

    fn succeeded(&mut self, call: &Call, refused: usize) -> Result<(), Finding> {
        let mut count = 0;
        self.models.retain_mut(|(digest, model)| {
            count = call.apply(model);
            *digest = Digest::of_model(model);
            count == refused
        });
        if self.models.is_empty() {
            return Err(format!("{}: {refused} rows refused instead of {count}", call.name()));
        }
        Ok(())
    }

    fn in_doubt(&mut self, call: &Call) {
        for (_, mut model) in self.models.clone() {
            call.apply(&mut model);
            let digest = Digest::of_model(&model);
            if !self.models.iter().any(|(known, other)| *known == digest && *other == model) {
                self.models.push((digest, model));
            }
        }
    }

    fn expect(&self, found: Digest, when: &str) -> Result<(), Finding> {
        if self.models.iter().any(|(digest, _)| *digest == found) {
            return Ok(());
        }
        let rows: Vec<u64> = self.models.iter().map(|(digest, _)| digest.rows).collect();
        Err(format!("{when}: {} rows found, {rows:?} expected", found.rows))
    }
}
