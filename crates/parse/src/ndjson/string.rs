//! JSON strings.

use super::token::Fault;

/// A string's bytes between its quotes, and whether there are escapes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawString {
    /// Where the closing quote stands.
    pub end: usize,
    pub has_escapes: bool,
}

/// Reads to the end of the string whose opening quote stands before `start`.
#[inline]
pub(super) fn scan(chunk: &[u8], start: usize) -> Result<RawString, Fault> {
    let (mut at, mut has_escapes) = (start, false);
    loop {
        at += plain_len(&chunk[at..]);
        match chunk.get(at) {
            Some(b'"') => return Ok(RawString { end: at, has_escapes }),
            // What is escaped is looked at later, if at all; a newline ends the row even so.
            Some(b'\\') => match chunk.get(at + 1) {
                Some(0x20..) => at += 2,
                Some(_) => return Err(control_character(at + 1)),
                None => return Err(Fault::end_of(chunk)),
            },
            Some(_) => return Err(control_character(at)),
            None => return Err(Fault::end_of(chunk)),
        }
        has_escapes = true;
    }
}

#[cold]
fn control_character(at: usize) -> Fault {
    Fault::new(at, "a control character in a string")
}

/// The number of bytes before the first quote, backslash or control character.
#[inline]
fn plain_len(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut len = 0;
    while let Some(word) = text[len..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & (ONES << 7);
        let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslashes = below(word ^ (ONES * u64::from(b'\\')), 1);
        // The lowest bit set is right in each, the others need not be.
        let found = quotes | backslashes | below(word, 0x20);
        if found != 0 {
            return len + found.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    let is_plain = |byte: &&u8| **byte >= 0x20 && **byte != b'"' && **byte != b'\\';
    len + text[len..].iter().take_while(is_plain).count()
}

/// Writes what the string `raw`, which starts at `start` of its chunk, says over `out`.
pub(super) fn unescape(raw: &[u8], start: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    out.clear();
    let mut at = 0;
    while let Some(backslash) = memchr::memchr(b'\\', &raw[at..]) {
        out.extend_from_slice(&raw[at..at + backslash]);
        at += backslash;
        let (character, length) = escape(&raw[at..])
            .ok_or_else(|| Fault::new(start + at, "an escape that JSON does not have"))?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        at += length;
    }
    out.extend_from_slice(&raw[at..]);
    Ok(())
}

/// The character that `text` begins with an escape of, and the escape's length.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let character = match *text.get(1)? {
        b'u' => return unicode_escape(text),
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        byte @ (b'"' | b'\\' | b'/') => char::from(byte),
        _ => return None,
    };
    Some((character, 2))
}

/// `\uXXXX`, or two of them that are a surrogate pair.
fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let unit = |start: usize| {
        let digits = text.get(start..start + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let second = unit(6).filter(|second| (0xDC00..0xE000).contains(second))?;
    // What is no character is a surrogate; of a low one this makes none either.
    let high = first - 0xD800;
    char::from_u32(0x10000 + (high << 10) + (second - 0xDC00)).map(|character| (character, 12))
}

#[cfg(test)]
mod tests {
    use super::{Fault, scan, unescape};

    #[test]
    fn escapes() {
        let check = |raw: &str, want: Option<&str>| {
            let text = format!("\"{raw}\"");
            let end = scan(text.as_bytes(), 1).map(|string| string.end);
            assert_eq!(end, Ok(text.len() - 1), "{raw}");
            let mut out = Vec::new();
            let result = unescape(raw.as_bytes(), 1, &mut out);
            assert_eq!(result.is_ok().then_some(&*out), want.map(str::as_bytes), "{raw}");
        };
        check("plain", Some("plain"));
        check(r#"\"\\\/\b\f\n\r\t"#, Some("\"\\/\u{8}\u{c}\n\r\t"));
        check(r"\u00fc\u20AC\u0000", Some("ü€\0"));
        check(r"a\ud83d\ude00b", Some("a😀b"));
        check(r"\ud83d", None);
        check(r"\ude00", None);
        check(r"\ud83d\u0041", None);
        check(r"\ud83dxxxxxx", None);
        check(r"\u12", None);
        check(r"\u+123", None);
        check(r"\x41", None);
    }

    #[test]
    fn control_characters_are_refused_and_nothing_else_is() {
        for byte in (0..=u8::MAX).filter(|byte| !b"\"\\".contains(byte)) {
            let text = [b"0123456789", &[byte][..], b"0123456789\""].concat();
            for start in 0..11 {
                let end = scan(&text, start).map(|string| string.end).ok();
                assert_eq!(end, (byte >= 0x20).then_some(21), "{byte:#x}");
            }
            let text = [b"\\", &[byte][..], b"0\""].concat();
            let end = scan(&text, 0).map(|string| string.end);
            let refused = Fault::new(1, "a control character in a string");
            assert_eq!(end, if byte >= 0x20 { Ok(3) } else { Err(refused) }, "escaped {byte:#x}");
        }
    }

    #[test]
    fn strings_that_do_not_end() {
        for text in ["", "abc", "abcdefghijk", "abc\\", "abc\\\"", "a\nb\"", "12345678\t\""] {
            assert!(scan(text.as_bytes(), 0).is_err(), "{text:?}");
        }
    }
}
