//! Results that were kept, for `report`: a file a run in `target/gauge/results`, and the picture of the
//! newest run of each command that draws one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Document, Row};
use crate::project::Project;

/// Results that are kept of one command about one thing; the oldest go first.
const MAX_RUNS: usize = 200;
/// Rows that are kept of a result: its first ones.
pub const MAX_ROWS: usize = 1000;
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
    /// Results, the oldest first.
    pub documents: Vec<Document>,
    /// An SVG of each command that has one, of its newest result.
    pub pictures: Vec<(String, String)>,
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
    /// first [`MAX_ROWS`]. `picture`, an SVG, takes the place of the one that the command drew before.
    ///
    /// Keeping the same result again changes nothing.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    pub fn keep(&self, document: &Document, picture: Option<&str>) -> Result<()> {
        std::fs::create_dir_all(&self.folder).with_context(|| self.folder.display().to_string())?;
        let mut kept = document.clone();
        kept.rows.truncate(MAX_ROWS);
        kept.rows.iter_mut().for_each(strip);
        let mut text = Vec::new();
        kept.write_json(&mut text)?;
        let stem = stem(document);
        for number in 1.. {
            let name = if number == 1 { stem.clone() } else { format!("{stem}-{number}") };
            let path = self.folder.join(name + ".json");
            match std::fs::read(&path) {
                Ok(old) if old == text => break,
                // Another of the same microsecond.
                Ok(_) => {}
                Err(_) => {
                    write(&path, &text)?;
                    break;
                }
            }
        }
        if let Some(picture) = picture.filter(|picture| picture.len() <= MAX_PICTURE_BYTES) {
            write(&self.folder.join(plain(&document.command) + ".svg"), picture.as_bytes())?;
        }
        self.forget(document)
    }

    /// Removes the oldest results of the same command about the same thing.
    fn forget(&self, document: &Document) -> Result<()> {
        let end = format!("-{}", plain_subject(document));
        let mut same: Vec<PathBuf> = self.files("json")?;
        same.retain(|path| {
            let stem = path.file_stem().map(OsStr::to_string_lossy).unwrap_or_default();
            stem.ends_with(&end)
        });
        let surplus = same.len().saturating_sub(MAX_RUNS);
        for path in &same[..surplus] {
            std::fs::remove_file(path).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    /// All that is kept. A file that cannot be read is named and passed over.
    ///
    /// # Errors
    /// When the folder cannot be read; that there is none yet is no error.
    pub fn read(&self) -> Result<Kept> {
        let mut kept = Kept::default();
        for path in self.files("json")? {
            let text = std::fs::read_to_string(&path).map_err(anyhow::Error::from);
            match text.and_then(|text| Document::read_json(&text)) {
                Ok(document) => kept.documents.push(document),
                Err(error) => kept.unread.push(format!("{}: {error:#}", path.display())),
            }
        }
        kept.documents.sort_by(|a, b| a.started.cmp(&b.started));
        for path in self.files("svg")? {
            let command = path.file_stem().map(OsStr::to_string_lossy).unwrap_or_default();
            match std::fs::read_to_string(&path) {
                Ok(picture) => kept.pictures.push((command.into_owned(), picture)),
                Err(error) => kept.unread.push(format!("{}: {error}", path.display())),
            }
        }
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
        paths.retain(|path| path.extension().is_some_and(|found| found == ending));
        paths.sort();
        Ok(paths)
    }
}

/// The name of a result's file, without its ending: first when it was, so that names are in order.
fn stem(document: &Document) -> String {
    format!("{}-{}", plain(&document.started), plain_subject(document))
}

fn plain_subject(document: &Document) -> String {
    let subject = document.subject.as_deref().map(plain).unwrap_or_default();
    // What is too long for a name differs in its beginning most of the time.
    let subject: String = subject.chars().take(80).collect();
    format!("{}_{subject}", plain(&document.command))
}

/// Letters, digits and dots of a text: anything may stand in a result that comes from elsewhere.
fn plain(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '.' { Some(c) } else { None };
    text.chars().filter_map(keep).collect()
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
        assert!(results.read().unwrap().documents.is_empty());
        results.keep(&document("bench", None, 0), None).unwrap();
        results.keep(&document("size", Some("other"), 0), None).unwrap();
        for second in 0..MAX_RUNS + 3 {
            results.keep(&document("size", Some("bin/a"), second), None).unwrap();
        }
        let kept = results.read().unwrap();
        assert_eq!(kept.documents.len(), MAX_RUNS + 2);
        let of_a: Vec<_> =
            kept.documents.iter().filter(|d| d.subject.as_deref() == Some("bin/a")).collect();
        assert_eq!(of_a[0].started, "2026-11-22T00:00:03Z");
        assert!(kept.documents.is_sorted_by_key(|document| &document.started));
    }

    #[test]
    fn what_is_kept_is_small_and_stands_once() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results { folder: folder.path().to_owned() };
        let mut heap = document("heap", Some("../program <x>"), 1);
        for number in 0..MAX_ROWS + 1 {
            let mut row = Row::new(format!("site {number}"), Metric::PeakBytes);
            row.details.insert("stack".to_owned(), vec!["a", "b"].into());
            row.details.insert("kind".to_owned(), "site".into());
            heap.rows.push(row);
        }
        results.keep(&heap, Some("<svg>1</svg>")).unwrap();
        results.keep(&heap, Some("<svg>2</svg>")).unwrap();
        // Another of the same moment, about the same.
        heap.rows.truncate(1);
        results.keep(&heap, Some(&"x".repeat(MAX_PICTURE_BYTES + 1))).unwrap();
        std::fs::write(folder.path().join("2027-broken.json"), "{").unwrap();
        let kept = results.read().unwrap();
        assert_eq!(kept.documents.len(), 2);
        let whole = kept.documents.iter().find(|d| d.rows.len() == MAX_ROWS).unwrap();
        assert_eq!(whole.rows[0].details.keys().collect::<Vec<_>>(), ["kind"]);
        assert_eq!(kept.pictures, [("heap".to_owned(), "<svg>2</svg>".to_owned())]);
        assert!(kept.unread.len() == 1 && kept.unread[0].contains("2027-broken.json"));
    }
}
