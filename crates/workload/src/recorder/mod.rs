//! This machine's processors, memory, disks and network from Linux' `/proc`, as line protocol.

mod drive;
mod line;
mod tables;

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

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
    texts: Texts,
}

/// Buffers for the files that more than one table reads, and one for the others.
#[derive(Clone, Debug, Default)]
struct Texts {
    stat: String,
    other: String,
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
        let mut host = String::new();
        read(proc.join("sys/kernel/hostname"), &mut host);
        let host = match host.trim() {
            "" => "localhost".to_owned(),
            name => name.to_owned(),
        };
        let mut recorder =
            Self { proc, host, cpu_times: CpuTimes::default(), texts: Texts::default() };
        recorder.note_cpu_times();
        recorder
    }

    /// Writes another name in place of this machine's, for files that leave it. Characters that
    /// line protocol gives a meaning to become `_`.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Appends one sample: some 25 lines, each ending in a newline, all at `time_ns` (nanoseconds
    /// since 1970-01-01T00:00:00Z).
    pub fn sample(&mut self, time_ns: i64, out: &mut Vec<u8>) {
        let Self { proc, host, cpu_times, texts: Texts { stat, other } } = self;
        let sample = &mut Sample { host, time_ns, out };
        read(proc.join("stat"), stat);
        tables::cpu(stat, cpu_times, sample);
        tables::softirq(stat, sample);
        let mut text = |name: &str| -> String {
            read(proc.join(name), other);
            std::mem::take(other)
        };
        tables::mem(&text("meminfo"), sample);
        tables::mem_zone(&text("buddyinfo"), sample);
        tables::load(&text("loadavg"), stat, sample);
        tables::disk_io(&text("diskstats"), sample);
        tables::net(&text("net/dev"), sample);
        tables::net_protocol(&text("net/snmp"), sample);
        tables::sockets(&text("net/sockstat"), sample);
        tables::vmstat(&text("vmstat"), stat, sample);
        for resource in ["cpu", "io", "memory"] {
            tables::pressure(resource, &text(&format!("pressure/{resource}")), sample);
        }
    }

    fn note_cpu_times(&mut self) {
        let mut nothing = Vec::new();
        let sample = &mut Sample { host: &self.host, time_ns: 0, out: &mut nothing };
        read(self.proc.join("stat"), &mut self.texts.stat);
        tables::cpu(&self.texts.stat, &mut self.cpu_times, sample);
    }
}

/// The text of a file in place of what stood in `text`; empty if it cannot be read.
fn read(path: PathBuf, text: &mut String) {
    text.clear();
    if File::open(path).and_then(|mut file| file.read_to_string(text)).is_err() {
        text.clear();
    }
}
