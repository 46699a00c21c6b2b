//! The little of JSON that reports need beside numbers.

use std::fmt;

/// A string with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    // A string takes whatever is written.
    let _ = write_quoted(&mut out, text);
    out
}

/// A list of what is JSON already.
pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// A list, written as it comes: without allocating.
pub(crate) fn write_list<T>(
    out: &mut dyn fmt::Write,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut dyn fmt::Write, T) -> fmt::Result,
) -> fmt::Result {
    out.write_str("[")?;
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.write_str(",")?;
        }
        write(out, item)?;
    }
    out.write_str("]")
}

/// A string with its quotes, without allocating.
pub(crate) fn write_quoted(out: &mut dyn fmt::Write, text: &str) -> fmt::Result {
    out.write_str("\"")?;
    text.chars().try_for_each(|letter| write_letter(out, letter))?;
    out.write_str("\"")
}

/// A character within a string.
pub(crate) fn write_letter(out: &mut dyn fmt::Write, letter: char) -> fmt::Result {
    match letter {
        '"' | '\\' => write!(out, "\\{letter}"),
        control if control < ' ' => write!(out, "\\u{:04x}", control as u32),
        other => out.write_char(other),
    }
}

/// A string, or null.
pub(crate) fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), quoted)
}
