use std::borrow::Cow;

/// Where a text stands, which says what a backslash before a character does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// A measurement.
    Measurement,
    /// A tag's name or value, or a field's name.
    Tag,
    /// A string between quotes.
    Quoted,
}

impl Escapes {
    /// Whether `byte` ends the text, or stands in it when a backslash is before it.
    #[inline]
    pub(super) fn is_special(self, byte: Option<&u8>) -> bool {
        match self {
            Self::Measurement => matches!(byte, Some(b',' | b' ')),
            Self::Tag => matches!(byte, Some(b',' | b' ' | b'=')),
            Self::Quoted => matches!(byte, Some(b'"' | b'\\')),
        }
    }
}

/// `text` without the backslashes that take a meaning away.
pub(super) fn unescape(text: &str, escapes: Escapes) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    unescape_into(text, escapes, &mut out);
    Cow::Owned(out)
}

/// Appends [`unescape`]d `text` to `out`.
pub(super) fn unescape_into(text: &str, escapes: Escapes, out: &mut String) {
    let mut rest = text;
    while let Some(backslash) = rest.find('\\') {
        let (plain, tail) = rest.split_at(backslash);
        out.push_str(plain);
        // Everything special is ASCII: taking one byte takes one character.
        let taken = if escapes.is_special(tail.as_bytes().get(1)) {
            out.push_str(&tail[1..2]);
            2
        } else {
            out.push('\\');
            1
        };
        rest = &tail[taken..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_counts_only_before_what_is_special() {
        let cases = [
            (Escapes::Measurement, r"a\,b\ c\=d\\e", r"a,b c\=d\\e"),
            (Escapes::Tag, r"a\,b\ c\=d\\\,e\n", r"a,b c=d\\,e\n"),
            (Escapes::Quoted, r#"a\"b\\c\nd\,"#, r#"a"b\c\nd\,"#),
            (Escapes::Tag, "é\\ é", "é é"),
            (Escapes::Tag, "\\", "\\"),
        ];
        for (escapes, text, want) in cases {
            assert_eq!(unescape(text, escapes), want, "{text}");
        }
    }
}
