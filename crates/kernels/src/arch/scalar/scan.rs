use crate::scan::line::{LineState, Place};

pub(crate) fn csv(block: &[u8], delimiter: u8, inside_quotes: bool, ends: &mut Vec<u32>) -> u64 {
    let mut inside = inside_quotes;
    let mut quotes = 0;
    for (offset, byte) in block.iter().enumerate() {
        if *byte == b'"' {
            inside = !inside;
            quotes += 1;
        } else if !inside && (*byte == delimiter || *byte == b'\n') {
            ends.push(offset as u32);
        }
    }
    quotes
}

pub(crate) fn newlines(block: &[u8], ends: &mut Vec<u32>) {
    let offsets = block.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.extend(offsets.map(|(offset, _)| offset as u32));
}

pub(crate) fn count_newlines(block: &[u8]) -> usize {
    block.iter().filter(|byte| **byte == b'\n').count()
}

pub(crate) fn whitespace(block: &[u8], masks: &mut [u64]) {
    masks.fill(0);
    for (index, byte) in block.iter().enumerate() {
        masks[index / 64] |= u64::from(byte.is_ascii_whitespace()) << (index % 64);
    }
}

pub(crate) fn line(block: &[u8], state: &mut LineState, found: &mut Vec<u32>) {
    for (offset, byte) in block.iter().enumerate() {
        if state.is_separator(*byte) {
            found.push(offset as u32);
        }
    }
}

pub(crate) fn line_ends(block: &[u8], state: &mut LineState, ends: &mut Vec<u32>) {
    for (offset, byte) in block.iter().enumerate() {
        if state.is_separator(*byte) && *byte == b'\n' {
            ends.push(offset as u32);
        }
    }
}

impl LineState {
    /// Goes on by a byte; whether that is a separator.
    fn is_separator(&mut self, byte: u8) -> bool {
        let Self { place, after_backslash, after_equals } = *self;
        if place == Place::Text {
            self.after_backslash = byte == b'\\' && !after_backslash;
            if byte == b'"' && !after_backslash {
                self.place = Place::Fields;
            }
            return false;
        }
        let is_separator = match byte {
            b'\n' => true,
            b',' | b'=' | b' ' => place != Place::Comment && !after_backslash,
            _ => false,
        };
        self.after_backslash = byte == b'\\';
        self.after_equals = byte == b'=' && is_separator;
        self.place = match (place, byte) {
            (_, b'\n') => Place::Start,
            (Place::Comment, _) => Place::Comment,
            (Place::Start, b' ' | b'\t') => Place::Start,
            (Place::Start, b'#') => Place::Comment,
            (Place::Start, 0xEF) => Place::Mark1,
            (Place::Mark1, 0xBB) => Place::Mark2,
            (Place::Mark2, 0xBF) => Place::Start,
            (Place::Fields, b'"') if after_equals => Place::Text,
            (Place::Fields, _) => Place::Fields,
            (Place::Start, _) => Place::Key,
            (_, b' ') if is_separator => Place::Fields,
            _ => Place::Key,
        };
        is_separator
    }
}
