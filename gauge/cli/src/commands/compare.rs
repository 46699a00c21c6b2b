//! `cargo gauge compare`: two revisions, executables or commands, in turn.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::{Common, keep, subject, unless};
use crate::bench::build::Selection;
use crate::bench::experiment::{self, Ran, Settings, Subject, Watch};
use crate::bench::harness::{Executable, Harness};
use crate::bench::judgement::{self, Control, Judgement, RELINKED, SAME};
use crate::bench::plan::Request;
use crate::bench::revision::{Checkout, Commit};
use crate::bench::shelf::Shelf;
use crate::bench::{lineup, table};
use crate::environment::Environment;
use crate::outcome::{Outcome, Usage};
use crate::project::Project;
use crate::result::Document;
use crate::stats::verdict::Rule;

/// Compare two revisions' benches, or two programs: interleaved, with controls and a verdict a row
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo gauge compare HEAD~1                     # what the working tree changed since
  cargo gauge compare v1.0 main --filter csv/    # two revisions, some rows
  cargo gauge compare --cmd 'old data.csv' 'new data.csv'

Each number is a process of its own; the order within a block is drawn; the number of blocks is
fixed before. A row is REGRESSED if an exact signed-rank test (Holm-corrected over the rows, level
1 %) and the least effect both say so; it is equal if the 95 % interval lies within the least effect.
The base runs against a copy of itself and against itself linked in another order; if either
differs, no verdict closes the gate. A program that fails, or takes so much longer than the base that
it is killed, ends its row alone: regressed if it is the second, else unknown. Unknown is a row that the
time did not suffice for, too, and closes the gate. Revisions are checked out and built in
target/gauge/compare, a git worktree; files read at run time are those of the second.
Exit code: 0, 1 if a row regressed or could not be judged, 2 for wrong usage.")]
pub(crate) struct Args {
    /// The base: any revision that git knows
    #[arg(required_unless_present_any = ["bin_a", "cmd"])]
    revision_a: Option<String>,
    /// What is judged; without it the files as they are now
    revision_b: Option<String>,
    /// Only rows (`target/bench`, or `package/target/bench` where that is ambiguous) that contain this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Only benches of this package
    #[arg(long, short, value_name = "NAME")]
    package: Vec<String>,
    /// Only this bench target
    #[arg(long, value_name = "TARGET")]
    bench: Vec<String>,
    /// Features to build with
    #[arg(long, value_name = "FEATURES")]
    features: Option<String>,
    /// The profile to build with
    #[arg(long, value_name = "NAME", default_value = "bench")]
    profile: String,
    /// Build as the profile says, without one codegen unit and aligned functions
    #[arg(long)]
    as_shipped: bool,
    /// Compare two executables; the base
    #[arg(long, value_name = "PATH", requires = "bin_b", conflicts_with_all = ["revision_a", "cmd"])]
    bin_a: Option<PathBuf>,
    /// Compare two executables; what is judged
    #[arg(long, value_name = "PATH", requires = "bin_a")]
    bin_b: Option<PathBuf>,
    /// Compare the wall time of two command lines
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with = "revision_a")]
    cmd: Vec<String>,
    #[command(flatten)]
    contest: Contest,
}

/// How a comparison is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Contest {
    /// The longest that all runs may take together, those that find out how long a run takes included
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    pub(crate) minutes: f64,
    /// The number of blocks, rather than what fits in the time; at least what can show something: 8, more for more rows
    #[arg(long, value_name = "N")]
    pub(crate) blocks: Option<usize>,
    /// The least effect that counts, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = Rule::default().least_effect * 100.0)]
    pub(crate) least_effect: f64,
    /// Do not pin each process to one processor (for benches with threads)
    #[arg(long)]
    pub(crate) no_pin: bool,
    /// Draw the order from this, rather than from the clock
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// When it could not do its work.
pub(crate) fn run(common: &Common, args: &Args) -> Result<Outcome> {
    // Before anything is built.
    args.contest.terms(2)?;
    if let [a, b] = args.cmd.as_slice() {
        return commands(common, args, a, b);
    }
    if let (Some(a), Some(b)) = (&args.bin_a, &args.bin_b) {
        return executables(common, args, a, b);
    }
    let project = common.project()?;
    let folder = project.gauge_dir().join("compare");
    let checkout = Checkout::open(&project, &folder)?;
    let base = checkout.commit(args.revision_a.as_deref().unwrap_or("HEAD"))?;
    let now = match &args.revision_b {
        Some(revision) => checkout.commit(revision)?,
        None => checkout.commit_of_files()?,
    };
    let selection = Selection {
        packages: args.package.clone(),
        targets: args.bench.clone(),
        profile: args.profile.clone(),
        features: args.features.clone(),
        is_steady: !args.as_shipped,
    };
    let target_dir = folder.join("target");
    let mut document = Document::new("compare", Environment::observe(project.root()));
    let shelf = Shelf::open(&folder, &selection, &project)?;
    let built = |commit: &Commit| {
        if let Some(kept) = shelf.get(commit, "plain") {
            eprintln!("{} is built already", commit.short());
            return Ok(kept);
        }
        eprintln!("building {}", commit.short());
        let tree = checkout.check_out(commit)?;
        shelf.put((commit, "plain"), selection.build(&tree, &target_dir)?)
    };
    let (a, warnings) = built(&base)?;
    document.warnings.extend(warnings);
    let placed = lineup::place(&folder, 0, &a)?;
    let same = lineup::place(&folder, SAME.program, &a)?;
    let relinked = match shelf.get(&base, "relinked") {
        Some((kept, _)) => Ok(kept),
        None => relink(&selection, &checkout.check_out(&base)?, &target_dir, &a)
            .and_then(|linked| Ok(shelf.put((&base, "relinked"), (linked, Vec::new()))?.0)),
    };
    let relinked = relinked.and_then(|linked| lineup::place(&folder, RELINKED.program, &linked));
    let (b, _) = built(&now)?;
    // Benches read its files, whoever built them.
    checkout.check_out(&now)?;
    let b = lineup::place(&folder, 1, &b)?;

    let (mut subjects, lines) = lineup::pair(&placed, &b, args.filter.as_deref())?;
    document.warnings.extend(lines);
    lineup::add_control(&mut subjects, &placed, &same);
    let mut controls = vec![SAME];
    match relinked {
        Ok(relinked) => {
            lineup::add_control(&mut subjects, &placed, &relinked);
            controls.push(RELINKED);
        }
        Err(error) => document.warnings.push(format!("no relinked control: {error:#}")),
    }
    let shipped = "built as shipped: places of functions may differ more than their speed";
    document.warnings.push(selection.deviation().unwrap_or_else(|| shipped.to_owned()));
    for row in compare(&args.contest, &subjects, &controls, &folder, &mut document)? {
        let mut row = row;
        row.details.insert("revisions".to_owned(), json!([base.0, now.0]));
        document.rows.push(row);
    }
    document.partial = args.filter.is_some() || !args.package.is_empty() || !args.bench.is_empty();
    document.subject = subject([
        ("", args.revision_a.as_deref()),
        ("with", args.revision_b.as_deref()),
        ("profile", unless("bench", &args.profile)),
        ("features", args.features.as_deref()),
        ("built", args.as_shipped.then_some("as shipped")),
    ]);
    keep(Some(&project), &document, None);
    common.print(&document, |out| table::print_comparison(&document, out))
}

/// The executables of the base, linked in another order.
fn relink(
    selection: &Selection,
    tree: &Project,
    target_dir: &Path,
    executables: &[Executable],
) -> Result<Vec<Executable>> {
    let relinked = |executable: &Executable| {
        let path = selection.relink(tree, target_dir, executable)?;
        Ok(Executable { path, ..executable.clone() })
    };
    executables.iter().map(relinked).collect()
}

impl Contest {
    /// The rule, and what may be run of rows of so many programs.
    ///
    /// # Errors
    /// When an option makes no sense, whatever the rows are.
    pub(crate) fn terms(&self, programs: usize) -> Result<(Rule, Request)> {
        let is_some = |value: f64| value.is_finite() && value > 0.0;
        if !is_some(self.least_effect) || !is_some(self.minutes) || self.minutes > 1e4 {
            let message = "--minutes (up to 10000) and --least-effect take a number above 0";
            return Err(Usage(message.to_owned()).into());
        }
        let rule = Rule { least_effect: self.least_effect / 100.0, ..Rule::default() };
        let request = Request {
            budget: Duration::from_secs_f64(self.minutes * 60.0),
            level: rule.level,
            blocks: self.blocks,
            programs,
        };
        request.check(1)?;
        Ok((rule, request))
    }
}

/// Runs the contest: judged rows. What the document is to say beside them goes there.
///
/// # Errors
/// When there is nothing to compare, a program fails, or the time does not suffice.
pub(crate) fn compare(
    contest: &Contest,
    subjects: &[Subject],
    controls: &[Control],
    folder: &Path,
    document: &mut Document,
) -> Result<Vec<crate::result::Row>> {
    if subjects.is_empty() {
        return Err(Usage("there is no row to compare".to_owned()).into());
    }
    let (rule, request) = contest.terms(2 + controls.len())?;
    let clock = || jiff::Timestamp::now().as_nanosecond() as u64;
    let seed = contest.seed.unwrap_or_else(clock);
    let scratch = folder.join("scratch");
    let settings = Settings { request, is_pinned: !contest.no_pin, seed, scratch: &scratch };
    let bar = super::is_interactive().then(|| indicatif::ProgressBar::new(0));
    let mut progress = |done: usize, all: usize| {
        if let Some(bar) = &bar {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            bar.set_message("blocks");
        }
    };
    let watch = Watch::start();
    let ran = experiment::run(subjects, &settings, &mut progress);
    document.over = Some(watch.stop());
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let ran = ran?;
    if ran.blocks < ran.plan.blocks {
        let (done, planned) = (ran.blocks, ran.plan.blocks);
        document.warnings.push(format!("the time was over after {done} of {planned} blocks"));
    }
    let mut judgement = judge(rule, subjects, &ran, controls);
    document.warnings.append(&mut judgement.warnings);
    for row in &mut judgement.rows {
        row.details.insert("seed".to_owned(), json!(seed));
        row.details.insert("run_milliseconds".to_owned(), json!(ran.plan.run.as_secs_f64() * 1e3));
        row.details.insert("pinned".to_owned(), json!(settings.is_pinned));
        row.details.insert("least_effect".to_owned(), json!(rule.least_effect));
        row.details.insert("floor".to_owned(), json!(judgement.floor));
    }
    Ok(judgement.rows)
}

/// The rows of what was run, those of stopped programs last: they are no part of the family that is corrected for.
fn judge(rule: Rule, subjects: &[Subject], ran: &Ran, controls: &[Control]) -> Judgement {
    let (mut names, mut readings, mut stopped) = (Vec::new(), Vec::new(), Vec::new());
    for (row, subject) in subjects.iter().enumerate() {
        if let Some(program) = &ran.stopped[row] {
            let of_row = &ran.readings[row];
            stopped.push(judgement::stopped_row(&subject.name, of_row, program, controls));
        } else {
            names.push(subject.name.clone());
            readings.push(ran.readings[row].clone());
        }
    }
    let mut judgement = judgement::judge_rows(rule, &names, &readings, controls);
    judgement.rows.append(&mut stopped);
    judgement
}

/// Two command lines.
fn commands(common: &Common, args: &Args, a: &str, b: &str) -> Result<Outcome> {
    let here = std::env::current_dir()?;
    let runner = |line: &str| lineup::command(line, &here);
    let name = format!("{a} | {b}");
    let programs = vec![runner(a), runner(b), runner(a)];
    let subjects = [Subject { name: name.clone(), programs }];
    contest_of_files(common, args, name, &subjects, Vec::new())
}

/// Two executables, of benches or not.
fn executables(common: &Common, args: &Args, a: &Path, b: &Path) -> Result<Outcome> {
    let here = std::env::current_dir()?;
    let executable = |path: &Path| -> Result<Executable> {
        let path = path.canonicalize().with_context(|| path.display().to_string())?;
        let harness = Harness::of(&path)?;
        let (package, target) = (String::new(), "bench".to_owned());
        Ok(Executable { package, target, directory: here.clone(), path, harness })
    };
    let of = format!("{} | {}", a.display(), b.display());
    let (a, b) = (executable(a)?, executable(b)?);
    if a.harness != b.harness {
        let message =
            "one of the two is an executable of benches, of one kind, and the other is not";
        return Err(Usage(message.to_owned()).into());
    }
    let folder = gauge_folder(common, &here)?;
    let a = [a];
    let (base, other, same) = (
        lineup::place(&folder, 0, &a)?,
        lineup::place(&folder, 1, &[b])?,
        lineup::place(&folder, SAME.program, &a)?,
    );
    if base[0].harness == Harness::Command {
        let runner = |executables: &[Executable]| lineup::runner(&executables[0], "");
        let programs = vec![runner(&base), runner(&other), runner(&same)];
        let name = a[0].path.file_name().unwrap_or_default().display().to_string();
        return contest_of_files(common, args, of, &[Subject { name, programs }], Vec::new());
    }
    let (mut subjects, lines) = lineup::pair(&base, &other, args.filter.as_deref())?;
    lineup::add_control(&mut subjects, &base, &same);
    contest_of_files(common, args, of, &subjects, lines)
}

/// A contest without sources: nothing can be relinked.
fn contest_of_files(
    common: &Common,
    args: &Args,
    of: String,
    subjects: &[Subject],
    lines: Vec<String>,
) -> Result<Outcome> {
    let here = std::env::current_dir()?;
    let folder = gauge_folder(common, &here)?;
    let mut document = Document::new("compare", Environment::observe(&here));
    document.warnings.extend(lines);
    document.warnings.push("no relinked control: these programs were not built here".to_owned());
    document.rows = compare(&args.contest, subjects, &[SAME], &folder, &mut document)?;
    document.subject = Some(of);
    document.partial = args.filter.is_some();
    keep(common.project().ok().as_ref(), &document, None);
    common.print(&document, |out| table::print_comparison(&document, out))
}

/// Where copies and what processes leave go: the project's folder, or that of temporary files.
fn gauge_folder(common: &Common, here: &Path) -> Result<PathBuf> {
    let folder = match common.project() {
        Ok(project) => project.gauge_dir().join("compare"),
        Err(_) => std::env::temp_dir().join(format!("cargo-gauge-{}", std::process::id())),
    };
    std::fs::create_dir_all(&folder)?;
    folder.canonicalize().with_context(|| here.display().to_string())
}
