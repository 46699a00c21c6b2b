//! The values of members.

use super::string;
use crate::Misfit;
use crate::tabular::Kinds;
use crate::tabular::cell::{self, Leading};

/// What is wrong with a row, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub at: usize,
    pub reason: String,
    pub misfit: Option<Misfit>,
}

impl Fault {
    #[cold]
    pub(super) fn new(at: usize, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into(), misfit: None }
    }

    /// The row, or what there is of it, ends in the midst of something.
    #[cold]
    pub(super) fn end_of(chunk: &[u8]) -> Self {
        Self::new(chunk.len(), "the row ends too early")
    }
}

/// A scalar value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token<'a> {
    /// Where `raw` starts in the chunk.
    pub at: usize,
    /// The number or word, or the string between its quotes, as it stands there.
    pub raw: &'a [u8],
    pub kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TokenKind {
    Null,
    Bool(bool),
    /// An integer that was read on the way.
    Int(i64),
    /// A float that was read on the way.
    Float(f64),
    /// Any other number.
    Number,
    Text,
    EscapedText,
}

impl<'a> Token<'a> {
    /// Reads the scalar that starts at `at`, and says where it ends.
    #[inline]
    pub(super) fn read(chunk: &'a [u8], at: usize) -> Result<(Self, usize), Fault> {
        let rest = chunk.get(at..).unwrap_or_default();
        let first = rest.first();
        if first == Some(&b'"') {
            let found = string::scan(chunk, at + 1)?;
            let kind = if found.has_escapes { TokenKind::EscapedText } else { TokenKind::Text };
            let token = Self { at: at + 1, raw: &chunk[at + 1..found.end], kind };
            return Ok((token, found.end + 1));
        }
        if let Some((number, length)) = cell::leading_number(rest)
            && ends_number(rest.get(length))
            && !has_leading_zero(rest)
        {
            let kind = match number {
                Leading::Int(value) => TokenKind::Int(value),
                Leading::Float(value) => TokenKind::Float(value),
            };
            return Ok((Self { at, raw: &rest[..length], kind }, at + length));
        }
        let word = |word: &'static [u8], kind| {
            let is_it = rest.starts_with(word);
            let token = Self { at, raw: word, kind };
            is_it.then_some((token, at + word.len())).ok_or_else(|| unexpected(chunk, at))
        };
        match first {
            Some(b't') => word(b"true", TokenKind::Bool(true)),
            Some(b'f') => word(b"false", TokenKind::Bool(false)),
            Some(b'n') => word(b"null", TokenKind::Null),
            Some(b'-' | b'0'..=b'9') => {
                let length = number_len(rest).ok_or_else(|| Fault::new(at, "not a JSON number"))?;
                if length == rest.len() {
                    return Err(Fault::end_of(chunk));
                }
                Ok((Self { at, raw: &rest[..length], kind: TokenKind::Number }, at + length))
            }
            Some(b'[') => Err(Fault::new(at, "an array, which no column can hold")),
            _ => Err(unexpected(chunk, at)),
        }
    }

    /// Whether it is no value at all: null, or a string with nothing in it.
    #[inline]
    pub(super) fn is_missing(&self) -> bool {
        match self.kind {
            TokenKind::Null => true,
            TokenKind::Text => self.raw.is_empty(),
            _ => false,
        }
    }

    /// What it is, for a column's type; nothing if it is missing.
    pub(super) fn kinds(&self) -> Kinds {
        match self.kind {
            TokenKind::Null => Kinds::NONE,
            TokenKind::Text if self.is_missing() => Kinds::NONE,
            TokenKind::Bool(_) => Kinds::BOOL,
            TokenKind::Int(0..) => Kinds::NATURAL,
            TokenKind::Int(_) => Kinds::NEGATIVE,
            TokenKind::Float(_) => Kinds::REAL,
            // A number beyond all types is as real as the others.
            TokenKind::Number if cell::float(self.raw).is_none() => Kinds::REAL,
            TokenKind::Number => Kinds::of_cell(self.raw),
            TokenKind::Text | TokenKind::EscapedText => Kinds::TEXT,
        }
    }

    /// What it says as text; `scratch` is written to when there are escapes in it.
    #[inline]
    pub(super) fn text<'s>(&self, scratch: &'s mut Vec<u8>) -> Result<&'s str, Fault>
    where
        'a: 's,
    {
        let text = if self.kind == TokenKind::EscapedText {
            string::unescape(self.raw, self.at, scratch)?;
            scratch
        } else {
            self.raw
        };
        std::str::from_utf8(text).map_err(|_| Fault::new(self.at, "a string that is not UTF-8"))
    }
}

/// What stands at `at` is none of what may stand there.
#[cold]
fn unexpected(chunk: &[u8], at: usize) -> Fault {
    let rest = chunk.get(at..).unwrap_or_default();
    // What the chunk ends with may be the beginning of a word.
    let is_cut = [&b"true"[..], b"false", b"null"].iter().any(|word| word.starts_with(rest));
    if is_cut { Fault::end_of(chunk) } else { Fault::new(at, "not JSON") }
}

#[inline]
fn ends_number(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n'))
}

/// Whether a number has a digit before its point that JSON does not want there.
#[inline]
fn has_leading_zero(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    matches!(digits, [b'0', b'0'..=b'9', ..])
}

/// The length of the number that `text` starts with, which must not go on after that.
fn number_len(text: &[u8]) -> Option<usize> {
    let digits = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let is_cut = |at: usize| at == text.len();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 && !is_cut(at) || has_leading_zero(text) {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        if fraction == 0 && !is_cut(at) {
            return None;
        }
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        at += 1 + sign + exponent;
        if exponent == 0 && !is_cut(at) {
            return None;
        }
    }
    (is_cut(at) || ends_number(text.get(at))).then_some(at)
}
