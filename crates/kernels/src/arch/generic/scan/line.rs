use super::{Scan, padded, push_positions};
use crate::scan::line::{LineState, Place};

#[inline(always)]
pub(crate) fn line<S: Scan>(simd: S, block: &[u8], state: &mut LineState, found: &mut Vec<u32>) {
    scan::<S, false>(simd, block, state, found);
}

#[inline(always)]
pub(crate) fn line_ends<S: Scan>(
    simd: S,
    block: &[u8],
    state: &mut LineState,
    ends: &mut Vec<u32>,
) {
    scan::<S, true>(simd, block, state, ends);
}

#[inline(always)]
fn scan<S: Scan, const ENDS_ONLY: bool>(
    simd: S,
    block: &[u8],
    state: &mut LineState,
    to: &mut Vec<u32>,
) {
    let (chunks, rest) = block.as_chunks();
    let mut carried = *state;
    let mut start = 0;
    for bytes in chunks {
        let found = piece::<S, ENDS_ONLY>(simd, bytes, 64, &mut carried);
        push_positions(simd, found, start, to);
        start += 64;
    }
    if !rest.is_empty() {
        let found = piece::<S, ENDS_ONLY>(simd, &padded(rest), rest.len(), &mut carried);
        push_positions(simd, found, start, to);
    }
    *state = carried;
}

/// The separators of the first `len` of 64 bytes, zeros behind them.
#[inline(always)]
fn piece<S: Scan, const ENDS_ONLY: bool>(
    simd: S,
    bytes: &[u8; 64],
    len: usize,
    state: &mut LineState,
) -> u64 {
    let register = simd.bytes(bytes);
    let (newlines, spaces) = (simd.equal(register, b'\n'), simd.equal(register, b' '));
    let is_plain = matches!(state.place, Place::Start | Place::Key | Place::Fields)
        && !state.after_backslash
        && !simd.any_special(register);
    let found = if is_plain {
        let present = u64::MAX >> (64 - len);
        state.place = place_behind(state.place, present & !spaces, spaces, newlines);
        state.after_equals = bytes[len - 1] == b'=';
        if ENDS_ONLY { newlines } else { simd.separators(register) }
    } else {
        let equals = simd.equal(register, b'=');
        let separators = simd.equal(register, b',') | spaces | equals;
        let quotes = simd.equal(register, b'"');
        let backslashes = simd.equal(register, b'\\');
        Piece { bytes, len, newlines, spaces, equals, separators, quotes, backslashes }
            .separators(state)
    };
    if ENDS_ONLY { found & newlines } else { found }
}

/// Where bytes end that begin in `place`, if nothing in them is escaped, quoted or a comment.
#[inline(always)]
fn place_behind(place: Place, text: u64, spaces: u64, newlines: u64) -> Place {
    // The last line: all of the bytes, or those behind the last newline. With branches, which are
    // foreseen well enough, nothing waits for what was before; without, it took 1.4 times as long.
    let (line, place) = if newlines == 0 {
        (u64::MAX, place)
    } else {
        (u64::MAX << (63 - newlines.leading_zeros()) << 1, Place::Start)
    };
    let text = text & line;
    // The first byte of the key, and what stands behind it: nothing, if there is none.
    let first = text & text.wrapping_neg();
    let behind = !(first.wrapping_sub(1) | first);
    match place {
        Place::Start if first == 0 => Place::Start,
        Place::Start if line & spaces & behind != 0 => Place::Fields,
        Place::Key if line & spaces != 0 => Place::Fields,
        Place::Start | Place::Key => Place::Key,
        place => place,
    }
}

/// Up to 64 bytes among which anything may be, and where the characters are that matter.
struct Piece<'a> {
    bytes: &'a [u8; 64],
    len: usize,
    newlines: u64,
    spaces: u64,
    equals: u64,
    /// `,`, `=` and spaces.
    separators: u64,
    quotes: u64,
    backslashes: u64,
}

impl Piece<'_> {
    /// The separators that are none of what takes their meaning away.
    #[inline(never)]
    fn separators(&self, state: &mut LineState) -> u64 {
        let plain = !(self.backslashes << 1 | u64::from(state.after_backslash));
        let equals = self.equals & plain;
        let opening = self.quotes & (equals << 1 | u64::from(state.after_equals));
        let separators = self.separators & plain | self.newlines;
        let (mut place, mut text_is_escaped) = (state.place, state.after_backslash);
        let (mut found, mut at) = (0, 0);
        while at < self.len {
            let rest = u64::MAX << at;
            // What ends this place, and what is a separator up to there.
            let (ends, kept) = match place {
                Place::Start | Place::Mark1 | Place::Mark2 => {
                    place = behind_blank(place, self.bytes[at]);
                    if place != Place::Key {
                        found |= separators & 1 << at;
                        at += 1;
                    }
                    continue;
                }
                Place::Comment => (self.newlines, self.newlines),
                Place::Key => (self.newlines | self.spaces & plain, separators),
                Place::Fields => (self.newlines | opening, separators),
                Place::Text => {
                    let escaped =
                        escaped(self.backslashes & rest, u64::from(text_is_escaped) << at);
                    text_is_escaped = escaped.behind(self.len);
                    (self.quotes & !escaped.bits, 0)
                }
            };
            let ends = ends & rest;
            if ends == 0 {
                found |= kept & rest;
                break;
            }
            found |= kept & rest & (ends ^ (ends - 1));
            let end = ends.trailing_zeros() as usize;
            place = match (place, self.bytes[end]) {
                (_, b'\n') => Place::Start,
                (Place::Fields, _) => Place::Text,
                _ => Place::Fields,
            };
            if place == Place::Text {
                text_is_escaped = false;
            }
            at = end + 1;
        }
        state.place = place;
        state.after_backslash = match place {
            Place::Text => text_is_escaped,
            _ => self.backslashes >> (self.len - 1) & 1 != 0,
        };
        state.after_equals = place != Place::Text && equals >> (self.len - 1) & 1 != 0;
        found
    }
}

/// Where a line is behind `byte`, of which only blanks are before; `Key` when that is where `byte`
/// itself belongs.
#[inline(always)]
fn behind_blank(place: Place, byte: u8) -> Place {
    match (place, byte) {
        (_, b'\n') | (Place::Start, b' ' | b'\t') | (Place::Mark2, 0xBF) => Place::Start,
        (Place::Start, b'#') => Place::Comment,
        (Place::Start, 0xEF) => Place::Mark1,
        (Place::Mark1, 0xBB) => Place::Mark2,
        _ => Place::Key,
    }
}

/// The bytes that a backslash before them escapes.
struct Escaped {
    bits: u64,
    backslashes: u64,
}

/// Of a run of `backslashes`, the first escapes the second, the third the fourth; the last of an
/// odd run, what is behind it. `first` is the bit of a byte that is escaped by what was before.
///
/// As simdjson has it: subtracting the starts from the odd bits makes the runs that begin at an odd
/// place come out the other way round.
#[inline(always)]
fn escaped(backslashes: u64, first: u64) -> Escaped {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    let potential = backslashes & !first;
    let maybe = potential << 1;
    let series = (maybe | ODD).wrapping_sub(potential);
    let codes = series ^ ODD;
    Escaped { bits: codes ^ (backslashes | first), backslashes: codes & backslashes }
}

impl Escaped {
    /// Whether a byte behind `len` of them would be escaped.
    #[inline(always)]
    fn behind(&self, len: usize) -> bool {
        self.backslashes >> (len - 1) & 1 != 0
    }
}
