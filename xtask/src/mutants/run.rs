//! The mutated copy of the tree: making, building, running it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{Mutation, render};

/// A mutation that makes a test run longer than this hangs, and is caught.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Memory of a test, in KiB of address space: a bound that is gone may ask for all there is.
const MAX_MEMORY_KIB: u32 = 6 << 20;
const VARIABLE: &str = "TIDEMILL_MUTATION";

/// What every mutated crate gets. `u32::MAX`: no mutation.
const QUESTION: &str = r#"
#[allow(dead_code)]
fn mutated(number: u32) -> bool {
    static NUMBER: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    let read = || std::env::var("TIDEMILL_MUTATION").ok().and_then(|n| n.parse().ok());
    *NUMBER.get_or_init(|| read().unwrap_or(u32::MAX)) == number
}
"#;

/// A program of tests of a package.
#[derive(Clone, Debug)]
struct Suite {
    package: String,
    /// `lib`, or the name of the integration test.
    name: String,
    program: PathBuf,
    dir: PathBuf,
    took: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// By which test.
    Caught(String),
    TimedOut(String),
    Survived,
}

/// Builds the mutated tree and runs what is `wanted` of the mutations.
///
/// # Errors
/// When it does not build, or its tests fail without a mutation.
pub(super) fn run(
    root: &Path,
    mutations: &[Mutation],
    wanted: &[usize],
    jobs: usize,
) -> Result<ExitCode> {
    let started = Instant::now();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    // Another folder than that of the tree itself: cargo takes the one's builds for the other's.
    let (tree, target) = (target.join("mutants/tree"), target.join("mutants/target"));
    copy(root, &tree, mutations)?;
    let packages: BTreeSet<String> = wanted.iter().map(|at| mutations[*at].package()).collect();
    let mut suites = build(&tree, &target, &packages)?;
    println!("built in {:.0} s", started.elapsed().as_secs_f64());
    for suite in &mut suites {
        let start = Instant::now();
        let outcome = run_suite(suite, None)?;
        suite.took = start.elapsed();
        let Suite { package, name, .. } = suite;
        ensure!(outcome == Outcome::Survived, "{package}, {name}: fails unmutated: {outcome:?}");
    }
    // Most mutations fall to the quick ones.
    suites.sort_by_key(|suite| suite.took);
    let results = run_all(mutations, wanted, &suites, jobs)?;
    let (mut survivors, mut timed_out) = (0, 0);
    for (at, outcome, took) in &results {
        let name = &mutations[*at].name;
        let what = match outcome {
            Outcome::Caught(by) => format!("caught by {by}"),
            Outcome::TimedOut(by) => format!("timed out in {by}"),
            Outcome::Survived => "SURVIVED".to_owned(),
        };
        survivors += usize::from(*outcome == Outcome::Survived);
        timed_out += usize::from(matches!(outcome, Outcome::TimedOut(_)));
        println!("{name:44} {:6.1} s  {what}", took.as_secs_f64());
    }
    println!(
        "{} mutations: {} caught ({timed_out} of them hung), {survivors} survived; {:.0} s in all",
        results.len(),
        results.len() - survivors,
        started.elapsed().as_secs_f64()
    );
    Ok(if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Copies the files git knows and those it does not ignore, with the mutations in them. What is
/// there already and the same is left alone, so that it is not built again.
fn copy(root: &Path, tree: &Path, mutations: &[Mutation]) -> Result<()> {
    let output = Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git ls-files")?;
    ensure!(output.status.success(), "git ls-files failed");
    let mut by_file: BTreeMap<&str, Vec<(usize, &Mutation)>> = BTreeMap::new();
    for (number, mutation) in mutations.iter().enumerate() {
        by_file.entry(&mutation.file).or_default().push((number, mutation));
    }
    let roots: BTreeSet<String> =
        by_file.keys().filter_map(|file| file.split_once("/src/")).map(lib_of).collect();
    let names = String::from_utf8(output.stdout)?;
    let is_source = |name: &&str| name.starts_with("crates/") || !name.ends_with(".whl");
    for name in names.lines().filter(is_source) {
        let Ok(mut bytes) = std::fs::read(root.join(name)) else { continue };
        if let Some(mutations) = by_file.get(name) {
            bytes = render(&String::from_utf8(bytes)?, mutations)?.into_bytes();
        }
        if roots.contains(name) {
            bytes = [b"#![allow(warnings)]\n", &bytes[..], QUESTION.as_bytes()].concat();
        }
        let path = tree.join(name);
        if std::fs::read(&path).is_ok_and(|old| old == bytes) {
            continue;
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    }
    // What was removed since the last run must not stay behind.
    for file in super::rust_files(&tree.join("crates"))? {
        if !root.join(file.strip_prefix(tree)?).exists() {
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

fn lib_of((package, _): (&str, &str)) -> String {
    format!("{package}/src/lib.rs")
}

/// Builds the tests of the packages, all mutations in them.
fn build(tree: &Path, target: &Path, packages: &BTreeSet<String>) -> Result<Vec<Suite>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(tree).env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "1");
    cargo.args(["test", "--profile", "quick", "--no-run", "--lib", "--tests"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    cargo.args(packages.iter().flat_map(|package| ["-p", package]));
    let output = cargo.stderr(Stdio::inherit()).output().context("cargo test --no-run")?;
    ensure!(output.status.success(), "the mutated tree does not build");
    let mut suites = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        let Some(program) = message["executable"].as_str() else { continue };
        let manifest = message["manifest_path"].as_str().unwrap_or_default();
        let Some(dir) = Path::new(manifest).parent() else { continue };
        let folder = dir.file_name().unwrap_or_default().to_string_lossy();
        let target = &message["target"];
        if target["kind"][0] == "bench" {
            continue;
        }
        let is_lib = target["kind"][0] == "lib";
        let name = if is_lib { "lib" } else { target["name"].as_str().unwrap_or_default() };
        suites.push(Suite {
            package: format!("tidemill-{folder}"),
            name: name.to_owned(),
            program: program.into(),
            dir: dir.to_owned(),
            took: Duration::ZERO,
        });
    }
    if suites.is_empty() {
        bail!("cargo built no tests");
    }
    Ok(suites)
}

fn run_all(
    mutations: &[Mutation],
    wanted: &[usize],
    suites: &[Suite],
    jobs: usize,
) -> Result<Vec<(usize, Outcome, Duration)>> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || -> Result<()> {
        while let Some(at) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
            let start = Instant::now();
            let package = mutations[*at].package();
            let mut outcome = Outcome::Survived;
            for suite in suites.iter().filter(|suite| suite.package == package) {
                outcome = run_suite(suite, Some(*at))?;
                if outcome != Outcome::Survived {
                    break;
                }
            }
            eprintln!("{}: {outcome:?}", mutations[*at].name);
            let mut results = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            results.push((*at, outcome, start.elapsed()));
        }
        Ok(())
    };
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            thread.join().unwrap_or_else(|_| bail!("a thread panicked"))?;
        }
        Ok(())
    })?;
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|result| result.0);
    Ok(results)
}

/// Runs a program of tests with a mutation, or without.
fn run_suite(suite: &Suite, mutation: Option<usize>) -> Result<Outcome> {
    let script = format!("ulimit -v {MAX_MEMORY_KIB}; ulimit -c 0; exec \"$0\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(&suite.program).current_dir(&suite.dir);
    // The same values every time, and none kept from another mutation's failures.
    command.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    command.env_remove(VARIABLE).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(number) = mutation {
        command.env(VARIABLE, number.to_string());
    }
    let mut child = command.spawn().context("could not start a test")?;
    let mut stdout = child.stdout.take().context("a pipe")?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        // What came until then tells enough.
        let _ = stdout.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > TIMEOUT {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = reader.join().unwrap_or_default();
    Ok(match status {
        None => Outcome::TimedOut(suite.name.clone()),
        Some(status) if status.success() => Outcome::Survived,
        Some(_) => {
            let failed = text.lines().find_map(|line| {
                line.strip_prefix("test ")?.strip_suffix(" ... FAILED").map(str::to_owned)
            });
            Outcome::Caught(format!("{}: {}", suite.name, failed.as_deref().unwrap_or("(aborted)")))
        }
    })
}
