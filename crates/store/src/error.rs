use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use tidemill_memory::OverBudget;

/// What went wrong with a store, and where.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Debug)]
struct Place {
    path: PathBuf,
    offset_bytes: Option<u64>,
}

/// The kinds of [`Error`], for programs that react to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused.
    Io,
    /// Bytes on disk are not what was written: the message names file and offset.
    Corrupt,
    /// The files are of a version this program does not know.
    Version,
    /// Another process writes to this store.
    Locked,
    /// The store was opened to be read only.
    ReadOnly,
    /// An earlier write or fsync failed: what is durable is unknown until the store is reopened.
    Poisoned,
    /// The memory budget does not allow it.
    Budget,
    /// The caller asked for something that makes no sense.
    Invalid,
    /// There is no such store, table or field.
    NotFound,
    /// A bound of the engine is exceeded.
    Limit,
}

impl Error {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file concerned, if one is.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.place.as_ref().map(|place| place.path.as_path())
    }

    /// Where in that file, in bytes from its start.
    #[must_use]
    pub fn offset_bytes(&self) -> Option<u64> {
        self.place.as_ref().and_then(|place| place.offset_bytes)
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None, source: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub(crate) fn corrupt(path: &Path, offset_bytes: u64, message: impl Into<String>) -> Self {
        let place = Place { path: path.to_owned(), offset_bytes: Some(offset_bytes) };
        Self { place: Some(place), ..Self::new(ErrorKind::Corrupt, message) }
    }

    pub(crate) fn io(path: &Path, doing: &str, error: io::Error) -> Self {
        let place = Place { path: path.to_owned(), offset_bytes: None };
        Self {
            place: Some(place),
            source: Some(Box::new(error)),
            ..Self::new(ErrorKind::Io, format!("could not {doing}"))
        }
    }

    pub(crate) fn at(mut self, path: &Path) -> Self {
        self.place.get_or_insert_with(|| Place { path: path.to_owned(), offset_bytes: None });
        self
    }

    /// The same error for a second listener; its cause becomes text.
    pub(crate) fn again(&self) -> Self {
        let source = self.source.as_ref().map(|source| source.to_string().into());
        let place = self
            .place
            .as_ref()
            .map(|place| Place { path: place.path.clone(), offset_bytes: place.offset_bytes });
        Self { kind: self.kind, message: self.message.clone(), place, source }
    }

    pub(crate) fn poisoned(cause: &Self) -> Self {
        let message = "an earlier write to the disk failed, so the store takes no more; reopen it to \
                       recover what was acknowledged; the failure was";
        let source = Some(cause.to_string().into());
        Self { source, ..Self::new(ErrorKind::Poisoned, message) }
    }

    pub(crate) fn read_only() -> Self {
        Self::new(ErrorKind::ReadOnly, "the store was opened to be read only")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(place) = &self.place {
            write!(f, " ({}", place.path.display())?;
            if let Some(offset) = place.offset_bytes {
                write!(f, " at byte {offset}")?;
            }
            f.write_str(")")?;
        }
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<OverBudget> for Error {
    fn from(error: OverBudget) -> Self {
        Self::new(ErrorKind::Budget, error.to_string())
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
