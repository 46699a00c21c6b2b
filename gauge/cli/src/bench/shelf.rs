//! Executables of commits, kept: what was built once of a commit, by the same compiler and with the same flags, is not built
//! again, however often it is compared with.
//!
//! What else a build reads is not known: a build script that looks outside its repository. `rm -r
//! target/gauge/compare/shelf` forgets all.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::baseline::{read_executables, write_executables};
use super::build::Selection;
use super::flags;
use super::harness::Executable;
use super::revision::Commit;
use crate::project::Project;

/// Builds that are kept; the one that was longest not used goes first.
const KEPT: usize = 12;

/// The folder, and what all builds in it today have in common.
#[derive(Debug)]
pub struct Shelf {
    /// The folder of compared revisions, with their tree.
    folder: PathBuf,
    common: String,
}

/// Variables that change what a build makes, by the beginnings of their names.
const VARIABLES: [&str; 12] = [
    "CARGO_PROFILE_",
    "CARGO_BUILD_",
    "CARGO_TARGET_",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "RUSTC",
    "CC",
    "CXX",
    "CFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "AR",
];

impl Shelf {
    /// The one in `folder`, for builds of `selection`.
    ///
    /// # Errors
    /// When the compiler cannot be asked for its version.
    pub fn open(folder: &Path, selection: &Selection, project: &Project) -> Result<Self> {
        let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let version = Command::new(compiler).arg("-vV").current_dir(project.root()).output();
        let version = version.context("rustc -vV")?.stdout;
        let mut variables: Vec<_> = std::env::vars_os()
            .filter(|(name, _)| {
                let name = name.to_string_lossy();
                let is_meant = VARIABLES.iter().any(|start| name.starts_with(start));
                is_meant && !["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"].contains(&&*name)
            })
            .collect();
        variables.sort();
        // Used by commits that have none.
        let lock = std::fs::read_to_string(project.root().join("Cargo.lock")).unwrap_or_default();
        let configurations = flags::configurations(folder);
        let version = String::from_utf8_lossy(&version);
        let common = format!("{selection:?}\n{version}{variables:?}\n{configurations:?}\n{lock}");
        Ok(Self { folder: folder.to_owned(), common })
    }

    /// What was kept of a commit, linked in this way, with what the build warned of.
    pub fn get(&self, commit: &Commit, way: &str) -> Option<(Vec<Executable>, Vec<String>)> {
        let (folder, key) = self.place(commit, way);
        // The whole key: two of one hash are two.
        if std::fs::read_to_string(folder.join("key")).ok()? != key {
            return None;
        }
        let executables = read_executables(&folder).ok()?;
        let warnings = std::fs::read(folder.join("warnings.json")).ok()?;
        let warnings = serde_json::from_slice(&warnings).ok()?;
        // Used now.
        std::fs::write(folder.join("key"), key).ok()?;
        Some((executables, warnings))
    }

    /// Keeps the executables, and returns them where they are kept; as they are, if they depend on more than the commit.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub fn put(
        &self,
        (commit, way): (&Commit, &str),
        (executables, warnings): (Vec<Executable>, Vec<String>),
    ) -> Result<(Vec<Executable>, Vec<String>)> {
        if !self.is_self_contained(&executables) {
            return Ok((executables, warnings));
        }
        let (folder, key) = self.place(commit, way);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        write_executables(&folder, &executables)?;
        std::fs::write(folder.join("warnings.json"), serde_json::to_vec(&warnings)?)?;
        // Last: without it nothing is there.
        std::fs::write(folder.join("key"), key)?;
        self.prune()?;
        Ok((read_executables(&folder)?, warnings))
    }

    fn place(&self, commit: &Commit, way: &str) -> (PathBuf, String) {
        let key = format!("{} {way}\n{}", commit.0, self.common);
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let name = format!("{}-{:016x}", commit.short(), hasher.finish());
        (self.folder.join("shelf").join(name), key)
    }

    /// Whether all packages that the build read by a path are of the commit.
    fn is_self_contained(&self, executables: &[Executable]) -> bool {
        let tree = self.folder.join("tree");
        let is_within = |executable: &Executable| {
            let mut command = cargo_metadata::MetadataCommand::new();
            command.current_dir(&executable.directory).other_options(["--offline".to_owned()]);
            let Ok(metadata) = command.exec() else { return false };
            let mut by_path = metadata.packages.iter().filter(|package| package.source.is_none());
            by_path.all(|package| package.manifest_path.as_std_path().starts_with(&tree))
        };
        // One workspace: what holds for one of them holds for all.
        executables.first().is_some_and(is_within)
    }

    fn prune(&self) -> Result<()> {
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(self.folder.join("shelf"))? {
            let path = entry?.path();
            let used = path.join("key").metadata().and_then(|key| key.modified()).ok();
            folders.push((used, path));
        }
        folders.sort();
        for (_, path) in folders.iter().rev().skip(KEPT) {
            std::fs::remove_dir_all(path)?;
        }
        Ok(())
    }
}
