//! The Rust sources of a package, by what they are compiled into.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{Package, TargetKind};

use super::crate_names;

/// The crates that a package's sources name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Its library and its binaries.
    pub main: BTreeSet<String>,
    /// Its tests, examples and benches; items under `#[cfg(test)]`; examples in documentation.
    pub tests: BTreeSet<String>,
    /// Its build script.
    pub build: BTreeSet<String>,
    /// Sources that could not be read or cut into tokens.
    pub unread: Vec<PathBuf>,
}

/// Reads all Rust files below a package's folder (not below another package's), and its targets wherever they stand.
pub fn named(package: &Package) -> Named {
    let root = package.manifest_path.as_std_path().parent().unwrap_or(Path::new("."));
    let mut files = BTreeSet::new();
    walk(root, true, &mut files);
    let has = |kinds: &[TargetKind], path: &Path| {
        let mut targets =
            package.targets.iter().filter(|target| target.src_path.as_std_path() == path);
        targets.any(|target| target.kind.iter().any(|kind| kinds.contains(kind)))
    };
    files.extend(package.targets.iter().map(|target| target.src_path.clone().into_std_path_buf()));
    let mut named = Named::default();
    for file in files {
        let text = std::fs::read_to_string(&file).ok();
        let Some(names) = text.as_deref().and_then(crate_names::of_source) else {
            named.unread.push(file);
            continue;
        };
        let first = file.strip_prefix(root).ok().and_then(|path| path.components().next());
        let folder = first.map(|first| first.as_os_str().to_string_lossy().into_owned());
        let is_for_tests =
            ["tests", "examples", "benches"].map(|name| Some(name.to_owned())).contains(&folder)
                || has(&[TargetKind::Test, TargetKind::Example, TargetKind::Bench], &file);
        if has(&[TargetKind::CustomBuild], &file) {
            named.build.extend(names.code);
        } else if is_for_tests {
            named.tests.extend(names.code);
        } else {
            named.main.extend(names.code);
        }
        named.tests.extend(names.tests);
        let folder = file.parent().unwrap_or(root);
        for text in names.texts.iter().filter(|text| text.ends_with(".md")) {
            let text = std::fs::read_to_string(folder.join(text)).unwrap_or_default();
            named.tests.extend(crate_names::of_document(&text));
        }
    }
    named
}

fn walk(folder: &Path, is_root: bool, files: &mut BTreeSet<PathBuf>) {
    if !is_root && (folder.join("Cargo.toml").exists() || folder.join("CACHEDIR.TAG").exists()) {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_hidden = name.to_string_lossy().starts_with('.');
        // Links are not followed: they may lead round.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !is_hidden && name != "target" {
            walk(&path, false, files);
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(path);
        }
    }
}
