//! Every storage call of the canonical workload in turn: the process is killed at it, it fails,
//! or it lies.
//!
//! `strace` counts a thread's calls for itself: index N is the N-th call of that name of each
//! thread. Those of the workload's own thread are the same in every run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use super::allowed::Allowed;
use super::canonical::Canonical;
use super::inspect::{Inspected, Way, inspect};
use super::process::{command, finish};
use super::strace::{self, CALLS, Filter};
use super::victim::Victim;
use super::workload::Profile;
use super::{clean, none_chosen, skip_all, work_dir};
use crate::report::{Replay, Report};

/// Where, and which.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Syscalls {
    /// Where the stores are made; the directory for temporary files if not said.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Victims at a time.
    #[arg(long, default_value_t = 2)]
    pub(crate) jobs: usize,
    /// Only each n-th case.
    #[arg(long, default_value_t = 1)]
    pub(crate) every: usize,
    /// Only cases whose name has this in it, as findings name them: `recover fsync:error=EIO`.
    #[arg(long)]
    pub(crate) only: Option<String>,
}

const PARTS: [Canonical; 2] = [Canonical::Create, Canonical::Recover];
/// A failure of these is told to the caller, one way or the other.
const TOLD: [&str; 5] = ["pwrite64", "fsync", "fdatasync", "rename", "ftruncate"];
const SYNCS: [&str; 2] = ["fsync", "fdatasync"];

/// What is done to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Injection {
    /// The process is killed at it.
    Kill,
    /// It fails, and so do all later ones, if `forever`.
    Error { name: &'static str, forever: bool },
    /// It fails three times with `EINTR`.
    Interrupted,
    /// It says that it succeeded and does nothing.
    Lie { forever: bool },
}

const INJECTIONS: [Injection; 8] = [
    Injection::Kill,
    Injection::Error { name: "EIO", forever: false },
    Injection::Error { name: "EIO", forever: true },
    Injection::Error { name: "ENOSPC", forever: false },
    Injection::Error { name: "ENOSPC", forever: true },
    Injection::Interrupted,
    Injection::Lie { forever: false },
    Injection::Lie { forever: true },
];

impl Injection {
    fn name(self) -> String {
        match self {
            Self::Kill => "kill -9".to_owned(),
            Self::Error { name, forever } => format!("{name} {}", span(forever)),
            Self::Interrupted => "EINTR three times".to_owned(),
            Self::Lie { forever } => format!("a sync that lies {}", span(forever)),
        }
    }

    fn expression(self, call: &str, index: usize) -> String {
        let from = |forever| if forever { format!("{index}+") } else { index.to_string() };
        match self {
            Self::Kill => format!("{call}:signal=KILL:when={index}"),
            Self::Error { name, forever } => format!("{call}:error={name}:when={}", from(forever)),
            Self::Interrupted => format!("{call}:error=EINTR:when={index}..{}", index + 2),
            Self::Lie { forever } => format!("{call}:retval=0:when={}", from(forever)),
        }
    }

    fn is_for(self, call: &str) -> bool {
        !matches!(self, Self::Lie { .. }) || SYNCS.contains(&call)
    }
}

fn span(forever: bool) -> &'static str {
    if forever { "for ever" } else { "once" }
}

#[derive(Clone, Debug)]
struct Case {
    part: Canonical,
    call: &'static str,
    index: usize,
    injection: Injection,
}

impl Case {
    fn name(&self) -> String {
        let expression = self.injection.expression(self.call, self.index);
        format!("{} {expression}", self.part.name())
    }

    fn replay(&self) -> Replay {
        Replay::new("syscalls").with("only", self.name())
    }
}

/// Calls that each part of the workload must make so often: no other campaign sees whether the real
/// disk's `sync` and `sync_dir` do anything.
const LEAST: [(&str, usize); 4] =
    [("fdatasync", 30), ("fsync", 12), ("rename", 8), ("pwrite64", 30)];

/// Runs the campaign.
///
/// # Errors
/// When no process can be started, or no directory made.
pub(crate) fn syscalls(arguments: &Syscalls) -> anyhow::Result<ExitCode> {
    if !strace::is_there() {
        return Ok(skip_all("strace 5.3 or later (apt-get install strace, dnf install strace)"));
    }
    let dir = work_dir(arguments.dir.as_deref(), "syscalls")?;
    let mut report = Report::default();
    let template = Template::new(&dir.join("template"))?;
    let mut cases = Vec::new();
    for part in PARTS {
        cases.extend(cases_of(part, &template, &dir.join("clean"), &mut report)?);
    }
    if let Some(only) = &arguments.only {
        let all = kinds(&cases);
        cases.retain(|case| case.name().contains(only));
        if cases.is_empty() {
            clean(&dir, &report);
            return Ok(none_chosen(only, &all));
        }
    }
    let cases: Vec<Case> = cases.into_iter().step_by(arguments.every.max(1)).collect();
    let (count, start) = (cases.len(), Instant::now());
    let queue = Mutex::new(cases.into_iter());
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let (dir, template, queue) = (&dir, &template, &queue);
        let work = move |job: usize| -> anyhow::Result<Report> {
            let mut bench = Bench::new(&dir.join(format!("job-{job}")), template)?;
            // The lock is given up before the case runs.
            let next = || queue.lock().ok().and_then(|mut cases| cases.next());
            while let Some(case) = next() {
                bench.run(&case)?;
            }
            Ok(bench.report)
        };
        let jobs: Vec<_> =
            (0..arguments.jobs.max(1)).map(|job| scope.spawn(move || work(job))).collect();
        for job in jobs {
            report.add(job.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(())
    })?;
    let rate = count as f64 / start.elapsed().as_secs_f64();
    println!("{count} cases at storage calls of the canonical workload: {rate:.0} a second");
    clean(&dir, &report);
    report.print();
    Ok(report.exit_code())
}

/// The first case of each part, call and injection.
fn kinds(cases: &[Case]) -> Vec<String> {
    cases.iter().filter(|case| case.index == 1).map(Case::name).collect()
}

/// What the parts begin with.
struct Template {
    /// What `create` leaves, with remains of unfinished work beside it.
    dir: PathBuf,
    allowed: Allowed,
}

impl Template {
    fn new(dir: &Path) -> anyhow::Result<Self> {
        let victim = victim(dir, Canonical::Create);
        let ended = finish(command(&victim)?.spawn()?, Vec::new())?;
        let mut allowed = Allowed::new(Profile::plain().duplicates);
        let progress = allowed.follow(&Canonical::Create.calls(), &ended.said);
        let is_fine = progress.as_ref().is_ok_and(|progress| progress.has_ended);
        anyhow::ensure!(is_fine, "the workload does not run undisturbed: {progress:?} {ended:?}");
        for name in ["MANIFEST.next", "99999999.seg", "table-000099.def"] {
            std::fs::write(dir.join(name), "unfinished")?;
        }
        Ok(Self { dir: dir.to_owned(), allowed })
    }

    /// Makes `dir` what a part begins with.
    fn lay_out(&self, part: Canonical, dir: &Path) -> anyhow::Result<Allowed> {
        match std::fs::remove_dir_all(dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        if part == Canonical::Create {
            return Ok(Allowed::new(Profile::plain().duplicates));
        }
        std::fs::create_dir(dir)?;
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            std::fs::copy(entry.path(), dir.join(entry.file_name()))?;
        }
        Ok(self.allowed.clone())
    }
}

fn victim(dir: &Path, part: Canonical) -> Victim {
    let dir = dir.to_owned();
    let crash = part == Canonical::Create;
    let canonical = Some(part);
    Victim { dir, seed: 1, calls: 0, profile: 1, canonical, number: None, crash, open_files: None }
}

/// Counts the calls of an undisturbed run; every index of each is a case for each injection.
fn cases_of(
    part: Canonical,
    template: &Template,
    dir: &Path,
    report: &mut Report,
) -> anyhow::Result<Vec<Case>> {
    std::fs::create_dir_all(dir)?;
    let (victim, log) = (victim(&dir.join("store"), part), dir.join("strace.log"));
    template.lay_out(part, &victim.dir)?;
    let paths = strace::touched(&victim, &log)?;
    template.lay_out(part, &victim.dir)?;
    let filter = Filter { paths: &paths, calls: &CALLS, inject: None };
    let traced = strace::run(&victim, &filter, &log)?;
    let mut cases = Vec::new();
    for call in CALLS {
        let of_call = traced.calls.iter().filter(|((_, name), _)| name == call);
        let counts: Vec<usize> = of_call.map(|(_, count)| *count).collect();
        let name = format!("{}: calls of {call}", part.name());
        if !counts.is_empty() {
            report.count(&name, counts.iter().sum::<usize>() as u64);
        }
        for injection in INJECTIONS.into_iter().filter(|injection| injection.is_for(call)) {
            let indexes = 1..=counts.iter().max().copied().unwrap_or(0);
            cases.extend(indexes.map(|index| Case { part, call, index, injection }));
        }
        let made: usize = counts.iter().sum();
        if let Some((_, least)) = LEAST.iter().find(|(name, least)| *name == call && made < *least)
        {
            let part = part.name();
            report
                .finding(format!("{part}: {made} calls of {call}, {least} are expected at least"));
        }
    }
    Ok(cases)
}

/// Where cases are run, one after the other.
struct Bench<'a> {
    dir: PathBuf,
    template: &'a Template,
    paths: Vec<(Canonical, Vec<PathBuf>)>,
    report: Report,
}

impl<'a> Bench<'a> {
    fn new(dir: &Path, template: &'a Template) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.to_owned();
        let mut paths = Vec::new();
        for part in PARTS {
            let victim = victim(&dir.join("store"), part);
            template.lay_out(part, &victim.dir)?;
            paths.push((part, strace::touched(&victim, &dir.join("strace.log"))?));
        }
        Ok(Self { dir, template, paths, report: Report::default() })
    }

    fn run(&mut self, case: &Case) -> anyhow::Result<()> {
        let victim = victim(&self.dir.join("store"), case.part);
        let mut allowed = self.template.lay_out(case.part, &victim.dir)?;
        let paths = self.paths.iter().find(|(part, _)| *part == case.part);
        let inject = case.injection.expression(case.call, case.index);
        let filter = Filter {
            paths: paths.map_or(&[], |(_, paths)| paths),
            calls: &[case.call],
            inject: Some(&inject),
        };
        let traced = strace::run(&victim, &filter, &self.dir.join("strace.log"))?;
        let name = case.injection.name();
        self.report.count(&format!("{name}: cases"), 1);
        let is_hit = match case.injection {
            Injection::Kill => traced.ended.is_killed() && !traced.hung,
            _ => traced.injected > 0,
        };
        self.report.count(&format!("{name}: cases that were hit"), u64::from(is_hit));
        if !is_hit {
            self.report.finding(format!("{}: the call was not made", case.replay()));
        }
        self.report.count("calls made to fail or lie", traced.injected as u64);
        match check(case, &victim, &traced, &mut allowed) {
            Ok(outcome) => self.report.count(&format!("{name}: {outcome}"), 1),
            Err(what) => {
                let said = traced.ended.said.replace('\n', "; ");
                self.report.finding(format!("{}: {what} (said: {said})", case.replay()));
            }
        }
        Ok(())
    }
}

/// Compares; returns what became of the victim.
fn check(
    case: &Case,
    victim: &Victim,
    traced: &strace::Traced,
    allowed: &mut Allowed,
) -> Result<&'static str, String> {
    let ended = &traced.ended;
    if traced.hung {
        return Err("it hangs".to_owned());
    }
    if let Some(problem) = ended.problem(case.injection == Injection::Kill) {
        return Err(problem);
    }
    let (profile, calls) = victim.plan();
    let progress = allowed.follow(&calls, &ended.said)?;
    let failures = progress.failed + progress.unread;
    let is_harmless = match case.injection {
        Injection::Interrupted | Injection::Lie { .. } | Injection::Kill => true,
        Injection::Error { .. } => false,
    };
    if is_harmless && failures > 0 {
        return Err("a call failed that should not have".to_owned());
    }
    if matches!(case.injection, Injection::Error { .. })
        && failures == 0
        && TOLD.contains(&case.call)
    {
        return Err("a call failed and the caller was not told".to_owned());
    }
    let is_passing = !matches!(case.injection, Injection::Error { forever: true, .. });
    if is_passing && !ended.is_killed() && !progress.has_ended {
        return Err("it did not recover from what had passed".to_owned());
    }
    for way in [Way::Read, Way::Write] {
        let is_made = victim.dir.join("MANIFEST").exists();
        let found = match way {
            Way::Read if !is_made => Inspected::default(),
            way => inspect(&victim.dir, &profile, way)?,
        };
        allowed.compare(&found.rows)?;
    }
    Ok(match () {
        () if ended.is_killed() => "killed",
        () if !progress.has_ended => "told the error, and could not go on",
        () if failures > 0 => "told the error, and went on after it was reopened or retried",
        () => "did not need the call, or repeated it",
    })
}
