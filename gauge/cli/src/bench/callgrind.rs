//! Instructions of an iteration, counted by valgrind.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::harness::Harness;
use super::runner::{Runner, output};

/// Where to get it.
const HELP: &str = "valgrind is not there: `apt install valgrind`, or https://valgrind.org";

/// Iterations of the shorter run: what is done only once is done then.
const FIRST: u64 = 2;

/// The longest that valgrind may run.
const LIMIT: Duration = Duration::from_secs(600);

/// Whether valgrind runs here.
///
/// # Errors
/// When it does not: says how to get it.
pub fn check() -> Result<()> {
    let version = Command::new("valgrind").arg("--version").stdin(Stdio::null()).output();
    if !version.is_ok_and(|output| output.status.success()) {
        bail!(HELP);
    }
    Ok(())
}

/// How many instructions an iteration executes, of a bench whose iteration takes so long: the difference of two
/// runs over the difference of their iterations, so that preparation cancels. Valgrind knows no
/// AVX-512: code that looks what the processor has takes another path there.
///
/// # Errors
/// When valgrind fails, or the bench is criterion's, which cannot be told how often to iterate.
pub fn instructions(runner: &Runner, nanoseconds: f64, scratch: &Path) -> Result<f64> {
    if runner.harness != Harness::Gauge {
        bail!("only gauge-bench can be told how often to iterate (change the import)");
    }
    // Two milliseconds of work, some hundred of valgrind's.
    let more = (2e6 / nanoseconds.max(1.0)).clamp(1.0, 10_000.0) as u64;
    let few = count(runner, FIRST, scratch)?;
    let many = count(runner, FIRST + more, scratch)?;
    Ok((many - few) / more as f64)
}

fn count(runner: &Runner, iterations: u64, scratch: &Path) -> Result<f64> {
    let path = scratch.join("callgrind.out");
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", path.display()));
    command.arg(&runner.program).args(["--bench", "--exact", &runner.bench]);
    command.args(["--gauge-iterations", &iterations.to_string()]);
    command.current_dir(&runner.directory).stdin(Stdio::null()).stderr(Stdio::null());
    output(command, LIMIT).with_context(|| format!("valgrind of {}", runner.bench))?;
    let text = std::fs::read_to_string(&path).context("valgrind left no counts")?;
    total(&text).context("valgrind's counts have no total")
}

/// The instructions in what callgrind wrote.
fn total(text: &str) -> Option<f64> {
    let line = |key: &str| text.lines().rev().find_map(|line| line.strip_prefix(key));
    let number = line("totals:").or_else(|| line("summary:"))?;
    number.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found() {
        let text = "version: 1\nevents: Ir\nsummary: 100\n\nfn=(1) main\n3 100\ntotals: 123456\n";
        assert_eq!(total(text), Some(123_456.0));
        assert_eq!(total("events: Ir\nsummary: 77 3\n"), Some(77.0));
        assert_eq!(total("events: Ir\n"), None);
    }
}
