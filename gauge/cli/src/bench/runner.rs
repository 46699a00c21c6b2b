//! One process run, one number.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::harness::Harness;

/// A bench of an executable, or a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    /// How it is told, and tells.
    pub harness: Harness,
    /// The program.
    pub program: PathBuf,
    /// Arguments of a [`Harness::Command`].
    pub arguments: Vec<String>,
    /// The bench's name; empty for a command.
    pub bench: String,
    /// The folder it runs in.
    pub directory: PathBuf,
    /// Variables it sees besides gauge's own.
    pub variables: Vec<(String, String)>,
}

/// What a process run tells. What it does not know is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// Nanoseconds an iteration: the least of many batches, or the wall time of a command.
    pub nanoseconds: f64,
    /// Cycles of the time stamp counter, likewise.
    pub cycles: Option<f64>,
    /// Requests to the allocator an iteration.
    pub allocations: Option<f64>,
    /// Bytes asked of the allocator an iteration.
    pub allocated_bytes: Option<f64>,
    /// Things that an iteration goes through.
    pub elements: Option<f64>,
    /// Bytes that an iteration goes through.
    pub bytes: Option<f64>,
    /// How long the process lived.
    pub wall: Duration,
}

/// What `gauge-bench` writes.
#[derive(Deserialize)]
struct GaugeOut {
    name: String,
    nanoseconds: Quantiles,
    cycles: Quantiles,
    allocations: Option<f64>,
    allocated_bytes: Option<f64>,
    elements: Option<f64>,
    bytes: Option<f64>,
}

#[derive(Deserialize)]
struct Quantiles {
    minimum: f64,
}

/// Criterion's `new/sample.json`.
#[derive(Deserialize)]
struct CriterionSample {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// Criterion's `new/benchmark.json`.
#[derive(Deserialize)]
struct CriterionName {
    full_id: String,
}

/// A process took longer than it may, and was killed.
#[derive(Debug)]
pub struct Late(pub Duration);

impl std::fmt::Display for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it was killed after {} s", self.0.as_secs_f64())
    }
}

impl std::error::Error for Late {}

/// A process ended with a failure, or told nothing: what it said.
#[derive(Debug)]
pub struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl Runner {
    /// Runs it once, measuring for about `time`; `scratch` is an empty folder, or gets to be one.
    ///
    /// # Errors
    /// When it cannot be run, takes longer than `limit` ([`Late`]), or fails or tells nothing ([`Failed`]).
    pub fn run(&self, time: Duration, limit: Duration, scratch: &Path) -> Result<Reading> {
        let name = if self.bench.is_empty() { "the command" } else { &self.bench };
        let what = || format!("{name} in {}", self.program.display());
        if scratch.exists() {
            std::fs::remove_dir_all(scratch)?;
        }
        std::fs::create_dir_all(scratch)?;
        let mut command = self.command(time, scratch);
        let errors = scratch.join("stderr");
        command.stdout(Stdio::null()).stderr(std::fs::File::create(&errors)?);
        let start = Instant::now();
        let status = wait(command.spawn().with_context(what)?, limit).with_context(what)?;
        let wall = start.elapsed();
        if !status.success() {
            let said = std::fs::read_to_string(&errors).unwrap_or_default();
            return Err(Failed(format!("{} failed ({status}): {}", what(), tail(&said))).into());
        }
        let reading = match self.harness {
            Harness::Gauge => gauge_reading(&scratch.join("out.json"), &self.bench),
            Harness::Criterion => criterion_reading(scratch, &self.bench),
            Harness::Command => {
                Ok(Reading { nanoseconds: wall.as_nanos() as f64, ..Reading::default() })
            }
        };
        let reading = reading.and_then(|reading| {
            let is_time = reading.nanoseconds.is_finite() && reading.nanoseconds > 0.0;
            ensure!(is_time, "a time of {} ns is none", reading.nanoseconds);
            Ok(Reading { wall, ..reading })
        });
        Ok(reading.map_err(|error| Failed(format!("{}: {error:#}", what())))?)
    }

    /// The command of a run.
    pub fn command(&self, time: Duration, scratch: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.directory).args(&self.arguments).stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        match self.harness {
            Harness::Command => {}
            Harness::Gauge => {
                command.args(["--bench", "--exact", &self.bench]);
                command.args(["--gauge-time", &format!("{}", time.as_secs_f64() * 1000.0)]);
                command.arg("--gauge-out").arg(scratch.join("out.json"));
            }
            Harness::Criterion => {
                // Its own analysis is not needed: the fewest samples and resamples, no plots. A pattern and not
                // `--exact`, which early versions lack.
                let seconds = |share: f64| format!("{}", (time.as_secs_f64() * share).max(0.001));
                command.args(["--bench", "--noplot", "--nresamples", "10", "--sample-size", "30"]);
                command.args(["--warm-up-time", &seconds(0.2)]);
                command.args(["--measurement-time", &seconds(0.8)]);
                command.arg(exact_pattern(&self.bench)).env("CRITERION_HOME", scratch);
            }
        }
        command
    }
}

/// A regular expression that only `name` matches.
fn exact_pattern(name: &str) -> String {
    let mut pattern = String::from("^");
    for character in name.chars() {
        if character.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern + "$"
}

fn gauge_reading(path: &Path, bench: &str) -> Result<Reading> {
    let text = std::fs::read_to_string(path).context("it wrote no result")?;
    let out: GaugeOut = serde_json::from_str(&text).context("its result")?;
    ensure!(out.name == bench, "it measured {}", out.name);
    Ok(Reading {
        nanoseconds: out.nanoseconds.minimum,
        cycles: Some(out.cycles.minimum),
        allocations: out.allocations,
        allocated_bytes: out.allocated_bytes,
        elements: out.elements,
        bytes: out.bytes,
        wall: Duration::ZERO,
    })
}

/// The least time an iteration in the samples of `bench`, in what criterion left in `home`.
pub(super) fn criterion_reading(home: &Path, bench: &str) -> Result<Reading> {
    for (name, sample) in criterion_samples(home)? {
        if name == bench {
            let nanoseconds = sample.into_iter().fold(f64::INFINITY, f64::min);
            return Ok(Reading { nanoseconds, ..Reading::default() });
        }
    }
    bail!("criterion left no samples of it")
}

/// The benches in a folder of criterion's, each with the nanoseconds an iteration in its latest samples.
pub(super) fn criterion_samples(home: &Path) -> Result<Vec<(String, Vec<f64>)>> {
    let mut found = Vec::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder);
        for entry in entries.with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
        let name = folder.join("benchmark.json");
        if folder.ends_with("new") && name.exists() {
            let name: CriterionName = read_json(&name)?;
            let sample: CriterionSample = read_json(&folder.join("sample.json"))?;
            let each = sample.times.iter().zip(&sample.iters).map(|(time, count)| time / count);
            found.push((name.full_id, each.collect()));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// What a command prints, if it succeeds within `limit`.
pub(super) fn output(mut command: Command, limit: Duration) -> Result<String> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stdout) = stdout {
            std::io::Read::read_to_end(&mut stdout, &mut bytes)?;
        }
        std::io::Result::Ok(bytes)
    });
    let status = wait(child, limit)?;
    ensure!(status.success(), "it failed ({status})");
    let bytes = reader.join().map_err(|_| anyhow::anyhow!("its output could not be read"))??;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Waits for a process; kills it after `limit`. Nothing polls meanwhile: this thread may share its processor.
fn wait(mut child: Child, limit: Duration) -> Result<ExitStatus> {
    let pid = rustix::process::Pid::from_child(&child);
    let (ended, watched) = mpsc::channel::<()>();
    let watcher = std::thread::spawn(move || {
        let is_late = watched.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        // The process is not yet waited for, so the number is still its own.
        is_late && rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok()
    });
    let status = child.wait();
    drop(ended);
    let was_killed = watcher.join().unwrap_or(false);
    let status = status?;
    // One that ended just before it was killed has ended.
    if was_killed && status.signal().is_some() {
        return Err(Late(limit).into());
    }
    Ok(status)
}

/// The last lines of what a program said.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Runner {
        Runner {
            harness: Harness::Command,
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            bench: String::new(),
            directory: ".".into(),
            variables: Vec::new(),
        }
    }

    fn run(runner: &Runner, limit: Duration) -> Result<Reading> {
        let folder = tempfile::tempdir().unwrap();
        runner.run(Duration::from_millis(1), limit, &folder.path().join("scratch"))
    }

    #[test]
    fn a_command_is_its_wall_time() {
        let reading = run(&shell("exit 0"), Duration::from_secs(60)).unwrap();
        assert!(reading.nanoseconds > 0.0);
        assert_eq!((reading.cycles, reading.allocations), (None, None));
    }

    #[test]
    fn a_failure_says_what_the_program_said() {
        let error = run(&shell("echo no such table >&2; exit 3"), Duration::from_secs(60));
        let error = error.unwrap_err();
        assert!(error.is::<Failed>());
        let error = format!("{error:#}");
        assert!(error.contains("no such table") && error.contains('3'), "{error}");
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let error = run(&shell("exec tail -f /dev/null"), Duration::from_millis(20)).unwrap_err();
        assert!(error.is::<Late>());
        assert!(format!("{error:#}").contains("killed after 0.02 s"), "{error:#}");
        // A longest time beyond what a clock can hold is none.
        run(&shell("exit 0"), Duration::MAX).unwrap();
    }

    #[test]
    fn a_result_of_gauge_bench_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        let text = "{\"protocol\":1,\"name\":\"sum\",\"iterations\":9,\"batches\":3,\
            \"nanoseconds\":{\"minimum\":1.5,\"p05\":2},\"cycles\":{\"minimum\":4},\
            \"allocations\":null,\"allocated_bytes\":null,\"elements\":8,\"bytes\":null}";
        std::fs::write(&path, text).unwrap();
        let reading = gauge_reading(&path, "sum").unwrap();
        assert_eq!((reading.nanoseconds, reading.cycles), (1.5, Some(4.0)));
        assert_eq!((reading.allocations, reading.elements), (None, Some(8.0)));
        assert!(gauge_reading(&path, "other").is_err());
        assert!(gauge_reading(&folder.path().join("none"), "sum").is_err());
    }

    #[test]
    fn criterion_s_samples_are_found_by_the_whole_name() {
        let home = tempfile::tempdir().unwrap();
        for (folder, name, times) in [("a/b/new", "a/b", "[20,30]"), ("a/c/new", "a/c", "[8,40]")] {
            let folder = home.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            let id = format!("{{\"group_id\":\"a\",\"full_id\":\"{name}\"}}");
            std::fs::write(folder.join("benchmark.json"), id).unwrap();
            let sample =
                format!("{{\"sampling_mode\":\"Linear\",\"iters\":[1,2],\"times\":{times}}}");
            std::fs::write(folder.join("sample.json"), sample).unwrap();
        }
        assert_eq!(criterion_reading(home.path(), "a/b").unwrap().nanoseconds, 15.0);
        assert_eq!(criterion_reading(home.path(), "a/c").unwrap().nanoseconds, 8.0);
        assert!(criterion_reading(home.path(), "a").is_err());
    }

    #[test]
    fn a_pattern_matches_nothing_but_the_name() {
        assert_eq!(exact_pattern("f(x)/8 Ki+1"), "^f\\(x\\)\\/8 Ki\\+1$");
    }
}
