//! Checks of the house: `cargo xtask layers`, `cargo xtask tidy`, `cargo xtask features`; all also
//! run as tests.
#![forbid(unsafe_code)]

mod features;
mod layers;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let root = root();
    let problems = match std::env::args().nth(1).as_deref() {
        Some("layers") => layers::check(&root)?,
        Some("tidy") => tidy::check(&root)?,
        Some("features") => features::check(&root)?,
        other => {
            eprintln!(
                "usage: xtask layers | tidy | features (not `{}`)",
                other.unwrap_or_default()
            );
            return Ok(ExitCode::from(2));
        }
    };
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
