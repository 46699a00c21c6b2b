//! Results that were kept, for `report`: a file a run in `target/gauge/results`, and the picture of the
//! newest run of each command that draws one.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Document, Row, Verdict};
use crate::project::Project;

/// Results that are kept of one command about one thing, and as many of parts of it; the oldest go first.
const MAX_RUNS: usize = 200;
/// Results that are kept in all; the last whole ones of each command and thing go last.
const MAX_FILES: usize = 2000;
/// Rows that are kept of a result: its first ones.
const MAX_ROWS: usize = 1000;
/// Bytes of the largest picture that is kept.
const MAX_PICTURE_BYTES: usize = 4 << 20;

/// The folder of a project's results.
#[derive(Debug)]
pub struct Results {
    folder: PathBuf,
}

/// What lies in it.
#[derive(Debug, Default)]
pub struct Kept {
    /// Results, the oldest first, each with the SVG that was drawn of it.
    pub runs: Vec<(Document, Option<String>)>,
    /// Files that could not be read, and why.
    pub unread: Vec<String>,
}

impl Results {
    /// Those of a project.
    pub fn of(project: &Project) -> Self {
        Self { folder: project.gauge_dir().join("results") }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps a result, without what is large and only its own command prints: lists, and rows after the
    /// first thousand, but for breaches. `picture`, an SVG, takes the place of the one that the command drew
    /// before.
    ///
    /// Keeping the same result again changes nothing.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    pub fn keep(&self, document: &Document, picture: Option<&str>) -> Result<()> {
        std::fs::create_dir_all(&self.folder).with_context(|| self.folder.display().to_string())?;
        let path = self.folder.join(stem(document) + ".json");
        // Of one command about one thing none began at the same nanosecond.
        if path.exists() {
            return Ok(());
        }
        let mut kept = document.clone();
        let mut number = 0;
        kept.rows.retain(|row| {
            number += 1;
            number <= MAX_ROWS || row.verdict.is_some_and(Verdict::is_breach)
        });
        kept.left_out += document.rows.len() - kept.rows.len();
        kept.rows.iter_mut().for_each(strip);
        let mut text = Vec::new();
        kept.write_json(&mut text)?;
        write(&path, &text)?;
        if let Some(picture) = picture {
            for old in self.files(".svg")? {
                if old.file_name().is_some_and(|name| is_of(name, &document.command)) {
                    remove(&old)?;
                }
            }
            if picture.len() <= MAX_PICTURE_BYTES {
                write(&path.with_extension("svg"), picture.as_bytes())?;
            }
        }
        self.forget(document)
    }

    /// Removes the oldest results of the same command about the same thing, and the oldest of all.
    fn forget(&self, document: &Document) -> Result<()> {
        remove_all_but(MAX_RUNS, &self.files(&format!("-{}.json", what(document)))?)?;
        let mut files = self.files(".json")?;
        // What is there today is what the last whole run of each found: those go last.
        let ending = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.split_once('-').map(|(_, what)| what.to_owned())
        };
        let last: HashMap<_, _> = files.iter().map(|path| (ending(path), path.clone())).collect();
        files.sort_by_cached_key(|path| {
            let ending = ending(path);
            let is_part = ending.as_ref().is_some_and(|what| what.ends_with("-part.json"));
            !is_part && last.get(&ending) == Some(path)
        });
        remove_all_but(MAX_FILES, &files)
    }

    /// All that is kept. A file that cannot be read is named and passed over.
    ///
    /// # Errors
    /// When the folder cannot be read; that there is none yet is no error.
    pub fn read(&self) -> Result<Kept> {
        let mut kept = Kept::default();
        for path in self.files(".json")? {
            let text = std::fs::read_to_string(&path).map_err(anyhow::Error::from);
            match text.and_then(|text| Document::read_json(&text)) {
                Ok(document) => {
                    // Most have none.
                    let picture = std::fs::read_to_string(path.with_extension("svg")).ok();
                    kept.runs.push((document, picture));
                }
                Err(error) => kept.unread.push(format!("{}: {error:#}", path.display())),
            }
        }
        kept.runs.sort_by(|a, b| a.0.started.cmp(&b.0.started));
        Ok(kept)
    }

    /// The files with this ending, by name, which is by time.
    fn files(&self, ending: &str) -> Result<Vec<PathBuf>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| self.folder.display().to_string()),
        };
        let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
        let mut paths = paths.with_context(|| self.folder.display().to_string())?;
        paths.retain(|path| path.to_string_lossy().ends_with(ending));
        paths.sort();
        Ok(paths)
    }
}

/// The name of a result's file, without its ending: first when it was, so that names are in order.
fn stem(document: &Document) -> String {
    format!("{}-{}", plain(&document.started), what(document))
}

/// Whether a file is a result, or a picture, of a command.
fn is_of(name: &OsStr, command: &str) -> bool {
    name.to_string_lossy().split('-').nth(1).is_some_and(|found| found == plain(command))
}

/// The command, what it was asked about, and whether it was asked for all of it, as a part of a name.
fn what(document: &Document) -> String {
    // Fowler, Noll, Vo, 64 bits: the same tomorrow, unlike the standard library's.
    let subject = document.subject.as_deref().unwrap_or_default();
    let hash = subject.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let part = if document.partial { "-part" } else { "" };
    format!("{}-{hash:016x}{part}", plain(&document.command))
}

/// Letters, digits and dots of a text: anything may stand in a result that comes from elsewhere.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect()
}

/// Removes the first files, until so many are left.
fn remove_all_but(most: usize, files: &[PathBuf]) -> Result<()> {
    files[..files.len().saturating_sub(most)].iter().try_for_each(|path| remove(path))
}

/// Removes a file, unless another process did.
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| path.display().to_string()),
    }
}

fn strip(row: &mut Row) {
    row.details.retain(|_, value| !value.is_array() && !value.is_object());
}

/// Writes a file as a whole: a reader never sees half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let next = path.with_extension(format!("{}.next", std::process::id()));
    std::fs::write(&next, bytes).with_context(|| next.display().to_string())?;
    std::fs::rename(&next, path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::result::Metric;

    fn document(command: &str, subject: Option<&str>, second: usize) -> Document {
        let mut document = Document::new(command, Environment::default());
        document.subject = subject.map(str::to_owned);
        document.started = format!("2026-11-22T00:{:02}:{:02}Z", second / 60, second % 60);
        document
    }

    #[test]
    fn the_oldest_of_the_same_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results { folder: folder.path().join("results") };
        assert!(results.read().unwrap().runs.is_empty());
        results.keep(&document("bench", None, 0), None).unwrap();
        results.keep(&document("size", Some("other"), 0), None).unwrap();
        for second in 0..MAX_RUNS + 3 {
            results.keep(&document("size", Some("bin/a"), second), None).unwrap();
        }
        let kept = results.read().unwrap();
        assert_eq!(kept.runs.len(), MAX_RUNS + 2);
        let of_a: Vec<_> =
            kept.runs.iter().filter(|run| run.0.subject.as_deref() == Some("bin/a")).collect();
        assert_eq!(of_a[0].0.started, "2026-11-22T00:00:03Z");
        assert!(kept.runs.is_sorted_by_key(|run| &run.0.started));
    }

    #[test]
    fn the_last_whole_result_outlives_those_of_parts() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results { folder: folder.path().to_owned() };
        results.keep(&document("bench", None, 0), None).unwrap();
        results.keep(&document("size", None, 1), None).unwrap();
        results.keep(&document("size", None, 2), None).unwrap();
        let part = |second: usize| {
            let mut part = document("bench", None, second);
            part.partial = true;
            part
        };
        (10..MAX_RUNS + 20).for_each(|second| results.keep(&part(second), None).unwrap());
        let started = || {
            let runs = results.read().unwrap().runs;
            runs.into_iter().map(|run| run.0.started[14..19].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(started()[..4], ["00:00", "00:01", "00:02", "00:20"]);
        // Nor do those of all commands together push it out: what an older whole one found goes first.
        for second in 0..MAX_FILES {
            let text = std::fs::read(folder.path().join(stem(&part(MAX_RUNS)) + ".json")).unwrap();
            let name = format!("20261123T{second:06}Z-heap-{second:016x}-part.json");
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        results.keep(&document("caches", None, 3000), None).unwrap();
        assert_eq!(results.files(".json").unwrap().len(), MAX_FILES);
        assert_eq!(started()[..3], ["00:00", "00:02", "03:20"]);
    }

    #[test]
    fn what_is_kept_is_small_and_stands_once() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results { folder: folder.path().to_owned() };
        let mut heap = document("heap", Some("../program <x>"), 1);
        for number in 0..MAX_ROWS + 5 {
            let mut row = Row::new(format!("site {number}"), Metric::PeakBytes);
            row.details.insert("stack".to_owned(), vec!["a", "b"].into());
            row.details.insert("kind".to_owned(), "site".into());
            heap.rows.push(row);
        }
        heap.rows[MAX_ROWS + 3].verdict = Some(Verdict::Fail);
        results.keep(&heap, None).unwrap();
        results.keep(&heap, None).unwrap();
        std::fs::write(folder.path().join("2027-broken.json"), "{").unwrap();
        let kept = results.read().unwrap();
        assert_eq!(kept.runs.len(), 1);
        let rows = &kept.runs[0].0.rows;
        assert_eq!((rows.len(), kept.runs[0].0.left_out), (MAX_ROWS + 1, 4));
        assert_eq!(rows[MAX_ROWS].name, format!("site {}", MAX_ROWS + 3));
        assert_eq!(rows[0].details.keys().collect::<Vec<_>>(), ["kind"]);
        assert!(kept.unread.len() == 1 && kept.unread[0].contains("2027-broken.json"));
    }

    #[test]
    fn a_picture_is_of_the_run_that_drew_it_and_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results { folder: folder.path().to_owned() };
        let pictures = || {
            let runs = results.read().unwrap().runs;
            runs.into_iter().map(|run| run.1.unwrap_or_default()).collect::<Vec<_>>()
        };
        results.keep(&document("caches", None, 1), Some("<svg>1</svg>")).unwrap();
        results.keep(&document("caches", Some("ls"), 2), None).unwrap();
        results.keep(&document("profile", Some("a"), 3), Some("<svg>2</svg>")).unwrap();
        assert_eq!(pictures(), ["<svg>1</svg>", "", "<svg>2</svg>"]);
        results.keep(&document("profile", Some("b"), 4), Some("<svg>3</svg>")).unwrap();
        assert_eq!(pictures(), ["<svg>1</svg>", "", "", "<svg>3</svg>"]);
        let large = "x".repeat(MAX_PICTURE_BYTES + 1);
        results.keep(&document("profile", Some("b"), 5), Some(&large)).unwrap();
        assert_eq!(pictures(), ["<svg>1</svg>", "", "", "", ""]);
    }
}
