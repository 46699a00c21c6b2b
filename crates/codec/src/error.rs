/// Why bytes are not an encoded column: what is wrong, and at which byte of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("corrupt column: {reason} at byte {offset}")]
pub struct Error {
    offset: usize,
    reason: &'static str,
}

impl Error {
    pub(crate) fn new(offset: usize, reason: &'static str) -> Self {
        Self { offset, reason }
    }

    /// Where it is wrong, in bytes from the start of the column.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What is wrong.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}
