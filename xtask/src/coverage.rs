//! `cargo xtask coverage`: which branches of the store's durable part its own tests take.
//!
//! Branches that no test can take are counted all the same. These are there, because the compiler
//! asks for a case that cannot be:
//!
//! * `commit.rs`, the table whose retention changes is not in the manifest: its definition was put
//!   there just before.
//! * `segment/file.rs`, a part of the trailer is missing: sixteen bytes hold them.
//! * `segment/footer.rs`, a run goes on and there is none: its series was the last one's.
//! * `wal/marker.rs`, there is no thread to join: the machine gave none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "usage: xtask coverage [--missing]";
/// Of all branches of these files, in percent.
const GOAL: f64 = 95.0;
/// The log, segments, the manifest, opening, committing, and what checks and mends them.
const FILES: [&str; 10] = [
    "wal/",
    "segment/",
    "bytes.rs",
    "check.rs",
    "commit.rs",
    "definition.rs",
    "definition_file.rs",
    "manifest.rs",
    "open.rs",
    "repair.rs",
];
const FLAGS: &str = "-Cinstrument-coverage -Zcoverage-options=branch";

/// What a file's lines and branches did.
#[derive(Debug, Default, PartialEq, Eq)]
struct File {
    /// Line, and how often it ran.
    lines: BTreeMap<usize, u64>,
    /// Line, and how often each side of each branch there was taken: true, false, true, …
    branches: BTreeMap<usize, Vec<u64>>,
}

/// Builds the store's tests with counters, runs them, and prints what they left out.
///
/// # Errors
/// When a test fails or a tool does.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let with_missing = match arguments {
        [] => false,
        [only] if only == "--missing" => true,
        _ => bail!(USAGE),
    };
    let version = llvm_version()?;
    let tools = ["llvm-profdata", "llvm-cov"].map(|tool| find_tool(tool, &version));
    let [Some(profdata), Some(cov)] = tools else {
        eprintln!(
            "llvm-profdata and llvm-cov of LLVM {version} are needed, which this compiler is of: \
             `apt-get install llvm-{version}`, or `rustup component add llvm-tools` and their \
             folder in PATH"
        );
        return Ok(ExitCode::from(2));
    };
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let target = target.join("coverage");
    let programs = build(root, &target)?;
    let profiles = target.join("profiles");
    if profiles.exists() {
        std::fs::remove_dir_all(&profiles)?;
    }
    for program in &programs {
        let mut test = Command::new(program);
        test.current_dir(root.join("crates/store")).arg("--quiet");
        test.env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
        output(&mut test)?;
    }
    let merged = target.join("all.profdata");
    let mut merge = Command::new(profdata);
    merge.args(["merge", "-sparse", "-o"]).arg(&merged).arg(&profiles);
    output(&mut merge)?;
    let mut export = Command::new(cov);
    export.args(["export", "-format=lcov", "-instr-profile"]).arg(&merged);
    programs.iter().for_each(|program| {
        export.arg("-object").arg(program);
    });
    let lcov = String::from_utf8(output(&mut export)?.stdout)?;
    let folder = root.join("crates/store/src");
    let mut files = parse(&lcov, &folder);
    let is_wanted = |name: &str| FILES.iter().any(|wanted| name.starts_with(wanted));
    files.retain(|name, _| is_wanted(name) && !name.ends_with("tests.rs"));
    for (name, file) in &mut files {
        let text = std::fs::read_to_string(folder.join(name))?;
        file.leave_out_tests(&text);
        if with_missing {
            file.missing(&text).for_each(|missing| println!("crates/store/src/{name}:{missing}"));
        }
    }
    Ok(if print(&files) >= GOAL { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The major version of the LLVM that the compiler is of, whose profiles another may not read.
fn llvm_version() -> Result<String> {
    let text = String::from_utf8(output(Command::new("rustc").arg("-vV"))?.stdout)?;
    let version = text.lines().find_map(|line| line.strip_prefix("LLVM version: "));
    let major = version.and_then(|version| version.split('.').next());
    Ok(major.context("rustc does not say which LLVM it is of")?.to_owned())
}

fn find_tool(name: &str, version: &str) -> Option<String> {
    [format!("{name}-{version}"), name.to_owned()].into_iter().find(|tool| {
        let shown = Command::new(tool).arg("--version").output();
        let is_that = format!("LLVM version {version}.");
        shown.is_ok_and(|shown| String::from_utf8_lossy(&shown.stdout).contains(&is_that))
    })
}

/// Runs a command to its end, which must be a good one.
fn output(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    Ok(output)
}

/// Builds the store's tests and returns where they are.
fn build(root: &Path, target: &Path) -> Result<Vec<PathBuf>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "0");
    // Branches are counted by the compiler's word only where it may be a nightly one. Build scripts
    // are instrumented, too: their profiles are nobody's.
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS).env("LLVM_PROFILE_FILE", "/dev/null");
    cargo.args(["test", "--profile", "quick", "-p", "tidemill-store", "--lib", "--tests"]);
    cargo.args(["--no-run", "--message-format", "json-render-diagnostics"]);
    let messages = String::from_utf8(output(&mut cargo)?.stdout)?;
    let mut programs = Vec::new();
    for line in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        programs.extend(message["executable"].as_str().map(PathBuf::from));
    }
    ensure!(!programs.is_empty(), "cargo built no tests");
    Ok(programs)
}

/// Reads what `llvm-cov` wrote of the files of a folder, by their names in it.
fn parse(lcov: &str, folder: &Path) -> BTreeMap<String, File> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    let mut name = None;
    for line in lcov.lines() {
        let Some((kind, rest)) = line.split_once(':') else { continue };
        if kind == "SF" {
            let path = Path::new(rest).strip_prefix(folder).ok();
            name = path.map(|path| path.to_string_lossy().into_owned());
            continue;
        }
        let Some(name) = &name else { continue };
        let file = files.entry(name.clone()).or_default();
        let numbers: Vec<u64> = rest.split(',').map(|n| n.parse().unwrap_or(0)).collect();
        match (kind, &numbers[..]) {
            ("DA", [line, count, ..]) => *file.lines.entry(*line as usize).or_default() += count,
            ("BRDA", [line, _, _, count]) => {
                file.branches.entry(*line as usize).or_default().push(*count);
            }
            _ => {}
        }
    }
    files
}

impl File {
    /// Forgets the tests inside the file: they count nowhere.
    fn leave_out_tests(&mut self, text: &str) {
        let is_start = |line: &str| line.starts_with("mod tests");
        let start = text.lines().position(is_start).map_or(usize::MAX, |line| line + 1);
        self.lines.retain(|line, _| *line < start);
        self.branches.retain(|line, _| *line < start);
    }

    /// Sides of branches that were never taken: line, side and code.
    fn missing(&self, text: &str) -> impl Iterator<Item = String> {
        let lines: Vec<&str> = text.lines().collect();
        let sides = self.branches.iter().flat_map(|(line, counts)| {
            let never = counts.iter().enumerate().filter(|(_, count)| **count == 0);
            never.map(move |(side, _)| (*line, if side % 2 == 0 { "true" } else { "false" }))
        });
        sides.map(move |(line, side)| {
            format!("{line}: never {side}: {}", lines.get(line - 1).unwrap_or(&"").trim())
        })
    }
}

/// Prints a line a file and one for all; returns the branches taken, in percent.
fn print(files: &BTreeMap<String, File>) -> f64 {
    let percent = |part: usize, all: usize| 100.0 * part as f64 / all.max(1) as f64;
    let mut sums = [0; 4];
    let show = |name: &str, [lines, all_lines, taken, branches]: [usize; 4]| {
        println!(
            "{name:24} lines {lines:5} of {all_lines:5} {:6.2} %   branches {taken:4} of {branches:4} {:6.2} %",
            percent(lines, all_lines),
            percent(taken, branches)
        );
    };
    for (name, file) in files {
        let sides = || file.branches.values().flatten();
        let of_file = [
            file.lines.values().filter(|count| **count > 0).count(),
            file.lines.len(),
            sides().filter(|count| **count > 0).count(),
            sides().count(),
        ];
        show(name, of_file);
        sums.iter_mut().zip(of_file).for_each(|(sum, one)| *sum += one);
    }
    show("in all", sums);
    percent(sums[2], sums[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_without_its_tests() {
        let lcov = "SF:/a/src/wal/log.rs\nDA:1,5\nDA:2,0\nDA:9,0\nBRDA:2,0,0,3\nBRDA:2,0,1,-\n\
                    BRDA:9,0,0,0\nend_of_record\nSF:/b/other.rs\nDA:1,1\nend_of_record\n";
        let mut files = parse(lcov, Path::new("/a/src"));
        assert_eq!(files.len(), 1);
        let file = files.get_mut("wal/log.rs").unwrap();
        let text = "let a;\nif b {\n}\n\n\n\n#[cfg(test)]\nmod tests {\nif c\n";
        file.leave_out_tests(text);
        assert_eq!((file.lines.len(), file.branches.len()), (2, 1));
        assert_eq!(file.missing(text).collect::<Vec<_>>(), ["2: never false: if b {"]);
        assert!((print(&files) - 50.0).abs() < 1e-9);
    }
}
