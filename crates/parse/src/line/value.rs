//! The values of fields.

use memchr::memchr2;
use tidemill_model::FieldType;

use super::grammar::{Fault, Text, shown};
use crate::number::{parse_f64, parse_i64, parse_u64};

/// A field's value; text as it stands between its quotes, escapes and all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Float(f64),
    Int(i64),
    UInt(u64),
    Bool(bool),
    Text(&'a str),
}

impl Token<'_> {
    pub(super) fn ty(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Int(_) => FieldType::Int,
            Self::UInt(_) => FieldType::UInt,
            Self::Bool(_) => FieldType::Bool,
            Self::Text(_) => FieldType::Text,
        }
    }
}

const BOOLEANS: [(&[u8], bool); 10] = [
    (b"t", true),
    (b"T", true),
    (b"true", true),
    (b"True", true),
    (b"TRUE", true),
    (b"f", false),
    (b"F", false),
    (b"false", false),
    (b"False", false),
    (b"FALSE", false),
];

impl<'a> Text<'a> {
    /// Reads the value at `at`; returns it and where it ends.
    pub(super) fn value(&self, at: usize) -> Result<(Token<'a>, usize), Fault> {
        match self.bytes.get(at) {
            Some(b'0'..=b'9' | b'-' | b'.') => self.number(at),
            Some(b'"') => self.string(at),
            Some(b't' | b'T' | b'f' | b'F') => self.boolean(at),
            Some(byte) if *byte != b',' && *byte != b' ' && self.line_end(at).is_none() => {
                let reason = "starts no value: a number, t, f or a string in quotes is wanted";
                Err(self.fault(at, format!("{} {reason}", self.shown_at(at))))
            }
            _ => Err(self.fault(at, "a field has no value".to_owned())),
        }
    }

    fn string(&self, quote: usize) -> Result<(Token<'a>, usize), Fault> {
        let mut at = quote + 1;
        loop {
            match memchr2(b'"', b'\\', &self.bytes[at..]) {
                Some(offset) if self.bytes[at + offset] == b'"' => {
                    let end = at + offset;
                    let text = self.utf8(quote + 1, end, end)?;
                    return Ok((Token::Text(text), end + 1));
                }
                Some(offset) => {
                    let escaped = self.bytes.get(at + offset + 1);
                    at += offset + 1 + usize::from(matches!(escaped, Some(b'"' | b'\\')));
                }
                // The end of the string may be still to come, whatever newlines are here.
                None if !self.is_last => return Err(Fault::Cut),
                None => {
                    return Err(self.fault(quote, "this string has no closing quote".to_owned()));
                }
            }
        }
    }

    fn boolean(&self, at: usize) -> Result<(Token<'a>, usize), Fault> {
        let end = self.token_end(at);
        let token = &self.bytes[at..end];
        if let Some((_, value)) = BOOLEANS.iter().find(|(name, _)| *name == token) {
            return Ok((Token::Bool(*value), end));
        }
        let common = |name: &[u8]| name.iter().zip(token).take_while(|(a, b)| a == b).count();
        let right = BOOLEANS.iter().map(|(name, _)| common(name)).max().unwrap_or_default();
        let reason = format!("{} is no value; text stands in double quotes", shown(token));
        Err(self.fault(at + right, reason))
    }

    fn number(&self, at: usize) -> Result<(Token<'a>, usize), Fault> {
        let end = self.token_end(at);
        let token = &self.bytes[at..end];
        let number = match token {
            [digits @ .., b'i'] => parse_i64(digits).map(Token::Int),
            [digits @ .., b'u'] => parse_u64(digits).map(Token::UInt),
            _ => parse_f64(token).map(Token::Float),
        };
        match number {
            Some(number) => Ok((number, end)),
            None => {
                let (offset, reason) = number_fault(token, |offset| self.shown_at(at + offset));
                Err(self.fault(at + offset, reason))
            }
        }
    }

    fn token_end(&self, at: usize) -> usize {
        let ends = |at: usize| match self.bytes[at] {
            b',' | b' ' | b'\n' => true,
            b'\r' => self.line_end(at).is_some(),
            _ => false,
        };
        (at..self.bytes.len()).find(|&at| ends(at)).unwrap_or(self.bytes.len())
    }
}

/// What is wrong with a number, and at which of its bytes.
fn number_fault(token: &[u8], shown_at: impl Fn(usize) -> String) -> (usize, String) {
    let digits = |at: usize| token[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is = |at: usize, wanted: &[u8]| token.get(at).is_some_and(|byte| wanted.contains(byte));
    let mut at = usize::from(is(0, b"-"));
    let is_negative = at == 1;
    let mut digit_count = digits(at);
    at += digit_count;
    let whole_end = at;
    if is(at, b".") {
        let count = digits(at + 1);
        digit_count += count;
        at += 1 + count;
    }
    let mantissa_end = at;
    if digit_count > 0 && is(at, b"eE") {
        at += 1 + usize::from(is(at + 1, b"+-"));
        let count = digits(at);
        if count == 0 {
            return (at, format!("the exponent of {} has no digits", shown(token)));
        }
        at += count;
    }
    let number_end = at;
    let is_integer = is(at, b"iu");
    at += usize::from(is_integer);
    if digit_count == 0 {
        return (mantissa_end, format!("{} has no digits", shown(token)));
    }
    if at < token.len() {
        return (at, format!("{} in the number {}", shown_at(at), shown(token)));
    }
    if is_integer && whole_end < number_end {
        return (whole_end, format!("the integer {} has a fraction or exponent", shown(token)));
    }
    if is_negative && token.ends_with(b"u") {
        return (0, format!("the unsigned integer {} is negative", shown(token)));
    }
    let kind = match token.last() {
        Some(b'i') => "a signed 64-bit integer",
        Some(b'u') => "an unsigned 64-bit integer",
        _ => "a 64-bit float",
    };
    (0, format!("{} does not fit {kind}", shown(token)))
}
