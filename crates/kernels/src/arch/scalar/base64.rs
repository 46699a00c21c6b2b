use crate::base64::Tables;
use std::mem::MaybeUninit;

pub(crate) fn encode(bytes: &[u8], tables: &Tables, out: &mut [MaybeUninit<u8>]) {
    for (group, to) in bytes.chunks(3).zip(out.chunks_mut(4)) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for (index, to) in to.iter_mut().enumerate() {
            let symbol = tables.symbols[(bits >> (18 - 6 * index)) as usize & 63];
            to.write(if index <= group.len() { symbol } else { b'=' });
        }
    }
}

pub(crate) fn decode(text: &[u8], tables: &Tables, out: &mut [MaybeUninit<u8>]) -> usize {
    let mut valid = 0;
    for (group, to) in text.chunks(4).zip(out.chunks_mut(3)) {
        let mut bits = 0;
        for index in 0..4 {
            let symbol = group.get(index).copied().unwrap_or(tables.symbols[0]);
            let value = tables.values[symbol as usize];
            if value > 63 {
                return valid;
            }
            bits = bits << 6 | u32::from(value);
            valid += usize::from(index < group.len());
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        for (to, byte) in to.iter_mut().zip(bytes) {
            to.write(byte);
        }
    }
    valid
}

pub(crate) use {decode as decode_long, encode as encode_long};

pub(crate) fn decode_spaced(
    text: &[u8],
    tables: &Tables,
    out: &mut [MaybeUninit<u8>],
) -> (usize, usize) {
    let (mut symbols, mut bits, mut written) = (0, 0u32, 0);
    for (offset, byte) in text.iter().enumerate() {
        if byte.is_ascii_whitespace() {
            continue;
        }
        let value = tables.values[*byte as usize];
        if value > 63 {
            return (offset, symbols);
        }
        bits = bits << 6 | u32::from(value);
        symbols += 1;
        if symbols % 4 != 1 {
            // 2, 4, 6 bits belong to the next byte.
            out[written].write((bits >> (2 * (3 - (symbols + 3) % 4))) as u8);
            written += 1;
        }
    }
    (text.len(), symbols)
}

pub(crate) fn count_symbols(text: &[u8]) -> usize {
    text.iter().filter(|byte| !byte.is_ascii_whitespace()).count()
}
