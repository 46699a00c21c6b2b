use std::fmt;

/// What a field holds. The discriminants are the codes on disk and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FieldType {
    /// IEEE 754 binary64; NaN is a value.
    Float = 1,
    /// Signed 64-bit integer.
    Int = 2,
    /// Unsigned 64-bit integer.
    UInt = 3,
    /// Truth value.
    Bool = 4,
    /// UTF-8 text.
    Text = 5,
}

impl FieldType {
    /// All types, in the order of their codes.
    pub const ALL: [Self; 5] = [Self::Float, Self::Int, Self::UInt, Self::Bool, Self::Text];

    /// The code on disk.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The type with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.code() == code)
    }

    /// The name shown to people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int => "int",
            Self::UInt => "uint",
            Self::Bool => "bool",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One value, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// See [`FieldType::Float`].
    Float(f64),
    /// See [`FieldType::Int`].
    Int(i64),
    /// See [`FieldType::UInt`].
    UInt(u64),
    /// See [`FieldType::Bool`].
    Bool(bool),
    /// See [`FieldType::Text`].
    Text(&'a str),
}

impl Value<'_> {
    /// The type of this value.
    #[must_use]
    pub fn ty(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Int(_) => FieldType::Int,
            Self::UInt(_) => FieldType::UInt,
            Self::Bool(_) => FieldType::Bool,
            Self::Text(_) => FieldType::Text,
        }
    }
}
