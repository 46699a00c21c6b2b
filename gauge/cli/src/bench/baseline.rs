//! What `--save` keeps under a name: the result, and the executables themselves, so that a later comparison runs
//! both in turn on the same machine and minute. Numbers of another day are no baseline: machines
//! drift by more than what is looked for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::harness::{Executable, Harness};
use crate::outcome::Usage;
use crate::result::Document;

/// A baseline's folder.
#[derive(Debug, Clone)]
pub struct Baseline {
    folder: PathBuf,
}

/// The list of executables in it.
#[derive(Serialize, Deserialize)]
struct Entry {
    package: String,
    target: String,
    directory: PathBuf,
}

impl Baseline {
    /// The one of this name among those in `gauge_dir`.
    ///
    /// # Errors
    /// When it cannot be the name of a folder.
    pub fn named(gauge_dir: &Path, name: &str) -> Result<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            let message = format!("`{name}` is no name: letters, digits, - _ . + are");
            return Err(Usage(message).into());
        }
        Ok(Self { folder: gauge_dir.join("baselines").join(name) })
    }

    /// Whether one was kept.
    pub fn exists(&self) -> bool {
        self.folder.join("result.json").exists()
    }

    /// Keeps a result and the executables it came from, in the place of what was there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, document: &Document, executables: &[Executable]) -> Result<()> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        write_executables(&self.folder, executables)?;
        let mut text = Vec::new();
        document.write_json(&mut text)?;
        Ok(std::fs::write(self.folder.join("result.json"), text)?)
    }

    /// The executables of it; none where only numbers were imported.
    ///
    /// # Errors
    /// When there is no such baseline, or it cannot be read.
    pub fn executables(&self) -> Result<Vec<Executable>> {
        if !self.folder.join(LIST).exists() {
            let name = self.folder.file_name().unwrap_or_default().display();
            let message =
                format!("there is no baseline `{name}`: make it with `bench --save {name}`");
            return Err(Usage(message).into());
        }
        read_executables(&self.folder)
    }

    /// The result in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn document(&self) -> Result<Document> {
        let path = self.folder.join("result.json");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Document::read_json(&text)
    }
}

const LIST: &str = "executables.json";

/// Copies executables into `folder`, with a list of what they are.
pub(super) fn write_executables(folder: &Path, executables: &[Executable]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut entries = Vec::new();
    for (at, executable) in executables.iter().enumerate() {
        std::fs::copy(&executable.path, folder.join(format!("{at:03}")))
            .with_context(|| format!("cannot keep {}", executable.path.display()))?;
        let Executable { package, target, directory, .. } = executable.clone();
        entries.push(Entry { package, target, directory });
    }
    Ok(std::fs::write(folder.join(LIST), serde_json::to_vec_pretty(&entries)?)?)
}

/// What [`write_executables`] left in `folder`.
pub(super) fn read_executables(folder: &Path) -> Result<Vec<Executable>> {
    let list = folder.join(LIST);
    let text = std::fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let entries: Vec<Entry> = serde_json::from_str(&text)
        .with_context(|| format!("{}: of another version? Make it anew", list.display()))?;
    let read = |(at, entry): (usize, Entry)| {
        let Entry { package, target, directory } = entry;
        let path = folder.join(format!("{at:03}"));
        let harness = Harness::of(&path)?;
        Ok(Executable { package, target, path, directory, harness })
    };
    entries.into_iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;

    #[test]
    fn a_baseline_is_read_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench");
        std::fs::write(&path, "CRITERION_HOME").unwrap();
        let executable = Executable {
            package: "p".to_owned(),
            target: "csv".to_owned(),
            path,
            directory: "/package".into(),
            harness: Harness::Criterion,
        };
        let baseline = Baseline::named(folder.path(), "v1.2").unwrap();
        assert!(baseline.executables().unwrap_err().is::<Usage>());
        let document = Document::new("bench", Environment::default());
        for _ in 0..2 {
            baseline.save(&document, std::slice::from_ref(&executable)).unwrap();
        }
        let kept = baseline.executables().unwrap();
        assert_eq!((kept.len(), kept[0].target.as_str()), (1, "csv"));
        assert_eq!(
            (kept[0].harness, &kept[0].directory),
            (Harness::Criterion, &executable.directory)
        );
        assert_eq!(std::fs::read(&kept[0].path).unwrap(), b"CRITERION_HOME");
        assert_eq!(baseline.document().unwrap(), document);
    }

    #[test]
    fn a_name_stays_in_its_folder() {
        for name in ["", "..", "../x", "a/b", ".hidden", "a b"] {
            assert!(Baseline::named(Path::new("/x"), name).is_err(), "{name}");
        }
    }
}
