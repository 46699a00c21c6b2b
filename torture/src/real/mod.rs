//! Campaigns against real processes on the real file system.
//!
//! A *victim* is this program again, in a process of its own: it works on a store and says what
//! it begins and what was acknowledged (`victim.rs`). When it is gone, the parent knows from that
//! what the store may hold (`allowed.rs`), and looks (`inspect.rs`).

mod allowed;
mod canonical;
mod cgroup;
mod environment;
mod inspect;
mod kill;
mod memory;
mod process;
mod strace;
mod syscalls;
mod victim;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

pub(crate) use environment::{Environment, environment};
pub(crate) use kill::{Kill, kill};
pub(crate) use memory::{Memory, memory};
pub(crate) use syscalls::{Syscalls, syscalls};
pub(crate) use victim::{Victim, run as victim};

/// A directory of this process's own under `dir`, or under the one for temporary files.
fn work_dir(dir: Option<&Path>, name: &str) -> anyhow::Result<PathBuf> {
    let parent = dir.map_or_else(std::env::temp_dir, Path::to_owned);
    let dir = parent.join(format!("tidemill-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    Ok(dir.canonicalize()?)
}

/// Says that a whole campaign could not run for want of something: neither fine nor a finding.
fn skip_all(wanted: &str) -> ExitCode {
    let mut report = crate::report::Report::default();
    report.skip(format!("all of it: this needs {wanted}"));
    report.print();
    ExitCode::from(2)
}

/// Says that no case has a name with `only` in it, and which there are: nothing was run.
fn none_chosen(only: &str, all: &[String]) -> ExitCode {
    eprintln!("nothing has `{only}` in its name; there are:");
    all.iter().for_each(|name| eprintln!("    {name}"));
    ExitCode::from(2)
}

/// Removes the directory unless something in it was found.
fn clean(dir: &Path, report: &crate::report::Report) {
    if report.findings().is_empty() {
        let _ = std::fs::remove_dir_all(dir);
    } else {
        println!("what was found stands in {}", dir.display());
    }
}

fn limit_open_files(limit: u64) {
    // Where that is not allowed the victim has more, and the campaign sees that nothing failed.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum: Some(limit) });
}
