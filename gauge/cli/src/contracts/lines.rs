//! Places in the sources, added to evidence that has an address alone.

use std::fmt::Write as _;

use crate::asm::{Line, Sources};

/// `note` with the line of the source behind each " at 0x…" that has none before it.
pub(super) fn with_lines(note: &str, sources: &mut Sources<'_>) -> String {
    extended(note, |address| sources.line(address))
}

fn extended(note: &str, mut line: impl FnMut(u64) -> Option<Line>) -> String {
    const MARK: &str = " at 0x";
    let mut text = String::with_capacity(note.len());
    let mut rest = note;
    while let Some(at) = rest.find(MARK) {
        let behind = at + MARK.len();
        let digits = rest[behind..].find(|c: char| !c.is_ascii_hexdigit());
        let end = behind + digits.unwrap_or(rest.len() - behind);
        text += &rest[..end];
        // The place of a panic, as its message has it, is better.
        let has_place = rest[..at].ends_with(')');
        if !has_place
            && let Ok(address) = u64::from_str_radix(&rest[behind..end], 16)
            && let Some(found) = line(address)
        {
            _ = write!(text, " ({}:{})", found.file, found.number);
        }
        rest = &rest[end..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_where_there_is_none() {
        let line = |address| {
            (address < 0x100).then(|| Line { file: "src/a.rs".to_owned(), number: address as u32 })
        };
        for (note, expected) in [
            ("addps at 0x10", "addps at 0x10 (src/a.rs:16)"),
            (
                "call of f at 0x11; call of g at 0x12 (through h)",
                "call of f at 0x11 (src/a.rs:17); call of g at 0x12 (src/a.rs:18) (through h)",
            ),
            ("call of panic (b.rs:3) at 0x13", "call of panic (b.rs:3) at 0x13"),
            ("div at 0x1000", "div at 0x1000"),
            ("24 B", "24 B"),
        ] {
            assert_eq!(extended(note, line), expected);
        }
    }
}
