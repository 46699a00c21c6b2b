//! Base64 (RFC 4648): bytes as text of 64 symbols.
//!
//! ```
//! use tidemill_kernels::base64::{Padding, STANDARD, URL_SAFE_NO_PAD};
//!
//! assert_eq!(STANDARD.encode(b"tide"), "dGlkZQ==");
//! assert_eq!(URL_SAFE_NO_PAD.encode([0xFB, 0xFF]), "-_8");
//!
//! let lenient = STANDARD.padding(Padding::Indifferent).skip_whitespace(true);
//! assert_eq!(lenient.decode("dGlk\r\n ZQ").as_deref(), Ok(&b"tide"[..]));
//!
//! let error = STANDARD.decode("dGl*ZQ==").map_err(|error| error.to_string());
//! assert_eq!(error, Err("byte 3 is '*': not base64".to_owned()));
//! ```
//!
//! Three bytes are four symbols of 6 bits, the high bits first; one or two bytes at the end are two or
//! three symbols, and `=` fill the group up. The decoder accepts no text that an encoder would not
//! write, white space and padding aside: bits of the last symbol that belong to no byte must be 0
//! (section 3.5).
//!
//! Nothing here allocates but [`Base64::encode`], [`Base64::decode`] and the `append` methods, which
//! write to the spare room of their `String` or `Vec` without clearing it first. Results of a size
//! near that of the last cache or more are stored past the caches.

mod error;
mod tables;

pub use error::{BufferTooSmall, DecodeError, DecodeErrorKind};

use crate::dispatch::dispatch;
use std::mem::MaybeUninit;
pub(crate) use tables::Tables;

/// `+` and `/`, with padding.
pub const STANDARD: Base64 = Base64::new(Alphabet::Standard, Padding::Required);
/// `+` and `/`, without padding.
pub const STANDARD_NO_PAD: Base64 = Base64::new(Alphabet::Standard, Padding::Forbidden);
/// `-` and `_`, with padding.
pub const URL_SAFE: Base64 = Base64::new(Alphabet::UrlSafe, Padding::Required);
/// `-` and `_`, without padding.
pub const URL_SAFE_NO_PAD: Base64 = Base64::new(Alphabet::UrlSafe, Padding::Forbidden);

/// The 64 symbols: `A` to `Z`, `a` to `z`, `0` to `9`, and two more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// `+` and `/` (RFC 4648, section 4).
    Standard,
    /// `-` and `_` (section 5).
    UrlSafe,
}

/// Whether `=` fill up the last group of four symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Written, and required.
    Required,
    /// Not written, and refused.
    Forbidden,
    /// Written, but required only as far as they are there: any number of them is accepted that
    /// does not go beyond the group.
    Indifferent,
}

/// A form of base64: what is written and what is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Base64 {
    alphabet: Alphabet,
    padding: Padding,
    skip_whitespace: bool,
}

impl Base64 {
    /// This form, white space refused.
    #[must_use]
    pub const fn new(alphabet: Alphabet, padding: Padding) -> Self {
        Self { alphabet, padding, skip_whitespace: false }
    }

    /// The same with another padding.
    #[must_use]
    pub const fn padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// The same, but whether the decoder skips ASCII white space wherever it stands, between padding
    /// as well: space, tab, line feed, form feed and carriage return, which is what browsers skip
    /// (WHATWG, "forgiving-base64 decode") and covers the lines of MIME and PEM.
    #[must_use]
    pub const fn skip_whitespace(self, skip_whitespace: bool) -> Self {
        Self { skip_whitespace, ..self }
    }

    /// How many bytes of text `len` bytes are. `None` if that is more than [`usize::MAX`], which no
    /// slice is long enough for.
    #[must_use]
    pub const fn encoded_len(self, len: usize) -> Option<usize> {
        let Some(whole) = (len / 3).checked_mul(4) else { return None };
        let rest = match (len % 3, self.padding) {
            (0, _) => 0,
            (rest, Padding::Forbidden) => rest + 1,
            _ => 4,
        };
        whole.checked_add(rest)
    }

    /// The most bytes that `len` bytes of text decode to: so many, if none of them is padding or
    /// white space.
    #[must_use]
    pub const fn max_decoded_len(self, len: usize) -> usize {
        whole_bytes(len)
    }

    /// Writes the text of `bytes` to the front of `out` and says how long it is. The rest of `out`
    /// stays as it is.
    ///
    /// # Errors
    /// When `out` is shorter than [`Base64::encoded_len`].
    #[inline]
    pub fn encode_into(self, bytes: &[u8], out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let needed = self.text_len(bytes);
        let Some(out) = out.get_mut(..needed) else { return Err(BufferTooSmall { needed }) };
        self.encode_exact(bytes, as_uninit(out));
        Ok(needed)
    }

    /// Appends the text of `bytes`.
    pub fn encode_append(self, bytes: &[u8], out: &mut String) {
        let len = self.text_len(bytes);
        out.reserve(len);
        let end = out.len() + len;
        // SAFETY: `encode_exact` writes all of the `len` bytes that the vector is then longer by, and
        // they are ASCII.
        unsafe {
            let out = out.as_mut_vec();
            self.encode_exact(bytes, &mut out.spare_capacity_mut()[..len]);
            out.set_len(end);
        }
    }

    /// The text of `bytes`.
    #[must_use]
    pub fn encode(self, bytes: impl AsRef<[u8]>) -> String {
        let mut out = String::new();
        self.encode_append(bytes.as_ref(), &mut out);
        out
    }

    /// Writes what `text` stands for to the front of `out` and says how many bytes that are. The rest
    /// of `out` stays as it is, unless white space is skipped; after an error, the content of all of
    /// it is unspecified.
    ///
    /// A buffer of just the decoded length will do. With white space skipped, one of
    /// [`Base64::max_decoded_len`] of the text spares counting the symbols first.
    ///
    /// # Errors
    /// When `text` is not of this form, or does not fit into `out`.
    #[inline]
    pub fn decode_into(self, text: impl AsRef<[u8]>, out: &mut [u8]) -> Result<usize, DecodeError> {
        self.decode_to(text.as_ref(), as_uninit(out))
    }

    /// Appends what `text` stands for. After an error, `out` is what it was.
    ///
    /// # Errors
    /// When `text` is not of this form.
    pub fn decode_append(
        self,
        text: impl AsRef<[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let text = text.as_ref();
        out.reserve(whole_bytes(text.len()));
        let len = self.decode_to(text, out.spare_capacity_mut())?;
        let end = out.len() + len;
        // SAFETY: `decode_to` wrote the `len` bytes that the vector is now longer by.
        unsafe { out.set_len(end) };
        Ok(())
    }

    /// What `text` stands for.
    ///
    /// # Errors
    /// When `text` is not of this form.
    pub fn decode(self, text: impl AsRef<[u8]>) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        self.decode_append(text, &mut out).map(|()| out)
    }

    #[inline]
    fn text_len(self, bytes: &[u8]) -> usize {
        let len = bytes.len();
        let whole = len / 3 * 4;
        match (len % 3, self.padding) {
            (0, _) => whole,
            (rest, Padding::Forbidden) => whole + rest + 1,
            _ => whole + 4,
        }
    }

    #[inline]
    fn tables(self) -> &'static Tables {
        match self.alphabet {
            Alphabet::Standard => &tables::STANDARD,
            Alphabet::UrlSafe => &tables::URL_SAFE,
        }
    }

    /// Writes all of `out`, which is as long as the text.
    #[inline]
    fn encode_exact(self, bytes: &[u8], out: &mut [MaybeUninit<u8>]) {
        let tables = self.tables();
        if out.len() < LONG {
            dispatch!(base64::encode(bytes: &[u8], tables: &Tables, out: &mut [MaybeUninit<u8>]));
        } else {
            dispatch!(base64::encode_long(
                bytes: &[u8],
                tables: &Tables,
                out: &mut [MaybeUninit<u8>],
            ));
        }
    }

    /// Writes so many bytes to the front of `out`.
    #[inline]
    fn decode_to(self, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Result<usize, DecodeError> {
        if self.skip_whitespace {
            return self.decode_spaced(text, out);
        }
        let pads = match text {
            [.., b'=', b'='] => 2,
            [.., b'='] => 1,
            _ => 0,
        };
        let (tables, text_and_padding) = (self.tables(), text);
        let text = &text[..text.len() - pads];
        let len = whole_bytes(text.len());
        let Some(out) = out.get_mut(..len) else { return Err(too_small(len)) };
        let good = if text.len() < LONG {
            dispatch!(base64::decode(
                text: &[u8],
                tables: &Tables,
                out: &mut [MaybeUninit<u8>],
            ) -> usize)
        } else {
            dispatch!(base64::decode_long(
                text: &[u8],
                tables: &Tables,
                out: &mut [MaybeUninit<u8>],
            ) -> usize)
        };
        if good < text.len() || !self.ends_well(text.len(), pads, text.last()) {
            return Err(self.explain(text_and_padding, good.min(text.len()), good));
        }
        Ok(len)
    }

    fn decode_spaced(self, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Result<usize, DecodeError> {
        let (tables, text_and_padding) = (self.tables(), text);
        let is_end = |byte: &u8| *byte == b'=' || byte.is_ascii_whitespace();
        let end = text.iter().rposition(|byte| !is_end(byte)).map_or(0, |last| last + 1);
        let (text, padding) = text.split_at(end);
        let pads = padding.iter().filter(|byte| **byte == b'=').count();
        if out.len() < whole_bytes(text.len()) {
            let symbols = dispatch!(base64::count_symbols(text: &[u8]) -> usize);
            let needed = whole_bytes(symbols);
            if out.len() < needed {
                return Err(too_small(needed));
            }
        }
        let (good, symbols) = dispatch!(base64::decode_spaced(
            text: &[u8],
            tables: &Tables,
            out: &mut [MaybeUninit<u8>],
        ) -> (usize, usize));
        if good < text.len() || !self.ends_well(symbols, pads, text.last()) {
            return Err(self.explain(text_and_padding, good, symbols));
        }
        Ok(whole_bytes(symbols))
    }

    /// Whether a text of so many symbols and `=` is complete.
    #[inline]
    fn ends_well(self, symbols: usize, pads: usize, last: Option<&u8>) -> bool {
        let rest = symbols % 4;
        let padded = match self.padding {
            Padding::Required => rest + pads == if rest == 0 { 0 } else { 4 },
            Padding::Forbidden => pads == 0,
            Padding::Indifferent => pads == 0 || rest != 0 && rest + pads <= 4,
        };
        let value = last.map_or(0, |symbol| self.tables().values[*symbol as usize]);
        padded && rest != 1 && value & TRAILING_BITS[rest] == 0
    }

    /// Reads a text that is known not to be of this form, and says why; `symbols` symbols are before
    /// `offset`, and nothing but them and what is skipped.
    #[cold]
    fn explain(self, text: &[u8], offset: usize, mut symbols: usize) -> DecodeError {
        let values = &self.tables().values;
        let (mut pads, mut first_pad, mut last_symbol) = (0, 0, None);
        for (offset, byte) in text.iter().enumerate().skip(offset) {
            let rest = symbols % 4;
            if self.skip_whitespace && byte.is_ascii_whitespace() {
                continue;
            }
            if *byte == b'=' {
                if self.padding == Padding::Forbidden || rest < 2 || rest + pads == 4 {
                    return DecodeError { kind: DecodeErrorKind::MisplacedPadding, offset };
                }
                first_pad = if pads == 0 { offset } else { first_pad };
                pads += 1;
            } else if values[*byte as usize] > 63 {
                return DecodeError { kind: DecodeErrorKind::InvalidByte(*byte), offset };
            } else if pads > 0 {
                let kind = DecodeErrorKind::MisplacedPadding;
                return DecodeError { kind, offset: first_pad };
            } else {
                symbols += 1;
                last_symbol = Some(offset);
            }
        }
        let is_symbol = |byte: &u8| values[*byte as usize] < 64;
        let last = last_symbol.or_else(|| text.iter().rposition(is_symbol)).unwrap_or(0);
        let value = text.get(last).map_or(0, |symbol| values[*symbol as usize]);
        let (kind, offset) = if symbols % 4 == 1 {
            (DecodeErrorKind::LoneSymbol, last)
        } else if value & TRAILING_BITS[symbols % 4] != 0 {
            (DecodeErrorKind::TrailingBits, last)
        } else {
            (DecodeErrorKind::MissingPadding, text.len())
        };
        DecodeError { kind, offset }
    }
}

/// From how many bytes of text on a kernel of its own, which takes care of alignment and caches,
/// pays.
pub(crate) const LONG: usize = 1024;

/// The bits of the last symbol that belong to no byte, by how many symbols the last group has.
const TRAILING_BITS: [u8; 4] = [0, 0, 0b1111, 0b11];

/// How many whole bytes so many symbols have.
#[inline]
const fn whole_bytes(symbols: usize) -> usize {
    symbols / 4 * 3 + symbols % 4 * 3 / 4
}

#[cold]
fn too_small(needed: usize) -> DecodeError {
    DecodeError { kind: DecodeErrorKind::BufferTooSmall { needed }, offset: 0 }
}

#[inline]
fn as_uninit(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: the same layout; the kernels write bytes only, never anything uninitialised.
    unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) }
}
