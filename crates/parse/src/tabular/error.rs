use thiserror::Error;

/// Why a file has no plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The sample holds no row, or nothing but a header.
    #[error(
        "no row could be read (a JSON object a line, or CSV with a time in each row; --format says which)"
    )]
    NoRows,
    /// No column looks like the time.
    #[error("no time column was found: name it with --time (the columns are {have})")]
    NoTime {
        /// The columns there are.
        have: String,
    },
    /// A column was named that the file does not have.
    #[error("there is no column `{name}` (the columns are {have})")]
    NoSuchColumn {
        /// The name asked for.
        name: String,
        /// The columns there are.
        have: String,
    },
    /// The column named as the time holds something else.
    #[error(
        "column `{name}` holds no times: `{example}` is neither RFC 3339, `YYYY-MM-DD HH:MM:SS`, \
         `YYYY-MM-DD` nor a count since 1970"
    )]
    NotTimes {
        /// The column.
        name: String,
        /// One of its cells.
        example: String,
    },
    /// The column named as the time is also named as a tag.
    #[error("column `{0}` cannot be both the time and a tag")]
    TimeAsTag(String),
    /// The header has a name that is not UTF-8.
    #[error("the name of column {0} of the header is not UTF-8")]
    NotUtf8(usize),
    /// The header has a name twice.
    #[error("the header names column `{0}` twice")]
    Twice(String),
}

/// The beginning of `text`, fit for a message: of bounded length, without control characters.
pub(crate) fn excerpt(text: &[u8]) -> String {
    const MAX_SHOWN_BYTES: usize = 40;
    let (head, dots) = match text.get(..MAX_SHOWN_BYTES) {
        Some(head) if text.len() > MAX_SHOWN_BYTES => (head, "…"),
        _ => (text, ""),
    };
    let mut shown = String::new();
    for character in String::from_utf8_lossy(head).chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown + dots
}
