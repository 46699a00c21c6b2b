use tidemill_model::FieldType;

use super::cell;

/// Which kinds of value a column was seen to hold: a set, so that what a file's pieces hold is
/// the union of what each holds, in whatever order they are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const BOOL: Self = Self(1);
    /// An integer that both `i64` and `u64` hold.
    pub(crate) const NATURAL: Self = Self(1 << 1);
    /// An integer that only `i64` holds.
    pub(crate) const NEGATIVE: Self = Self(1 << 2);
    /// An integer that only `u64` holds.
    pub(crate) const HUGE: Self = Self(1 << 3);
    /// Any other number.
    pub(crate) const REAL: Self = Self(1 << 4);
    pub(crate) const TEXT: Self = Self(1 << 5);

    /// What the text of a cell is: the narrowest kind that holds it, nothing when it is empty.
    pub(crate) fn of_cell(text: &[u8]) -> Self {
        if text.is_empty() {
            Self::NONE
        } else if let Some(int) = cell::int(text) {
            if int < 0 { Self::NEGATIVE } else { Self::NATURAL }
        } else if cell::uint(text).is_some() {
            Self::HUGE
        } else if cell::float(text).is_some() {
            Self::REAL
        } else if cell::bool(text).is_some() {
            Self::BOOL
        } else {
            Self::TEXT
        }
    }

    /// What a column of this type can hold.
    pub(crate) fn of_type(ty: FieldType) -> Self {
        match ty {
            FieldType::Float => Self::REAL,
            FieldType::Int => Self::NATURAL.with(Self::NEGATIVE),
            FieldType::UInt => Self::NATURAL.with(Self::HUGE),
            FieldType::Bool => Self::BOOL,
            FieldType::Text => Self::TEXT,
        }
    }

    /// The narrowest type that holds all of them, `None` when nothing was seen.
    pub(crate) fn field_type(self) -> Option<FieldType> {
        if self == Self::NONE {
            None
        } else if self == Self::BOOL {
            Some(FieldType::Bool)
        } else if self.has(Self::TEXT) || self.has(Self::BOOL) {
            Some(FieldType::Text)
        } else if self.has(Self::REAL) || (self.has(Self::HUGE) && self.has(Self::NEGATIVE)) {
            Some(FieldType::Float)
        } else if self.has(Self::HUGE) {
            Some(FieldType::UInt)
        } else {
            Some(FieldType::Int)
        }
    }

    /// The narrowest type that holds these and all that a column of type `ty` can.
    pub(crate) fn wider(self, ty: FieldType) -> FieldType {
        self.with(Self::of_type(ty)).field_type().unwrap_or(ty)
    }

    /// The union.
    #[must_use]
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::Kinds;
    use tidemill_model::FieldType::{self, Bool, Float, Int, Text, UInt};

    #[test]
    fn the_narrowest_type_that_holds_all_cells() {
        let check = |cells: &[&str], want: Option<FieldType>| {
            let kinds = cells.iter().map(|cell| Kinds::of_cell(cell.as_bytes()));
            let got = kinds.fold(Kinds::default(), Kinds::with).field_type();
            assert_eq!(got, want, "{cells:?}");
        };
        check(&["", ""], None);
        check(&["true", "", "FALSE"], Some(Bool));
        check(&["1", "-2", "007", "+3"], Some(Int));
        check(&["9223372036854775807"], Some(Int));
        check(&["1", "9223372036854775808"], Some(UInt));
        check(&["-1", "9223372036854775808"], Some(Float));
        check(&["1", "18446744073709551616"], Some(Float));
        check(&["1", "2.5", "1e3", "NaN", "-inf"], Some(Float));
        check(&["1", "true"], Some(Text));
        check(&["1", "1x"], Some(Text));
        check(&["1e999"], Some(Text));
        check(&["yes"], Some(Text));
    }

    #[test]
    fn a_type_is_widened_no_further_than_needed() {
        let check = |ty, cell: &str, want| {
            assert_eq!(Kinds::of_cell(cell.as_bytes()).wider(ty), want, "{ty} with {cell}");
        };
        check(Int, "5", Int);
        check(Int, "5.5", Float);
        check(Int, "9223372036854775808", Float);
        check(UInt, "-1", Float);
        check(Float, "1", Float);
        check(Bool, "1", Text);
        check(Float, "x", Text);
    }
}
