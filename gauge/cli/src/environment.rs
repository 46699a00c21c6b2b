//! Where something was measured, and what makes that doubtful.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The machine, the compiler and the state of both. What is not known is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The processor's name.
    pub cpu: Option<String>,
    /// Logical processors this process may use.
    pub cores: Option<usize>,
    /// The operating system and its kernel.
    pub kernel: Option<String>,
    /// The frequency governor of the first processor.
    pub governor: Option<String>,
    /// Whether it runs under a hypervisor.
    pub hypervisor: bool,
    /// Processes that were running on average over the last minute, before the measurement.
    pub load: Option<f64>,
    /// The share of time that the hypervisor gave to others since the machine started, 0 to 1.
    pub steal: Option<f64>,
    /// What `rustc -vV` says first.
    pub rustc: Option<String>,
    /// The host's triple.
    pub host: Option<String>,
    /// `RUSTFLAGS`, where set.
    pub rustflags: Option<String>,
    /// The revision of the project.
    pub revision: Option<String>,
    /// Whether files differ from that revision.
    pub dirty: bool,
}

/// How busy the machine was while something was measured. What is not known is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Over {
    /// How long it was measured.
    pub seconds: f64,
    /// The share of time in which processors worked, the measured programs included, 0 to 1.
    pub busy: Option<f64>,
    /// The share of time that the hypervisor gave to others, 0 to 1.
    pub steal: Option<f64>,
    /// Processes that were running on average over the last minute of it.
    pub load: Option<f64>,
}

impl Environment {
    /// Looks at this machine and at the project that stands in `root`.
    pub fn observe(root: &Path) -> Self {
        let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
        let cpu_line = |key: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let rustc = output(Command::new("rustc").arg("-vV"));
        let host = rustc.as_deref().and_then(|text| {
            text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
        });
        let status = output(git(root).args(["status", "--porcelain"]));
        Self {
            cpu: cpu_line("model name"),
            cores: std::thread::available_parallelism().ok().map(usize::from),
            kernel: read("/proc/version").and_then(|text| {
                let words: Vec<&str> = text.split(' ').take(3).collect();
                (words.len() == 3).then(|| format!("{} {}", words[0], words[2]))
            }),
            governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
                .map(|text| text.trim().to_owned()),
            hypervisor: cpu_line("flags").is_some_and(|f| f.split(' ').any(|f| f == "hypervisor")),
            load: read("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
            steal: read("/proc/stat").and_then(|text| steal_share(&text)),
            rustc: rustc.as_deref().and_then(|text| Some(text.lines().next()?.to_owned())),
            host,
            rustflags: std::env::var("RUSTFLAGS").ok().filter(|flags| !flags.is_empty()),
            revision: output(git(root).args(["rev-parse", "HEAD"])),
            dirty: status.is_some_and(|text| !text.is_empty()),
        }
    }

    /// What makes a measurement of time here doubtful, a line each.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let cores = self.cores.unwrap_or(1);
        if let Some(load) = self.load.filter(|load| *load > 0.5) {
            doubts.push(format!("{load} processes were running already ({cores} processors)"));
        }
        if let Some(steal) = self.steal.filter(|steal| *steal > 0.01) {
            let percent = steal * 100.0;
            doubts.push(format!("the hypervisor gave {percent:.1} % of the time to others"));
        }
        if let Some(governor) = self.governor.as_deref().filter(|name| *name != "performance") {
            doubts.push(format!("the frequency governor is {governor}, not performance"));
        }
        if self.hypervisor {
            doubts.push("a virtual machine: cores and caches may be shared".to_owned());
        }
        doubts
    }
}

/// The share of stolen time in the first line of `/proc/stat`: user, nice, system, idle, iowait, irq,
/// softirq, steal.
pub fn steal_share(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let total: u64 = times.iter().take(8).sum();
    Some(*times.get(7)? as f64 / total.max(1) as f64)
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn git(root: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(root);
    command
}

/// What a command prints, if it can be run and succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_the_eighth_field() {
        assert_eq!(steal_share("cpu  10 0 10 70 0 0 0 10 0 0\ncpu0 1 2"), Some(0.1));
        assert_eq!(steal_share("cpu  10 0 10 70\n"), None);
        assert_eq!(steal_share(""), None);
    }

    #[test]
    fn a_quiet_machine_leaves_no_doubt() {
        let mut environment =
            Environment { load: Some(0.1), steal: Some(0.0), ..Default::default() };
        assert_eq!(environment.doubts(), Vec::<String>::new());
        environment.load = Some(3.0);
        environment.steal = Some(0.05);
        environment.governor = Some("powersave".to_owned());
        environment.hypervisor = true;
        assert_eq!(environment.doubts().len(), 4, "{:?}", environment.doubts());
    }
}
