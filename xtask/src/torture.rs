//! `cargo xtask torture CAMPAIGN …`: the campaigns of `torture/`, optimised; and
//! `cargo xtask torture-sql …`: random queries against DuckDB, which need the SQL planner.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// Statements from which on it pays to optimise the SQL planner: the build takes eight minutes more, and a
/// statement an eightieth of a second less.
const MANY_QUERIES: u64 = 100_000;

/// Builds the campaigns of a package and runs one, with these arguments.
///
/// # Errors
/// When cargo cannot be started.
pub(crate) fn run(root: &Path, package: &str, arguments: &[String]) -> Result<ExitCode> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    let profile = if queries(arguments) >= MANY_QUERIES { "campaign" } else { "quick" };
    cargo.args(["run", "--quiet", "--profile", profile, "-p", package, "--"]);
    let status = cargo.args(arguments).status().context("could not start cargo")?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// What `--queries` says.
fn queries(arguments: &[String]) -> u64 {
    let value = |at: usize| match arguments[at].strip_prefix("--queries") {
        Some("") => arguments.get(at + 1).map(String::as_str),
        Some(rest) => rest.strip_prefix('='),
        None => None,
    };
    (0..arguments.len()).find_map(value).and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_queries_is_read_as_the_campaign_reads_it() {
        for (line, expected) in [
            ("--seed 7 --queries 1000000", 1_000_000),
            ("--queries=200000 --seed 7", 200_000),
            ("--queries", 0),
            ("--queriesx 5", 0),
            ("--seed 7", 0),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(queries(&words), expected, "{line}");
        }
    }
}
