use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Manifest, definition_path, segment_path};
use crate::open::{MAX_OPEN_ATTEMPTS, no_store};
use crate::wal::{is_new_log, log_number, log_path};

/// A store's files, opened, as they were at one moment: a writer may replace the store after that,
/// what is open stays.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) dir: PathBuf,
    /// `Ok(None)`: there is none.
    pub(crate) manifest: Result<Option<Manifest>>,
    /// By file number: those the manifest names, or, without one, all there are. An error of kind
    /// `NotFound`: missing.
    pub(crate) segments: BTreeMap<u64, io::Result<Arc<dyn DiskFile>>>,
    /// By table; likewise.
    pub(crate) definitions: BTreeMap<u32, io::Result<Arc<dyn DiskFile>>>,
    /// By file number.
    pub(crate) logs: BTreeMap<u64, io::Result<Arc<dyn DiskFile>>>,
    /// Names of all other files.
    pub(crate) others: BTreeSet<String>,
}

impl Found {
    /// Looks at a directory.
    ///
    /// # Errors
    /// When it cannot be listed, or a writer replaces its files faster than they are opened.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path) -> Result<Self> {
        for _ in 0..MAX_OPEN_ATTEMPTS {
            let found = Self::try_open(disk, dir)?;
            let again = Manifest::read(disk, dir);
            let is_same = match (&found.manifest, &again) {
                (Ok(before), Ok(after)) => before == after,
                (Err(_), Err(_)) => true,
                _ => false,
            };
            if is_same && !found.is_gone() {
                return Ok(found);
            }
        }
        let message = "the writer replaces files faster than they can be read; try again";
        Err(Error::new(ErrorKind::Locked, message).at(dir))
    }

    fn try_open(disk: &dyn Disk, dir: &Path) -> Result<Self> {
        let manifest = Manifest::read(disk, dir);
        let names = match disk.list(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_store(dir)),
            names => names.map_err(|e| Error::io(dir, "list the store", e))?,
        };
        let mut others: BTreeSet<String> = names.into_iter().collect();
        let named = manifest.as_ref().ok().and_then(Option::as_ref);
        let segments: BTreeSet<u64> = match named {
            Some(manifest) => manifest.segments.iter().map(|segment| segment.file).collect(),
            None => others.iter().filter_map(|name| segment_number(name)).collect(),
        };
        let definitions: BTreeSet<u32> = match named {
            Some(manifest) => manifest.tables.iter().map(|table| table.id).collect(),
            None => others.iter().filter_map(|name| definition_number(name)).collect(),
        };
        let logs: BTreeSet<u64> = others.iter().filter_map(|name| log_number(name)).collect();
        let mut open = |path: PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let is_listed = name.is_some_and(|name| others.remove(&name));
            if is_listed { disk.open(&path, false) } else { Err(io::ErrorKind::NotFound.into()) }
        };
        let segments = segments.into_iter().map(|n| (n, open(segment_path(dir, n)))).collect();
        let definitions =
            definitions.into_iter().map(|n| (n, open(definition_path(dir, n)))).collect();
        let logs = logs.into_iter().map(|n| (n, open(log_path(dir, n)))).collect();
        others.retain(|name| name != "LOCK" && name != "MANIFEST");
        Ok(Self { dir: dir.to_owned(), manifest, segments, definitions, logs, others })
    }

    /// Whether a log went between being listed and being opened.
    fn is_gone(&self) -> bool {
        let is_gone = |file: &io::Result<_>| {
            file.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        self.logs.values().any(is_gone)
    }
}

/// Whether a file is ours by its name.
pub(crate) fn is_named_by_us(name: &str) -> bool {
    let is_new = name == "MANIFEST.next" || is_new_log(name);
    is_new || segment_number(name).is_some() || definition_number(name).is_some()
}

// As they are written, and no other way: `5.seg` is a file of somebody else.

fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".seg")?.parse().ok();
    number.filter(|number| name == format!("{number:08}.seg"))
}

fn definition_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("table-")?.strip_suffix(".def")?.parse().ok();
    number.filter(|number| name == format!("table-{number:06}.def"))
}
