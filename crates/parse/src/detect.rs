//! What a file is, by its first bytes.

use crate::line::{LineOptions, points};

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Format {
    LineProtocol,
    Csv,
    Ndjson,
    Parquet,
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// How many first bytes of a file tell its format.
pub const DETECT_BYTES: usize = 64 << 10;

/// How many rows tell line protocol.
const FIRST_ROWS: usize = 10;

impl Compression {
    /// The compression of a file that begins with `head`, of which four bytes are enough.
    #[must_use]
    pub fn detect(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

impl Format {
    /// The format of a file that begins with `head`, uncompressed; [`DETECT_BYTES`] are enough.
    ///
    /// Parquet has a magic number. NDJSON begins with a brace. A text is line protocol when at
    /// least half of its first ten rows are, and anything else is CSV: a line of CSV that is also
    /// line protocol would have to hold an unquoted space and, behind it, `name=value`.
    #[must_use]
    pub fn detect(head: &[u8]) -> Self {
        if head.starts_with(b"PAR1") {
            return Self::Parquet;
        }
        let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head);
        if text.trim_ascii_start().first() == Some(&b'{') {
            return Self::Ndjson;
        }
        let options = LineOptions::default();
        let mut rows: Vec<_> = points(text, false, &options).take(FIRST_ROWS).collect();
        if rows.is_empty() {
            // A line longer than `head` is read as if it ended there; and if the first one opens a
            // quote that nobody closes, the next ones tell.
            rows.extend(points(text, true, &options).take(FIRST_ROWS));
        }
        let good = rows.iter().filter(|row| row.is_ok()).count();
        if good > 0 && good * 2 >= rows.len() { Self::LineProtocol } else { Self::Csv }
    }
}

#[cfg(test)]
mod tests {
    use super::{Compression, Format};

    #[test]
    fn formats() {
        let check =
            |head: &str, want| assert_eq!(Format::detect(head.as_bytes()), want, "{head:?}");
        check("PAR1\0", Format::Parquet);
        check("{\"time\":1}\n", Format::Ndjson);
        check("\u{feff}\n  {\"time\"", Format::Ndjson);
        check("cpu,host=a u=1 5\n", Format::LineProtocol);
        check("cpu u=1", Format::LineProtocol);
        check("# comment\n\nm\\ y,a\\,b=c f=\"x y\",g=1i\n", Format::LineProtocol);
        check("broken\ncpu u=1\n", Format::LineProtocol);
        check("cpu s=\"broken\ncpu u=1\n", Format::LineProtocol);
        check("a b=\"broken\n1,2\n", Format::Csv);
        check("time,value\n2014-02-14 14:30:00,1\n", Format::Csv);
        check("2014-02-14 14:30:00,1\n", Format::Csv);
        check("date time,a=b\n1,2\n", Format::Csv);
        check("\"a b=1\",c\n", Format::Csv);
        check("time\n1\n", Format::Csv);
        check("", Format::Csv);
    }

    #[test]
    fn compressions() {
        let check = |head: &[u8], want| assert_eq!(Compression::detect(head), want, "{head:?}");
        check(&[0x1f, 0x8b, 8], Compression::Gzip);
        check(&[0x28, 0xb5, 0x2f, 0xfd, 0], Compression::Zstd);
        check(b"cpu u=1", Compression::None);
        check(&[0x1f], Compression::None);
    }
}
