//! `cargo gauge profile`: where a program's time goes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Result;
use gauge_probe::perf::Options;

use super::heap::{measured, measured_name, write_file};
use super::{Common, keep, subject, words};
use crate::environment::Environment;
use crate::outcome::Outcome;
use crate::profile::named::{Profile, Share};
use crate::profile::recording::MAX_TIMED_SAMPLES;
use crate::profile::run::{self, Ran};
use crate::profile::table::{self, Head, interval};
use crate::profile::{firefox, flame, folded};
use crate::result::{Document, Metric, Place, Row};

const EXAMPLES: &str = "\
Examples:
  cargo gauge profile -- target/release/program input.txt
  cargo gauge profile --folded stacks.txt --firefox profile.json -- sh -c 'a | b'
  cargo gauge profile my_bench                 a bench of this project, built with frame pointers

Samples the command and all that it starts, by the kernel's clock (perf_event_open; nothing else is
needed). Callers are found by frame pointers (RUSTFLAGS=-Cforce-frame-pointers=yes, C's
-fno-omit-frame-pointer). For names of functions a program needs symbols, for lines and inlined
functions debug information (debug = \"line-tables-only\" in the profile).";

/// Samples where a run spends its processor time: functions, stacks, threads
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A bench of the project, to be built and run
    bench: Option<String>,
    /// The command to run; after a BENCH, its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
    /// Samples a second of processor time
    #[arg(short = 'F', long, value_name = "HZ", default_value_t = 999, value_parser = clap::value_parser!(u32).range(1..))]
    frequency: u32,
    /// Functions to print
    #[arg(long, default_value_t = 20, value_name = "N")]
    top: usize,
    /// Count functions that were inlined as such, not as part of the one that they are in
    #[arg(long)]
    inlined: bool,
    /// Put the thread's name into the stacks of files
    #[arg(long)]
    threads: bool,
    /// Bytes of each sample's stack to look for callers in, where functions have no frame pointers
    #[arg(long, value_name = "BYTES", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(..=60_000))]
    stack: u32,
    /// Leave the kernel's own time out
    #[arg(long)]
    user: bool,
    /// Write folded stacks, a line each
    #[arg(long, value_name = "FILE")]
    folded: Option<PathBuf>,
    /// Write the flame graph there [default: target/gauge/profile.svg, in a project]
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a profile for profiler.firefox.com, with the samples' times
    #[arg(long, value_name = "FILE")]
    firefox: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When the program cannot be sampled, or a file not be written.
pub fn run(args: &Args, common: &Common) -> Result<Outcome> {
    let project = common.project();
    let command = measured("profile", args.bench.as_deref(), &args.command, &project)?;
    let root = project.as_ref().map_or(Path::new("."), |project| project.root()).to_owned();
    let mut document = Document::new("profile", Environment::observe(&root));
    let options =
        Options { frequency: args.frequency, kernel: !args.user, stack_bytes: args.stack & !7 };
    let started = SystemTime::now();
    let mut ran = run::run(&command, &options, common.json)?;
    let profile = Profile::new(std::mem::take(&mut ran.recording));
    document.warnings.extend(warnings(&profile, &ran, args));
    let of = measured_name(args.bench.as_deref(), &args.command);
    document.subject = subject([("", Some(&*of)), ("without", args.user.then_some("the kernel"))]);
    let head = Head::new(&ran, words(&command), args.frequency);
    let own = || Some(project.as_ref().ok()?.gauge_dir().join("profile.svg"));
    let graph = args.svg.clone().or_else(own);
    write_files(args, &profile, &head, graph.as_deref(), ran.began_ns, started)?;
    let shares = profile.shares(args.inlined);
    add_total(&mut document, &profile, &head);
    add_rows(&mut document, &profile, &shares);
    let picture = graph.as_deref().and_then(|path| std::fs::read_to_string(path).ok());
    keep(project.as_ref().ok(), &document, picture.as_deref());
    let warnings = document.warnings.clone();
    common.print(&document, |out| {
        table::print(&profile, &head, &shares, args.top, out)?;
        if let Some(graph) = graph {
            writeln!(out, "flame graph: {}", graph.display())?;
        }
        warnings.iter().try_for_each(|warning| Ok(writeln!(out, "note: {warning}")?))
    })
}

fn write_files(
    args: &Args,
    profile: &Profile,
    head: &Head,
    graph: Option<&Path>,
    began_ns: u64,
    started: SystemTime,
) -> Result<()> {
    if let Some(path) = graph {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        write_file(path, |out| flame::write(profile, &head.command, args.threads, out))?;
    }
    if let Some(path) = &args.folded {
        write_file(path, |out| folded::write(profile, args.threads, out))?;
    }
    if let Some(path) = &args.firefox {
        write_file(path, |out| {
            firefox::write(profile, &head.command, head.frequency, began_ns, started, out)
        })?;
    }
    Ok(())
}

fn warnings(profile: &Profile, ran: &Ran, args: &Args) -> Vec<String> {
    let recording = &profile.recording;
    let mut warnings: Vec<String> = ran.failure.iter().cloned().collect();
    let samples = recording.samples;
    if samples == 0 {
        let why = "it used less processor time than one interval, or was never run";
        warnings.push(format!("not one sample: {why}; --frequency samples more often"));
        return warnings;
    }
    if !ran.has_kernel && !args.user {
        let how = "sudo sysctl kernel.perf_event_paranoid=1";
        let what = "the kernel lets this user sample programs alone, not its own work for them";
        warnings.push(format!("{what}: shares are of the program's own time ({how})"));
    }
    let [_, cut, alone] = profile.reaches();
    if (cut + alone) * 10 > samples {
        let how = "totals of callers are too low. Build it with frame pointers \
                   (RUSTFLAGS=-Cforce-frame-pointers=yes, C's -fno-omit-frame-pointer), or copy more of \
                   its stack (--stack 16384)";
        let part = table::percent(cut + alone, samples);
        warnings.push(format!("the callers of {part} % of the samples are not all known: {how}"));
    }
    if profile.nameless() * 10 > samples {
        let part = table::percent(profile.nameless(), samples);
        warnings.push(format!(
            "{part} % of the samples are in functions without a name: strip = \"none\", or a distribution's -dbg package"
        ));
    }
    if recording.lost > 0 {
        let what = "records had no room and were lost: a lower --frequency";
        warnings.push(format!("{} {what}", recording.lost));
    }
    if recording.shortened > 0 {
        let what = "samples came when there was no more room for other stacks: their callers are not known";
        warnings.push(format!("{} {what}", recording.shortened));
    }
    if recording.throttled > 0 {
        warnings.push("the kernel sampled less at times, as it was busy with it".to_owned());
    }
    if recording.timed.len() == MAX_TIMED_SAMPLES {
        warnings.push("the timeline has the first samples alone; the table has all".to_owned());
    }
    warnings.extend(coverage(samples as f64 / f64::from(args.frequency), ran));
    warnings
}

/// Whether as much was sampled as the kernel counted.
fn coverage(sampled: f64, ran: &Ran) -> Option<String> {
    let counted = ran.cpu_seconds.filter(|seconds| *seconds > 0.2 && ran.has_kernel)?;
    let part = sampled / counted;
    let short = "processes or threads that end before their first interval have no sample";
    let open = "what runs on behind the command was sampled too";
    let why = if part < 0.9 { short } else { open };
    let text = format!(
        "the samples stand for {sampled:.2} s, the kernel counted {counted:.2} s for what ended: {why}"
    );
    (!(0.9..1.1).contains(&part)).then_some(text)
}

fn add_total(document: &mut Document, profile: &Profile, head: &Head) {
    let [whole, cut, alone] = profile.reaches();
    let mut row = Row::new("total", Metric::Samples);
    row.value = Some(profile.recording.samples as f64);
    let details = [
        ("frequency", head.frequency.into()),
        ("has_kernel", head.has_kernel.into()),
        ("elapsed_ns", head.elapsed_ns.into()),
        ("cpu_seconds", head.cpu_seconds.into()),
        ("whole_stacks", whole.into()),
        ("cut_stacks", cut.into()),
        ("without_caller", alone.into()),
        ("nameless", profile.nameless().into()),
        ("lost", profile.recording.lost.into()),
        ("throttled", profile.recording.throttled.into()),
        ("threads", threads(profile)),
    ];
    row.details.extend(details.map(|(name, value)| (name.to_owned(), value)));
    document.rows.push(row);
}

fn threads(profile: &Profile) -> serde_json::Value {
    let threads = profile.threads().into_iter().map(|(at, count)| {
        let thread = &profile.recording.threads[at];
        serde_json::json!({
            "samples": count, "thread": thread.number, "name": thread.name,
            "process": thread.process, "process_name": thread.process_name,
        })
    });
    threads.collect()
}

/// A row a function: its own samples.
fn add_rows(document: &mut Document, profile: &Profile, shares: &[Share]) {
    let samples = profile.recording.samples;
    for share in shares {
        let function = profile.function(share.function);
        let mut row = Row::new(&function.name, Metric::Samples);
        row.value = Some(share.own as f64);
        let (low, high) = interval(share.own, samples);
        let of = samples.max(1) as f64;
        let details = [
            ("object", function.object.clone().into()),
            ("share", (share.own as f64 / of).into()),
            ("share_low", low.into()),
            ("share_high", high.into()),
            ("total", share.total.into()),
            ("total_share", (share.total as f64 / of).into()),
        ];
        row.details.extend(details.map(|(name, value)| (name.to_owned(), value)));
        if let Some(((file, line), count)) = &share.line {
            row.place = Some(Place { file: file.clone(), line: *line });
            row.details.insert("line_samples".to_owned(), (*count).into());
        }
        document.rows.push(row);
    }
}
