//! `scan`: the structure of texts that come in blocks cut anywhere.

use tidemill_kernels::scan::{CsvScanner, LineScanner, count_newlines, newlines, whitespace};

use super::{bitmap, each_level, placed};
use crate::input::Input;

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (skip, block_bytes) = (input.below(64), 1 + usize::from(input.u8()));
    let delimiter = input.pick(b",;\t|");
    let text = placed(input.bytes, skip);
    let text = &text[skip..];
    let csv = naive_csv(text, delimiter);
    let (line, is_inside) = naive_line(text);
    let at_end: Vec<u32> = line.iter().copied().filter(|at| text[*at as usize] == b'\n').collect();
    let ends: Vec<u32> = (0..text.len() as u32).filter(|at| text[*at as usize] == b'\n').collect();
    let blanks: Vec<bool> = text.iter().map(u8::is_ascii_whitespace).collect();
    each_level(|isa| {
        let isa = isa.name();
        let mut scanner = CsvScanner::new(delimiter);
        assert_eq!(in_blocks(text, block_bytes, |b, out| scanner.scan(b, out)), csv.0, "{isa}");
        assert_eq!((scanner.quotes(), scanner.inside_quotes()), (csv.1, csv.1 % 2 == 1), "{isa}");
        let mut scanner = LineScanner::new();
        assert_eq!(in_blocks(text, block_bytes, |b, out| scanner.scan(b, out)), line, "{isa}");
        assert_eq!(scanner.inside_string(), is_inside, "{isa}");
        let mut scanner = LineScanner::new();
        let found = in_blocks(text, block_bytes, |b, out| scanner.line_ends(b, out));
        assert_eq!(found, at_end, "{isa}");
        assert_eq!(in_blocks(text, block_bytes, newlines), ends, "{isa}");
        assert_eq!(count_newlines(text), ends.len(), "{isa}");
        let mut masks = vec![7; text.len().div_ceil(64)];
        whitespace(text, &mut masks);
        assert_eq!(masks, bitmap(&blanks, false), "{isa}");
    });
}

/// What `scan` finds block by block, as offsets in the text.
fn in_blocks(
    text: &[u8],
    block_bytes: usize,
    mut scan: impl FnMut(&[u8], &mut Vec<u32>),
) -> Vec<u32> {
    let mut found = Vec::new();
    for (index, block) in text.chunks(block_bytes).enumerate() {
        let before = found.len();
        scan(block, &mut found);
        found[before..].iter_mut().for_each(|at| *at += (index * block_bytes) as u32);
    }
    found
}

/// Ends of fields outside quotes, and the number of quotes.
fn naive_csv(text: &[u8], delimiter: u8) -> (Vec<u32>, u64) {
    let (mut ends, mut quotes) = (Vec::new(), 0);
    for (at, byte) in text.iter().enumerate() {
        quotes += u64::from(*byte == b'"');
        if (*byte == delimiter || *byte == b'\n') && quotes % 2 == 0 {
            ends.push(at as u32);
        }
    }
    (ends, quotes)
}

/// The grammar of line protocol's separators, section by section; and whether the text ends in a
/// string.
fn naive_line(text: &[u8]) -> (Vec<u32>, bool) {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < text.len() {
        loop {
            match text[at..] {
                [b' ', ..] => found.push(at as u32),
                [b'\t', ..] => {}
                [0xEF, 0xBB, 0xBF, ..] => at += 2,
                _ => break,
            }
            at += 1;
        }
        if text.get(at) == Some(&b'#') {
            at += text[at..].iter().take_while(|byte| **byte != b'\n').count();
        }
        match naive_row(text, at, &mut found) {
            Ok(next) => at = next,
            Err(is_inside) => return (found, is_inside),
        }
    }
    (found, false)
}

/// Where the next line starts, or whether the text ends in a string.
fn naive_row(text: &[u8], mut at: usize, found: &mut Vec<u32>) -> Result<usize, bool> {
    let mut in_fields = false;
    loop {
        match text[at.min(text.len())..] {
            [] => return Err(false),
            [b'\n', ..] => {
                found.push(at as u32);
                return Ok(at + 1);
            }
            [b'\\', b',' | b'=' | b' ', ..] => at += 2,
            [b'=', b'"', ..] if in_fields => {
                found.push(at as u32);
                at += 2;
                loop {
                    match text[at.min(text.len())..] {
                        [] => return Err(true),
                        [b'"', ..] => break,
                        [b'\\', ..] => at += 2,
                        _ => at += 1,
                    }
                }
                at += 1;
            }
            [b',' | b'=' | b' ', ..] => {
                found.push(at as u32);
                in_fields |= text[at] == b' ';
                at += 1;
            }
            _ => at += 1,
        }
    }
}
