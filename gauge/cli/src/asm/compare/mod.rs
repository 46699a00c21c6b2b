//! How two functions differ.

use anyhow::Result;

use crate::image::{Function, Image};

/// In what sense two functions are the same, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// They stand at one address: the compiler merged them, or one is a jump to the other.
    SameAddress,
    /// Their bytes are the same but for where things stand that they refer to.
    SameBytes,
    /// The same instructions in another layout.
    Normalised,
    /// The same instructions on other registers.
    Renamed,
    /// They differ.
    Different,
}

impl Level {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::SameAddress => "identical: merged into one body",
            Self::SameBytes => "the same bytes",
            Self::Normalised => "the same instructions in another layout",
            Self::Renamed => "the same instructions on other registers",
            Self::Different => "different",
        }
    }

    /// Whether they are the same in any sense.
    pub fn is_same(self) -> bool {
        self != Self::Different
    }
}

/// What came of comparing two functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The strongest sense in which they are the same.
    pub level: Level,
    /// Where they differ: lines of the normalised forms that begin with ` `, `-` or `+`; empty unless
    /// they are different.
    pub diff: Vec<String>,
}

/// Compares two functions, of one image or of two.
///
/// # Errors
/// When one cannot be decoded.
pub fn compare(
    image: &Image,
    function: &Function,
    other_image: &Image,
    other: &Function,
) -> Result<Comparison> {
    let a = super::Body::decode(image, function)?;
    let b = super::Body::decode(other_image, other)?;
    let is_one = std::ptr::eq(image, other_image) && a.function.address == b.function.address;
    let level = if is_one { Level::SameAddress } else { Level::Different };
    Ok(Comparison { level, diff: Vec::new() })
}
