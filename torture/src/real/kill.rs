//! `kill -9` at random moments.
//!
//! The seed replays the stores, the calls and the moments as they were drawn; what the machine
//! had done by then differs from run to run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::allowed::{Allowed, Progress};
use super::inspect::{Inspected, Way, inspect};
use super::process::{Ended, command, finish, read_lines};
use super::victim::Victim;
use super::workload::Profile;
use super::{clean, work_dir};
use crate::common::Random;
use crate::report::{Replay, Report};

/// How many victims, and where.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Kill {
    /// Victims that are killed while they live (those that end before are not counted).
    #[arg(long, default_value_t = KILLS)]
    pub(crate) kills: u64,
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the stores are made; the directory for temporary files if not said.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Victims at a time.
    #[arg(long, default_value_t = JOBS)]
    pub(crate) jobs: u64,
}

const KILLS: u64 = 10_000;
const JOBS: u64 = 2;
/// A store lives this many victims, on average.
const VICTIMS_A_STORE: usize = 16;
const MAX_CALLS: usize = 12;
/// Lines a victim says at most before it is killed, if it is killed after a line.
const MAX_LINES: usize = 3 * MAX_CALLS;
/// …and then after up to so many microseconds.
const MAX_PAUSE_US: usize = 1500;
const MAX_FINDINGS: usize = 5;

/// Runs the campaign.
///
/// # Errors
/// When no process can be started, or no directory made.
pub(crate) fn kill(arguments: &Kill) -> anyhow::Result<ExitCode> {
    let dir = work_dir(arguments.dir.as_deref(), "kill")?;
    let killed = AtomicU64::new(0);
    let start = Instant::now();
    let mut report = Report::default();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let (dir, killed) = (&dir, &killed);
        let jobs: Vec<_> = (0..arguments.jobs.max(1))
            .map(|job| scope.spawn(move || Job::new(arguments, dir, job).run(killed)))
            .collect();
        for job in jobs {
            let part = job.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            report.add(part);
        }
        Ok(())
    })?;
    let rate = killed.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    println!("kill -9 at random moments: {rate:.0} a second, seed {}", arguments.seed);
    clean(&dir, &report);
    report.print();
    Ok(report.exit_code())
}

/// When a victim is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its start.
    After(Duration),
    /// So long after it said its n-th line.
    Line(usize, Duration),
}

/// One victim after another, each going on with the store the one before it left.
struct Job<'a> {
    arguments: &'a Kill,
    dir: &'a Path,
    number: u64,
    random: Random,
    stores: u64,
    /// How long a victim lives that is not killed.
    lifetime: Duration,
    report: Report,
}

impl<'a> Job<'a> {
    fn new(arguments: &'a Kill, dir: &'a Path, number: u64) -> Self {
        let random = Random(arguments.seed.wrapping_mul(1000) + number);
        let lifetime = Duration::from_millis(20);
        Self { arguments, dir, number, random, stores: 0, lifetime, report: Report::default() }
    }

    fn run(mut self, killed: &AtomicU64) -> anyhow::Result<Report> {
        while killed.load(Ordering::Relaxed) < self.arguments.kills
            && self.report.findings().len() < MAX_FINDINGS
        {
            self.store(killed)?;
        }
        Ok(self.report)
    }

    /// A store, from its first victim to its last.
    fn store(&mut self, killed: &AtomicU64) -> anyhow::Result<()> {
        let dir = self.dir.join(format!("job-{}-store-{}", self.number, self.stores));
        self.stores += 1;
        let seed = self.random.next();
        let profile = Profile::new(seed);
        let mut allowed = Allowed::new(profile.duplicates);
        self.report.count("stores", 1);
        let mut victims = 0;
        loop {
            let victim = Victim {
                dir: dir.clone(),
                seed: self.random.next(),
                calls: 1 + self.random.below(MAX_CALLS),
                profile: seed,
                canonical: None,
                number: Some(victims),
                crash: self.random.one_in(3),
                open_files: None,
            };
            let moment = self.moment();
            let ended = self.live(&victim, moment)?;
            victims += 1;
            self.report.count("victims", 1);
            killed.fetch_add(u64::from(ended.is_killed()), Ordering::Relaxed);
            if let Err(what) = self.check(&victim, &ended, &mut allowed) {
                let Kill { kills, seed, jobs, .. } = self.arguments;
                let replay = Replay::new("kill").option("kills", *kills, KILLS).with("seed", seed);
                let replay = replay.option("jobs", *jobs, JOBS);
                let store = format!("store {} of job {}", self.stores - 1, self.number);
                let said = ended.said.replace('\n', "; ");
                self.report.finding(format!(
                    "{replay}: {store}, victim {victims}: {what} (killed {moment:?}; `{}`; \
                     said: {said})",
                    victim.arguments().join(" ")
                ));
                // It stays for who looks into it.
                return Ok(());
            }
            if self.random.one_in(VICTIMS_A_STORE)
                || killed.load(Ordering::Relaxed) >= self.arguments.kills
            {
                // Its victims may all have been killed before they made it.
                if dir.exists() {
                    std::fs::remove_dir_all(&dir)?;
                }
                return Ok(());
            }
        }
    }

    fn moment(&mut self) -> Moment {
        if self.random.one_in(2) {
            let pause = Duration::from_micros(self.random.below(MAX_PAUSE_US) as u64);
            return Moment::Line(self.random.below(MAX_LINES), pause);
        }
        let lifetime_us = self.lifetime.as_micros() as usize;
        Moment::After(Duration::from_micros(self.random.below(lifetime_us * 11 / 10) as u64))
    }

    /// Starts a victim, and kills it.
    fn live(&mut self, victim: &Victim, moment: Moment) -> anyhow::Result<Ended> {
        let start = Instant::now();
        let mut child = command(victim)?.spawn()?;
        let said = match moment {
            Moment::After(pause) => {
                std::thread::sleep(pause.saturating_sub(start.elapsed()));
                Vec::new()
            }
            Moment::Line(lines, pause) => {
                let (said, hung) = read_lines(&mut child, lines)?;
                if hung {
                    self.report.finding(format!("`{}` hangs", victim.arguments().join(" ")));
                }
                let line = Instant::now();
                while line.elapsed() < pause {
                    std::hint::spin_loop();
                }
                said
            }
        };
        child.kill()?;
        let ended = finish(child, said)?;
        if !ended.is_killed() {
            // The victims differ: a slow average.
            self.lifetime = (self.lifetime * 15 + start.elapsed()) / 16;
        }
        Ok(ended)
    }

    fn check(
        &mut self,
        victim: &Victim,
        ended: &Ended,
        allowed: &mut Allowed,
    ) -> Result<(), String> {
        if let Some(problem) = ended.problem(true) {
            return Err(problem);
        }
        let (profile, calls) = victim.plan();
        let progress = allowed.follow(&calls, &ended.said)?;
        if progress.failed + progress.unread > 0 {
            return Err(format!("a call failed on a disk that does not: {}", ended.complained));
        }
        let way = if self.random.one_in(3) { Way::Write } else { Way::Read };
        let is_made = victim.dir.join("MANIFEST").exists();
        if !is_made && !allowed.any().is_empty() {
            return Err("the store is gone".to_owned());
        }
        let found = if way == Way::Read && !is_made {
            Inspected::default()
        } else {
            inspect(&victim.dir, &profile, way)?
        };
        allowed.compare(&found.rows)?;
        let moment = moment_name(ended, &progress, &calls);
        self.report.count("kills", u64::from(ended.is_killed()));
        self.report.count(&format!("kills: {moment}"), u64::from(ended.is_killed()));
        self.report.count("calls acknowledged", progress.done);
        self.report.count("rows acknowledged", progress.rows);
        self.report.count("rows recovered from the log", found.replayed_rows);
        self.report.count("rows gone by their age", allowed.take_expired());
        self.report.count("torn tails cut", u64::from(found.has_torn_tail));
        self.report.count("unfinished files removed", found.removed_files);
        Ok(())
    }
}

fn moment_name(ended: &Ended, progress: &Progress, calls: &[super::workload::Call]) -> String {
    let call = progress.in_flight.map(|number| calls.get(number));
    match call {
        _ if progress.has_ended => "after the end".to_owned(),
        _ if ended.said.is_empty() => "before opening".to_owned(),
        _ if progress.is_opening => "while opening, recovering".to_owned(),
        Some(Some(call)) => format!("while in {}", call.name()),
        Some(None) => "while closing".to_owned(),
        None => "between calls".to_owned(),
    }
}
