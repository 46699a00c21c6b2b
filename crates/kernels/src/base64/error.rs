use std::fmt;

/// Why a text is not base64, or not in the form asked for, and where.
///
/// Of several reasons it is the first that someone meets who reads the text once: a byte that may
/// not stand where it does; and at the end, in this order, a symbol too many, bits that no byte
/// takes, missing padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// With which byte of the text, counted from 0.
    pub offset: usize,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The byte at the offset is neither a symbol of the alphabet nor padding, nor white space that
    /// is to be skipped.
    InvalidByte(u8),
    /// The `=` at the offset may not be there: it is forbidden, or one too many, or something other
    /// than padding follows it.
    MisplacedPadding,
    /// The symbol at the offset is the only one of the last group: six bits make no byte.
    LoneSymbol,
    /// The symbol at the offset is the last one and has bits that belong to no byte and are not 0.
    /// An encoder does not write that, and if it were let pass, texts that differ would decode alike
    /// (RFC 4648, section 3.5).
    TrailingBits,
    /// The text ends at the offset without the `=` that are required.
    MissingPadding,
    /// The buffer takes fewer bytes than this. The offset is 0, and nothing was written.
    BufferTooSmall {
        /// How many the text decodes to, if it is valid.
        needed: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset;
        match self.kind {
            DecodeErrorKind::InvalidByte(byte) => {
                write!(f, "byte {offset} is {:?}: not base64", char::from(byte))
            }
            DecodeErrorKind::MisplacedPadding => write!(f, "byte {offset} is a misplaced '='"),
            DecodeErrorKind::LoneSymbol => write!(f, "the last group is the one symbol {offset}"),
            DecodeErrorKind::TrailingBits => write!(f, "the last symbol, {offset}, has bits left"),
            DecodeErrorKind::MissingPadding => write!(f, "at {offset} the padding is missing"),
            DecodeErrorKind::BufferTooSmall { needed } => BufferTooSmall { needed }.fmt(f),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The text does not fit into the buffer, and nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferTooSmall {
    /// How many bytes it takes.
    pub needed: usize,
}

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buffer is too small: {} bytes are needed", self.needed)
    }
}

impl std::error::Error for BufferTooSmall {}
