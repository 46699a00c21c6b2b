//! The comments of a source, and those among them that are contracts or were meant to be.

use std::ops::Range;

const MARK: &str = "// gauge:";

/// A comment that speaks to gauge.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Remark {
    /// What it says: behind the mark, or all of it.
    pub(super) span: Range<usize>,
    /// Its line, from 0.
    pub(super) line: usize,
    /// Whether it is written as a contract is: `// gauge: …` on a line of its own.
    pub(super) is_contract: bool,
}

/// The comments of a source that speak to gauge, in order.
pub(super) fn remarks(text: &str) -> Vec<Remark> {
    let mut found = Vec::new();
    for comment in comments(text) {
        let before = &text[..comment.start];
        let is_alone = before.rsplit('\n').next().is_none_or(|start| start.trim().is_empty());
        let whole = text[comment.clone()].trim_end();
        let line = before.matches('\n').count();
        if is_alone && whole.starts_with(MARK) {
            let span = comment.start + MARK.len()..comment.start + whole.len();
            found.push(Remark { span, line, is_contract: true });
            continue;
        }
        for (number, part) in whole.lines().enumerate() {
            if is_meant(part) {
                let start = comment.start + (part.as_ptr() as usize - whole.as_ptr() as usize);
                let span = start..start + part.len();
                found.push(Remark { span, line: line + number, is_contract: false });
            }
        }
    }
    found
}

/// Whether a line of a comment was meant to be a contract: it begins with `gauge:`, or otherwise written with a
/// key behind it. (`Gauge: open connections` speaks of something else.)
fn is_meant(line: &str) -> bool {
    const NAME: &str = "gauge";
    let words = line.trim_start_matches(|c: char| c.is_whitespace() || "/*!".contains(c));
    let Some(name) = words.get(..NAME.len()) else { return false };
    let behind = &words[NAME.len()..];
    if !name.eq_ignore_ascii_case(NAME) {
        return false;
    }
    if name == NAME && behind.starts_with(':') {
        return true;
    }
    // `gauge simd = "f64"`: the colon was forgotten.
    let Some(keys) = behind.trim_start().strip_prefix(':').or(behind.strip_prefix(' ')) else {
        return false;
    };
    let is_key =
        |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    keys.split_once('=').is_some_and(|(key, _)| is_key(key.trim()))
}

/// All comments, from their first slash on; what stands in strings is none.
fn comments(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at = match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'/')) => {
                at = text[at..].find('\n').map_or(bytes.len(), |end| at + end);
                found.push(start..at);
                at
            }
            (b'/', Some(b'*')) => {
                at = block_end(bytes, at);
                found.push(start..at);
                at
            }
            (b'"', _) => string_end(bytes, at + 1),
            (b'\'', _) => character_end(text, at),
            (c, _) if c.is_ascii_alphabetic() || c == b'_' => {
                let is_word = |c: &u8| c.is_ascii_alphanumeric() || *c == b'_';
                let end = at + bytes[at..].iter().take_while(|c| is_word(c)).count();
                let is_raw = matches!(&bytes[at..end], b"r" | b"br" | b"cr");
                if is_raw { raw_end(text, end) } else { end }
            }
            _ => at + 1,
        };
    }
    found
}

/// Behind a block comment, those in it included.
fn block_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start + 2, 1);
    while at < bytes.len() && depth > 0 {
        let step = match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => 1,
            b"*/" => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
    }
    // Not in the middle of a character.
    at.min(bytes.len())
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// Behind a raw string whose `r` ends at `at`; `at` itself where none begins there.
fn raw_end(text: &str, at: usize) -> usize {
    let hashes = text[at..].bytes().take_while(|c| *c == b'#').count();
    if text.as_bytes().get(at + hashes) != Some(&b'"') {
        return at;
    }
    let inside = at + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    text[inside..].find(&end).map_or(text.len(), |found| inside + found + end.len())
}

/// Behind a character; behind the quote of a lifetime.
fn character_end(text: &str, at: usize) -> usize {
    let mut rest = text[at + 1..].char_indices();
    match (rest.next(), rest.next()) {
        (Some((_, '\\')), Some((escaped, c))) => {
            let from = at + 1 + escaped + c.len_utf8();
            text[from..].find('\'').map_or(text.len(), |end| from + end + 1)
        }
        (Some(_), Some((end, '\''))) => at + 1 + end + 1,
        _ => at + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_to_be_a_contract_is_told() {
        for (text, expected) in [
            ("// gauge: no = []", Some(true)),
            ("a();\n    // gauge: no = []\nb();", Some(true)),
            ("//gauge: no = []", Some(false)),
            ("/// gauge: no = []", Some(false)),
            ("//! gauge: no = []", Some(false)),
            ("// Gauge: no = []", Some(false)),
            ("// GAUGE : no = []", Some(false)),
            ("//  gauge: no = []", Some(false)),
            ("//\tgauge:no = []", Some(false)),
            ("// gauge no = []", Some(false)),
            ("// gauge max-stack=1", Some(false)),
            ("fn f() {} // gauge: no = []", Some(false)),
            ("//gauge: max_instructions = 9", Some(false)),
            ("/// gauge: no: []", Some(false)),
            ("/* gauge: no = [] */", Some(false)),
            ("/*\n * gauge: no = []\n */", Some(false)),
            ("let c = '\"'; // gauge: no = []", Some(false)),
            ("let c = '\\''; // gauge: no = []", Some(false)),
            ("fn f<'a>(a: &'a str) {} // gauge: no = []", Some(false)),
            ("/// Gauge: open connections", None),
            ("let s = \"\n// gauge: no = []\n\";", None),
            ("let s = \"\\\"// gauge: no\";", None),
            ("let s = r#\"\"\n// gauge: no = []\n\"#;", None),
            ("// the gauge: it measures", None),
            ("// gauge reads what cargo built, so x = y", None),
            ("// gauges: none", None),
            ("/// `// gauge: no = []`", None),
        ] {
            let found = remarks(text);
            let found: Vec<bool> = found.iter().map(|remark| remark.is_contract).collect();
            assert_eq!(found, Vec::from_iter(expected), "{text}");
        }
        let text = "ä\n/* a\n// b */ //gauge: x = 1";
        let found = remarks(text);
        assert_eq!((found[0].line, &text[found[0].span.clone()]), (2, "//gauge: x = 1"));
    }
}
