//! `cargo gauge report`: what the other commands found, as one HTML page, with history.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::{Common, is_interactive};
use crate::environment::Environment;
use crate::outcome::{Outcome, Usage};
use crate::project::Project;
use crate::report::units::minute;
use crate::report::{Breach, Report, page};
use crate::result::Document;
use crate::result::kept::Results;

const EXAMPLES: &str = "\
Examples:
  cargo gauge report                            a page of what was measured so far
  cargo gauge report --run check,bench,size     measure these first
  cargo gauge report --add ci/*.json            with results that --json wrote elsewhere
  cargo gauge report --json                     the newest figures, each with its history

All commands but asm keep what they find in target/gauge/results, the last 200 runs about one thing and
2000 in all, the first 1000 rows of each: nothing else is needed to have a history. `cargo clean` forgets
it; keep the folder, or the files of --json, where it should last.";

/// What all commands found, as one HTML page, with history
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Run these first, as they run without arguments, by commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "COMMANDS")]
    run: Vec<Runnable>,
    /// Keep these results too: files that --json wrote
    #[arg(long, value_name = "FILE", num_args = 1..)]
    add: Vec<PathBuf>,
    /// Write the page there [default: target/gauge/report.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show at most so many runs of each command
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    last: u16,
}

/// Commands that need no arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Runnable {
    Check,
    Bench,
    Size,
    Layout,
    Build,
    Caches,
}

/// Runs it.
///
/// # Errors
/// When a file cannot be read or written. A command that fails is told on the page.
pub(super) fn run(args: &Args, common: &Common) -> Result<Outcome> {
    let project = common.project()?;
    let results = Results::of(&project);
    // What cannot be read is said before anything is measured.
    let added: Vec<Document> = args.add.iter().map(read).collect::<Result<_>>()?;
    added.iter().try_for_each(|document| results.keep(document, None))?;
    let mut problems = Vec::new();
    for command in &args.run {
        problems.extend(run_first(*command, common)?);
    }
    let failed = !problems.is_empty();
    let kept = results.read()?;
    let environment = Environment::observe(project.root());
    let mut report = Report::new(&name(&project), environment, kept, usize::from(args.last));
    report.problems.extend(problems);
    let path = args.out.clone().unwrap_or_else(|| project.gauge_dir().join("report.html"));
    let mut text = Vec::new();
    page::write(&report, &mut text)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    common.print(&report.document(), |out| {
        print(&report, out)?;
        Ok(writeln!(out, "page: {}", path.display())?)
    })?;
    // A breach closes the gate of its own command, not that of a page about it.
    Ok(if failed { Outcome::Breach } else { Outcome::Done })
}

fn read(path: &PathBuf) -> Result<Document> {
    let place = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(place)?;
    let document = Document::read_json(&text)
        .with_context(|| format!("{} is no result of --json", place()))?;
    if document.command == "report" {
        return Err(Usage(format!("{} is a report, which holds others' results", place())).into());
    }
    Ok(document)
}

/// Runs a command for what it keeps; what it prints is on the page. What went wrong, if something did.
fn run_first(command: Runnable, common: &Common) -> Result<Option<String>> {
    let value = command.to_possible_value();
    let name = value.as_ref().map_or("", |value| value.get_name());
    let mut child = Command::new(std::env::current_exe().context("this program")?);
    child.arg(name).stdout(Stdio::null());
    if let Some(manifest) = &common.manifest_path {
        child.arg("--manifest-path").arg(manifest);
    }
    if is_interactive() {
        eprintln!("cargo gauge {name}");
    }
    let status = child.status().with_context(|| format!("cargo gauge {name}"))?;
    Ok(match status.code() {
        Some(0) => None,
        Some(1) => Some(format!("`cargo gauge {name}` failed, or found something broken")),
        _ => Some(format!(
            "`cargo gauge {name}` could not be run ({status}): it needs arguments here, or what it said above"
        )),
    })
}

/// The package of the root, or the root's folder.
fn name(project: &Project) -> String {
    let root = project.root().join("Cargo.toml");
    let package = project.metadata.packages.iter().find(|p| p.manifest_path.as_std_path() == root);
    let folder = || project.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
    package.map_or_else(folder, |package| package.name.to_string())
}

fn print(report: &Report, out: &mut dyn Write) -> Result<()> {
    for section in &report.sections {
        let runs = match section.runs.len() {
            1 => String::new(),
            runs => format!(", {runs} runs"),
        };
        let last = minute(&section.last().started);
        writeln!(out, "{}: {} rows, last {last}{runs}", section.name(), section.current().count())?;
    }
    for Breach { row, verdict, by, started } in report.breaches() {
        let at = minute(started);
        writeln!(out, "{}  {}  {}  ({by}, {at})", verdict.word(), row.name, row.note)?;
    }
    for problem in &report.problems {
        writeln!(out, "note: {problem}")?;
    }
    if !report.missing.is_empty() {
        let names: Vec<&str> = report.missing.iter().map(|(name, _)| *name).collect();
        writeln!(out, "never run: {}", names.join(", "))?;
    }
    Ok(())
}
