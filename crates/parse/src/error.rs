use tidemill_model::FieldType;

/// A row that was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Where the row starts, in bytes from the start of the chunk.
    pub row_start: usize,
    /// Where what is wrong stands, in bytes from the start of the chunk.
    pub at: usize,
    /// What is wrong, for people: lower case, no full stop, the offending text quoted in backticks.
    pub reason: String,
    /// Set when what is wrong is that a value does not fit its column's type: reading the file
    /// again with a wider type accepts the row, if nothing else is wrong with what follows in it.
    pub misfit: Option<Misfit>,
}

/// A value that does not fit its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The column's index.
    pub column: usize,
    /// The narrowest type that holds both the value and the column's type.
    pub wider: FieldType,
}

/// The line and column of a byte, both from 1; the column counts bytes.
#[must_use]
pub fn locate(chunk: &[u8], at: usize) -> (u64, u64) {
    let before = chunk.get(..at).unwrap_or(chunk);
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    (line as u64, (before.len() - line_start + 1) as u64)
}

#[cfg(test)]
mod tests {
    use super::locate;

    #[test]
    fn lines_and_columns_count_from_one() {
        let text = b"ab\ncd\n";
        let got: Vec<_> = (0..7).map(|at| locate(text, at)).collect();
        assert_eq!(got, [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1)]);
    }
}
