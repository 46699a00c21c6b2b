use std::fmt;
use std::str::FromStr;

/// How line protocol is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineOptions {
    /// The unit of times.
    pub precision: Precision,
    /// How many bytes a reader may use to remember series and fields it has seen. When they are
    /// used up it forgets all and starts anew: that costs time, never correctness.
    pub max_remembered_bytes: usize,
}

impl Default for LineOptions {
    fn default() -> Self {
        Self { precision: Precision::default(), max_remembered_bytes: 32 << 20 }
    }
}

/// The unit of the times in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of units")]
pub enum Precision {
    #[default]
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

impl Precision {
    /// All of them, the finest first.
    pub const ALL: [Self; 6] = [
        Self::Nanoseconds,
        Self::Microseconds,
        Self::Milliseconds,
        Self::Seconds,
        Self::Minutes,
        Self::Hours,
    ];

    /// Nanoseconds in one unit.
    #[must_use]
    pub fn nanoseconds(self) -> i64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60_000_000_000,
            Self::Hours => 3_600_000_000_000,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Minutes => "m",
            Self::Hours => "h",
        })
    }
}

impl FromStr for Precision {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.to_string() == text)
            .ok_or_else(|| format!("`{text}` is none of ns, us, ms, s, m, h"))
    }
}
