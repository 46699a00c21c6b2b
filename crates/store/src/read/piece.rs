use std::ops::{Deref, Range};
use std::slice;

use tidemill_model::TimeRange;

/// Consecutive rows of one series, ascending by time, every time once.
#[derive(Clone, Debug)]
pub struct Piece {
    pub(crate) series: u32,
    pub(crate) range: TimeRange,
    pub(crate) parts: Parts,
}

/// What a piece is made of, in the order of age.
#[derive(Clone, Debug)]
pub(crate) enum Parts {
    One(Part),
    /// Several, whose rows are merged.
    Merged(Vec<Part>),
}

impl Deref for Parts {
    type Target = [Part];
    fn deref(&self) -> &[Part] {
        match self {
            Self::One(part) => slice::from_ref(part),
            Self::Merged(parts) => parts,
        }
    }
}

/// Rows of one series in one block of a segment, or in the memtable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The source: a segment, or beyond the segments the memtable. Later ones are younger.
    pub(crate) source: u32,
    /// The block of a segment.
    pub(crate) block: u32,
    /// Rows of the block, or of the sorted memtable.
    pub(crate) rows: Range<usize>,
    /// First and last time.
    pub(crate) range: TimeRange,
}

impl Piece {
    /// The series.
    #[must_use]
    pub fn series(&self) -> u32 {
        self.series
    }

    /// The first and the last time.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        self.range
    }

    /// At most this many rows; [`super::Reader::rows`] says how many exactly.
    #[must_use]
    pub fn max_rows(&self) -> usize {
        self.parts.iter().map(|part| part.rows.len()).sum()
    }

    /// Whether rows of several sources are merged here, so that no stored statistics count.
    #[must_use]
    pub fn is_merged(&self) -> bool {
        self.parts.len() > 1
    }
}
