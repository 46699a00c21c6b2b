//! Types, made of the entries of debug information.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::Result;
use gimli::constants as dw;

use super::dwarf::{self, Entry};
use super::{Field, Shape, Tag, Type, Variant};

/// Types of several files, each layout of a name once.
#[derive(Debug, Default)]
pub struct Types {
    types: Vec<Type>,
    known: HashSet<u64>,
}

impl Types {
    /// Adds the types of a file: an executable, a library or an object. Returns whether it has any
    /// debug information of Rust that describes types.
    ///
    /// # Errors
    /// When it cannot be read, or is no such file.
    pub fn add(&mut self, path: &Path) -> Result<bool> {
        let mut has_types = false;
        dwarf::each(path, |entries| {
            let unit = Entries(entries);
            let mut path: Vec<&str> = Vec::new();
            for (at, entry) in entries.iter().enumerate() {
                path.truncate(entry.depth);
                path.push(entry.name.unwrap_or("?"));
                if unit.is_own_type(at)
                    && let Some(found) = unit.describe(at, &path)
                {
                    has_types = true;
                    let mut hash = DefaultHasher::new();
                    found.hash(&mut hash);
                    if self.known.insert(hash.finish()) {
                        self.types.push(found);
                    }
                }
            }
        })?;
        Ok(has_types)
    }

    /// All of them, by name.
    pub fn into_sorted(mut self) -> Vec<Type> {
        self.types.sort_by(|a, b| (&a.name, a.size).cmp(&(&b.name, b.size)));
        self.types
    }
}

/// The entries of one object, by their offset.
struct Entries<'e, 'a>(&'e [Entry<'a>]);

impl<'a> Entries<'_, 'a> {
    /// Whether it is a type that people write, and not a variant's fields or a compiler's table.
    fn is_own_type(&self, at: usize) -> bool {
        let entry = &self.0[at];
        let is_type = matches!(
            entry.tag,
            dw::DW_TAG_structure_type | dw::DW_TAG_union_type | dw::DW_TAG_enumeration_type
        );
        let is_in_type = entry.parent.is_some_and(|at| self.0[at].tag != dw::DW_TAG_namespace);
        let name = entry.name.unwrap_or_default();
        let is_table = name.contains("{vtable");
        // Pointers of two words: `&[u8]`, `*const dyn Any`.
        let is_pointer = entry.depth == 0 && (name.starts_with('&') || name.starts_with('*'));
        is_type
            && entry.size.is_some()
            && !is_in_type
            && !is_table
            && !is_pointer
            && !name.is_empty()
    }

    fn describe(&self, at: usize, path: &[&str]) -> Option<Type> {
        let entry = &self.0[at];
        let size = entry.size?;
        let shape = match entry.tag {
            dw::DW_TAG_enumeration_type => self.plain_enum(at, size),
            dw::DW_TAG_union_type => Shape::Union(self.fields(at)),
            _ => match self.children(at).find(|c| self.0[*c].tag == dw::DW_TAG_variant_part) {
                Some(part) => self.data_enum(part),
                None => Shape::Struct(self.fields(at)),
            },
        };
        let name = path.join("::");
        let head = path.first().filter(|_| path.len() > 1);
        // `Box<dyn Any>` is a pointer of two words, and stands outside of its crate's namespace.
        let head = head.copied().or_else(|| {
            let (head, _) = name.split_once("::")?;
            head.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(head)
        });
        let krate = head.map(str::to_owned);
        Some(Type { align: self.align(at, 0), krate, size, shape, name })
    }

    /// An enum without data: nothing but its tag.
    fn plain_enum(&self, at: usize, size: u64) -> Shape {
        let is_signed = self.target(at).is_some_and(|base| self.is_signed(base));
        let variants = self.children(at).map(|child| Variant {
            name: self.0[child].name.unwrap_or("?").to_owned(),
            discriminant: self.value(child, is_signed),
            fields: Vec::new(),
        });
        let tag = Tag { offset: 0, size: Some(size), is_signed, is_niche: false };
        Shape::Enum { tag: Some(tag), variants: variants.collect() }
    }

    fn data_enum(&self, part: usize) -> Shape {
        let discriminant = self.0[part].discriminant_at.and_then(|at| self.find(at));
        let tag_type = discriminant.and_then(|member| self.target(member));
        let is_signed = tag_type.is_some_and(|at| self.is_signed(at));
        let variants: Vec<Variant> = self
            .children(part)
            .filter(|child| self.0[*child].tag == dw::DW_TAG_variant)
            .filter_map(|variant| {
                let member = self.children(variant).next()?;
                let fields = self.target(member);
                // The states of a coroutine have numbers, and names: `Unresumed`, `Suspend0`.
                let of_type = fields.and_then(|at| self.0[at].name);
                let name = self.0[member].name.filter(|name| !is_number(name)).or(of_type);
                Some(Variant {
                    name: name.unwrap_or("?").to_owned(),
                    discriminant: self.value(variant, is_signed),
                    fields: fields.map(|at| self.fields(at)).unwrap_or_default(),
                })
            })
            .collect();
        let tag = discriminant.and_then(|member| {
            let offset = self.0[member].location?;
            let size = tag_type.and_then(|at| self.size(at, 0));
            // Of a niche the values belong to all variants but the one that has it.
            let mut without = variants.iter().filter(|variant| variant.discriminant.is_none());
            let is_niche = without.next().is_some_and(|holder| {
                holder.fields.iter().any(|field| field.offset <= offset && offset < field.end())
            }) && without.next().is_none();
            Some(Tag { offset, size, is_signed, is_niche })
        });
        Shape::Enum { tag, variants }
    }

    fn value(&self, at: usize, is_signed: bool) -> Option<i128> {
        let (value, bits) = self.0[at].value?;
        let unused = 128 - bits.min(128);
        Some(if is_signed && bits > 0 { value << unused >> unused } else { value })
    }

    fn fields(&self, at: usize) -> Vec<Field> {
        let members = self.children(at).map(|child| &self.0[child]);
        let members = members.filter(|entry| entry.tag == dw::DW_TAG_member);
        members
            .filter_map(|entry| {
                let type_at = entry.type_at.and_then(|at| self.find(at));
                let name = entry.name.unwrap_or("?");
                Some(Field {
                    name: name
                        .strip_prefix("__")
                        .filter(|n| is_number(n))
                        .unwrap_or(name)
                        .to_owned(),
                    type_name: type_at.map_or_else(|| "?".to_owned(), |at| self.name(at, 0)),
                    offset: entry.location?,
                    size: type_at.and_then(|at| self.size(at, 0)),
                    align: entry.align.or_else(|| self.align(type_at?, 0)),
                })
            })
            .collect()
    }

    fn find(&self, offset: usize) -> Option<usize> {
        self.0.binary_search_by_key(&offset, |entry| entry.offset).ok()
    }

    fn children(&self, at: usize) -> impl Iterator<Item = usize> {
        let depth = self.0[at].depth;
        let below = self.0[at + 1..].iter().take_while(move |entry| entry.depth > depth);
        below
            .enumerate()
            .filter(move |(_, entry)| entry.depth == depth + 1)
            .map(move |(index, _)| at + 1 + index)
    }

    fn target(&self, at: usize) -> Option<usize> {
        self.find(self.0[at].type_at?)
    }

    /// A type's size: what the entry says, or what its elements take. `depth` ends what never should be.
    fn size(&self, at: usize, depth: u32) -> Option<u64> {
        let entry = &self.0[at];
        match entry.tag {
            _ if entry.size.is_some() => entry.size,
            _ if depth > 64 => None,
            dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type => Some(8),
            dw::DW_TAG_array_type => {
                let element = self.size(self.target(at)?, depth + 1)?;
                let times = |size: u64, child: usize| size.checked_mul(self.0[child].count?);
                self.children(at).try_fold(element, times).filter(dwarf::is_size)
            }
            dw::DW_TAG_typedef | dw::DW_TAG_const_type | dw::DW_TAG_volatile_type => {
                self.size(self.target(at)?, depth + 1)
            }
            _ => None,
        }
    }

    /// A type's alignment: what the entry says, or that of the largest part.
    fn align(&self, at: usize, depth: u32) -> Option<u64> {
        let entry = &self.0[at];
        match entry.tag {
            _ if entry.align.is_some() => entry.align,
            _ if depth > 64 => None,
            dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type => Some(8),
            dw::DW_TAG_base_type => {
                entry.size.filter(|size| size.is_power_of_two()).or_else(|| {
                    // `()` is a base type of no size.
                    (entry.size == Some(0)).then_some(1)
                })
            }
            dw::DW_TAG_array_type
            | dw::DW_TAG_enumeration_type
            | dw::DW_TAG_typedef
            | dw::DW_TAG_const_type
            | dw::DW_TAG_volatile_type => self.align(self.target(at)?, depth + 1),
            // Whether it is packed or asked for more than its parts want cannot be seen.
            _ => None,
        }
    }

    fn is_signed(&self, at: usize) -> bool {
        let encoding = self.0[at].encoding;
        encoding == Some(u64::from(dw::DW_ATE_signed.0))
            || encoding == Some(u64::from(dw::DW_ATE_signed_char.0))
    }

    /// A type's name as it is written, with its path.
    fn name(&self, at: usize, depth: u32) -> String {
        let entry = &self.0[at];
        if entry.tag == dw::DW_TAG_array_type && depth <= 64 {
            let element = self.target(at).map(|element| self.name(element, depth + 1));
            let count = self.children(at).next().and_then(|child| self.0[child].count);
            let count = count.map_or_else(|| "?".to_owned(), |count| count.to_string());
            return format!("[{}; {count}]", element.as_deref().unwrap_or("?"));
        }
        let mut name = entry.name.unwrap_or("?").to_owned();
        let mut around = entry.parent;
        while let Some(at) = around {
            name = format!("{}::{name}", self.0[at].name.unwrap_or("?"));
            around = self.0[at].parent;
        }
        name
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
