//! Surroundings that are not as they should be, one check each.

mod clock;
mod full_disk;
mod limits;
mod processes;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::allowed::{Allowed, Progress};
use super::inspect::{Way, inspect};
use super::process::{Ended, command, finish};
use super::victim::Victim;
use super::{clean, none_chosen, work_dir};
use crate::report::{Replay, Report};

/// Which.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Environment {
    /// Where the stores are made; the directory for temporary files if not said.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Only checks whose name has this in it.
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// Fewer rounds of each.
    #[arg(long)]
    pub(crate) quick: bool,
}

/// What a check was able to do: something it says, or why it was skipped.
enum Outcome {
    Fine(String),
    Skipped(String),
}

/// `Err`: what was found.
type Checked = Result<Outcome, String>;

struct Check {
    name: &'static str,
    run: fn(&Path, bool) -> Checked,
}

const CHECKS: [Check; 10] = [
    Check { name: "a full disk", run: full_disk::full },
    Check { name: "a read-only file system", run: full_disk::read_only },
    Check { name: "two writers", run: processes::two_writers },
    Check { name: "a reader beside a writer", run: processes::reader_beside_writer },
    Check { name: "a clock that jumps inside a run", run: clock::inside_a_run },
    Check { name: "a clock that jumps, and runs that follow", run: clock::between_runs },
    Check { name: "a sync that fails once", run: limits::failing_sync },
    Check { name: "the directory is removed", run: limits::removed_directory },
    Check { name: "few open files", run: limits::open_files },
    Check { name: "files of others in the directory", run: limits::foreign_files },
];

/// Runs the checks.
///
/// # Errors
/// When no directory can be made.
pub(crate) fn environment(arguments: &Environment) -> anyhow::Result<ExitCode> {
    let is_wanted =
        |check: &&Check| arguments.only.as_ref().is_none_or(|only| check.name.contains(&**only));
    if let Some(only) = &arguments.only
        && !CHECKS.iter().any(|check| is_wanted(&check))
    {
        return Ok(none_chosen(only, &CHECKS.map(|check| check.name.to_owned())));
    }
    let dir = work_dir(arguments.dir.as_deref(), "environment")?;
    let mut report = Report::default();
    for (number, check) in CHECKS.iter().enumerate().filter(|(_, check)| is_wanted(check)) {
        let dir = dir.join(number.to_string());
        std::fs::create_dir_all(&dir)?;
        let checked = catch_unwind(AssertUnwindSafe(|| (check.run)(&dir, arguments.quick)));
        let checked = checked.unwrap_or_else(|_| Err("a panic (see above)".to_owned()));
        report.count("checks", 1);
        match checked {
            Ok(Outcome::Fine(what)) => println!("ok       {}: {what}", check.name),
            Ok(Outcome::Skipped(why)) => {
                println!("skipped  {}", check.name);
                report.skip(format!("{}: {why}", check.name));
            }
            Err(what) => {
                println!("FINDING  {}", check.name);
                let replay = Replay::new("environment").flag("quick", arguments.quick);
                report.finding(format!("{}: {what}", replay.with("only", check.name)));
            }
        }
    }
    clean(&dir, &report);
    report.print();
    Ok(report.exit_code())
}

/// An error of the check's own doing, as what it found.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A victim with random calls.
fn random_victim(dir: &Path, seed: u64, calls: usize) -> Victim {
    let dir = dir.to_owned();
    Victim {
        dir,
        seed,
        calls,
        profile: seed,
        canonical: None,
        number: None,
        crash: seed.is_multiple_of(3),
        open_files: None,
    }
}

/// Runs a victim to its end, whatever it meets, and follows what it said.
fn live(victim: &Victim, allowed: &mut Allowed) -> Result<(Ended, Progress), String> {
    let child = command(victim).and_then(|mut command| command.spawn()).map_err(text)?;
    let ended = finish(child, Vec::new()).map_err(text)?;
    if let Some(problem) = ended.problem(false) {
        return Err(format!("`{}` {problem}", victim.arguments().join(" ")));
    }
    let progress = allowed.follow(&victim.plan().1, &ended.said);
    let said = ended.said.replace('\n', "; ");
    let progress = progress.map_err(|what| format!("{what} (said: {said})"))?;
    Ok((ended, progress))
}

/// The store holds what it may.
fn compare(victim: &Victim, way: Way, allowed: &mut Allowed) -> Result<(), String> {
    if way == Way::Read && !victim.dir.join("MANIFEST").exists() {
        return if allowed.any().is_empty() { Ok(()) } else { Err("the store is gone".to_owned()) };
    }
    allowed.compare(&inspect(&victim.dir, &victim.plan().0, way)?.rows)
}

/// A file system in memory, of a size of its own, until it is dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// `Err`: why there can be none.
    fn mount(dir: &Path, options: &str) -> Result<Self, String> {
        std::fs::create_dir_all(dir).map_err(text)?;
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self(dir.to_owned())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("no `mount`: {error}")),
        }
    }

    fn remount(&self, options: &str) -> Result<(), String> {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            status => Err(format!("cannot mount again with {options}: {status:?}")),
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_check_has_is_an_error() {
        let only = Some("no such check".to_owned());
        let code = environment(&Environment { dir: None, only, quick: true }).unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(2)));
    }
}
