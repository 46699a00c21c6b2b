//! What the kernel says of processes: processor time, memory.

use std::fs::read_to_string;

use anyhow::{Context, Result};

/// The kernel's ticks a second, in all that it says to programs.
const TICKS: f64 = 100.0;

/// Processor seconds of a process, user's and system's, of all its threads.
///
/// # Errors
/// When there is no such process.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    ticks(pid, &[11, 12])
}

/// The same of this process and of all that it started and that have ended.
///
/// # Errors
/// When the kernel does not say.
pub fn family_cpu_seconds() -> Result<f64> {
    ticks(std::process::id(), &[11, 12, 13, 14])
}

fn ticks(pid: u32, places: &[usize]) -> Result<f64> {
    let stat = read_to_string(format!("/proc/{pid}/stat"))?;
    // Behind the program's name, which may have blanks and parentheses in it.
    let (_, rest) = stat.rsplit_once(") ").context("no name in stat")?;
    let words: Vec<&str> = rest.split(' ').collect();
    let tick = |place: &usize| -> Result<f64> {
        Ok(words.get(*place).context("stat is short")?.parse::<f64>()?)
    };
    Ok(places.iter().map(tick).sum::<Result<f64>>()? / TICKS)
}

/// Seconds that processors of this machine were busy, for anyone.
///
/// # Errors
/// When the kernel does not say.
pub fn machine_cpu_seconds() -> Result<f64> {
    let stat = read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("no line")?;
    let numbers = line.split_whitespace().skip(1).map(|word| Ok(word.parse::<f64>()?));
    let numbers: Vec<f64> = numbers.collect::<Result<_>>()?;
    // User, nice, system, idle, waiting, interrupts, soft ones, stolen by other machines.
    let busy = [0, 1, 2, 5, 6, 7].map(|place| numbers.get(place).copied().unwrap_or(0.0));
    Ok(busy.iter().sum::<f64>() / TICKS)
}

/// A line of what the kernel says of a process's memory, in bytes: `VmHWM` is the most it ever had, `VmRSS` what it has.
///
/// # Errors
/// When there is no such process or line.
pub fn memory_bytes(pid: u32, name: &str) -> Result<f64> {
    let status = read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib: f64 =
        line.with_context(|| format!("no {name}"))?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_and_memory_are_seen() -> Result<()> {
        let pid = std::process::id();
        let (before, machine) = (cpu_seconds(pid)?, machine_cpu_seconds()?);
        while cpu_seconds(pid)? < before + 0.05 {
            std::hint::black_box(vec![1u8; 1 << 16]);
        }
        assert!(machine_cpu_seconds()? >= machine + 0.03);
        assert!(family_cpu_seconds()? >= before + 0.05);
        assert!(memory_bytes(pid, "VmHWM")? >= memory_bytes(pid, "VmRSS")? * 0.9);
        assert!(memory_bytes(pid, "VmHWM")? > 1e5 && memory_bytes(pid, "Vm").is_err());
        Ok(())
    }
}
