use std::fmt;
use std::io;
use std::sync::atomic::Ordering;

use tidemill_parse::tabular::PlanError;

use crate::import::ImportOptions;

/// What went wrong, for people ([`fmt::Display`]) and for programs ([`Error::kind`]).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store: see [`tidemill_store::ErrorKind`].
    Store(tidemill_store::ErrorKind),
    /// An input could not be read.
    Read,
    /// An input is not what it was taken for.
    Format,
    /// The caller asked for something that makes no sense.
    Usage,
    /// It was asked to stop.
    Cancelled,
    /// A bad row, where none is allowed.
    BadRow,
    /// An output could not be written.
    Write,
    /// SQL that cannot be run.
    Query,
    /// A value of a wider type than its column: the file is read again.
    Misfit,
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn because(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self { kind, message: message.into(), source: Some(Box::new(source)) }
    }

    pub(crate) fn read(file: &str, error: io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::UnexpectedEof => " (the file is cut short)",
            io::ErrorKind::IsADirectory => " (give its files, for example with `*`)",
            _ => "",
        };
        Self::because(ErrorKind::Read, format!("{file}: could not be read{hint}"), error)
    }

    pub(crate) fn format(file: &str, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Format, format!("{file}: {message}"))
    }

    pub(crate) fn plan(file: &str, error: &PlanError) -> Self {
        let kind = match error {
            PlanError::NoSuchColumn { .. } | PlanError::TimeAsTag(_) => ErrorKind::Usage,
            _ => ErrorKind::Format,
        };
        Self::new(kind, format!("{file}: {error}"))
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "stopped; the store is as it was before this file")
    }

    /// An input that is not read on because that is wanted is no input that cannot be read.
    pub(crate) fn or_cancelled(self, options: &ImportOptions) -> Self {
        let is_cancelled = options.cancel.load(Ordering::Relaxed);
        if self.kind == ErrorKind::Read && is_cancelled { Self::cancelled() } else { self }
    }

    pub(crate) fn stopped(file: &str) -> Self {
        let reason = "a thread that read it ended early, which is a fault of this program";
        Self::new(ErrorKind::Read, format!("{file}: {reason}"))
    }

    pub(crate) fn strict() -> Self {
        Self::new(ErrorKind::BadRow, "stopped at the first bad row; nothing of this file was kept")
    }

    pub(crate) fn misfit() -> Self {
        Self::new(ErrorKind::Misfit, "a value of a wider type")
    }

    pub(crate) fn visit(error: io::Error) -> Self {
        Self::because(ErrorKind::Write, "a row could not be handed on", error)
    }

    pub(crate) fn rejects(error: io::Error) -> Self {
        // Not as its cause: that a reader of bad rows is gone is an error, unlike of answers.
        Self::new(ErrorKind::Write, format!("a bad row could not be written down: {error}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) if !self.message.is_empty() => write!(f, ": {source}"),
            Some(source) => write!(f, "{source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<tidemill_store::Error> for Error {
    fn from(error: tidemill_store::Error) -> Self {
        Self::because(ErrorKind::Store(error.kind()), "", error)
    }
}
