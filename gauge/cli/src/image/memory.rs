//! What stands in memory once the artefact is loaded, as far as it cannot change after.

use anyhow::Result;
use object::read::elf::SectionHeader;
use object::{Object, ObjectSymbol, ObjectSymbolTable, RelocationFlags, RelocationTarget, elf};

use super::{Elf, Function, Image};

/// A part of an image that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name: `.text` …
    pub name: String,
    /// Where it begins, as linked.
    pub address: u64,
    /// Bytes in memory.
    pub size: u64,
    /// From where to where in the file; none where it is all zero.
    pub file: Option<(u64, u64)>,
    /// Whether it is loaded writable.
    pub is_writable: bool,
    /// Whether it holds instructions.
    pub is_code: bool,
}

/// Eight bytes that are the same whenever the program looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// An address in the image, as linked: the loader moves it with the image.
    Address(u64),
    /// The address of a symbol of another library.
    Import(String),
    /// A number.
    Constant(u64),
}

impl Image {
    /// The sections that are loaded, by address.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section that an address lies in.
    pub fn section_around(&self, address: u64) -> Option<&Section> {
        let after = self.sections.partition_point(|section| section.address <= address);
        let section = self.sections.get(after.checked_sub(1)?)?;
        (address < section.address + section.size).then_some(section)
    }

    /// The bytes of the file that are loaded at an address: as linked, before the loader's changes.
    pub fn bytes(&self, address: u64, size: u64) -> Option<&[u8]> {
        let section = self.section_around(address)?;
        let (start, end) = section.file?;
        let from = start + (address - section.address);
        let to = from.checked_add(size).filter(|to| *to <= end)?;
        self.bytes.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    }

    /// Whether nothing but the loader writes at an address.
    pub fn is_constant(&self, address: u64) -> bool {
        self.relro.iter().any(|range| range.contains(&address))
            || self.section_around(address).is_some_and(|section| !section.is_writable)
    }

    /// The bytes at an address, where they are the same whenever the program looks.
    pub fn constant_bytes(&self, address: u64, size: u64) -> Option<&[u8]> {
        let last = address.checked_add(size)?.checked_sub(1)?;
        if !self.is_constant(address) || !self.is_constant(last) {
            return None;
        }
        let is_moved = self.relocations.range(address.saturating_sub(7)..=last).next().is_some();
        (!is_moved).then(|| self.bytes(address, size))?
    }

    /// The eight bytes at an address, where they are the same whenever the program looks.
    pub fn word(&self, address: u64) -> Option<Word> {
        if let Some(word) = self.relocations.get(&address) {
            // What the linker fills in of another library's stays, even where lazy binding writes late.
            let is_import = matches!(word, Word::Import(_));
            return (is_import || self.is_constant(address)).then(|| word.clone());
        }
        let bytes = self.constant_bytes(address, 8)?;
        Some(Word::Constant(u64::from_le_bytes(bytes.try_into().ok()?)))
    }

    /// The words that the loader fills in between two addresses.
    pub fn relocated(&self, range: std::ops::Range<u64>) -> impl Iterator<Item = (u64, &Word)> {
        self.relocations.range(range).map(|(address, word)| (*address, word))
    }

    pub(super) fn relocated_addresses(&self) -> impl Iterator<Item = u64> {
        self.relocations.values().filter_map(|word| match word {
            Word::Address(address) => Some(*address),
            Word::Import(_) | Word::Constant(_) => None,
        })
    }

    pub(super) fn read_relocations(&mut self, elf: &Elf<'_>) -> Result<()> {
        let symbols = elf.dynamic_symbol_table();
        for (address, relocation) in elf.dynamic_relocations().into_iter().flatten() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
            let addend = relocation.addend() as u64;
            let symbol = match relocation.target() {
                RelocationTarget::Symbol(index) => {
                    symbols.as_ref().and_then(|table| table.symbol_by_index(index).ok())
                }
                _ => None,
            };
            let word = match (r_type, symbol) {
                (elf::R_X86_64_RELATIVE, _) => Word::Address(addend),
                (
                    elf::R_X86_64_GLOB_DAT | elf::R_X86_64_JUMP_SLOT | elf::R_X86_64_64,
                    Some(symbol),
                ) => {
                    if symbol.is_undefined() {
                        Word::Import(symbol.name()?.to_owned())
                    } else {
                        Word::Address(symbol.address().wrapping_add(addend))
                    }
                }
                // An address that the program itself chooses when it starts: nobody knows it here.
                _ => Word::Import(String::new()),
            };
            self.relocations.insert(address, word);
        }
        self.read_packed_relocations(elf)
    }

    /// `.relr.dyn`: relative relocations as bit maps, the address in its place.
    fn read_packed_relocations(&mut self, elf: &Elf<'_>) -> Result<()> {
        let (endian, data) = (elf.endian(), elf.data());
        for section in elf.elf_section_table().iter() {
            let Some(places) = section.relr(endian, data)? else { continue };
            for place in places {
                let Some(around) = self.section_around(place) else { continue };
                let Some((start, _)) = around.file else { continue };
                let from = (start + (place - around.address)) as usize;
                let Some(bytes) = data.get(from..from + 8) else { continue };
                let address = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
                self.relocations.insert(place, Word::Address(address));
            }
        }
        Ok(())
    }

    /// The function that a call of `address` reaches: itself, or that behind a stub
    /// of the procedure linkage table; or the name of an import.
    pub fn callee(&self, address: u64) -> Option<Callee<'_>> {
        if let Some(function) = self.function_at(address) {
            return Some(Callee::Function(function));
        }
        let slot = self.stub_slot(address)?;
        match self.word(slot)? {
            Word::Address(target) | Word::Constant(target) => {
                self.function_at(target).map(Callee::Function)
            }
            Word::Import(name) => Some(Callee::Import(name)),
        }
    }

    /// The slot that a stub jumps through: `[endbr64] [bnd] jmp [rip+slot]`.
    fn stub_slot(&self, address: u64) -> Option<u64> {
        let section = self.section_around(address).filter(|section| section.is_code)?;
        if !section.name.starts_with(".plt") && !section.name.starts_with(".iplt") {
            return None;
        }
        let bytes = self.bytes(address, 16)?;
        let at = if bytes.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa]) { 4 } else { 0 };
        let at = at + usize::from(bytes.get(at) == Some(&0xf2));
        let [0xff, 0x25, displacement @ ..] = bytes.get(at..at + 6)? else { return None };
        let displacement = i32::from_le_bytes(displacement.try_into().ok()?);
        let next = address + at as u64 + 6;
        Some(next.wrapping_add_signed(i64::from(displacement)))
    }
}

/// What a call reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callee<'a> {
    /// A function of the image.
    Function(&'a Function),
    /// A symbol of another library; empty where it is chosen when the program starts.
    Import(String),
}

impl Callee<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Function(function) => function.name(),
            Self::Import(name) => name,
        }
    }
}
