//! One line: an object, its members handed out one by one.

use memchr::memchr;

use super::keys::{Keys, MAX_DEPTH, ROOT, is_blank, next_token};
use super::token::{Fault, Token};
use crate::RowError;

/// How a line ended.
#[derive(Debug)]
pub(super) enum Line {
    /// The next one starts there.
    Row(usize),
    /// There was nothing in it.
    Blank(usize),
    /// The chunk ends before the line does.
    Unfinished,
    /// It is refused.
    Bad { fault: Fault, next: usize },
}

impl Fault {
    pub(super) fn into_error(self, row_start: usize) -> RowError {
        RowError { row_start, at: self.at, reason: self.reason, misfit: self.misfit }
    }
}

/// Reads the line that starts at `start` and hands each scalar member to `visit`, by the number
/// of its key. What `visit` refuses makes the line bad.
#[inline]
pub(super) fn read<'a>(
    chunk: &'a [u8],
    start: usize,
    is_last: bool,
    keys: &mut Keys,
    mut visit: impl FnMut(&Keys, u32, Token<'a>) -> Result<(), Fault>,
) -> Line {
    let end = match object(chunk, start, keys, &mut visit) {
        Ok(end) => end,
        Err(fault) => return bad(chunk, start, is_last, fault),
    };
    let blanks = chunk[end..].iter().take_while(|byte| is_blank(**byte)).count();
    match chunk.get(end + blanks) {
        Some(b'\n') if end == start => Line::Blank(end + blanks + 1),
        Some(b'\n') => Line::Row(end + blanks + 1),
        None if !is_last => Line::Unfinished,
        None if end == start => Line::Blank(chunk.len()),
        None => Line::Row(chunk.len()),
        Some(_) => {
            let fault = Fault::new(end + blanks, "text after the object");
            bad(chunk, start, is_last, fault)
        }
    }
}

/// No string holds a newline, so that the next one ends the line whatever is in it.
#[cold]
fn bad(chunk: &[u8], start: usize, is_last: bool, fault: Fault) -> Line {
    match memchr(b'\n', &chunk[start..]) {
        Some(newline) => Line::Bad { fault, next: start + newline + 1 },
        None if is_last => Line::Bad { fault, next: chunk.len() },
        None => Line::Unfinished,
    }
}

/// Reads the object at `start` and returns where it ends: at `start`, if there is nothing.
#[inline]
fn object<'a>(
    chunk: &'a [u8],
    start: usize,
    keys: &mut Keys,
    visit: &mut impl FnMut(&Keys, u32, Token<'a>) -> Result<(), Fault>,
) -> Result<usize, Fault> {
    let blanks = chunk[start..].iter().take_while(|byte| is_blank(**byte)).count();
    let mut at = start + blanks;
    match chunk.get(at) {
        None | Some(b'\n') => return Ok(start),
        Some(b'{') => at += 1,
        Some(_) => return Err(Fault::new(at, "a row must be a JSON object")),
    }
    keys.start_row();
    // The keys of the objects that are open, the outermost's first.
    let (mut open, mut depth) = ([ROOT; MAX_DEPTH], 0);
    let mut is_new = true;
    loop {
        let (token, byte) = next_token(chunk, at)?;
        at = token;
        // An object may be empty, but no comma may stand before its end.
        if !(is_new && byte == b'}') {
            let (key, value) = keys.read(chunk, at, open[depth])?;
            let (value, byte) = next_token(chunk, value)?;
            if byte == b'{' {
                depth += 1;
                *open.get_mut(depth).ok_or_else(|| too_deep(value))? = key;
                (at, is_new) = (value + 1, true);
                continue;
            }
            let (token, end) = Token::read(chunk, value)?;
            visit(keys, key, token)?;
            at = end;
        }
        is_new = false;
        loop {
            let (token, byte) = next_token(chunk, at)?;
            at = token + 1;
            match byte {
                b',' => break,
                b'}' if depth == 0 => return Ok(at),
                b'}' => depth -= 1,
                _ => return Err(Fault::new(token, "a comma or a closing brace was expected")),
            }
        }
    }
}

#[cold]
fn too_deep(at: usize) -> Fault {
    Fault::new(at, format!("objects nested deeper than {MAX_DEPTH}"))
}
