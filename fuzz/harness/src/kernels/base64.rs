//! `base64`: bytes to text and any text to bytes, by the RFC's definition.

use tidemill_kernels::base64::DecodeErrorKind::{
    InvalidByte, LoneSymbol, MisplacedPadding, MissingPadding, TrailingBits,
};
use tidemill_kernels::base64::{Alphabet, Base64, DecodeError, DecodeErrorKind, Padding};

use super::{each_level, placed};
use crate::input::Input;

const SYMBOLS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];
const PADDINGS: [Padding; 3] = [Padding::Required, Padding::Forbidden, Padding::Indifferent];

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let (is_url, skips) = (choice & 1 != 0, choice & 2 != 0);
    let alphabet = [Alphabet::Standard, Alphabet::UrlSafe][usize::from(is_url)];
    let padding = PADDINGS[usize::from(choice >> 2) % 3];
    let form = Base64::new(alphabet, padding).skip_whitespace(skips);
    let symbols = SYMBOLS[usize::from(is_url)];
    let (skip, repeat) = (input.below(64), 1 + usize::from(choice >> 5));
    let text = placed(&input.bytes.repeat(repeat), skip);
    let text = &text[skip..];
    let want_text = encoded(text, symbols, padding != Padding::Forbidden);
    let want_bytes = decoded(text, symbols, padding, skips);
    each_level(|isa| {
        assert_eq!(form.encode(text), want_text, "{form:?}, {}", isa.name());
        assert_eq!(form.decode(text), want_bytes, "{form:?}, {}", isa.name());
        let back = form.decode(&want_text);
        assert_eq!(back.as_deref(), Ok(text), "{form:?}, {}", isa.name());
        if let Ok(bytes) = &want_bytes {
            let mut exact = vec![0; bytes.len()];
            assert_eq!(form.decode_into(text, &mut exact), Ok(bytes.len()));
            assert_eq!(exact, *bytes, "{form:?}, {}", isa.name());
        }
    });
}

/// Six bits at a time.
fn encoded(bytes: &[u8], symbols: &[u8; 64], is_padded: bool) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |w, i| w << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        for index in 0..4 {
            let six = (word >> (18 - 6 * index) & 63) as usize;
            if index <= group.len() {
                text.push(char::from(symbols[six]));
            } else if is_padded {
                text.push('=');
            }
        }
    }
    text
}

/// By the documentation of [`DecodeError`]: the first thing that stops who reads the text once.
fn decoded(
    text: &[u8],
    symbols: &[u8; 64],
    padding: Padding,
    skips: bool,
) -> Result<Vec<u8>, DecodeError> {
    let error = |kind: DecodeErrorKind, offset: usize| Err(DecodeError { kind, offset });
    let mut values = [255u8; 256];
    (0..64).for_each(|value| values[usize::from(symbols[value])] = value as u8);
    let (mut bytes, mut pending, mut count, mut last) = (Vec::new(), 0u32, 0usize, 0);
    let (mut pads, mut first_pad) = (0, 0);
    for (offset, byte) in text.iter().copied().enumerate() {
        if skips && b" \t\n\x0C\r".contains(&byte) {
            continue;
        }
        if byte == b'=' {
            if padding == Padding::Forbidden || pads == [0, 0, 2, 1][count % 4] {
                return error(MisplacedPadding, offset);
            }
            first_pad = if pads == 0 { offset } else { first_pad };
            pads += 1;
            continue;
        }
        let value = values[usize::from(byte)];
        if value == 255 {
            return error(InvalidByte(byte), offset);
        }
        if pads > 0 {
            return error(MisplacedPadding, first_pad);
        }
        pending = pending << 6 | u32::from(value);
        (count, last) = (count + 1, offset);
        let bits = count * 6 % 8;
        if bits < 6 {
            bytes.push((pending >> bits) as u8);
            pending &= (1 << bits) - 1;
        }
    }
    match count % 4 {
        1 => error(LoneSymbol, last),
        2 | 3 if pending != 0 => error(TrailingBits, last),
        rest if padding == Padding::Required && rest != 0 && rest + pads < 4 => {
            error(MissingPadding, text.len())
        }
        _ => Ok(bytes),
    }
}
