use crate::dispatch::dispatch;

/// Finds the separators of InfluxDB line protocol, block by block, with the state of lines, strings
/// and comments carried along.
///
/// A separator is a `,`, `=`, space or newline that is none of these:
///
/// * Behind a backslash, outside strings: `\,`, `\=` and `\ ` are text. A backslash does nothing
///   else there: in `\\,` the first is text, and the second takes the comma's meaning away. No
///   backslash keeps a newline from ending the line.
/// * In a string. A `"` opens one only as the first character of a field's value: behind a
///   separator `=` that has a separator space before it in its line, other than the blanks that
///   the line starts with. Elsewhere, as in the value of a tag, it is text. A string ends at the
///   next `"` that has no backslash, or an even number of them, before it, and newlines inside
///   belong to it.
/// * In a comment: a line whose first character is `#`, blanks (spaces, tabs, byte order marks)
///   aside. The newline that ends it is found.
///
/// Each space is found, those at the start of a line too. An `=` in the measurement, where it is
/// text, is found unless a backslash is before it: it stands before the first `,` or space of its
/// line. Of rows that break the grammar, this finds what it finds: a string may seem to open where
/// none does, and go on into the next lines. Who meets such a row, and takes up the line after it,
/// begins there with a new scanner.
///
/// The grammar is that of the [line protocol reference], read as `tidemill-parse` reads it.
///
/// [line protocol reference]: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
///
/// ```
/// # use tidemill_kernels::scan::LineScanner;
/// let mut scanner = LineScanner::new();
/// let mut found = Vec::new();
/// scanner.scan(br#"m,a=b\ c f="d, \"e" 1"#, &mut found);
/// assert_eq!(found, [1, 3, 8, 10, 19]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct LineScanner {
    state: LineState,
}

impl LineScanner {
    /// A scanner at the start of a line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends to `found` the offsets, from the start of `block` and ascending, of the separators.
    /// The next block goes on where this one ends: it may be cut anywhere.
    ///
    /// # Panics
    /// When `block` is longer than `u32::MAX` bytes.
    pub fn scan(&mut self, block: &[u8], found: &mut Vec<u32>) {
        super::check_block(block);
        let state = &mut self.state;
        dispatch!(scan::line(block: &[u8], state: &mut LineState, found: &mut Vec<u32>))
    }

    /// [`scan`](Self::scan) for the newlines alone: where rows, comments and blank lines end.
    ///
    /// # Panics
    /// When `block` is longer than `u32::MAX` bytes.
    pub fn line_ends(&mut self, block: &[u8], ends: &mut Vec<u32>) {
        super::check_block(block);
        let state = &mut self.state;
        dispatch!(scan::line_ends(block: &[u8], state: &mut LineState, ends: &mut Vec<u32>))
    }

    /// Whether the blocks so far end inside a string.
    #[must_use]
    pub fn inside_string(&self) -> bool {
        self.state.place == Place::Text
    }
}

/// Where the bytes so far end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the start of a line, or in the blanks there.
    #[default]
    Start,
    /// There, behind the first byte of what may be a byte order mark.
    Mark1,
    /// Behind the second.
    Mark2,
    Comment,
    /// In measurement or tags.
    Key,
    /// Behind them: in fields or time, outside strings.
    Fields,
    /// In a string.
    Text,
}

/// What is carried from block to block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineState {
    pub(crate) place: Place,
    /// Whether the next byte is escaped if it is one that a backslash escapes.
    pub(crate) after_backslash: bool,
    /// Whether the last byte is a separator `=`.
    pub(crate) after_equals: bool,
}
