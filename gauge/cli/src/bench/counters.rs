//! The processor's own counters, through `perf stat`, where there are any: many virtual machines have none.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::harness::Harness;
use super::runner::{Runner, output};

/// What is counted, of user code alone, which is what an unprivileged user may see.
pub const EVENTS: [&str; 4] = ["instructions:u", "cycles:u", "branch-misses:u", "cache-misses:u"];

/// Iterations of the shorter run: what is done only once is done then.
const FIRST: u64 = 2;

/// The longest that a run may take.
const LIMIT: Duration = Duration::from_secs(120);

/// The counts an iteration of the [`EVENTS`], of a bench whose iteration takes so long; `None` for what the processor
/// does not count.
///
/// # Errors
/// When perf is not there or may not count, or the bench is criterion's, which cannot be told how often to iterate.
pub fn count(runner: &Runner, nanoseconds: f64, scratch: &Path) -> Result<[Option<f64>; 4]> {
    if runner.harness != Harness::Gauge {
        bail!("only gauge-bench can be told how often to iterate (change the import)");
    }
    // Fifty milliseconds of work.
    let more = (5e7 / nanoseconds.max(1.0)).clamp(1.0, 1e9) as u64;
    let few = run(runner, FIRST, scratch)?;
    let many = run(runner, FIRST + more, scratch)?;
    let each = |event: usize| Some((many[event]? - few[event]?) / more as f64);
    Ok([0, 1, 2, 3].map(each))
}

fn run(runner: &Runner, iterations: u64, scratch: &Path) -> Result<[Option<f64>; 4]> {
    let path = scratch.join("perf.csv");
    let mut command = Command::new("perf");
    command.args(["stat", "-x,", "-e", &EVENTS.join(","), "-o"]).arg(&path).arg("--");
    command.arg(&runner.program).args(["--bench", "--exact", &runner.bench]);
    command.args(["--gauge-iterations", &iterations.to_string()]);
    command.current_dir(&runner.directory).stdin(Stdio::null()).stderr(Stdio::null());
    let help = "perf (`apt install linux-perf`; /proc/sys/kernel/perf_event_paranoid at most 2)";
    output(command, LIMIT).context(help)?;
    Ok(parse(&std::fs::read_to_string(&path).context(help)?))
}

/// `VALUE,unit,EVENT,…` a line; `<not supported>` and `<not counted>` are no values.
fn parse(text: &str) -> [Option<f64>; 4] {
    EVENTS.map(|event| {
        let line = text.lines().find(|line| line.split(',').nth(2) == Some(event))?;
        line.split(',').next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_is_unknown_and_not_zero() {
        let text = "# started on Sat Nov 21\n\n123456,,instructions:u,1000,100.00,,\n\
            <not supported>,,cycles:u,0,100.00,,\n<not counted>,,branch-misses:u,0,0.00,,\n\
            0,,cache-misses:u,1000,100.00,,\n";
        assert_eq!(parse(text), [Some(123_456.0), None, None, Some(0.0)]);
        assert_eq!(parse(""), [None; 4]);
    }
}
