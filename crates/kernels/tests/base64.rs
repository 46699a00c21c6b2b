//! The battery of `base64`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use tidemill_kernels::base64::DecodeErrorKind::{
    BufferTooSmall, InvalidByte, LoneSymbol, MisplacedPadding, MissingPadding, TrailingBits,
};
use tidemill_kernels::base64::{
    Alphabet, Base64, DecodeError, DecodeErrorKind, Padding, STANDARD, STANDARD_NO_PAD, URL_SAFE,
    URL_SAFE_NO_PAD,
};

const FORMS: [Base64; 4] = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
const PADDINGS: [Padding; 3] = [Padding::Required, Padding::Forbidden, Padding::Indifferent];

/// Lengths that matter: all small ones, and those around the sizes of blocks, of the block after
/// which the decoder looks for errors, and of the stage of the decoder that skips white space.
fn lengths() -> impl Iterator<Item = usize> {
    let around = [384, 576, 767, 768, 960, 1024, 1536, 2048, 3072, 4096, 6144];
    (0..=300).chain(around.into_iter().flat_map(|middle| middle - 2..=middle + 2))
}

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut random = random(seed);
    (0..len).map(|_| random() as u8).collect()
}

fn symbols(alphabet: Alphabet) -> &'static [u8; 64] {
    match alphabet {
        Alphabet::Standard => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        Alphabet::UrlSafe => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    }
}

/// The definition, bit by bit.
fn encoded(bytes: &[u8], alphabet: Alphabet, padded: bool) -> String {
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let value = |six: &[u8]| (0..6).fold(0, |value, bit| value * 2 + six.get(bit).unwrap_or(&0));
    let mut text: String =
        bits.chunks(6).map(|six| char::from(symbols(alphabet)[usize::from(value(six))])).collect();
    while padded && !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// What `text` decodes to, by its documentation: the first thing that someone who reads it once
/// stumbles over.
fn decoded(
    text: &[u8],
    alphabet: Alphabet,
    padding: Padding,
    skip_whitespace: bool,
) -> Result<Vec<u8>, DecodeError> {
    let error = |kind: DecodeErrorKind, offset: usize| Err(DecodeError { kind, offset });
    let (mut values, mut last, mut pads) = (Vec::new(), 0, Vec::new());
    for (offset, byte) in text.iter().copied().enumerate() {
        if skip_whitespace && b" \t\n\x0C\r".contains(&byte) {
            continue;
        }
        if byte == b'=' {
            let room = [0, 0, 2, 1][values.len() % 4];
            if padding == Padding::Forbidden || pads.len() == room {
                return error(MisplacedPadding, offset);
            }
            pads.push(offset);
            continue;
        }
        let Some(value) = symbols(alphabet).iter().position(|symbol| *symbol == byte) else {
            return error(InvalidByte(byte), offset);
        };
        if let Some(pad) = pads.first() {
            return error(MisplacedPadding, *pad);
        }
        values.push(value as u8);
        last = offset;
    }
    let rest = values.len() % 4;
    let left = values.len() * 6 % 8;
    if rest == 1 {
        return error(LoneSymbol, last);
    }
    if values.last().is_some_and(|value| value & ((1 << left) - 1) != 0) {
        return error(TrailingBits, last);
    }
    if padding == Padding::Required && rest != 0 && rest + pads.len() < 4 {
        return error(MissingPadding, text.len());
    }
    let bits: Vec<u8> =
        values.iter().flat_map(|value| (0..6).rev().map(move |bit| value >> bit & 1)).collect();
    let byte = |eight: &[u8]| eight.iter().fold(0, |byte, bit| byte * 2 + bit);
    Ok(bits.chunks_exact(8).map(byte).collect())
}

/// Decodes `text` in all ways there are, and compares with the definition.
fn check_decode(text: &[u8], alphabet: Alphabet, padding: Padding, skip_whitespace: bool) {
    let form = Base64::new(alphabet, padding).skip_whitespace(skip_whitespace);
    let expected = decoded(text, alphabet, padding, skip_whitespace);
    let shown = || text.escape_ascii().to_string();
    assert_eq!(form.decode(text), expected, "{form:?} {}", shown());

    let mut out = vec![0xEE; form.max_decoded_len(text.len()) + 70];
    let written = form.decode_into(text, &mut out);
    assert_eq!(written.map(|len| out[..len].to_vec()), expected, "{form:?} {}", shown());
    if let Ok(len) = written {
        let untouched = out[len..].iter().all(|byte| *byte == 0xEE);
        assert!(skip_whitespace || untouched, "{form:?} {}", shown());
        let mut out = vec![0; len];
        assert_eq!(form.decode_into(text, &mut out), Ok(len));
        assert_eq!(Ok(out), expected);
        for short in (0..len).rev().take(3).chain((len > 0).then_some(0)) {
            let mut out = vec![0xEE; short];
            let error = DecodeError { kind: BufferTooSmall { needed: len }, offset: 0 };
            assert_eq!(form.decode_into(text, &mut out), Err(error));
            assert!(out.iter().all(|byte| *byte == 0xEE));
        }
    }
    let mut appended = b"before".to_vec();
    let result = form.decode_append(text, &mut appended);
    assert_eq!(result.map(|()| appended[6..].to_vec()), expected);
    assert!(appended.starts_with(b"before") && (result.is_ok() || appended.len() == 6));
}

#[test]
fn the_vectors_of_rfc_4648() {
    let vectors = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ];
    each_isa(|_| {
        for (bytes, text) in vectors {
            let bare = text.trim_end_matches('=');
            for (form, text) in FORMS.into_iter().zip([text, bare, text, bare]) {
                assert_eq!(form.encode(bytes), text);
                assert_eq!(form.decode(text).as_deref(), Ok(bytes.as_bytes()));
            }
        }
    });
}

/// Chapter 25, milestone 6.
#[test]
fn the_checkpoints_of_the_hot_path() {
    each_isa(|_| {
        for (bytes, text) in [("Man", "TWFu"), ("M", "TQ=="), ("Ma", "TWE=")] {
            assert_eq!(STANDARD.encode(bytes), text);
        }
        let fox = "The quick brown fox jumps over the lazy dog.";
        assert_eq!(STANDARD.encode(fox), encoded(fox.as_bytes(), Alphabet::Standard, true));
        let trip = b"Round trip test with various characters: !@#$%^&*()";
        assert_eq!(STANDARD.decode(STANDARD.encode(trip)).as_deref(), Ok(&trip[..]));
    });
}

#[test]
fn every_length_between_unreadable_pages() {
    let (mut from, mut to) = (Fenced::new(9000), Fenced::new(9000));
    for len in lengths() {
        let bytes = bytes(len, len as u64);
        for form in FORMS {
            let padded = form == STANDARD || form == URL_SAFE;
            let alphabet = if form.encode([0xFF; 3]) == "////" {
                Alphabet::Standard
            } else {
                Alphabet::UrlSafe
            };
            let text = encoded(&bytes, alphabet, padded);
            assert_eq!(form.encoded_len(len), Some(text.len()));
            each_isa(|isa| {
                for at_end in [true, false] {
                    let from = from.copy(&bytes, at_end);
                    let to = to.copy(&vec![0xEE; text.len()], at_end);
                    assert_eq!(form.encode_into(from, to), Ok(text.len()), "{isa:?} {len}");
                    assert_eq!(to, text.as_bytes(), "{isa:?} {len}");
                }
                for (at_end, skip) in [(true, false), (false, false), (true, true), (false, true)] {
                    let from = from.copy(text.as_bytes(), at_end);
                    let to = to.copy(&vec![0xEE; len], at_end);
                    let form = form.skip_whitespace(skip);
                    assert_eq!(form.decode_into(&from, to), Ok(len), "{isa:?} {len}");
                    assert_eq!(to, bytes, "{isa:?} {len}");
                }
            });
        }
    }
}

#[test]
fn every_alignment() {
    let bytes = bytes(2000, 1);
    for len in [40, 200, 2000] {
        let text = encoded(&bytes[..len], Alphabet::Standard, true);
        each_isa(|isa| {
            for at in 0..64 {
                // From and to at all offsets from a multiple of 64, and the bytes around untouched.
                let mut from = vec![0; len + 256];
                let start = from.as_ptr().align_offset(64) + at;
                from[start..start + len].copy_from_slice(&bytes[..len]);
                let mut to = vec![0xEE; text.len() + 256];
                let start_to = to.as_ptr().align_offset(64) + 63 - at;
                let end_to = start_to + text.len();
                let written =
                    STANDARD.encode_into(&from[start..start + len], &mut to[start_to..end_to + 64]);
                assert_eq!(written, Ok(text.len()));
                assert_eq!(&to[start_to..end_to], text.as_bytes(), "{isa:?} {len} at {at}");
                assert!(to[..start_to].iter().chain(&to[end_to..]).all(|byte| *byte == 0xEE));

                from.fill(0xEE);
                let end = start + len;
                let decoded =
                    STANDARD.decode_into(&to[start_to..end_to], &mut from[start..end + 60]);
                assert_eq!(decoded, Ok(len));
                assert_eq!(from[start..end], bytes[..len], "{isa:?} {len} at {at}");
                assert!(from[..start].iter().chain(&from[end..]).all(|byte| *byte == 0xEE));
            }
        });
    }
}

#[test]
fn every_byte_at_every_place() {
    for (form, alphabet) in [(STANDARD, Alphabet::Standard), (URL_SAFE, Alphabet::UrlSafe)] {
        for groups in [1, 5, 16, 33, 75] {
            let text = encoded(&bytes(3 * groups, 3), alphabet, true);
            each_isa(|isa| {
                for place in 0..text.len() {
                    // All values at some places, a few at the others.
                    let values: Vec<u8> = if place % 29 == 0 || groups < 6 {
                        (0..=255).collect()
                    } else {
                        b"\0*-_/=\x7F\x80\xC1\xFF\n".to_vec()
                    };
                    for value in values {
                        let mut text = text.clone().into_bytes();
                        text[place] = value;
                        for skip in [false, true] {
                            let expected = decoded(&text, alphabet, Padding::Required, skip);
                            let got = form.skip_whitespace(skip).decode(&text);
                            assert_eq!(got, expected, "{isa:?} {}", text.escape_ascii());
                        }
                    }
                }
            });
        }
    }
}

#[test]
fn an_error_in_a_long_text() {
    let text = encoded(&bytes(9000, 4), Alphabet::Standard, true).into_bytes();
    each_isa(|isa| {
        for place in (0..text.len()).step_by(61).chain(text.len() - 70..text.len()) {
            let mut text = text.clone();
            text[place] = b'!';
            let expected = DecodeError { kind: InvalidByte(b'!'), offset: place };
            for skip in [false, true] {
                let form = STANDARD.skip_whitespace(skip);
                assert_eq!(form.decode(&text), Err(expected), "{isa:?} {place}");
            }
        }
    });
}

#[test]
fn all_short_texts_in_all_forms() {
    // A has no bits, Q has some of the highest, / has all.
    let characters = b"AQ/= !";
    each_isa(|_| {
        for len in 0..=5u32 {
            for number in 0..6usize.pow(len) {
                let text: Vec<u8> =
                    (0..len).map(|place| characters[number / 6usize.pow(place) % 6]).collect();
                for padding in PADDINGS {
                    check_decode(&text, Alphabet::Standard, padding, false);
                    check_decode(&text, Alphabet::Standard, padding, true);
                }
            }
        }
    });
}

#[test]
fn all_ends_after_whole_groups() {
    let ends = [
        "", "A", "AA", "AB", "AAA", "AAB", "=", "==", "A=", "A===", "AA=", "AA==", "AA===", "AB==",
        "AAA=", "AAA==", "AAB=", "AAAA=", "AA=A", "AA==AAAA", " ", "A A", "AA =\n=", "AA== \t",
        "AA=\x0B=", "=\r",
    ];
    each_isa(|_| {
        for groups in [1, 16, 64, 400, 1025] {
            for end in ends {
                let text = format!("{}{end}", "TWFu".repeat(groups));
                for padding in PADDINGS {
                    check_decode(text.as_bytes(), Alphabet::Standard, padding, false);
                    check_decode(text.as_bytes(), Alphabet::Standard, padding, true);
                }
            }
        }
    });
}

#[test]
fn a_buffer_too_small_for_the_text() {
    let mut out = [7; 7];
    let error = STANDARD.encode_into(&[0; 5], &mut out).unwrap_err();
    assert_eq!((error.needed, out), (8, [7; 7]));
    assert_eq!(error.to_string(), "the buffer is too small: 8 bytes are needed");
    assert_eq!(STANDARD.encoded_len(usize::MAX), None);
    assert_eq!(STANDARD_NO_PAD.encoded_len(4), Some(6));
}

#[test]
fn appended_to_what_is_there() {
    each_isa(|_| {
        for len in lengths() {
            let bytes = bytes(len, 9);
            let mut text = "před".to_owned();
            URL_SAFE.encode_append(&bytes, &mut text);
            assert_eq!(text, format!("před{}", encoded(&bytes, Alphabet::UrlSafe, true)));
        }
    });
}

/// Larger than five eighths of any cache, so that it is stored past the caches.
#[test]
fn past_the_caches() {
    let bytes = bytes(if cfg!(debug_assertions) { 30 << 20 } else { 90 << 20 }, 5);
    let text = STANDARD.encode(&bytes);
    let (head, tail) = (&bytes[..3000], &bytes[bytes.len() - 3000..]);
    assert!(text.starts_with(&encoded(head, Alphabet::Standard, true)[..3990]));
    assert!(text.ends_with(&encoded(tail, Alphabet::Standard, true)));
    assert!(STANDARD.decode(&text).as_ref() == Ok(&bytes));
}

/// Whether the `base64` crate, which is someone else's reading of the RFC, takes the same texts.
fn check_against_the_crate(text: &[u8], alphabet: Alphabet, padding: Padding) {
    let theirs = match alphabet {
        Alphabet::Standard => &base64::alphabet::STANDARD,
        Alphabet::UrlSafe => &base64::alphabet::URL_SAFE,
    };
    let mode = match padding {
        Padding::Required => DecodePaddingMode::RequireCanonical,
        Padding::Forbidden => DecodePaddingMode::RequireNone,
        Padding::Indifferent => DecodePaddingMode::Indifferent,
    };
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(padding != Padding::Forbidden)
        .with_decode_padding_mode(mode);
    let theirs = GeneralPurpose::new(theirs, config);
    let form = Base64::new(alphabet, padding);
    each_isa(|isa| {
        let shown = text.escape_ascii();
        assert_eq!(form.decode(text).ok(), theirs.decode(text).ok(), "{isa:?} {form:?} {shown}");
        assert_eq!(form.encode(text), theirs.encode(text), "{isa:?} {form:?} {shown}");
    });
}

fn any_form() -> impl Strategy<Value = (Alphabet, Padding)> {
    let alphabets = prop::sample::select(vec![Alphabet::Standard, Alphabet::UrlSafe]);
    (alphabets, prop::sample::select(PADDINGS.to_vec()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_was_encoded_is_decoded(
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
        (alphabet, padding) in any_form(),
        padded in any::<bool>(),
    ) {
        let form = Base64::new(alphabet, padding);
        each_isa(|isa| {
            let text = form.encode(&bytes);
            assert_eq!(text, encoded(&bytes, alphabet, padding != Padding::Forbidden), "{isa:?}");
            assert_eq!(form.decode(&text).as_ref(), Ok(&bytes), "{isa:?}");
            let indifferent = form.padding(Padding::Indifferent);
            let text = encoded(&bytes, alphabet, padded);
            assert_eq!(indifferent.decode(&text).as_ref(), Ok(&bytes), "{isa:?}");
        });
    }

    /// White space anywhere, often or seldom, and now and then something that is none.
    #[test]
    fn white_space_anywhere(
        bytes in prop::collection::vec(any::<u8>(), 0..8000),
        (alphabet, padding) in any_form(),
        seldom in prop::sample::select(vec![2u64, 10, 77, 500, 3000]),
        seed in any::<u64>(),
        damaged in 0..4,
    ) {
        let mut random = random(seed);
        let mut text = Vec::new();
        for symbol in encoded(&bytes, alphabet, padding != Padding::Forbidden).bytes() {
            while random().is_multiple_of(seldom) {
                text.push(b" \t\n\x0C\r"[random() as usize % 5]);
            }
            text.push(symbol);
        }
        if damaged == 0 && !text.is_empty() {
            let place = random() as usize % text.len();
            text[place] = b"!=A\x0B\xA0"[random() as usize % 5];
        }
        each_isa(|_| check_decode(&text, alphabet, padding, true));
    }

    #[test]
    fn texts_like_base64(
        text in prop::collection::vec(prop::sample::select(b"AQ/_-+= gw\n".to_vec()), 0..12),
        (alphabet, padding) in any_form(),
        skip_whitespace in any::<bool>(),
    ) {
        each_isa(|_| check_decode(&text, alphabet, padding, skip_whitespace));
        check_against_the_crate(&text, alphabet, padding);
    }

    #[test]
    fn ends_as_another_crate_sees_them(
        groups in 0usize..300,
        end in prop::collection::vec(prop::sample::select(b"AQgw=".to_vec()), 0..6),
        (alphabet, padding) in any_form(),
    ) {
        let text = ["TWFu".repeat(groups).as_bytes(), &end].concat();
        check_against_the_crate(&text, alphabet, padding);
    }
}
