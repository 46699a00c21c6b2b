//! Compiler flags that a project's configuration sets: cargo takes flags from one place only, and a flag of ours
//! must not drop theirs.

use std::path::{Path, PathBuf};

use toml::Table;

/// The `build.rustflags` of the configuration files that count in `root`, which cargo would ignore as soon as there
/// are flags for a target; none where they are ignored already.
pub(super) fn hidden_by_target(root: &Path) -> Vec<String> {
    let configurations = configurations(root);
    let tables: Vec<Table> =
        configurations.iter().filter_map(|text| text.parse::<Table>().ok()).collect();
    merged(&tables)
}

/// The configuration files that count in `root`, the nearest first.
pub(super) fn configurations(root: &Path) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut folders: Vec<PathBuf> = root.ancestors().map(|f| f.join(".cargo")).collect();
    folders.extend(home.filter(|home| !root.ancestors().any(|f| f.join(".cargo") == *home)));
    let read = |folder: &PathBuf| {
        // Where there are both, cargo reads the one without an ending.
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        read("config").or_else(|| read("config.toml"))
    };
    folders.iter().filter_map(read).collect()
}

/// Those of the farthest file first, as cargo joins them.
fn merged(configurations: &[Table]) -> Vec<String> {
    let of_targets = |table: &Table| {
        let targets = table.get("target").and_then(|value| value.as_table());
        targets.is_some_and(|all| all.values().any(|target| target.get("rustflags").is_some()))
    };
    if configurations.iter().any(of_targets) {
        return Vec::new();
    }
    let mut flags = Vec::new();
    for table in configurations.iter().rev() {
        match table.get("build").and_then(|build| build.get("rustflags")) {
            Some(toml::Value::String(text)) => {
                flags.extend(text.split_whitespace().map(str::to_owned));
            }
            Some(toml::Value::Array(list)) => {
                flags.extend(list.iter().filter_map(|flag| flag.as_str().map(str::to_owned)));
            }
            _ => {}
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_all_files_are_kept_unless_cargo_ignores_them_anyway() {
        let near: Table = "[build]\nrustflags = [\"-Ctarget-cpu=native\"]".parse().unwrap();
        let far: Table = "[build]\nrustflags = \"-Cforce-frame-pointers -g\"".parse().unwrap();
        let expected = ["-Cforce-frame-pointers", "-g", "-Ctarget-cpu=native"];
        assert_eq!(merged(&[near.clone(), far.clone()]), expected);
        let target: Table = "[target.'cfg(unix)']\nrustflags = [\"-g\"]".parse().unwrap();
        assert!(merged(&[near.clone(), target]).is_empty());
        assert!(merged(&["[alias]\nx = \"y\"".parse().unwrap()]).is_empty());
    }

    #[test]
    fn the_nearest_folders_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(inner.join(".cargo")).unwrap();
        let text = "[build]\nrustflags = [\"--cfg=near\"]";
        std::fs::write(inner.join(".cargo/config.toml"), text).unwrap();
        assert!(hidden_by_target(&inner).contains(&"--cfg=near".to_owned()));
        assert!(!hidden_by_target(folder.path()).contains(&"--cfg=near".to_owned()));
    }
}
