//! One target under libFuzzer, and what came of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use super::build::Target;
use super::{Options, Places, corpus};

/// How long to fuzz.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    SecondsInAll(u64),
    Runs(u64),
}

/// An input may take this long, and the process this much memory.
const MAX_SECONDS: u64 = 10;
const MAX_MIB: u64 = 2048;

/// What a target did.
#[derive(Default)]
pub(super) struct Report {
    pub(super) runs: u64,
    pub(super) seconds: f64,
    /// Edges, and features (edges by how often they were taken).
    pub(super) cov: u64,
    pub(super) ft: u64,
    pub(super) new_units: u64,
    /// What was found: what the process said at its end.
    pub(super) findings: Vec<String>,
    /// The inputs that found it, and where they were put.
    inputs: Vec<String>,
}

pub(super) fn print_header() {
    println!(
        "{:<12} {:>12} {:>9} {:>7} {:>7} {:>6} {:>9}",
        "target", "executions", "exec/s", "cov", "ft", "new", "findings"
    );
}

impl Report {
    pub(super) fn print(&self, name: &str) {
        let rate = self.runs as f64 / self.seconds.max(1e-3);
        let Self { runs, cov, ft, new_units, .. } = self;
        let findings = self.findings.len();
        println!("{name:<12} {runs:>12} {rate:>9.0} {cov:>7} {ft:>7} {new_units:>6} {findings:>9}");
        self.findings.iter().chain(&self.inputs).for_each(|line| println!("    {line}"));
    }
}

/// Fuzzes a target, one of `targets`.
pub(super) fn run(
    places: &Places,
    target: &Target,
    binary: &Path,
    options: &Options,
    targets: u64,
) -> Result<Report> {
    let (grown, kept) = corpus::folders(places, target)?;
    let findings = places.fuzz.join("regressions").join(&target.name);
    std::fs::create_dir_all(&findings)?;
    let before = names(&findings);
    let start = Instant::now();
    let mut children = Vec::new();
    for job in 0..options.jobs {
        let log = places.work.join(format!("{}-{job}.log", target.name));
        let mut command = Command::new(binary);
        command.arg(format!("-max_len={}", target.max_len));
        command.arg(format!("-timeout={MAX_SECONDS}"));
        command.arg(format!("-rss_limit_mb={MAX_MIB}"));
        command.args(["-print_final_stats=1", "-detect_leaks=0"]);
        // To weigh inputs by how rare their features are costs a fifth of the speed; to look for what
        // other processes found is of use only where there are any.
        command.args(["-entropic=0", if options.jobs > 1 { "-reload=1" } else { "-reload=0" }]);
        // The engine's threads share no work then: less waiting, and a run is the same each time.
        command.env("RAYON_NUM_THREADS", "1");
        command.arg(match options.limit {
            Limit::SecondsInAll(seconds) => {
                format!("-max_total_time={}", (seconds / targets).max(1))
            }
            Limit::Runs(runs) => format!("-runs={}", runs.div_ceil(options.jobs)),
        });
        command.arg(format!("-artifact_prefix={}/", findings.display())).arg(&grown).arg(&kept);
        command.env("ASAN_OPTIONS", "detect_odr_violation=0:allocator_may_return_null=1");
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let child = command.spawn().with_context(|| format!("could not start {}", target.name))?;
        children.push((child, log));
    }
    let mut report = Report::default();
    for (child, log) in children {
        report.add(child, &log)?;
    }
    report.seconds = start.elapsed().as_secs_f64();
    let is_input = |name: &String| !before.contains(name) && !name.starts_with("slow-unit");
    for name in names(&findings).into_iter().filter(is_input) {
        // In full: where a machine is gone after the run, so is the file.
        let bytes = std::fs::read(findings.join(&name)).unwrap_or_default();
        let bytes = bytes.escape_ascii();
        report.inputs.push(format!("fuzz/regressions/{}/{name}: b\"{bytes}\"", target.name));
    }
    // Stays only with something in it.
    let _ = std::fs::remove_dir(&findings);
    Ok(report)
}

impl Report {
    fn add(&mut self, mut child: Child, log: &PathBuf) -> Result<()> {
        let status = child.wait()?;
        let bytes = std::fs::read(log).with_context(|| log.display().to_string())?;
        let text = String::from_utf8_lossy(&bytes);
        let one = read_log(&text);
        self.runs += one.runs;
        self.new_units += one.new_units;
        (self.cov, self.ft) = (self.cov.max(one.cov), self.ft.max(one.ft));
        if !status.success() {
            let said = text.lines().skip_while(|line| !line.contains("panicked at"));
            let said: Vec<String> =
                said.take(2).map(|line| line.chars().take(300).collect()).collect();
            let said: String = if said.is_empty() { status.to_string() } else { said.join(" ") };
            self.findings.push(format!("{said} ({})", log.display()));
        }
        Ok(())
    }
}

/// What a log of libFuzzer says.
pub(super) fn read_log(text: &str) -> Report {
    let mut report = Report::default();
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let number = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1)?.parse::<u64>().ok()
        };
        if line.starts_with('#') {
            report.cov = number("cov:").unwrap_or(report.cov);
            report.ft = number("ft:").unwrap_or(report.ft);
        }
        report.runs = number("stat::number_of_executed_units:").unwrap_or(report.runs);
        report.new_units = number("stat::new_units_added:").unwrap_or(report.new_units);
    }
    report
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
