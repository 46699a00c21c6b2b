//! This machine's processors, memory, disks and network from Linux' `/proc`, as line protocol.

mod drive;
mod line;
mod tables;

use std::path::{Path, PathBuf};

pub use drive::{MIN_INTERVAL, record};
use line::Sample;
use tables::CpuTimes;

/// Reads `/proc` and writes what stands there as line protocol.
///
/// | table | tags besides `host` | fields |
/// |---|---|---|
/// | `cpu` | `cpu` (`total`, `cpu0`, …) | `usage_*`: floats, percent of the time since the sample before |
/// | `softirq` | `kind` | `count` |
/// | `mem` | | ints in bytes; `used_percent` float |
/// | `mem_zone` | `zone` (`node:name`) | `free_0` … `free_10`: free runs of 2ⁿ pages |
/// | `load` | | `load1`, `load5`, `load15` floats; `running`, `blocked`, `threads` ints |
/// | `disk_io` | `device` | counters, ints; `in_flight` a gauge |
/// | `net` | `interface` | counters, ints |
/// | `net_protocol` | `protocol` | counters, ints; `established` a gauge |
/// | `sockets` | `protocol` | gauges, ints |
/// | `vmstat` | | counters, ints |
/// | `pressure` | `resource` | `some_*`, `full_*`: averages in percent, floats; totals in µs, ints |
///
/// Counters count since boot. Floats have two decimals. What this machine does not show, and
/// devices that were never used, are left out; nothing here is an error.
#[derive(Clone, Debug)]
pub struct Recorder {
    proc: PathBuf,
    host: String,
    cpu_times: CpuTimes,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// A recorder of this machine. The processors' first interval starts here.
    #[must_use]
    pub fn new() -> Self {
        Self::with_proc("/proc")
    }

    /// A recorder of a copy of `/proc` in another directory.
    #[must_use]
    pub fn with_proc(directory: impl Into<PathBuf>) -> Self {
        let proc = directory.into();
        let host = read(&proc.join("sys/kernel/hostname"));
        let mut recorder =
            Self { proc, host: "localhost".to_owned(), cpu_times: CpuTimes::default() };
        recorder.set_host(host.trim());
        // Only notes where the processors' counters stand.
        recorder.sample(0, &mut Vec::new());
        recorder
    }

    /// Writes another name in place of this machine's, for files that leave it. Characters that
    /// line protocol gives a meaning to become `_`; an empty name changes nothing.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        self.set_host(host);
        self
    }

    /// Appends one sample: some 25 lines, each ending in a newline, all at `time_ns` (nanoseconds
    /// since 1970-01-01T00:00:00Z).
    pub fn sample(&mut self, time_ns: i64, out: &mut Vec<u8>) {
        let Self { proc, host, cpu_times } = self;
        let sample = &mut Sample { host, time_ns, out };
        let text = |name: &str| read(&proc.join(name));
        let stat = &text("stat");
        tables::cpu(stat, cpu_times, sample);
        tables::softirq(stat, sample);
        tables::mem(&text("meminfo"), sample);
        tables::mem_zone(&text("buddyinfo"), sample);
        tables::load(&text("loadavg"), stat, sample);
        tables::disk_io(&text("diskstats"), sample);
        tables::net(&text("net/dev"), sample);
        tables::net_protocol(&text("net/snmp"), sample);
        tables::sockets(&text("net/sockstat"), sample);
        tables::vmstat(&text("vmstat"), stat, sample);
        tables::pressure("cpu", &text("pressure/cpu"), sample);
        tables::pressure("io", &text("pressure/io"), sample);
        tables::pressure("memory", &text("pressure/memory"), sample);
    }

    fn set_host(&mut self, host: &str) {
        if !host.is_empty() {
            host.clone_into(&mut self.host);
        }
    }
}

/// The text of a file; empty if it cannot be read.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
