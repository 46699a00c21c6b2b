//! Running a victim under `strace`, which makes its system calls fail, lie, or kill it.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process_group};

use super::process::{Ended, finish, piped, read_lines, this_program};
use super::victim::Victim;

/// The system calls that touch files.
pub(crate) const CALLS: [&str; 20] = [
    "openat",
    "pread64",
    "pwrite64",
    "read",
    "write",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "ftruncate",
    "mkdir",
    "mkdirat",
    "getdents64",
    "flock",
    "statx",
    "fallocate",
];

/// Whether `strace` can be started; if not, how to get it.
pub(crate) fn is_there() -> bool {
    let version = piped(Command::new("strace")).arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// What was traced.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) ended: Ended,
    /// Calls by thread and name.
    pub(crate) calls: BTreeMap<(String, String), usize>,
    /// Calls that were made to fail or to lie.
    pub(crate) injected: usize,
    pub(crate) hung: bool,
}

/// What of a victim's calls is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Filter<'a> {
    /// Only calls on these files and directories.
    pub(crate) paths: &'a [PathBuf],
    /// …of these names.
    pub(crate) calls: &'a [&'a str],
    /// As `strace -e` has it, if calls are to be tampered with.
    pub(crate) inject: Option<&'a str>,
}

/// Runs a victim to its end. `log` is overwritten.
pub(crate) fn run(victim: &Victim, filter: &Filter<'_>, log: &Path) -> anyhow::Result<Traced> {
    let mut strace = piped(Command::new("strace"));
    strace.arg("-f");
    // Faster, but a signal to be sent is not.
    if filter.inject.is_none_or(|inject| !inject.contains(":signal=")) {
        strace.arg("--seccomp-bpf");
    }
    strace.arg("-o").arg(log);
    strace.arg("-e").arg(format!("trace={}", filter.calls.join(",")));
    strace.args(["-e", "signal=none"]);
    filter.paths.iter().for_each(|path| _ = strace.arg("-P").arg(path));
    if let Some(inject) = filter.inject {
        strace.arg("-e").arg(format!("inject={inject}"));
    }
    strace.arg("--").arg(this_program()?).args(victim.arguments());
    // So that a victim that hangs can be ended with it.
    strace.process_group(0);
    let mut child = strace.spawn()?;
    let group = Pid::from_raw(i32::try_from(child.id())?);
    let (said, hung) = read_lines(&mut child, usize::MAX)?;
    if hung && let Some(group) = group {
        kill_process_group(group, Signal::KILL)?;
    }
    let ended = finish(child, said)?;
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let mut calls = BTreeMap::new();
    for line in text.lines() {
        if let Some((thread, name)) = call_of(line) {
            *calls.entry((thread.to_owned(), name.to_owned())).or_default() += 1;
        }
    }
    let injected = text.lines().filter(|line| line.ends_with("(INJECTED)")).count();
    Ok(Traced { ended, calls, injected, hung })
}

/// Thread and name of a call in strace's output; `None` for other lines.
fn call_of(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (name, _) = rest.trim_start().split_once('(')?;
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some((thread, name))
}

/// The files below `dir` that a victim touches, and the directories above them.
pub(crate) fn touched(victim: &Victim, log: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let filter = Filter { paths: &[], calls: &CALLS, inject: None };
    run(victim, &filter, log)?;
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let prefix = format!("\"{}/", victim.dir.display());
    let mut paths: Vec<PathBuf> = text
        .split(&prefix)
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(name, _)| victim.dir.join(name))
        .chain(victim.dir.ancestors().map(Path::to_owned))
        .collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_strace() {
        let line =
            "22290 openat(AT_FDCWD, \"/a\", O_RDONLY) = -1 EIO (Input/output error) (INJECTED)";
        assert_eq!(call_of(line), Some(("22290", "openat")));
        assert_eq!(call_of("22 +++ exited with 1 +++"), None);
        assert_eq!(call_of("22 <... pread64 resumed>\"\", 3, 0) = 3"), None);
    }
}
