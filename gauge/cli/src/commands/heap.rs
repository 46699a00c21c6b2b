//! `cargo gauge heap`: where a program's memory goes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Common, keep, subject, words};
use crate::environment::Environment;
use crate::flags;
use crate::heap::profile::{Order, Profile};
use crate::heap::{dhat, html, preload, run, table};
use crate::outcome::{Outcome, Usage};
use crate::project::{Build, Project};
use crate::result::{Document, Metric, Row};

const EXAMPLES: &str = "\
Examples:
  cargo gauge heap -- target/release/program input.txt
  cargo gauge heap --html heap.html --dhat heap.json -- python3 script.py
  cargo gauge heap my_bench                 a bench of this project, built with frame pointers

Any dynamically linked program can be measured; one built with frame pointers
(RUSTFLAGS=-Cforce-frame-pointers=yes, C's -fno-omit-frame-pointer) takes tens of nanoseconds an
allocation, others some microseconds. For names of functions it needs symbols, for lines debug
information (debug = \"line-tables-only\" in the profile).";

/// Counts a run's allocations by the place that made them: peak, leaks, sizes, lifetimes, rate
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A bench of the project, to be built and run
    bench: Option<String>,
    /// The command to run; after a BENCH, its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
    /// Write a page with charts and all stacks
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write DHAT's format, for valgrind's dh_view.html
    #[arg(long, value_name = "FILE")]
    dhat: Option<PathBuf>,
    /// Places to print
    #[arg(long, default_value_t = 20, value_name = "N")]
    top: usize,
    /// What to put first
    #[arg(long, value_enum, default_value_t = Order::Peak)]
    sort: Order,
    /// Tell of the process that runs this program, not of the one that was started
    #[arg(long, value_name = "NAME")]
    child: Option<String>,
    /// The library to preload, if not the one built from the sources
    #[arg(long, value_name = "FILE")]
    preload: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When the program cannot be measured, or a file not be written.
pub fn run(args: &Args, common: &Common) -> Result<Outcome> {
    let project = common.project();
    let command = measured("heap", args.bench.as_deref(), &args.command, &project)?;
    let Some(program) = command.first() else { bail!("a command without a program") };
    let program = preload::find_program(&program.to_string_lossy())?;
    preload::check_program(&program)?;
    let library = match &args.preload {
        Some(library) => library.canonicalize().with_context(|| library.display().to_string())?,
        None => preload::library()?,
    };
    let root = project.as_ref().map_or_else(|_| PathBuf::from("."), |p| p.root().to_owned());
    let mut document = Document::new("heap", Environment::observe(&root));
    let ran = run::run(&command, &library, args.child.as_deref(), common.json)?;
    // Counts are what they are on a busy machine too.
    document.warnings = warnings(&ran);
    let mut profile = Profile::new(ran.snapshot, &library.to_string_lossy());
    profile.sort(args.sort);
    if let Some(path) = &args.html {
        write_file(path, |out| html::write(&profile, out))?;
    }
    if let Some(path) = &args.dhat {
        write_file(path, |out| dhat::write(&profile, out))?;
    }
    add_rows(&mut document, &profile, args);
    let of = measured_name(args.bench.as_deref(), &args.command);
    document.subject = subject([("", Some(&*of)), ("process", args.child.as_deref())]);
    keep(project.as_ref().ok(), &document, None);
    let warnings = document.warnings.clone();
    common.print(&document, |out| {
        table::print(&profile, args.sort, args.top, out)?;
        warnings.iter().try_for_each(|warning| Ok(writeln!(out, "note: {warning}")?))
    })
}

/// What is run, as a subject: the command, or a bench with its arguments.
pub(super) fn measured_name(bench: Option<&str>, command: &[OsString]) -> String {
    match bench {
        Some(bench) => format!("bench {bench} {}", words(command)).trim_end().to_owned(),
        None => words(command),
    }
}

/// What is to be run: the command, or a bench, which is built, with the command as its arguments.
pub(super) fn measured(
    name: &str,
    bench: Option<&str>,
    command: &[OsString],
    project: &Result<Project>,
) -> Result<Vec<OsString>> {
    let mut whole = match bench {
        Some(bench) => {
            let project = project.as_ref().map_err(|error| Usage(format!("{error:#}")))?;
            build_bench(project, bench)?
        }
        None => Vec::new(),
    };
    whole.extend(command.iter().cloned());
    if whole.is_empty() {
        let message = format!("nothing to measure: {name} -- CMD, or {name} BENCH");
        return Err(Usage(message).into());
    }
    Ok(whole)
}

/// Builds a bench as `cargo bench` does, with frame pointers and lines; the command that runs it.
fn build_bench(project: &Project, bench: &str) -> Result<Vec<OsString>> {
    let frame_pointers = ["-Cforce-frame-pointers=yes".to_owned()];
    let (mut select, mut variables) = flags::adding(&frame_pointers, project.root());
    select.extend(["--bench".to_owned(), bench.to_owned()]);
    for (key, value) in [("DEBUG", "line-tables-only"), ("STRIP", "none")] {
        variables.push((format!("CARGO_PROFILE_BENCH_{key}"), value.to_owned()));
    }
    let build = Build {
        manifest: project.root().join("Cargo.toml"),
        select,
        profile: "bench".to_owned(),
        target_dir: project.gauge_dir().join("heap"),
        variables,
        directory: None,
    };
    let executables = build.executables()?;
    let found = executables.into_iter().find(|(name, _)| name == bench);
    let (_, path) = found.with_context(|| format!("cargo built no bench `{bench}`"))?;
    Ok(vec![path.into_os_string(), "--bench".into()])
}

fn warnings(ran: &run::Ran) -> Vec<String> {
    let sites = &ran.snapshot.sites;
    let mut warnings: Vec<String> = ran.failure.iter().cloned().collect();
    warnings.extend(ran.unreadable.iter().map(|what| format!("left out: {what}")));
    if !ran.others.is_empty() {
        let names = ran.others.join(", ");
        warnings.push(format!("other processes ran as well (--child NAME tells of one): {names}"));
    }
    if sites.allocations == 0 {
        let why = "its allocator may be linked into it (jemalloc, mimalloc)";
        warnings.push(format!("not one allocation through the C library was seen: {why}"));
    }
    if sites.unwound > sites.allocations / 2 && sites.allocations > 100_000 {
        let how = "RUSTFLAGS=-Cforce-frame-pointers=yes or -fno-omit-frame-pointer makes it faster";
        warnings.push(format!("most stacks were unwound by tables: {how}"));
    }
    if sites.untracked_blocks > 0 {
        warnings.push(format!("{} blocks were not followed: no room", sites.untracked_blocks));
    }
    if sites.displaced_blocks > 0 {
        let what =
            "blocks were freed unseen, and counted as live until their memory was used again";
        warnings.push(format!("{} {what}", sites.displaced_blocks));
    }
    warnings
}

fn add_rows(document: &mut Document, profile: &Profile, args: &Args) {
    let sites = &profile.snapshot.sites;
    let mut total = |metric, value: f64| {
        let mut row = Row::new("total", metric);
        row.value = Some(value);
        document.rows.push(row);
    };
    total(Metric::Allocations, sites.allocations as f64);
    total(Metric::AllocatedBytes, sites.bytes as f64);
    total(Metric::PeakBytes, sites.peak_bytes as f64);
    if let Some(row) = document.rows.last_mut() {
        let details = [
            ("live_bytes", sites.live_bytes.into()),
            ("live_blocks", sites.live_blocks.into()),
            ("peak_at_allocation", sites.peak_at_allocation.into()),
            ("elapsed_ns", sites.elapsed_ns.into()),
            ("unwound", sites.unwound.into()),
            ("lifetimes_from", sites.lifetimes_from.clone().into()),
            ("sizes", sizes(profile)),
            ("timeline", timeline(profile)),
        ];
        row.details.extend(details.map(|(name, value)| (name.to_owned(), value)));
    }
    document.left_out = profile.sites.len().saturating_sub(args.top);
    for site in profile.sites.iter().take(args.top) {
        let counts = &site.counts;
        let mut row = Row::new(profile.place_name(site), Metric::PeakBytes);
        row.value = Some(counts.peak_bytes as f64);
        let details = [
            ("peak_blocks", counts.peak_blocks.into()),
            ("live_bytes", counts.live_bytes.into()),
            ("live_blocks", counts.live_blocks.into()),
            ("bytes", counts.bytes.into()),
            ("allocations", counts.allocations.into()),
            ("reallocations", counts.reallocations.into()),
            ("lifetime", counts.lifetime.into()),
            ("lifetimes", counts.lifetimes.clone().into()),
            ("stack", profile.stack_names(site).collect::<Vec<_>>().into()),
        ];
        row.details.extend(details.map(|(name, value)| (name.to_owned(), value)));
        document.rows.push(row);
    }
}

fn sizes(profile: &Profile) -> serde_json::Value {
    let rows = profile.snapshot.sites.sizes.iter();
    rows.map(|s| serde_json::json!([s.smallest, s.largest, s.blocks, s.bytes, s.live_blocks]))
        .collect()
}

fn timeline(profile: &Profile) -> serde_json::Value {
    let points = profile.snapshot.sites.timeline.iter();
    points.map(|p| serde_json::json!([p.at_ns, p.allocations, p.bytes, p.live_bytes])).collect()
}

pub(super) fn write_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut out = BufWriter::new(file);
    write(&mut out).and_then(|()| Ok(out.flush()?)).with_context(|| path.display().to_string())
}
