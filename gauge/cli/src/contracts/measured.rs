//! What the harness measures by running: sizes of types, requests to the allocator.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Requests to the allocator, and bytes asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocations {
    /// Allocations and reallocations.
    pub requests: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The sizes of the types, in their order.
///
/// # Errors
/// When the executable cannot be run or fails.
pub fn sizes(executable: &Path, count: usize) -> Result<Vec<u64>> {
    let text = run(executable, "sizes")?;
    let sizes: Option<Vec<u64>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("size "))
        .map(|line| line.split(' ').nth(1)?.parse().ok())
        .collect();
    let sizes = sizes.unwrap_or_default();
    ensure!(sizes.len() == count, "the harness printed {} sizes of {count}", sizes.len());
    Ok(sizes)
}

/// What the code of this number asked of the allocator, in a process of its own.
///
/// # Errors
/// When the executable cannot be run or fails: with what it said last.
pub fn allocations(executable: &Path, index: usize) -> Result<Allocations> {
    let text = run(executable, &index.to_string())?;
    // What the code prints itself may stand before it, on lines of its own.
    let line = text.lines().rev().find_map(|line| line.strip_prefix("allocations "));
    let numbers = line.and_then(|line| line.split_once(' '));
    let numbers = numbers.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    let (requests, bytes) = numbers.context("the harness printed no count")?;
    Ok(Allocations { requests, bytes })
}

fn run(executable: &Path, argument: &str) -> Result<String> {
    let mut command = Command::new(executable);
    let output =
        command.arg(argument).output().with_context(|| executable.display().to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().filter(|line| !line.is_empty() && !line.starts_with("note: "));
        // What a panic says comes first, and a backtrace may follow.
        let said: Vec<&str> = said.take(3).collect();
        bail!("it ended with {}: {}", output.status, said.join(" "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
