//! `cargo gauge build`: where compile time goes, dependencies that nothing names, what profile settings give.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use serde_json::json;

use super::{Common, build_matrix, keep, subject, unless};
use crate::artefact::Selection;
use crate::bench::experiment::Watch;
use crate::build::timings::Timings;
use crate::build::unused::{self, Scan};
use crate::environment::Environment;
use crate::outcome::{Outcome, Usage};
use crate::project::Project;
use crate::result::{Document, Metric, Row, Verdict};

const EXAMPLES: &str = "\
Examples:
  cargo gauge build -p my-crate              where a build from nothing spends its time
  cargo gauge build --unused                 dependencies that nothing names; builds nothing
  cargo gauge build --matrix -p my-crate --bin tool -- input.txt
                                             build time, size and speed of `tool input.txt`
  cargo gauge build --matrix --pgo --lto fat -p my-crate -- sh -c 'rm -rf out; {bin} input.txt out'
                                             one setting and a trained program; {bin} is the program

It builds in target/gauge/build, from nothing, and leaves the project's own target folder alone.";

/// Where compile time goes, unused dependencies; build time, size and speed by profile settings
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Scan for unused dependencies only
    #[arg(long, conflicts_with = "matrix")]
    unused: bool,
    /// Exit with 1 if a dependency is unused
    #[arg(long, conflicts_with = "matrix")]
    deny_unused: bool,
    /// Units to print
    #[arg(long, default_value_t = 15, value_name = "N")]
    top: usize,
    /// Build one binary under several settings of its profile
    #[arg(long)]
    matrix: bool,
    #[command(flatten)]
    pub(super) matrix_args: build_matrix::MatrixArgs,
}

/// Runs it.
///
/// # Errors
/// When something does not build, or cargo's data has another form.
pub(crate) fn run(args: &Args, common: &Common) -> Result<Outcome> {
    let project = common.project()?;
    if args.matrix {
        return build_matrix::run(args, &project, common);
    }
    if !args.matrix_args.is_default() {
        return Err(Usage("settings and a command belong to --matrix".to_owned()).into());
    }
    let mut document = Document::new("build", Environment::observe(project.root()));
    let built =
        if args.unused { None } else { Some(build(args, &project, common, &mut document)?) };
    let manifest = common.manifest_path.as_deref();
    let scan = unused::scan(manifest, args.selection.package.as_deref())?;
    if args.unused {
        // Nothing was timed.
        document.warnings.clear();
    }
    document.warnings.extend(scan.warnings.iter().cloned());
    if !scan.unread.is_empty() {
        let files: Vec<String> =
            scan.unread.iter().map(|file| file.display().to_string()).collect();
        document
            .warnings
            .push(format!("not read, so what they name is not known: {}", files.join(", ")));
    }
    add_rows(&mut document, built.as_ref(), &scan, args.deny_unused);
    let selection = &args.selection;
    document.subject = subject([
        ("", args.unused.then_some("unused dependencies")),
        ("", selection.package.as_deref()),
        ("bin", selection.bin.as_deref()),
        ("example", selection.example.as_deref()),
        ("profile", unless("release", &selection.profile)),
        ("features", selection.features.as_deref()),
        ("without", selection.no_default_features.then_some("default features")),
    ]);
    keep(Some(&project), &document, None);
    let warnings = document.warnings.clone();
    common.print(&document, |out| {
        if let Some(built) = &built {
            print_timings(built, args.top, out)?;
        }
        print_unused(&scan, out)?;
        warnings.iter().try_for_each(|warning| Ok(writeln!(out, "note: {warning}")?))
    })
}

/// A build and what it took of the processors.
struct Built {
    timings: Timings,
    /// Seconds of processors' time of cargo and all it ran, if the system tells.
    busy: Option<f64>,
}

/// Builds from nothing, with cargo's own timings.
fn build(
    args: &Args,
    project: &Project,
    common: &Common,
    document: &mut Document,
) -> Result<Built> {
    let folder = project.gauge_dir().join("build").join("timings");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--timings"]).arg("--target-dir").arg(&folder);
    command.args(["--profile", &args.selection.profile]).args(select(&args.selection));
    if let Some(manifest) = &common.manifest_path {
        command.arg("--manifest-path").arg(manifest);
    }
    if !super::is_interactive() {
        command.arg("--quiet");
    }
    let (watch, before) = (Watch::start(), children_seconds());
    // Cargo's standard output belongs to nobody's result.
    let status = command.stdout(Stdio::null()).status().context("cannot run cargo")?;
    document.over = Some(watch.stop());
    if !status.success() {
        bail!("cargo failed: see above");
    }
    let busy = before.zip(children_seconds()).map(|(before, after)| after - before);
    let page = folder.join("cargo-timings/cargo-timing.html");
    let page = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let timings = Timings::parse(&page)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(Built { timings, busy })
}

/// What cargo is told to build.
pub(super) fn select(selection: &Selection) -> Vec<String> {
    let pairs = [
        ("-p", &selection.package),
        ("--bin", &selection.bin),
        ("--example", &selection.example),
        ("--features", &selection.features),
    ];
    let chosen =
        pairs.into_iter().filter_map(|(key, value)| Some([key.to_owned(), value.clone()?]));
    let mut select: Vec<String> = chosen.flatten().collect();
    if selection.no_default_features {
        select.push("--no-default-features".to_owned());
    }
    select
}

/// Seconds of processors' time of all processes that this one has waited for, and theirs.
fn children_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything; after it come state, ppid … cutime is the 14th, cstime the 15th.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(13);
    let ticks: f64 = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks / rustix::param::clock_ticks_per_second() as f64)
}

fn add_rows(document: &mut Document, built: Option<&Built>, scan: &Scan, is_denied: bool) {
    if let Some(built) = built {
        time(document, "total/wall".to_owned(), built.timings.wall());
        time(document, "total/units".to_owned(), built.timings.total());
        if let Some(busy) = built.busy {
            time(document, "total/processors".to_owned(), busy);
        }
        let path = built.timings.critical_path();
        for unit in &built.timings.units {
            let link = path.iter().find(|link| link.unit == unit);
            let index = time(document, format!("unit/{}", unit.title()), unit.duration);
            let details = [
                ("start_seconds", json!(unit.start)),
                ("codegen_seconds", json!(unit.codegen())),
                ("is_build_script_run", json!(unit.is_script())),
                ("critical_seconds", json!(link.map(|link| link.held))),
                ("waited_seconds", json!(link.map(|link| link.waited))),
            ];
            let row = &mut document.rows[index].details;
            row.extend(details.map(|(name, value)| (name.to_owned(), value)));
        }
    }
    for finding in &scan.findings {
        let name = format!("unused/{}/{}", finding.package, finding.dependency);
        let mut row = Row::new(name, Metric::Dependency);
        row.note = format!("[{}] {}", finding.table, finding.fault.text());
        row.verdict = is_denied.then_some(Verdict::Fail);
        document.rows.push(row);
    }
}

fn time(document: &mut Document, name: String, seconds: f64) -> usize {
    let mut row = Row::new(name, Metric::Time);
    row.value = Some(seconds * 1e9);
    document.rows.push(row);
    document.rows.len() - 1
}

fn print_timings(built: &Built, top: usize, out: &mut dyn Write) -> Result<()> {
    let timings = &built.timings;
    let (wall, total) = (timings.wall(), timings.total());
    writeln!(out, "{} units in {wall:.1} s", timings.units.len())?;
    writeln!(out, "  units together   {total:.1} s, {:.1} at a time", total / wall.max(1e-9))?;
    if let Some(busy) = built.busy {
        writeln!(
            out,
            "  processors' time {busy:.1} s, {:.1} busy on average",
            busy / wall.max(1e-9)
        )?;
    }
    if let Some(share) = timings.codegen_share() {
        writeln!(out, "  generating code  {:.0} % of compiling", share * 100.0)?;
    }
    let mut table = new_table(&["seconds", "share", "codegen", "unit"]);
    for unit in timings.units.iter().take(top) {
        let share = format!("{:.1} %", unit.duration * 100.0 / total.max(1e-9));
        let codegen =
            unit.codegen().map(|c| format!("{:.0} %", c * 100.0 / unit.duration.max(1e-9)));
        let codegen = codegen.unwrap_or_else(|| "-".to_owned());
        table.add_row([format!("{:.1}", unit.duration), share, codegen, unit.title()]);
    }
    align(&mut table, 3);
    writeln!(out, "\n{table}")?;
    let hidden = timings.units.len().saturating_sub(top);
    if hidden > 0 {
        writeln!(out, "{hidden} more units: --top {}", timings.units.len())?;
    }
    writeln!(out, "\nThe build's end waited for, in this order:")?;
    let path = timings.critical_path();
    let mut table = new_table(&["begins", "waited", "held", "unit"]);
    for link in &path {
        let seconds = |seconds: f64| format!("{seconds:.1}");
        table.add_row([
            seconds(link.unit.start),
            seconds(link.waited),
            seconds(link.held),
            link.unit.title(),
        ]);
    }
    align(&mut table, 3);
    writeln!(out, "\n{table}")?;
    let waited: f64 = path.iter().map(|link| link.waited).sum();
    writeln!(
        out,
        "Of these {wall:.1} s, {:.1} are the chain's own and {waited:.1} it waited for a processor.\n",
        wall - waited
    )?;
    Ok(())
}

fn print_unused(scan: &Scan, out: &mut dyn Write) -> Result<()> {
    if scan.findings.is_empty() {
        writeln!(out, "All of {} dependencies are named somewhere.", scan.dependencies)?;
        return Ok(());
    }
    writeln!(out, "{} of {} dependencies:", scan.findings.len(), scan.dependencies)?;
    let mut table = new_table(&["package", "dependency", "table", ""]);
    for finding in &scan.findings {
        let text = finding.fault.text();
        table.add_row([&finding.package, &finding.dependency, finding.table, text]);
    }
    writeln!(out, "\n{table}")?;
    writeln!(
        out,
        "Sources were scanned: what only another crate's macro names is listed too, and what is there for\n\
         its features alone; list those in [package.metadata.cargo-machete] ignored = [\"…\"]."
    )?;
    Ok(())
}

pub(super) fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_header(header.to_vec());
    table
}

pub(super) fn align(table: &mut Table, columns: usize) {
    for column in table.column_iter_mut().take(columns) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}
