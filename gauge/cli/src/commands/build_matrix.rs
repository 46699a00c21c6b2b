//! `cargo gauge build --matrix`.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::build::{Args, align, new_table, select};
use super::{Common, keep};
use crate::bench::experiment::{self, Settings, Subject, Watch, Why};
use crate::bench::order::log_ratio;
use crate::bench::plan::{Request, enough_blocks};
use crate::build::matrix::{Axes, Builder, Built, Variant, runner};
use crate::environment::Environment;
use crate::outcome::{Outcome, Usage};
use crate::project::{Build, Project};
use crate::result::{Document, Metric, Row};
use crate::stats::median;
use crate::stats::verdict::{Comparison, Rule, judge};

/// What `--matrix` takes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct MatrixArgs {
    /// Values of opt-level, by commas: 0, 1, 2, 3, s, z
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    opt_level: Vec<String>,
    /// Values of lto: off, thin, fat
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    lto: Vec<String>,
    /// Values of codegen-units
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    codegen_units: Vec<u32>,
    /// Values of panic: unwind, abort
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    panic: Vec<String>,
    /// Values of -Ctarget-cpu: x86-64-v3, native
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    target_cpu: Vec<String>,
    /// Profile-guided optimisation as well: the command trains it
    #[arg(long)]
    pgo: bool,
    /// Nothing but the profile and PGO
    #[arg(long, requires = "pgo")]
    only_pgo: bool,
    /// Blocks of runs, each two of every variant [default: enough for a verdict, 14 for three settings]
    #[arg(long, value_name = "N")]
    blocks: Option<usize>,
    /// What the binary is to do: its arguments, or a command with {bin} in it; run in turn and timed
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

impl MatrixArgs {
    /// Whether nothing of it was given.
    pub(super) fn is_default(&self) -> bool {
        let axes = self.axes();
        axes == Axes::default() && !self.pgo && self.blocks.is_none() && self.command.is_empty()
    }

    fn axes(&self) -> Axes {
        Axes {
            opt_levels: self.opt_level.clone(),
            ltos: self.lto.clone(),
            codegen_units: self.codegen_units.clone(),
            panics: self.panic.clone(),
            target_cpus: self.target_cpu.clone(),
        }
    }

    fn variants(&self) -> Vec<Variant> {
        let mut variants =
            if self.only_pgo { vec![Variant::default()] } else { self.axes().variants() };
        if self.pgo {
            variants.push(Variant { is_pgo: true, ..Variant::default() });
        }
        variants
    }
}

/// How fast a variant is.
struct Speed {
    /// Nanoseconds a run.
    samples: Vec<f64>,
    /// Beside the profile as it is; absent for that itself.
    comparison: Option<Comparison>,
}

/// Builds all variants, runs them in turn.
///
/// # Errors
/// When none builds, or the command fails.
pub(super) fn run(args: &Args, project: &Project, common: &Common) -> Result<Outcome> {
    let matrix = &args.matrix_args;
    if matrix.pgo && matrix.command.is_empty() {
        return Err(Usage("--pgo needs a command to train with: -- CMD".to_owned()).into());
    }
    let mut document = Document::new("build", Environment::observe(project.root()));
    let package = args.selection.package(project, common.manifest_path.as_deref())?;
    let mut chosen = select(&args.selection);
    if args.selection.package.is_none() {
        chosen.extend(["-p".to_owned(), package.id.repr.clone()]);
    }
    let base = Build {
        manifest: package.manifest_path.clone().into_std_path_buf(),
        select: chosen,
        profile: args.selection.profile.clone(),
        ..Build::default()
    };
    let folder = project.gauge_dir().join("build");
    std::fs::create_dir_all(&folder)?;
    let binary = args.selection.bin.as_deref().or(args.selection.example.as_deref());
    let builder = Builder {
        base: &base,
        binary,
        root: project.root(),
        folder: &folder,
        command: &matrix.command,
    };
    let watch = Watch::start();
    let built = build_all(&builder, &matrix.variants(), &mut document)?;
    let timed = match matrix.command.is_empty() {
        true => Ok(Vec::new()),
        false => time_all(matrix, &built, &folder),
    };
    // What was built is told all the same.
    let (speeds, failure) = match timed {
        Ok(speeds) => (speeds, None),
        Err(error) if error.is::<Usage>() => return Err(error),
        Err(error) => (Vec::new(), Some(error.context("the command was not timed"))),
    };
    document.over = Some(watch.stop());
    add_rows(&mut document, &built, &speeds);
    document.warnings.extend(failure.iter().map(|error| format!("{error:#}")));
    document.subject = Some(format!("settings: {} {}", package.name, matrix.command.join(" ")));
    keep(Some(project), &document, None);
    let warnings = document.warnings.clone();
    let outcome = common.print(&document, |out| {
        print(&built, &speeds, out)?;
        warnings.iter().try_for_each(|warning| Ok(writeln!(out, "note: {warning}")?))
    })?;
    failure.map_or(Ok(outcome), Err)
}

/// Builds what can be built; what cannot is a warning, unless it is the profile as it is.
fn build_all(
    builder: &Builder<'_>,
    variants: &[Variant],
    document: &mut Document,
) -> Result<Vec<Built>> {
    let mut built = Vec::new();
    for (index, variant) in variants.iter().enumerate() {
        eprintln!("building {} of {}: {}", index + 1, variants.len(), variant.name());
        match builder.build(index, variant) {
            Ok(one) => built.push(one),
            Err(error) if index == 0 => return Err(error).context(variant.name()),
            Err(error) => document.warnings.push(format!("{}: {error:#}", variant.name())),
        }
    }
    Ok(built)
}

/// Runs the command with each, and with the first once more from another file: what that one differs by is noise.
fn time_all(matrix: &MatrixArgs, built: &[Built], folder: &std::path::Path) -> Result<Vec<Speed>> {
    let again = folder.join("programs").join("again");
    std::fs::create_dir_all(&again)?;
    let again = again.join(built[0].program.file_name().context("a program without a name")?);
    std::fs::copy(&built[0].program, &again)?;
    let files = built.iter().map(|built| &built.program).chain([&again]);
    let programs: Vec<_> =
        files.map(|file| runner(&matrix.command, file)).collect::<Result<_>>()?;
    let rule = Rule::default();
    let request = Request {
        budget: Duration::ZERO,
        level: rule.level,
        blocks: Some(matrix.blocks.unwrap_or_else(|| enough_blocks(rule.level, built.len()))),
        programs: programs.len(),
    };
    // Each program but the first is compared with the first.
    request.check(built.len())?;
    let seed = jiff::Timestamp::now().as_nanosecond() as u64;
    let scratch = folder.join("scratch");
    // A program may use all processors.
    let settings = Settings { request, is_pinned: false, seed, scratch: &scratch };
    let bar = super::is_interactive().then(|| indicatif::ProgressBar::new(0));
    let mut progress = |done: usize, all: usize| {
        if let Some(bar) = &bar {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        }
    };
    let subject = Subject { name: "matrix".to_owned(), programs };
    let ran = experiment::run(&[subject], &settings, &mut progress);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let ran = ran?;
    if let Some(stopped) = &ran.stopped[0] {
        let name = match built.get(stopped.program) {
            Some(built) => built.variant.name(),
            None => "the same again".to_owned(),
        };
        match &stopped.why {
            Why::Late(after) => bail!("{name}: the command took more than {after:.0?}"),
            Why::Failed(said) => bail!("{name}: {said}"),
        }
    }
    let times: Vec<Vec<[f64; 2]>> = ran.readings[0]
        .iter()
        .map(|blocks| blocks.iter().map(|block| block.map(|r| r.nanoseconds)).collect())
        .collect();
    let ratios = times[1..].iter().map(|blocks| {
        let pairs = times[0].iter().zip(blocks);
        pairs.map(|(base, program)| log_ratio(*base, *program)).collect::<Vec<_>>()
    });
    let comparisons = judge(rule, &ratios.collect::<Vec<_>>(), &[]);
    let comparisons = [None].into_iter().chain(comparisons.into_iter().map(Some));
    let speed = |(blocks, comparison): (&Vec<[f64; 2]>, _)| Speed {
        samples: blocks.iter().flatten().copied().collect(),
        comparison,
    };
    Ok(times.iter().zip(comparisons).map(speed).collect())
}

fn add_rows(document: &mut Document, built: &[Built], speeds: &[Speed]) {
    for built in built {
        let name = built.variant.name();
        add(document, format!("{name}/build"), Metric::Time, built.seconds * 1e9);
        add(document, format!("{name}/size"), Metric::Size, built.bytes as f64);
    }
    let names = built.iter().map(|built| built.variant.name()).chain(["the same again".to_owned()]);
    for (name, speed) in names.zip(speeds) {
        let index = add(document, format!("{name}/run"), Metric::Time, median(&speed.samples));
        let row = &mut document.rows[index];
        row.samples.clone_from(&speed.samples);
        if let Some(comparison) = &speed.comparison {
            // Told, not judged: a slower variant is no regression of anything.
            row.note = comparison.verdict.word().to_lowercase();
            row.details.insert("ratio".to_owned(), json!(comparison.ratio));
            row.details.insert("interval".to_owned(), json!(comparison.interval));
            row.details.insert("p_adjusted".to_owned(), json!(comparison.adjusted));
        }
    }
}

fn add(document: &mut Document, name: String, metric: Metric, value: f64) -> usize {
    let mut row = Row::new(name, metric);
    row.value = Some(value);
    document.rows.push(row);
    document.rows.len() - 1
}

fn print(built: &[Built], speeds: &[Speed], out: &mut dyn Write) -> Result<()> {
    let mut header = vec!["build", "size"];
    if !speeds.is_empty() {
        header.extend(["run", "beside the first", "95 %", ""]);
    }
    header.push("settings");
    let mut table = new_table(&header);
    let names =
        built.iter().map(|built| built.variant.name()).chain(["the first, again".to_owned()]);
    let rows = built.len() + usize::from(!speeds.is_empty());
    for (index, name) in names.enumerate().take(rows) {
        let made = built.get(index);
        let dash = || "-".to_owned();
        let mut row = vec![
            made.map_or_else(dash, |built| format!("{:.1} s", built.seconds)),
            made.map_or_else(dash, |built| format!("{:.2} MB", built.bytes as f64 / 1e6)),
        ];
        if let Some(speed) = speeds.get(index) {
            row.push(format!("{:.1} ms", median(&speed.samples) / 1e6));
            row.extend(compared(speed.comparison.as_ref()));
        }
        row.push(name);
        table.add_row(row);
    }
    align(&mut table, if speeds.is_empty() { 2 } else { 5 });
    writeln!(out, "{table}")?;
    if !speeds.is_empty() {
        writeln!(
            out,
            "Runs in turn; wall time, medians. `slower` and `faster`: a signed-rank test over blocks (level 1 %, Holm)\n\
             and an effect above 1.5 % both say so. The last row is the first's file copied: its difference is noise."
        )?;
    }
    Ok(())
}

fn compared(comparison: Option<&Comparison>) -> [String; 3] {
    use crate::result::Verdict;
    let Some(comparison) = comparison else { return Default::default() };
    let percent = |ratio: f64| format!("{:+.1} %", (ratio - 1.0) * 100.0);
    let interval =
        comparison.interval.map(|(low, high)| format!("{} … {}", percent(low), percent(high)));
    let word = match comparison.verdict {
        Verdict::Improved => "faster",
        Verdict::Regressed => "slower",
        Verdict::Equal => "equal",
        _ => "inconclusive",
    };
    [percent(comparison.ratio), interval.unwrap_or_else(|| "-".to_owned()), word.to_owned()]
}
