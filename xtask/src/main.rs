//! Checks of the house: `cargo xtask layers`, `cargo xtask tidy`, `cargo xtask features`, which also
//! run as tests; the tests under sanitizers: `cargo xtask sanitize`; the campaigns: `cargo xtask torture
//! --help`, `cargo xtask torture-sql --help`, `cargo xtask fuzz --help`; and what shows that the tests
//! would see a defect: `cargo xtask mutants`, `cargo xtask coverage`; and what `cargo gauge compare` is
//! accepted by: `cargo xtask gauge-accept`.
#![forbid(unsafe_code)]

mod accept;
mod coverage;
mod features;
mod fuzz;
mod layers;
mod mutants;
mod sanitize;
mod tidy;
mod torture;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let root = root();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let problems = match arguments.first().map(String::as_str) {
        Some("layers") => layers::check(&root)?,
        Some("tidy") => tidy::check(&root)?,
        Some("features") => features::check(&root)?,
        Some("coverage") => return coverage::run(&root, &arguments[1..]),
        Some("fuzz") => return fuzz::run(&root, &arguments[1..]),
        Some("gauge-accept") => return accept::run(&root, &arguments[1..]),
        Some("mutants") => return mutants::run(&root, &arguments[1..]),
        Some("sanitize") => return sanitize::run(&root, &arguments[1..]),
        Some("torture") => return torture::run(&root, "tidemill-torture", &arguments[1..]),
        Some("torture-sql") => return torture::run(&root, "tidemill-torture-sql", &arguments[1..]),
        other => {
            eprintln!(
                "usage: xtask layers | tidy | features | coverage | fuzz | gauge-accept | mutants | \
                 sanitize | torture | torture-sql (not `{}`)",
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
