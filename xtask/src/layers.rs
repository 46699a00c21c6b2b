//! A crate uses only lower floors, dev-dependencies included.

use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

/// The floors, lowest first. Crates of one floor don't use each other.
const FLOORS: [&[&str]; 12] = [
    &["tidemill-machine"],
    // A leaf: whatever is measured, or refused memory, may link it.
    &["gauge-probe"],
    &["gauge-bench"],
    &["tidemill-memory", "tidemill-kernels"],
    &["tidemill-model"],
    &["tidemill-codec", "tidemill-parse", "tidemill-workload"],
    &["tidemill-store"],
    &["tidemill-analysis"],
    &["tidemill-query"],
    &["tidemill"],
    &["tidemill-cli", "cargo-gauge"],
    &[
        "tidemill-bench",
        "tidemill-torture",
        "tidemill-torture-sql",
        "tidemill-fuzz",
        "tidemill-fuzz-sql",
        "xtask",
    ],
];

/// What only one crate may know, and which.
const SECRETS: [(&str, &[&str]); 5] = [
    ("datafusion", &["tidemill-query"]),
    ("tokio", &["tidemill-query"]),
    ("arrow", &["tidemill-query", "tidemill-cli", "tidemill-bench", "tidemill-torture-sql"]),
    (
        "clap",
        &[
            "cargo-gauge",
            "tidemill-cli",
            "tidemill-bench",
            "tidemill-torture",
            "tidemill-torture-sql",
        ],
    ),
    (
        "anyhow",
        &[
            "cargo-gauge",
            "tidemill-analysis",
            "tidemill-cli",
            "tidemill-bench",
            "tidemill-torture",
            "tidemill-torture-sql",
            "xtask",
        ],
    ),
];

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

/// What breaks the order of the floors.
///
/// # Errors
/// When a manifest cannot be read.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut manifests = ["xtask", "bench", "torture", "torture/sql", "fuzz/harness", "fuzz/sql"]
        .map(|folder| root.join(folder).join("Cargo.toml"))
        .to_vec();
    for folder in ["crates", "gauge"] {
        for entry in std::fs::read_dir(root.join(folder))? {
            manifests.push(entry?.path().join("Cargo.toml"));
        }
    }
    let mut problems = Vec::new();
    for path in manifests {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        problems.extend(check_manifest(&text.parse()?));
    }
    Ok(problems)
}

fn check_manifest(manifest: &Table) -> Vec<String> {
    let name = manifest.get("package").and_then(|p| p.get("name")).and_then(Value::as_str);
    let name = name.unwrap_or_default();
    let Some(own) = floor(name) else { return vec![format!("{name}: stands on no floor")] };
    let mut problems = Vec::new();
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(dependencies) = manifest.get(section).and_then(Value::as_table) else { continue };
        for dependency in dependencies.keys() {
            if floor(dependency).is_some_and(|floor| floor >= own) {
                problems.push(format!("{name}: uses {dependency}, which is not on a lower floor"));
            }
            let secret = SECRETS.iter().find(|(secret, _)| secret == dependency);
            if secret.is_some_and(|(_, users)| !users.contains(&name)) {
                problems.push(format!("{name}: must not know {dependency}"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_stands() {
        assert_eq!(check(&crate::root()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_crate_that_reaches_up_is_found() {
        let manifest =
            "[package]\nname = \"tidemill-store\"\n[dev-dependencies]\ntidemill = 1\ntokio = 1\n";
        let problems = check_manifest(&manifest.parse().unwrap());
        assert_eq!(
            problems,
            [
                "tidemill-store: uses tidemill, which is not on a lower floor",
                "tidemill-store: must not know tokio"
            ]
        );
    }
}
