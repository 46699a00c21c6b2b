//! Runs cases on threads until time or number is up, and catches panics.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tidemill_store::workers;

use crate::report::{Replay, Report};

/// A case that found this much is broken enough.
const MAX_FINDINGS_OF_CASE: usize = 3;

/// How long a campaign runs.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Limits {
    /// The first case's seed; the next ones have the numbers after it. A finding names its own:
    /// `--seed S --cases 1` replays it.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Minutes to run, at most [default: 1, unless there is another bound].
    #[arg(long)]
    pub(crate) minutes: Option<f64>,
    /// Seeds to run, at most; each is one store with all that is done to it.
    #[arg(long)]
    pub(crate) cases: Option<u64>,
    /// Stop when this many things were injected.
    #[arg(long)]
    pub(crate) until: Option<u64>,
    /// Threads, at most one a processor [default: one a processor].
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

/// What a case tells while it runs.
pub(crate) struct Progress<'a> {
    limits: &'a Limits,
    deadline: Option<Instant>,
    injected: &'a AtomicU64,
    bar: &'a ProgressBar,
}

impl Progress<'_> {
    /// One more thing was done to a store.
    pub(crate) fn injected(&self, count: u64) {
        let before = self.injected.fetch_add(count, Relaxed);
        // The bar is behind a lock.
        if before / 1024 != (before + count) / 1024 {
            self.bar.set_position(before + count);
        }
    }

    /// Whether time or number is up.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
            || self.limits.until.is_some_and(|until| self.injected.load(Relaxed) >= until)
    }
}

/// What was found in a case: text that says what, where.
pub(crate) type Finding = String;

/// Runs `case(seed, progress, report)` for one seed after the other.
pub(crate) fn run(
    replay: &Replay,
    limits: &Limits,
    case: impl Fn(u64, &Progress<'_>, &mut Report) -> Result<(), Finding> + Sync,
) -> Report {
    let mut limits = limits.clone();
    if limits.minutes.is_none() && limits.cases.is_none() && limits.until.is_none() {
        limits.minutes = Some(1.0);
    }
    let limits = &limits;
    let deadline = limits.minutes.map(|m| Instant::now() + Duration::from_secs_f64(m * 60.0));
    let (next, injected, total) =
        (AtomicU64::new(0), AtomicU64::new(0), Mutex::new(Report::default()));
    let bar = progress_bar(limits.until);
    let progress = Progress { limits, deadline, injected: &injected, bar: &bar };
    HOOK.call_once(hear_panics);
    let work = || {
        let mut report = Report::default();
        while !progress.is_over() {
            let index = next.fetch_add(1, Relaxed);
            if limits.cases.is_some_and(|cases| index >= cases) {
                break;
            }
            let seed = limits.seed.wrapping_add(index);
            if let Err(finding) = caught(|| case(seed, &progress, &mut report)).and_then(|r| r) {
                report.finding(format!(
                    "{}: {finding}",
                    replay.clone().with("seed", seed).with("cases", 1)
                ));
            }
            report.count("stores", 1);
        }
        total.lock().unwrap_or_else(PoisonError::into_inner).add(report);
    };
    let threads =
        limits.threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into));
    let started = Instant::now();
    // The engine's own: what a store would hand over to them they do at once.
    let threads = threads.unwrap_or(1).clamp(1, workers().current_num_threads());
    workers().scope(|scope| (0..threads).for_each(|_| scope.spawn(|_| work())));
    bar.finish_and_clear();
    let mut report: Report = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let rate = injected.load(Relaxed) as f64 / started.elapsed().as_secs_f64();
    report.count("injected a second", rate as u64);
    if injected.load(Relaxed) == 0 {
        report.finding(format!("{replay}: nothing was injected: it says nothing of the store"));
    }
    report
}

static HOOK: Once = Once::new();

thread_local! {
    static IS_CASE: Cell<bool> = const { Cell::new(false) };
    static PANICKED_AT: Cell<Option<String>> = const { Cell::new(None) };
}

/// Panics in a case are findings, with their place, and nothing else is printed.
fn hear_panics() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if IS_CASE.get() {
            PANICKED_AT.set(info.location().map(ToString::to_string));
        } else {
            others(info);
        }
    }));
}

/// What `run` returns, or the message of its panic.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Finding> {
    let was_case = IS_CASE.replace(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    IS_CASE.set(was_case);
    result.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        let at = PANICKED_AT.take().unwrap_or_else(|| "another thread".to_owned());
        format!("panic at {at}: {}", text.unwrap_or_default())
    })
}

/// Findings of one case: the first few, and how many more there were.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    first: Vec<Finding>,
    more: usize,
}

impl Findings {
    pub(crate) fn add(&mut self, finding: Finding) {
        if self.first.len() < MAX_FINDINGS_OF_CASE {
            self.first.push(finding);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn result(self) -> Result<(), Finding> {
        if self.first.is_empty() {
            return Ok(());
        }
        Err(format!("{} (and {} more)", self.first.join("\n    and "), self.more))
    }
}

fn progress_bar(until: Option<u64>) -> ProgressBar {
    // Draws on a terminal only.
    let bar = until.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let template = "{elapsed_precise} {human_pos} done, {per_sec}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
