use std::fmt;
use std::str::FromStr;

use crate::FieldType;

/// What happens to a row whose series and time are stored already: a property of the table,
/// fixed when it is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Duplicates {
    /// The later write wins, field by field; a field the later row lacks keeps its value.
    #[default]
    Last = 1,
    /// The row stored first stays as it is.
    Keep = 2,
    /// The later row is refused as a bad row.
    Error = 3,
}

impl Duplicates {
    /// The code on disk.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The policy with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Last, Self::Keep, Self::Error].into_iter().find(|policy| policy.code() == code)
    }
}

impl fmt::Display for Duplicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Last => "last",
            Self::Keep => "keep",
            Self::Error => "error",
        })
    }
}

impl FromStr for Duplicates {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            "keep" => Ok(Self::Keep),
            "error" => Ok(Self::Error),
            other => Err(format!("`{other}` is none of last, keep, error")),
        }
    }
}

/// One field of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSchema {
    /// Its name, exactly as written.
    pub name: String,
    /// Its type, fixed by the first row that had it.
    pub ty: FieldType,
}

/// One table: names in the order they were first seen. The time column is always `time`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSchema {
    /// Its name.
    pub name: String,
    /// Tag names.
    pub tags: Vec<String>,
    /// Fields.
    pub fields: Vec<FieldSchema>,
    /// What happens to duplicate rows.
    pub duplicates: Duplicates,
}

impl TableSchema {
    /// The name of the time column, which no tag or field may have.
    pub const TIME: &'static str = "time";

    /// The index of a tag.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<usize> {
        self.tags.iter().position(|tag| tag == name)
    }

    /// The index of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}
