//! `cargo xtask torture CAMPAIGN …`: the campaigns of `torture/`, optimised; and
//! `cargo xtask torture-sql …`: random queries against DuckDB, which need the SQL planner.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// Builds the campaigns of a package and runs one, with these arguments.
///
/// # Errors
/// When cargo cannot be started.
pub(crate) fn run(root: &Path, package: &str, arguments: &[String]) -> Result<ExitCode> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo.args(["run", "--quiet", "--profile", "quick", "-p", package, "--"]);
    let status = cargo.args(arguments).status().context("could not start cargo")?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
