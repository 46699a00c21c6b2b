//! What kind of bench an executable is, and which benches it has.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// How an executable is told what to run, and tells what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harness {
    /// `gauge-bench`: a file of JSON.
    Gauge,
    /// criterion: files in a folder of its own.
    Criterion,
    /// A program that does its work once and ends: its wall time.
    Command,
}

/// An executable of benches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    /// The package that the target is of; empty where none is known.
    pub package: String,
    /// The bench target's name.
    pub target: String,
    /// The file.
    pub path: PathBuf,
    /// The folder to run it in: its package's.
    pub directory: PathBuf,
    /// What it is.
    pub harness: Harness,
}

/// In every executable that is made with `gauge-bench`: `gauge_bench::MARKER`.
const GAUGE_MARKER: &[u8] = b"gauge-bench protocol 1";

/// In every executable that is made with criterion.
const CRITERION_MARKER: &[u8] = b"CRITERION_HOME";

/// The longest that `--list` may take: benches prepare their data even for that.
const LIST_SECONDS: u64 = 120;

impl Harness {
    /// By what stands in the executable. Nothing is run: a bench without a known harness may run for hours.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(executable: &Path) -> Result<Self> {
        let bytes = std::fs::read(executable)
            .with_context(|| format!("cannot read {}", executable.display()))?;
        let holds = |marker: &[u8]| memchr::memmem::find(&bytes, marker).is_some();
        Ok(if holds(GAUGE_MARKER) {
            Self::Gauge
        } else if holds(CRITERION_MARKER) {
            Self::Criterion
        } else {
            Self::Command
        })
    }
}

impl Executable {
    /// The benches in it, in its order.
    ///
    /// # Errors
    /// When it cannot be run, fails, has no harness that lists, or two of its benches have one name.
    pub fn benches(&self) -> Result<Vec<String>> {
        if self.harness == Harness::Command {
            bail!("{} is made with neither gauge-bench nor criterion", self.path.display());
        }
        let mut command = Command::new(&self.path);
        command.args(["--bench", "--list"]).current_dir(&self.directory);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let output = super::runner::output(command, std::time::Duration::from_secs(LIST_SECONDS))
            .with_context(|| format!("{} --list", self.path.display()))?;
        let benches = listed(&output);
        for (at, name) in benches.iter().enumerate() {
            if let Some(first) = benches[..at].iter().position(|other| other == name) {
                let (package, target) = (&self.package, &self.target);
                bail!(
                    "two benches of {package}/{target} are called `{name}`, the {} and the {} that it lists: \
                     give them names of their own",
                    ordinal(first + 1),
                    ordinal(at + 1)
                );
            }
        }
        Ok(benches)
    }
}

fn ordinal(number: usize) -> String {
    let end = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

/// The names in what `--list` printed: lines `name: benchmark`, among whatever the benches print.
fn listed(output: &str) -> Vec<String> {
    let names = output.lines().filter_map(|line| line.strip_suffix(": benchmark"));
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_is_known_by_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench");
        for (bytes, expected) in [
            (b"\x7fELF..CRITERION_HOME..".as_slice(), Harness::Criterion),
            (b"..gauge-bench protocol 1..", Harness::Gauge),
            (b"..gauge-bench protocol 1..CRITERION_HOME", Harness::Gauge),
            (b"..", Harness::Command),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(Harness::of(&path).unwrap(), expected);
        }
        assert!(Harness::of(&folder.path().join("none")).is_err());
    }

    #[test]
    fn only_benches_are_listed() {
        let output = "preparing: data\nsum/8 Ki: benchmark\nold: bench\nmin: benchmark\n";
        assert_eq!(listed(output), ["sum/8 Ki", "min"]);
    }

    #[test]
    fn two_benches_of_one_name_are_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench");
        let lines = ["sum", "min", "sum"].map(|name| format!("echo '{name}: benchmark'\n"));
        std::fs::write(&path, format!("#!/bin/sh\n{}", lines.concat())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let executable = Executable {
            package: "p".to_owned(),
            target: "csv".to_owned(),
            path,
            directory: folder.path().to_owned(),
            harness: Harness::Criterion,
        };
        let error = executable.benches().unwrap_err().to_string();
        assert!(error.contains("p/csv are called `sum`, the 1st and the 3rd"), "{error}");
        assert_eq!([11, 12, 22, 30].map(ordinal), ["11th", "12th", "22nd", "30th"]);
    }
}
