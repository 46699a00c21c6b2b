/// The row that was refused, as it stands: up to the end of the line that is wrong, and of a CSV,
/// whose quotes may hold newlines, to the end of the row.
pub(super) fn row_text(text: &[u8], start: usize, at: usize, is_csv: bool) -> &[u8] {
    let at = at.max(start).min(text.len());
    let line_end = || memchr::memchr(b'\n', &text[at..]).map(|newline| at + newline);
    let row_end = Some(start).filter(|_| is_csv).and_then(|start| csv_row_end(text, start));
    let end = row_end.filter(|end| *end >= at).or_else(line_end).unwrap_or(text.len());
    let row = &text[start.min(end)..end];
    row.strip_suffix(b"\r").unwrap_or(row)
}

/// Where the row ends that starts at `start`, if it has no quote that is never closed.
fn csv_row_end(text: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut is_field_start) = (start, true);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' if is_field_start => {
                at += 1;
                loop {
                    at += memchr::memchr(b'"', text.get(at..)?)? + 1;
                    if text.get(at) != Some(&b'"') {
                        break;
                    }
                    at += 1;
                }
                is_field_start = false;
                continue;
            }
            b'\n' => return Some(at),
            byte => is_field_start = matches!(byte, b',' | b';' | b'\t' | b'|'),
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole() {
        let check = |text: &str, at: usize, is_csv: bool, want: &str| {
            let found = row_text(text.as_bytes(), 2, at, is_csv);
            assert_eq!(String::from_utf8_lossy(found), want, "{text}");
        };
        check("\n\n1,\"x\ny\",2\r\n3", 3, true, "1,\"x\ny\",2");
        check("\n\n1,\"x\"\"\ny\",2\n3", 3, true, "1,\"x\"\"\ny\",2");
        check("\n\n1,5\" pipe,2\n3\"", 3, true, "1,5\" pipe,2");
        // Never closed, and beyond the end.
        check("\n\n1,\"x\ny", 3, true, "1,\"x");
        check("\n\n1,2", 99, true, "1,2");
        check("\n\nm s=\"x\ny\"\n", 9, false, "m s=\"x\ny\"");
        check("\n\nm s=\"x\n", 3, false, "m s=\"x");
    }
}
