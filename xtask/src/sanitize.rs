//! `cargo xtask sanitize [asan|tsan|valgrind|all] [PACKAGE]`: the tests of what is `unsafe`, or handles foreign bytes,
//! while every memory access is looked at.
//!
//! * `asan` (nightly): AddressSanitizer over all tests of these crates. It finds what is read or written
//!   outside of an allocation or after it, and what leaks. Inside an arena it sees the chunks only; hand-
//!   written assembly it does not see.
//! * `tsan` (nightly): ThreadSanitizer over the tests with threads. The standard library is not instrumented
//!   (that takes its source, `rustup component add rust-src`): TSan sees atomics of our own code, since they are
//!   compiled into it, and locks, since they end in inlined atomics; a report whose both sides are within the
//!   standard library is not to be trusted, and `tsan.supp` names those that were looked at.
//! * `valgrind`: memcheck over the tests of the ground floor, with AVX2, which is the most it knows. It finds
//!   what the sanitizers here cannot: a decision that depends on bytes that were never written.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What one sanitizer runs: all tests of packages.
struct Suite {
    package: &'static str,
}

const fn all_of(package: &'static str) -> Suite {
    Suite { package }
}

const ASAN: [Suite; 7] = [
    all_of("tidemill-machine"),
    all_of("tidemill-memory"),
    all_of("tidemill-kernels"),
    all_of("gauge-probe"),
    all_of("tidemill-codec"),
    all_of("tidemill-parse"),
    all_of("tidemill-store"),
];

/// Its queue, recycler and budget. Not the store: its log waits by `Condvar`, of which TSan knows too little to be believed.
const TSAN: [Suite; 1] = [all_of("tidemill-memory")];

const VALGRIND: [Suite; 3] =
    [all_of("tidemill-memory"), all_of("tidemill-kernels"), all_of("tidemill-codec")];

/// Runs the sanitizers that are named, over all their packages or one; what is missing for one is said, and the others go on.
///
/// # Errors
/// When a name is unknown, or a command cannot be started.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let names: &[&str] = match arguments.first().map_or("all", String::as_str) {
        "all" => &["asan", "tsan", "valgrind"],
        "asan" => &["asan"],
        "tsan" => &["tsan"],
        "valgrind" => &["valgrind"],
        other => bail!("usage: xtask sanitize [asan|tsan|valgrind|all] [PACKAGE] (not `{other}`)"),
    };
    let package = arguments.get(1);
    let mut failed = false;
    for name in names {
        if let Some(how) = missing(name) {
            println!("{name}: skipped, {how}");
            continue;
        }
        let suites: &[Suite] = match *name {
            "asan" => &ASAN,
            "tsan" => &TSAN,
            _ => &VALGRIND,
        };
        let mut total = Counts::default();
        for suite in suites.iter().filter(|suite| package.is_none_or(|only| only == suite.package))
        {
            let counts = run_suite(root, name, suite)?;
            println!("{name}: {}: {counts}", suite.package);
            total.add(counts);
        }
        println!("{name}: {total}");
        // Nothing run is nothing found.
        failed |= total.failures > 0 || total.programs == 0;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// How to get what a sanitizer needs and is not there.
fn missing(name: &str) -> Option<&'static str> {
    let (program, arguments, how): (_, &[&str], _) = match name {
        "valgrind" => ("valgrind", &["--version"], "it takes `apt-get install valgrind`"),
        _ => ("rustc", &["+nightly", "--version"], "it takes `rustup toolchain install nightly`"),
    };
    let found = Command::new(program)
        .args(arguments)
        .env_remove("RUSTUP_TOOLCHAIN")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) { None } else { Some(how) }
}

/// What came of test programs.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Counts {
    programs: u64,
    tests: u64,
    failures: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.programs += other.programs;
        self.tests += other.tests;
        self.failures += other.failures;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { programs, tests, failures } = self;
        write!(
            f,
            "{programs} programs, {tests} tests, {failures} programs with a report or a failure"
        )
    }
}

fn run_suite(root: &Path, name: &str, suite: &Suite) -> Result<Counts> {
    let mut counts = Counts::default();
    let programs = build(root, name, suite)?;
    // Each program by itself: cargo stops at the first that fails, or runs none beside its harness.
    for program in programs {
        let output = start(root, name, &program, suite).output().context("a test program")?;
        let text = String::from_utf8_lossy(&output.stdout);
        counts.programs += 1;
        // Programs without a harness are one test.
        counts.tests += passed(&text).unwrap_or(1);
        if !output.status.success() {
            counts.failures += 1;
            println!("{name}: {program}: {}", output.status);
            println!("{text}{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    Ok(counts)
}

/// Builds the tests, and says where they are.
fn build(root: &Path, name: &str, suite: &Suite) -> Result<Vec<String>> {
    let folder =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    // Cargo as the shell knows it: `+nightly` is rustup's.
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    let flags = match name {
        "asan" => "-Zsanitizer=address",
        // Its standard library is not instrumented, which the compiler otherwise takes for a mistake.
        "tsan" => "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
        _ => "",
    };
    if !flags.is_empty() {
        // For the stacks in reports.
        cargo.arg("+nightly").env("RUSTFLAGS", format!("{flags} -Cforce-frame-pointers=yes"));
    }
    cargo.args(["test", "--no-run", "--profile", "quick", "--target", TARGET]);
    // Lines for the reports.
    cargo.args(["--config", "profile.quick.debug=\"line-tables-only\""]);
    cargo.args(["--config", "profile.quick.strip=\"none\""]);
    cargo.arg("--target-dir").arg(folder.join(name)).args(["-p", suite.package]);
    let tests: &[&str] = match name {
        // The others' threads are ordered by channels and scopes, which TSan does not see; loom tries
        // the thread-local pool's.
        "tsan" => &["--lib", "--test", "spsc"],
        _ => &["--lib", "--tests"],
    };
    let output = cargo.args(tests).output().context("could not start cargo")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{name}: {} does not build:\n{text}", suite.package);
    }
    Ok(executables(&text))
}

/// The programs that cargo says it would run.
fn executables(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.trim_start().starts_with("Executable"));
    lines
        .filter_map(|line| Some(line.rsplit_once('(')?.1.trim_end_matches(')').to_owned()))
        .collect()
}

fn start(root: &Path, name: &str, program: &str, suite: &Suite) -> Command {
    let mut command = match name {
        "valgrind" => {
            let mut valgrind = Command::new("valgrind");
            valgrind.args([
                "--quiet",
                "--error-exitcode=9",
                "--num-callers=30",
                // What a test starts has the processor that it sees itself.
                "--trace-children=yes",
                "--fair-sched=yes",
            ]);
            // A property's many cases look at the same lines.
            valgrind.env("PROPTEST_CASES", "8").env("TIDEMILL_ISA", "avx2").arg(program);
            valgrind
        }
        _ => Command::new(program),
    };
    command.current_dir(package_folder(root, suite.package));
    command.env("CARGO_MANIFEST_DIR", package_folder(root, suite.package));
    // Tests that refuse memory, or ask for more than there is, want the answer that `malloc` gives.
    command.env("ASAN_OPTIONS", asan_options(suite.package));
    let suppressions = root.join("xtask/tsan.supp");
    let options = format!("halt_on_error=0 suppressions={}", suppressions.display());
    command.env("TSAN_OPTIONS", options).env("RUST_BACKTRACE", "0");
    command
}

/// The probe's tests lose memory on purpose.
fn asan_options(package: &str) -> &'static str {
    match package {
        "gauge-probe" => "allocator_may_return_null=1:detect_leaks=0",
        _ => "allocator_may_return_null=1:detect_stack_use_after_return=1",
    }
}

fn package_folder(root: &Path, package: &str) -> std::path::PathBuf {
    match package.strip_prefix("tidemill-") {
        Some(name) => root.join("crates").join(name),
        None => root.join(package.replacen('-', "/", 1)),
    }
}

/// Of a harness's last line, how many tests passed.
fn passed(text: &str) -> Option<u64> {
    let line = text.lines().rev().find(|line| line.starts_with("test result:"))?;
    line.split_once(". ")?.1.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_and_harnesses_print_is_understood() {
        let cargo = "   Compiling a v1\n  Executable unittests src/lib.rs (target/deps/a-12)\n  \
                     Executable tests/b.rs (target/deps/b-34)\n";
        assert_eq!(executables(cargo), ["target/deps/a-12", "target/deps/b-34"]);
        let harness = "running 2 tests\n\ntest result: ok. 2 passed; 0 failed; 0 ignored\n";
        assert_eq!((passed(harness), passed("Arena: 5 refusals\n")), (Some(2), None));
    }
}
