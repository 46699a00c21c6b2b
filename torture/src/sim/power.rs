//! Power cuts at every change a store makes to its disk.
//!
//! A workload runs once; of each moment before a change a copy is kept that costs next to nothing.
//! From each of them the machine is started again many times: with every outcome that a power cut
//! may have, where they are few, and with some by chance, after which the power may go inside the
//! recovery, too, three times over. What a store then holds is one of the versions that the calls
//! acknowledged by then allow, whole; and what a recovery has shown stays.

use std::sync::Arc;

use tidemill_model::Batch;
use tidemill_store::{Disk, Durability, Options, Result as StoreResult, SimDisk, Store};

use super::digest::Digest;
use super::driver::{Finding, Findings, Limits, Progress, caught, run};
use super::machine::open;
use super::record::{Moment, record};
use super::workload::{Call, Workload};
use crate::common::{Random, Row, dump, fill};
use crate::report::{Replay, Report};

/// Recoveries make about so many changes.
const RECOVERY_CHANGES: usize = 14;
const MAX_DEPTH: usize = 3;

/// Power cuts at every change a store makes to its disk, and inside recoveries.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PowerArgs {
    #[command(flatten)]
    pub(super) limits: Limits,
    /// Power cuts by chance at each change.
    #[arg(long, default_value_t = 3)]
    pub(super) cuts: u32,
    /// All outcomes of a power cut are tried where there are at most so many.
    #[arg(long, default_value_t = 300)]
    pub(super) all_up_to: usize,
    /// Calls of each workload.
    #[arg(long, default_value_t = 40)]
    pub(super) calls: usize,
}

/// Runs the campaign.
pub(crate) fn power(args: &PowerArgs) -> Report {
    let replay = Replay::new("power").option("cuts", args.cuts, 3);
    let replay = replay.option("all-up-to", args.all_up_to, 300).option("calls", args.calls, 40);
    run(&replay, &args.limits, |seed, progress, report| case(args, seed, progress, report))
}

fn case(
    args: &PowerArgs,
    seed: u64,
    progress: &Progress<'_>,
    report: &mut Report,
) -> Result<(), Finding> {
    let mut random = Random(seed);
    let durability = match random.below(6) {
        0 => Durability::Os,
        1 => Durability::None,
        _ => Durability::Fsync,
    };
    let workload = Workload::random(&mut random, durability, args.calls, 30);
    let recorded_seed = random.next();
    let recorded = record(&workload, &mut Random(recorded_seed))?;
    if seed.is_multiple_of(16) {
        let again = record(&workload, &mut Random(recorded_seed))?;
        if (again.changes, again.files) != (recorded.changes, recorded.files) {
            return Err(format!("{} changes, then {}", recorded.changes, again.changes));
        }
        report.count("runs replayed to the byte", 1);
    }
    report.count("moments (changes to the disk)", recorded.changes);
    let mut cutter = Cutter {
        workload: &workload,
        random,
        progress,
        counts: Counts::default(),
        next_extra: 0,
        can_go_on: true,
    };
    let mut findings = Findings::default();
    for (index, moment) in recorded.moments.iter().enumerate() {
        if progress.is_over() {
            break;
        }
        let call = workload.calls.get(moment.call).map_or("the end", |call| call.name());
        if let Err(finding) = caught(|| cutter.moment(moment, args)).and_then(|result| result) {
            findings.add(format!(
                "{durability:?}, change {index}, call {} ({call}): {finding}",
                moment.call
            ));
        }
    }
    cutter.counts.add_to(report);
    findings.result()
}

#[derive(Default)]
struct Counts {
    by_chance: u64,
    all_outcomes: u64,
    whole_moments: u64,
    in_recovery: u64,
    kills: u64,
    compared: u64,
    checked: u64,
    went_on: u64,
}

impl Counts {
    fn add_to(&self, report: &mut Report) {
        for (name, count) in [
            ("power cuts by chance", self.by_chance),
            ("power cuts, all outcomes of a moment", self.all_outcomes),
            (
                "power cuts that follow: inside recovery, at its end, after more was written",
                self.in_recovery,
            ),
            ("power cuts", self.by_chance + self.all_outcomes + self.in_recovery),
            ("moments of which all outcomes were tried", self.whole_moments),
            ("kills", self.kills),
            ("recoveries compared with the model", self.compared),
            ("of them read in every way and checked", self.checked),
            ("of them written to, and cut again", self.went_on),
        ] {
            report.count(name, count);
        }
    }
}

struct Cutter<'a> {
    workload: &'a Workload,
    random: Random,
    progress: &'a Progress<'a>,
    counts: Counts,
    next_extra: i64,
    can_go_on: bool,
}

impl Cutter<'_> {
    fn moment(&mut self, moment: &Moment, args: &PowerArgs) -> Result<(), Finding> {
        let after_cut = &*moment.versions;
        // A retention that was set and not taken back removes more with the next flush.
        let call = self.workload.calls.get(moment.call);
        self.can_go_on = !matches!(call, Some(Call::Retain { .. }));
        let all = moment.disk.power_cuts(args.all_up_to);
        let is_whole = all.is_some();
        for disk in all.into_iter().flatten() {
            self.counts.all_outcomes += 1;
            self.progress.injected(1);
            self.recover(&disk, after_cut)?;
        }
        self.counts.whole_moments += u64::from(is_whole);
        for _ in 0..args.cuts {
            // What a kill leaves is the more interesting the less of it is on the disk.
            let kills = if self.options().durability == Durability::Fsync { 10 } else { 3 };
            let (disk, versions) = if self.random.one_in(kills) {
                self.counts.kills += 1;
                let is_in_memory = self.workload.options.durability == Durability::None;
                let versions = moment.after_kill(is_in_memory);
                (moment.disk.fork().crash(), versions)
            } else {
                self.counts.by_chance += 1;
                self.progress.injected(1);
                let seed = self.random.next();
                (moment.disk.fork().power_cut(seed), after_cut)
            };
            self.deeper(disk, versions.to_vec(), after_cut)?;
        }
        Ok(())
    }

    /// Lets the power go inside recoveries, then recovers. Until a recovery came to its end, a power
    /// cut may leave what is in `after_cut`.
    fn deeper(
        &mut self,
        mut disk: SimDisk,
        mut versions: Vec<Digest>,
        after_cut: &[Digest],
    ) -> Result<(), Finding> {
        let mut has_recovered = false;
        let depth = [0, 0, 1, 1, 2, MAX_DEPTH][self.random.below(6)];
        for _ in 0..depth {
            disk.cut_power_at(disk.changes() + self.random.below(RECOVERY_CHANGES) as u64);
            match self.open(&disk) {
                Ok(store) => {
                    let found = Digest::of_snapshot(&store.snapshot());
                    if !disk.is_dead() {
                        // Another may have been shown it already.
                        versions = vec![expect(found, &versions, &store)?];
                        has_recovered = true;
                    }
                }
                Err(_) if disk.is_dead() => {}
                Err(error) => return Err(format!("opening failed: {error}")),
            }
            disk = if self.random.one_in(5) {
                self.counts.kills += 1;
                disk.crash()
            } else {
                self.counts.in_recovery += 1;
                self.progress.injected(1);
                if !has_recovered {
                    versions = after_cut.to_vec();
                }
                disk.power_cut(self.random.next())
            };
        }
        let found = self.recover(&disk, &versions)?;
        if self.can_go_on && self.random.one_in(4) {
            self.go_on(&disk, found)?;
        }
        Ok(())
    }

    fn options(&self) -> &Options {
        &self.workload.options
    }

    fn open(&self, disk: &SimDisk) -> StoreResult<Store> {
        open(&(Arc::new(disk.clone()) as Arc<dyn Disk>), self.options())
    }

    /// Opens the store, which must work, and compares.
    fn recover(&mut self, disk: &SimDisk, versions: &[Digest]) -> Result<Digest, Finding> {
        let store = self.open(disk).map_err(|error| format!("opening failed: {error}"))?;
        let found = expect(Digest::of_snapshot(&store.snapshot()), versions, &store)?;
        self.counts.compared += 1;
        if self.random.one_in(32) {
            self.counts.checked += 1;
            // All ways of reading agree.
            dump(&store.snapshot());
            let check = store.check().map_err(|error| format!("the check failed: {error}"))?;
            if let Some(problem) = check.problems.first() {
                return Err(format!("the check found: {problem}"));
            }
        }
        Ok(found)
    }

    /// What was found stays, and what is written then is there after another power cut.
    fn go_on(&mut self, disk: &SimDisk, found: Digest) -> Result<(), Finding> {
        self.counts.went_on += 1;
        // As the process before it ended or not, whose store was dropped.
        let disk = if self.random.one_in(2) { disk.fork() } else { disk.crash() };
        if self.random.one_in(2) {
            disk.cut_power_at(disk.changes() + self.random.below(2 * RECOVERY_CHANGES) as u64);
        }
        let mut versions = vec![found];
        let is_durable = self.options().durability == Durability::Fsync;
        let mut work = || -> StoreResult<()> {
            let store = self.open(&disk)?;
            let (mut batch, mut after) = (Batch::new(), found);
            for _ in 0..1 + self.random.below(2) {
                self.next_extra += 1;
                let row = Row::new("extra", "x", self.next_extra, self.next_extra);
                after.add_row(&row);
                versions.push(after);
                fill(&mut batch, &[row]);
                store.write(&mut batch)?;
                let is_flushed = self.random.one_in(3);
                if is_flushed && !is_durable {
                    store.flush()?;
                }
                if is_durable || is_flushed {
                    versions.drain(..versions.len() - 1);
                }
                if is_flushed {
                    store.flush()?;
                }
            }
            Ok(())
        };
        if let Err(error) = work()
            && !disk.is_dead()
        {
            return Err(format!("writing after a recovery failed: {error}"));
        }
        self.counts.in_recovery += 1;
        self.progress.injected(1);
        let disk = disk.power_cut(self.random.next());
        self.recover(&disk, &versions)?;
        Ok(())
    }
}

/// The version that was found, which must be one of those that may be.
fn expect(
    found: StoreResult<Digest>,
    versions: &[Digest],
    store: &Store,
) -> Result<Digest, Finding> {
    let found = found.map_err(|error| format!("reading failed: {error}"))?;
    if versions.contains(&found) {
        return Ok(found);
    }
    let (first, last) = (versions.first(), versions.last());
    Err(format!(
        "{} rows where one of {} versions is expected, from {} to {} rows ({:?})",
        found.rows,
        versions.len(),
        first.map_or(0, |version| version.rows),
        last.map_or(0, |version| version.rows),
        store.recovery()
    ))
}
