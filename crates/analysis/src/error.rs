use thiserror::Error;
use tidemill_memory::OverBudget;
use tidemill_model::FieldType;

/// Why an analysis or a native plan failed.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct Error(Box<ErrorKind>);

/// What went wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store could not be read.
    #[error(transparent)]
    Store(tidemill_store::Error),
    /// The groups or the collected values need more memory than there is.
    #[error("{what}: {source}")]
    Memory {
        /// What the memory was for.
        what: &'static str,
        /// The figures.
        source: OverBudget,
    },
    /// The exact sum of integers does not fit the type of the answer.
    #[error("the sum of `{field}` is {sum}, which does not fit the type {ty}")]
    SumOverflow {
        /// The field.
        field: String,
        /// Its exact sum.
        sum: i128,
        /// The field's type.
        ty: FieldType,
    },
    /// A function that is not defined for a field's type.
    #[error("{function} of `{field}`, which is {ty}")]
    Unsupported {
        /// The function's name in SQL.
        function: &'static str,
        /// The field.
        field: String,
        /// Its type.
        ty: FieldType,
    },
    /// A plan that names a field, tag or series the table does not have, or a bucket without
    /// length.
    #[error("no such {0}")]
    Plan(&'static str),
    /// A time whose bucket starts before the first time there is.
    #[error("the bucket of time {0} starts outside of the times that exist")]
    BucketOutOfRange(i64),
}

impl Error {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// Names what an over-budget reservation was for.
    #[cold]
    pub(crate) fn memory(what: &'static str, source: OverBudget) -> Self {
        ErrorKind::Memory { what, source }.into()
    }
}

impl From<tidemill_store::Error> for Error {
    #[cold]
    fn from(error: tidemill_store::Error) -> Self {
        ErrorKind::Store(error).into()
    }
}

impl From<ErrorKind> for Error {
    #[cold]
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}
