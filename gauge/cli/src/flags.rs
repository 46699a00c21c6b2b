//! Flags for the compiler, beside those that the project has set wherever Cargo looks for them.

use std::path::Path;

use toml::{Table, Value};

/// Cargo takes flags from one place alone: adding to another would switch the project's off.
#[derive(Debug, PartialEq, Eq)]
enum Origin {
    /// `CARGO_ENCODED_RUSTFLAGS`, with its value.
    Encoded(String),
    /// `RUSTFLAGS`, with its value.
    Variable(String),
    /// `target.….rustflags` of a configuration file or the environment.
    Target,
    /// `build.rustflags`, or none at all.
    Build,
}

/// The arguments and variables that have Cargo, run in `folder`, add `flags` to those it would use anyway.
pub(crate) fn adding(flags: &[String], folder: &Path) -> (Vec<String>, Vec<(String, String)>) {
    through(&origin(folder), flags)
}

fn through(origin: &Origin, flags: &[String]) -> (Vec<String>, Vec<(String, String)>) {
    let joined = |old: &str, separator: &str| {
        let old = (!old.is_empty()).then(|| old.to_owned());
        let all: Vec<String> = old.into_iter().chain(flags.iter().cloned()).collect();
        all.join(separator)
    };
    let list = Value::Array(flags.iter().map(|flag| flag.as_str().into()).collect());
    let config = |key: &str| vec!["--config".to_owned(), format!("{key}={list}")];
    match origin {
        Origin::Encoded(old) => {
            (Vec::new(), vec![("CARGO_ENCODED_RUSTFLAGS".to_owned(), joined(old, "\u{1f}"))])
        }
        Origin::Variable(old) => (Vec::new(), vec![("RUSTFLAGS".to_owned(), joined(old, " "))]),
        Origin::Target => (config("target.'cfg(all())'.rustflags"), Vec::new()),
        Origin::Build => (config("build.rustflags"), Vec::new()),
    }
}

fn origin(folder: &Path) -> Origin {
    if let Ok(flags) = std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        return Origin::Encoded(flags);
    }
    if let Ok(flags) = std::env::var("RUSTFLAGS") {
        return Origin::Variable(flags);
    }
    let by_variable = std::env::vars_os().any(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS")
    });
    let home = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let folders = folder.ancestors().map(|folder| folder.join(".cargo")).chain(home);
    let mut files = folders.flat_map(|folder| [folder.join("config.toml"), folder.join("config")]);
    let by_file = files.any(|file| {
        let text = std::fs::read_to_string(file).ok();
        text.and_then(|text| text.parse().ok()).is_some_and(|config| has_target_flags(&config))
    });
    if by_variable || by_file { Origin::Target } else { Origin::Build }
}

fn has_target_flags(config: &Table) -> bool {
    let targets = config.get("target").and_then(Value::as_table);
    targets.is_some_and(|targets| targets.values().any(|target| target.get("rustflags").is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_added_where_cargo_looks() {
        let flags = ["-Ca=1".to_owned(), "-Cb".to_owned()];
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (origin, arguments, variables) in [
            (
                Origin::Encoded("-O".to_owned()),
                vec![],
                vec![variable("CARGO_ENCODED_RUSTFLAGS", "-O\u{1f}-Ca=1\u{1f}-Cb")],
            ),
            (Origin::Variable(String::new()), vec![], vec![variable("RUSTFLAGS", "-Ca=1 -Cb")]),
            (
                Origin::Target,
                vec!["--config", "target.'cfg(all())'.rustflags=[\"-Ca=1\", \"-Cb\"]"],
                vec![],
            ),
            (Origin::Build, vec!["--config", "build.rustflags=[\"-Ca=1\", \"-Cb\"]"], vec![]),
        ] {
            let expected = (arguments.into_iter().map(str::to_owned).collect(), variables);
            assert_eq!(through(&origin, &flags), expected, "{origin:?}");
        }
        let config = "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-O\"]\n".parse().unwrap();
        assert!(has_target_flags(&config));
        assert!(!has_target_flags(
            &"[build]\nrustflags = []\n[target.x]\nlinker = \"l\"\n".parse().unwrap()
        ));
    }
}
