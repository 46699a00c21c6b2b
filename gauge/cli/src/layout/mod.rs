//! How types lie in memory, from the debug information of what was compiled.
//!
//! * `dwarf` reads objects, libraries and executables into entries; [`read`] makes [`Type`]s of them.
//! * [`analysis`]: holes, slack of enums, and whether another order would be smaller.
//! * [`find`]: a type by the name that people write.
//! * [`table`]: what is printed.
//!
//! Only types that the code uses are described. What the compiler may still put into a type's niches
//! is not in the debug information.

pub mod analysis;
mod dwarf;
pub mod find;
pub mod read;
pub mod table;

/// A type, as it lies in memory. Sizes and offsets are bytes; what is not known is absent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Type {
    /// Its path, with generic arguments: `core::option::Option<u8>`, `(u8, u32)`.
    pub name: String,
    /// The crate that defines it; none for tuples.
    pub krate: Option<String>,
    /// Its size; for one with an unsized end, that of the rest.
    pub size: u64,
    /// Its alignment.
    pub align: Option<u64>,
    /// What it is made of.
    pub shape: Shape,
}

/// What a type is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A struct, tuple or closure: its fields in the order they are declared.
    Struct(Vec<Field>),
    /// A union: all its fields lie over each other.
    Union(Vec<Field>),
    /// An enum, or the states of a coroutine.
    Enum {
        /// Where it is told which variant there is; none where there is but one.
        tag: Option<Tag>,
        /// The variants in the order they are declared.
        variants: Vec<Variant>,
    },
}

/// A field, with its place in the whole type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name; the number of a tuple's field.
    pub name: String,
    /// The type of it.
    pub type_name: String,
    /// Where it begins.
    pub offset: u64,
    /// Its size; unknown where it is unsized.
    pub size: Option<u64>,
    /// Its type's alignment, whatever `packed` makes of it.
    pub align: Option<u64>,
}

/// Where an enum keeps which variant it holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag {
    /// Where it begins.
    pub offset: u64,
    /// Its size.
    pub size: Option<u64>,
    /// Whether it is read as signed.
    pub is_signed: bool,
    /// Whether it lies in a field of one variant, whose invalid values stand for the others.
    pub is_niche: bool,
}

/// A variant of an enum.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// The value of the tag that stands for it; none for the variant that has the niche, and for an
    /// only one.
    pub discriminant: Option<i128>,
    /// Its fields in the order they are declared.
    pub fields: Vec<Field>,
}

impl Field {
    /// The first byte behind it.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.size.unwrap_or(0))
    }
}
