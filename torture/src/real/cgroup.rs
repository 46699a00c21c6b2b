//! A memory limit that the kernel enforces: Linux' control groups, version 1 or 2.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = "/sys/fs/cgroup";
/// What a version calls the same things.
struct Names {
    limit: &'static str,
    peak: &'static str,
    /// The file that counts processes killed for want of memory, as `oom_kill N`.
    kills: &'static str,
    /// What of `memory.stat` is memory of the program, not of the page cache.
    anonymous: &'static str,
}

const VERSION_1: Names = Names {
    limit: "memory.limit_in_bytes",
    peak: "memory.max_usage_in_bytes",
    kills: "memory.oom_control",
    anonymous: "rss",
};
const VERSION_2: Names =
    Names { limit: "memory.max", peak: "memory.peak", kills: "memory.events", anonymous: "anon" };

/// A group of processes with a limit, removed when it is dropped.
pub(crate) struct Cgroup {
    dir: PathBuf,
    names: Names,
}

impl Cgroup {
    /// `Err`: why there can be none.
    pub(crate) fn new(name: &str, limit_bytes: u64) -> Result<Self, String> {
        let is_first = Path::new(ROOT).join("memory").join(VERSION_1.limit).exists();
        let parent = if is_first { Path::new(ROOT).join("memory") } else { PathBuf::from(ROOT) };
        let names = if is_first { VERSION_1 } else { VERSION_2 };
        if !is_first {
            let controllers = fs::read_to_string(parent.join("cgroup.subtree_control"));
            if !controllers.is_ok_and(|names| names.split_whitespace().any(|n| n == "memory")) {
                return Err(format!("no memory controller below {ROOT}"));
            }
        }
        let dir = parent.join(name);
        fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let group = Self { dir, names };
        let limit = group.dir.join(group.names.limit);
        fs::write(&limit, limit_bytes.to_string())
            .map_err(|error| format!("{}: {error}", limit.display()))?;
        // Where swap is counted it would hide what does not fit.
        let _ = fs::write(group.dir.join("memory.memsw.limit_in_bytes"), limit_bytes.to_string());
        let _ = fs::write(group.dir.join("memory.swap.max"), "0");
        Ok(group)
    }

    /// A command that runs a program inside from its first instruction on.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        let enter = "echo $$ > \"$0\" && exec \"$@\"";
        command.args(["-c", enter]).arg(self.dir.join("cgroup.procs")).arg(program);
        command
    }

    /// The most that was in use at once, the page cache included. (Version 2 says it since Linux
    /// 5.19.)
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.read(self.names.peak).trim().parse().unwrap_or(0)
    }

    /// What the program itself holds now.
    pub(crate) fn anonymous_bytes(&self) -> u64 {
        number_after(&self.read("memory.stat"), self.names.anonymous)
    }

    /// Processes that the kernel killed because the limit was met.
    pub(crate) fn kills(&self) -> u64 {
        number_after(&self.read(self.names.kills), "oom_kill")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join(name)).unwrap_or_default()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.dir) {
            eprintln!("{} stays: {error}", self.dir.display());
        }
    }
}

/// The number in the line `name N`; 0 when there is none.
fn number_after(text: &str, name: &str) -> u64 {
    let numbers = text.lines().filter_map(|line| line.split_once(' '));
    let number = numbers.filter(|(found, _)| *found == name).map(|(_, number)| number).next();
    number.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}
