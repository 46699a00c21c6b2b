use std::alloc::{Layout, handle_alloc_error};
use std::collections::TryReserveError;
use std::fmt;

use tidemill_memory::InternError;

/// Why a column was not decoded, or not encoded.
///
/// Mostly: its bytes are not an encoded column. Then it says what is wrong, and at which byte. Otherwise
/// there was no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    offset: usize,
    reason: &'static str,
    is_out_of_memory: bool,
}

impl Error {
    pub(crate) fn new(offset: usize, reason: &'static str) -> Self {
        Self { offset, reason, is_out_of_memory: false }
    }

    /// Whether there was no memory: nothing is known to be wrong with the column then.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.is_out_of_memory
    }

    /// Where it is wrong, in bytes from the start of the column; 0 when there was no memory.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The same error of a column that stands behind so many bytes.
    #[must_use]
    pub fn behind(self, bytes: usize) -> Self {
        let offset = if self.is_out_of_memory { 0 } else { self.offset + bytes };
        Self { offset, ..self }
    }

    /// What is wrong.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// What the infallible forms do without memory: they end the process, as the standard library's.
    /// (Unwinding, callers would have to be whole at every call.)
    #[cold]
    #[inline(never)]
    pub(crate) fn raise(self) -> ! {
        // How much was asked for is not known here.
        handle_alloc_error(Layout::new::<[u64; crate::VECTOR_ROWS]>())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, reason, is_out_of_memory } = self;
        if *is_out_of_memory {
            f.write_str(reason)
        } else {
            write!(f, "corrupt column: {reason} at byte {offset}")
        }
    }
}

impl std::error::Error for Error {}

impl From<TryReserveError> for Error {
    #[cold]
    fn from(_: TryReserveError) -> Self {
        Self { offset: 0, reason: "no memory for a column", is_out_of_memory: true }
    }
}

/// An interner of a block's strings is never full.
impl From<InternError> for Error {
    #[cold]
    fn from(_: InternError) -> Self {
        Self { offset: 0, reason: "no memory for a column", is_out_of_memory: true }
    }
}
