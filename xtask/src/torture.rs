//! `cargo xtask torture CAMPAIGN …`: the campaigns of `torture/`, optimised.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// Builds the campaigns and runs one, with these arguments.
///
/// # Errors
/// When cargo cannot be started.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo.args(["run", "--quiet", "--profile", "quick", "-p", "tidemill-torture", "--"]);
    let status = cargo.args(arguments).status().context("could not start cargo")?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
