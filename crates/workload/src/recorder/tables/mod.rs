//! The text of each file under `/proc` to lines of one table. Pure functions: text in, lines out.
//! What a kernel does not show, or shows in a way that is not understood, is left out.

mod io;
mod processor;
mod system;

#[cfg(test)]
mod tests;

pub(super) use io::{disk_io, net, net_protocol, sockets};
pub(super) use processor::{CpuTimes, cpu, softirq};
pub(super) use system::{load, mem, mem_zone, pressure, vmstat};

/// The first number after `key` where it begins a line.
pub(super) fn value_of(text: &str, key: &str) -> Option<i64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix([' ', '\t']))?;
    rest.split_ascii_whitespace().next().and_then(int)
}

/// A counter; one beyond `i64` is not read.
pub(super) fn int(word: &str) -> Option<i64> {
    word.parse().ok()
}

pub(super) fn float(word: &str) -> Option<f64> {
    word.parse().ok().filter(|value: &f64| value.is_finite())
}
