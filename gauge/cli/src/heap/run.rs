//! A command with the library preloaded, and what its processes wrote.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::snapshot::Snapshot;

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// The process that was asked for.
    pub snapshot: Snapshot,
    /// The others that wrote something, by their executables' names.
    pub others: Vec<String>,
    /// What others wrote and cannot be read.
    pub unreadable: Vec<String>,
    /// How the command ended, if not well.
    pub failure: Option<String>,
}

/// Runs a command to its end. Of its processes the one that was started is told of, or the one whose executable's
/// name is `child`; of several the one that allocated most. `quiet`: what it prints goes to standard error.
///
/// # Errors
/// When it cannot be started, or the process that is told of wrote nothing that can be read.
pub fn run(command: &[OsString], library: &Path, child: Option<&str>, quiet: bool) -> Result<Ran> {
    let Some((program, arguments)) = command.split_first() else { bail!("no command") };
    let folder = tempfile::tempdir().context("no folder for snapshots")?;
    let mut preload = library.as_os_str().to_owned();
    if let Some(others) = std::env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
        preload.push(":");
        preload.push(others);
    }
    let mut command = Command::new(program);
    command.args(arguments).env("LD_PRELOAD", preload).env("GAUGE_HEAP_FOLDER", folder.path());
    if quiet {
        command.stdout(Stdio::from(std::io::stderr()));
    }
    // An interrupt from the terminal ends the command, which then writes; this one waits for it.
    let _ = ctrlc::set_handler(|| {});
    let name = program.to_string_lossy();
    let mut process = command.spawn().with_context(|| format!("cannot run {name}"))?;
    let pid = process.id();
    let status = process.wait()?;
    let Left { snapshots, unreadable } = Left::read(folder.path())?;
    let count = snapshots.len();
    let is_wanted = |snapshot: &Snapshot| match child {
        Some(name) => file_name(snapshot) == name,
        None => snapshot.process.pid == pid,
    };
    let (mut wanted, others): (Vec<_>, Vec<_>) = snapshots.into_iter().partition(is_wanted);
    wanted.sort_by_key(|snapshot| snapshot.sites.allocations);
    let others: Vec<String> =
        others.iter().map(|snapshot| file_name(snapshot).to_owned()).collect();
    let Some(snapshot) = wanted.pop() else {
        let own = unreadable.iter().find(|(number, _)| child.is_some() || *number == pid);
        if let Some((_, why)) = own {
            bail!("{why}");
        }
        bail!(missing(&name, child, count, &others))
    };
    let unreadable = unreadable.into_iter().map(|(_, why)| why).collect();
    let failure = (!status.success()).then(|| format!("{name} ended with {status}"));
    Ok(Ran { snapshot, others, unreadable, failure })
}

/// What the processes left.
struct Left {
    snapshots: Vec<Snapshot>,
    /// Of each process whose snapshot cannot be read its number, and why.
    unreadable: Vec<(u32, String)>,
}

impl Left {
    fn read(folder: &Path) -> Result<Self> {
        let mut left = Self { snapshots: Vec::new(), unreadable: Vec::new() };
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let Some(number) = stem.and_then(|stem| stem.parse().ok()) else { continue };
            let read = if path.extension().is_some_and(|end| end == "part") {
                Err(anyhow::anyhow!("it was killed while it wrote"))
            } else {
                std::fs::read_to_string(&path)
                    .map_err(Into::into)
                    .and_then(|text| Snapshot::read(&text))
            };
            match read {
                Ok(snapshot) => left.snapshots.push(snapshot),
                Err(error) => {
                    let why = format!("what process {number} wrote cannot be read: {error:#}");
                    left.unreadable.push((number, why));
                }
            }
        }
        left.unreadable.sort();
        Ok(left)
    }
}

fn file_name(snapshot: &Snapshot) -> &str {
    let executable = &snapshot.process.executable;
    executable.rsplit('/').next().unwrap_or(executable)
}

fn missing(name: &str, child: Option<&str>, count: usize, others: &[String]) -> String {
    if count == 0 {
        return format!(
            "{name} wrote nothing: it crashed, or was killed. A program that writes ends by exit, by returning \
             from main, by abort, or by SIGTERM, SIGINT or SIGHUP"
        );
    }
    let seen = others.join(", ");
    match child {
        Some(child) => format!("no process of {name} runs `{child}`; those seen: {seen}"),
        None => {
            format!("{name} itself wrote nothing; name one of its processes with --child: {seen}")
        }
    }
}
