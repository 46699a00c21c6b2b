//! Libraries have the same features whatever of the workspace is built, so that they are built
//! once: DataFusion takes minutes.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What people build alone.
const ALONE: [&str; 4] = ["tidemill-query", "tidemill", "tidemill-cli", "tidemill-bench"];
/// No library of these is below DataFusion.
const APART: [&str; 3] = ["tidemill", "clap", "object"];

/// Libraries that building one crate alone would build another time.
///
/// # Errors
/// When cargo cannot be asked.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let all = libraries(root, &["--workspace", "--edges", "normal,dev,no-proc-macro"])?;
    let mut problems = Vec::new();
    for name in ALONE {
        let alone = libraries(root, &["--package", name, "--edges", "normal,no-proc-macro"])?;
        let other = alone.difference(&all).map(|library| {
            format!("{name}: builds {library}, which the whole workspace builds otherwise: name its features in crates/query/Cargo.toml")
        });
        problems.extend(other);
    }
    Ok(problems)
}

/// Names, versions and features.
fn libraries(root: &Path, arguments: &[&str]) -> Result<BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["tree", "--offline", "--prefix", "none", "--format", "{p} {f}"])
        .args(arguments)
        .output()
        .context("cargo tree")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let lines = text.lines().map(|line| line.trim_end_matches(" (*)").trim_end());
    let lines = lines.filter(|line| !APART.iter().any(|name| line.starts_with(name)));
    Ok(lines.filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn libraries_are_built_once() {
        assert_eq!(super::check(&crate::root()).unwrap(), Vec::<String>::new());
    }
}
