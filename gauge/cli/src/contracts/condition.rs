//! What a function must be: one condition, as it is written and as it is printed.

use std::fmt;

use iced_x86::Mnemonic;

use super::problem;
use crate::asm::{Element, Level};

/// What a function must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// A way to a panic.
    Panic,
    /// A way to the allocator.
    Alloc,
    /// A call of any function.
    Call,
    /// An instruction on vectors.
    Simd,
    /// An instruction.
    Mnemonic(Mnemonic),
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Packed arithmetic in a loop.
    Simd {
        /// As it is written: `f64x4`.
        text: String,
        /// Of this type.
        element: Element,
        /// At least so many bits at once.
        width: u32,
    },
    /// It has none of these.
    No(Absent),
    /// It has this instruction.
    Has(Mnemonic),
    /// At most so many instructions.
    MaxInstructions(u64),
    /// At most so many bytes of stack.
    MaxStack(u64),
    /// At most so many bytes of code.
    MaxBytes(u64),
    /// As alike as that to the other function: an index into the plan's.
    Same {
        /// The other function.
        other: usize,
        /// Its name.
        name: String,
        /// The weakest that will do.
        level: Sameness,
    },
}

/// The types of `simd`; unsigned integers are as signed ones.
const ELEMENTS: [&str; 11] =
    ["f64", "f32", "f16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8"];

const ABSENT: [(&str, Absent); 4] = [
    ("panic", Absent::Panic),
    ("alloc", Absent::Alloc),
    ("call", Absent::Call),
    ("simd", Absent::Simd),
];

/// The weakest sense in which two functions are to be the same, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sameness {
    /// In this sense or a stronger one.
    As(Level),
    /// At least their hot loops do the same work: [`loops`](super::loops).
    Loops,
}

const LEVELS: [(&str, Sameness); 5] = [
    ("address", Sameness::As(Level::SameAddress)),
    ("bytes", Sameness::As(Level::SameBytes)),
    ("normalised", Sameness::As(Level::Normalised)),
    ("renamed", Sameness::RENAMED),
    ("loops", Sameness::Loops),
];

impl Sameness {
    /// What is meant where nothing is said.
    pub const RENAMED: Self = Self::As(Level::Renamed);
}

impl Condition {
    /// The condition of `simd = "…"`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn simd(text: &str) -> Result<Self, String> {
        let (name, lanes) = match text.split_once('x') {
            Some((name, lanes)) => (name, Some(lanes)),
            None => (text, None),
        };
        let Some(element) = Element::of_name(name).filter(|_| ELEMENTS.contains(&name)) else {
            return Err(problem::unknown(&format!("no such type: `{name}`"), name, ELEMENTS));
        };
        let bits: u32 = name[1..].parse().map_err(|_| format!("no such type: `{name}`"))?;
        let width = match lanes {
            // Any vector at all.
            None => 2 * bits,
            Some(lanes) => {
                let width = lanes.parse::<u32>().ok().and_then(|lanes| lanes.checked_mul(bits));
                let width = width.filter(|width| [128, 256, 512].contains(width));
                width.ok_or_else(|| format!("`{text}`: vectors have 128, 256 or 512 bits"))?
            }
        };
        Ok(Self::Simd { text: text.to_owned(), element, width })
    }

    /// The condition of a word of `no = [ … ]`.
    ///
    /// # Errors
    /// When there is no such thing.
    pub fn no(text: &str) -> Result<Self, String> {
        let found = ABSENT.iter().find(|(name, _)| *name == text).map(|(_, absent)| *absent);
        let found = found.or_else(|| mnemonic(text).map(Absent::Mnemonic));
        let names = || ABSENT.iter().map(|(name, _)| *name);
        Ok(Self::No(found.ok_or_else(|| {
            problem::unknown(
                &format!("nothing is called `{text}`, no instruction either"),
                text,
                names(),
            )
        })?))
    }

    /// The condition of a word of `has = [ … ]`.
    ///
    /// # Errors
    /// When there is no such instruction.
    pub fn has(text: &str) -> Result<Self, String> {
        let names: Vec<String> = mnemonics().map(spelled).collect();
        Ok(Self::Has(mnemonic(text).ok_or_else(|| {
            let names = names.iter().map(String::as_str);
            problem::unknown(&format!("no such instruction: `{text}`"), text, names)
        })?))
    }
}

/// The level of `level = "…"`.
///
/// # Errors
/// When there is no such level.
pub fn level(text: &str) -> Result<Sameness, String> {
    let found = LEVELS.iter().find(|(name, _)| *name == text).map(|(_, level)| *level);
    let names = LEVELS.iter().map(|(name, _)| *name);
    found.ok_or_else(|| problem::unknown(&format!("no such level: `{text}`"), text, names))
}

/// As it is written.
pub fn level_name(level: Sameness) -> &'static str {
    LEVELS.iter().find(|(_, it)| *it == level).map_or("different", |(name, _)| name)
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simd { text, .. } => write!(f, "simd {text}"),
            Self::No(Absent::Mnemonic(mnemonic)) => write!(f, "no {}", spelled(*mnemonic)),
            Self::No(absent) => {
                let found = ABSENT.iter().find(|(_, it)| it == absent);
                write!(f, "no {}", found.map_or("", |(name, _)| name))
            }
            Self::Has(mnemonic) => write!(f, "has {}", spelled(*mnemonic)),
            Self::MaxInstructions(count) => write!(f, "at most {count} instructions"),
            Self::MaxStack(bytes) => write!(f, "at most {bytes} B of stack"),
            Self::MaxBytes(bytes) => write!(f, "at most {bytes} B of code"),
            Self::Same { name, level: Sameness::RENAMED, .. } => write!(f, "same as {name}"),
            Self::Same { name, level, .. } => write!(f, "same {} as {name}", level_name(*level)),
        }
    }
}

fn mnemonic(text: &str) -> Option<Mnemonic> {
    mnemonics().find(|mnemonic| spelled(*mnemonic) == text)
}

fn mnemonics() -> impl Iterator<Item = Mnemonic> {
    Mnemonic::values().filter(|mnemonic| *mnemonic != Mnemonic::INVALID)
}

/// As it is written in assembly.
pub fn spelled(mnemonic: Mnemonic) -> String {
    format!("{mnemonic:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_they_are_written() {
        let shown = |condition: Result<Condition, String>| match condition {
            Ok(condition) => condition.to_string(),
            Err(message) => message,
        };
        for (condition, expected) in [
            (Condition::simd("f64x4"), "simd f64x4"),
            (Condition::simd("u8"), "simd u8"),
            (Condition::simd("f65"), "no such type: `f65`: did you mean `f64`?"),
            (Condition::simd("f64x1"), "`f64x1`: vectors have 128, 256 or 512 bits"),
            (Condition::no("panic"), "no panic"),
            (Condition::no("idiv"), "no idiv"),
            (
                Condition::no("panik"),
                "nothing is called `panik`, no instruction either: did you mean `panic`?",
            ),
            (Condition::has("lea"), "has lea"),
            (Condition::has("vaddpdd"), "no such instruction: `vaddpdd`: did you mean `vaddpd`?"),
            (Condition::has("invalid"), "no such instruction: `invalid`: did you mean `invpcid`?"),
        ] {
            assert_eq!(shown(condition), expected);
        }
        assert_eq!(level("bytes"), Ok(Sameness::As(Level::SameBytes)));
        assert_eq!(level("byte").unwrap_err(), "no such level: `byte`: did you mean `bytes`?");
        assert!(Sameness::Loops > Sameness::RENAMED);
    }
}
