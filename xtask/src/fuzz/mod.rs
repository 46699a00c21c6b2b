//! `cargo xtask fuzz`: builds the fuzz targets and runs them, one after the other.

mod build;
mod campaign;
mod corpus;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use build::{Nightly, Target};
use campaign::Limit;

const USAGE: &str = "\
usage: cargo xtask fuzz [--seconds N | --runs N] [--asan] [--jobs N] [--keep] [TARGET…]

Runs each target under libFuzzer, for N seconds in all or N executions each (default: 60 seconds in
all), and prints a table. Ends with 1 when one found something (the input is in fuzz/regressions),
with 2 when a target could not run for want of a nightly compiler.
  --asan    watch every target with the address sanitizer, not only those over unsafe code
  --jobs N  so many processes a target, at most 2, which share what they find
  --keep    add what reaches new code to fuzz/corpus, which `cargo test` replays
  --list    name the targets
`sql` is a target, too, if it is named: it builds DataFusion, and mutates without a fuzzer's
instruments, so that it needs no nightly compiler.";

const MISSING: &str = "\
fuzz: no target was run but `sql`, if it was named: there is no nightly compiler, which has
libFuzzer's hooks and the address sanitizer. Get one with `rustup toolchain install nightly --profile
minimal`; a C++ compiler builds libFuzzer.";

/// The exit code of a run of which a part is missing: neither fine nor a finding.
const CANNOT_RUN: u8 = 2;

/// The target that is no libFuzzer binary: `fuzz/sql`.
const SQL: &str = "sql";

struct Options {
    limit: Limit,
    jobs: u64,
    is_watched: bool,
    is_kept: bool,
    is_list: bool,
    targets: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            limit: Limit::SecondsInAll(60),
            jobs: 1,
            is_watched: false,
            is_kept: false,
            is_list: false,
            targets: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || -> Result<u64> {
                let number = arguments.next().context(USAGE)?;
                number.parse().with_context(|| format!("`{number}` is no number"))
            };
            match argument.as_str() {
                "--seconds" => options.limit = Limit::SecondsInAll(number()?),
                "--runs" => options.limit = Limit::Runs(number()?),
                "--jobs" => options.jobs = number()?.clamp(1, 2),
                "--asan" => options.is_watched = true,
                "--keep" => options.is_kept = true,
                "--list" => options.is_list = true,
                name if !name.starts_with('-') => options.targets.push(name.to_owned()),
                _ => bail!(USAGE),
            }
        }
        Ok(options)
    }
}

/// Where things stand.
struct Places {
    /// `fuzz/` of the repository.
    fuzz: PathBuf,
    /// Builds and growing corpora.
    work: PathBuf,
}

/// Runs the targets named in the arguments, or all.
///
/// # Errors
/// When the arguments make no sense, or something cannot be built, started, read or written.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let fuzz = root.join("fuzz");
    let all = build::targets(&fuzz)?;
    if options.is_list {
        all.iter().for_each(|target| println!("{}", target.name));
        return Ok(ExitCode::SUCCESS);
    }
    let mut chosen = choose(all, &options)?;
    let nightly = Nightly::find();
    let is_short = nightly.is_none() && keep_what_runs(&mut chosen);
    if is_short {
        println!("{MISSING}");
    }
    if chosen.is_empty() {
        return Ok(ExitCode::from(CANNOT_RUN));
    }
    let target_dir = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let work = target_dir.unwrap_or_else(|| root.join("target")).join("fuzz");
    let places = Places { fuzz, work };
    let binaries = build::all(root, &places, nightly.as_ref(), &chosen)?;
    campaign::print_header();
    let mut findings = 0;
    for (target, binary) in chosen.iter().zip(binaries) {
        let report = campaign::run(&places, target, &binary, &options, chosen.len() as u64)?;
        report.print(&target.name);
        findings += report.findings.len();
        if options.is_kept && report.findings.is_empty() {
            corpus::keep(&places, target, &binary)?;
        }
    }
    println!("{findings} findings");
    Ok(match findings {
        0 if is_short => ExitCode::from(CANNOT_RUN),
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Leaves the targets that need no nightly compiler; says whether there were others.
fn keep_what_runs(chosen: &mut Vec<Target>) -> bool {
    let count = chosen.len();
    chosen.retain(|target| target.name == SQL);
    chosen.len() < count
}

fn choose(all: Vec<Target>, options: &Options) -> Result<Vec<Target>> {
    for name in &options.targets {
        let is_known = name == SQL || all.iter().any(|target| target.name == *name);
        ensure!(is_known, "no target `{name}`: see cargo xtask fuzz --list");
    }
    let is_chosen = |t: &Target| options.targets.is_empty() || options.targets.contains(&t.name);
    let mut chosen: Vec<_> = all.into_iter().filter(is_chosen).collect();
    chosen.iter_mut().for_each(|target| target.is_watched |= options.is_watched);
    if options.targets.iter().any(|name| name == SQL) {
        chosen.push(Target { name: SQL.to_owned(), max_len: 160, is_watched: false });
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_of_the_harness_has_a_binary() {
        let root = crate::root();
        let harness = root.join("fuzz/harness/src/lib.rs");
        let text = std::fs::read_to_string(harness).unwrap();
        let table = text.split("TARGETS: &[Target] = &[").nth(1).unwrap();
        let table = table.split("];").next().unwrap();
        let named: Vec<_> = table.split('"').skip(1).step_by(2).collect();
        let built = build::targets(&root.join("fuzz")).unwrap();
        let built: Vec<_> = built.iter().map(|target| target.name.as_str()).collect();
        assert_eq!(built, named);
    }

    #[test]
    fn without_nightly_only_sql_runs() {
        let target = |name: &str| Target { name: name.to_owned(), max_len: 1, is_watched: false };
        let mut chosen = vec![target("log"), target(SQL)];
        assert!(keep_what_runs(&mut chosen));
        assert!(chosen.len() == 1 && chosen[0].name == SQL);
        assert!(!keep_what_runs(&mut chosen));
    }

    #[test]
    fn a_log_of_libfuzzer_is_read() {
        let log = "#2\tINITED cov: 6 ft: 7 corp: 1/1b\n#512\tNEW    cov: 60 ft: 75 corp: 9/4b\n\
                   stat::number_of_executed_units: 4096\nstat::new_units_added: 8\n";
        let report = campaign::read_log(log);
        assert_eq!((report.runs, report.cov, report.ft, report.new_units), (4096, 60, 75, 8));
    }

    #[test]
    fn packing_is_undone_by_the_harness() {
        let units: [&[u8]; 3] = [b"", b"a", &[7; 300]];
        let packed = corpus::pack(units.iter().copied());
        assert_eq!(corpus::unpack(&packed), units);
    }
}
