//! Every byte of a linked file, once.

use std::collections::BTreeMap;

use anyhow::Result;
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SymbolKind, elf};

use super::owner::{compiled_for, owner, owner_of_data};
use crate::image::{Image, demangle, without_generics};

/// What stands for code that is not Rust.
pub const NOT_RUST: &str = "(not Rust: C, assembly, start files)";
/// What stands for code that no symbol covers.
pub const NO_SYMBOL: &str = "(no symbol: stubs, alignment)";
/// What stands for data that no symbol names.
pub const UNNAMED: &str = "(no name: constants, strings, tables)";
/// What stands for what of a file is in no section.
pub const HEADERS: &str = "(headers, alignment)";

/// A linked file, taken apart. All figures are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breakdown {
    /// The file.
    pub file: u64,
    /// Of it, what is loaded: the rest is symbols and debug information.
    pub loaded: u64,
    /// Its sections, in their order, and [`HEADERS`]: the sum of [`Section::in_file`] is the file.
    pub sections: Vec<Section>,
    /// The sections of code.
    pub code: u64,
    /// Code by crate, the largest first: the sum is [`Self::code`].
    pub crates: Vec<Crate>,
    /// Code by function, all instances of a generic together, the largest first: the sum is [`Self::code`].
    pub functions: Vec<Function>,
    /// The sections of data.
    pub data_size: u64,
    /// Data by symbol, the largest first: the sum is [`Self::data_size`].
    pub data: Vec<Data>,
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Its size once it is loaded.
    pub size: u64,
    /// Its bytes in the file.
    pub in_file: u64,
    /// Whether it is loaded.
    pub is_loaded: bool,
    /// What it holds.
    pub what: What,
}

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Instructions.
    Code,
    /// Constants and variables, tables for unwinding aside.
    Data,
    /// Tables for unwinding.
    Unwinding,
    /// What the loader reads.
    Linking,
    /// Symbols.
    Symbols,
    /// Debug information.
    Debug,
    /// Anything else.
    Other,
}

/// What a crate's functions take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crate {
    /// The crate, or [`NOT_RUST`], [`NO_SYMBOL`].
    pub name: String,
    /// Bytes of code.
    pub size: u64,
    /// Functions; instances of a generic are several. None for what no symbol covers.
    pub functions: u64,
    /// Of it, what is compiled for the types of one other crate: the largest first.
    pub compiled_for: Vec<(String, u64)>,
}

/// A function, with all its instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its path without generic arguments; or [`NO_SYMBOL`].
    pub name: String,
    /// Its crate, where it is Rust.
    pub krate: Option<String>,
    /// Bytes of all instances.
    pub size: u64,
    /// Instances at different addresses.
    pub copies: u64,
    /// The name of the only instance, or of the largest.
    pub largest: String,
    largest_size: u64,
}

/// Named data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// Its path, or [`UNNAMED`], which is one of each section.
    pub name: String,
    /// Its crate, where it is Rust.
    pub krate: Option<String>,
    /// The section it lies in.
    pub section: String,
    /// Bytes.
    pub size: u64,
}

impl Breakdown {
    /// Takes a file apart.
    ///
    /// # Errors
    /// When its sections cannot be read.
    pub fn of(image: &Image) -> Result<Self> {
        let bytes = image.file();
        let elf = object::File::parse(bytes)?;
        let file = bytes.len() as u64;
        let mut sections = Vec::new();
        for section in elf.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            let name = section.name()?.to_owned();
            let is_loaded = sh_flags.0 & elf::SHF_ALLOC.0 != 0;
            let is_code = sh_flags.0 & elf::SHF_EXECINSTR.0 != 0;
            let what = if is_code { What::Code } else { what(&name, is_loaded) };
            let in_file = section.file_range().map_or(0, |(_, size)| size);
            sections.push(Section { name, size: section.size(), in_file, is_loaded, what });
        }
        let in_sections: u64 = sections.iter().map(|section| section.in_file).sum();
        let loaded = sections.iter().filter(|s| s.is_loaded).map(|s| s.in_file).sum();
        sections.push(Section {
            name: HEADERS.to_owned(),
            size: file.saturating_sub(in_sections),
            in_file: file.saturating_sub(in_sections),
            is_loaded: false,
            what: What::Other,
        });
        let of = |what: What| -> u64 {
            sections.iter().filter(|section| section.what == what).map(|s| s.size).sum()
        };
        let (code, data_size) = (of(What::Code), of(What::Data));
        let (crates, functions) = code_parts(image, code);
        let data = data_parts(&elf, &sections)?;
        Ok(Self { file, loaded, code, crates, functions, data_size, data, sections })
    }
}

fn what(name: &str, is_loaded: bool) -> What {
    if !is_loaded {
        return match name {
            ".symtab" | ".strtab" | ".shstrtab" => What::Symbols,
            _ if name.starts_with(".debug") => What::Debug,
            _ => What::Other,
        };
    }
    match name {
        ".eh_frame" | ".eh_frame_hdr" | ".gcc_except_table" => What::Unwinding,
        ".dynamic" | ".dynsym" | ".dynstr" | ".hash" | ".gnu.hash" | ".interp" | ".got"
        | ".got.plt" | ".relr.dyn" => What::Linking,
        _ if name.starts_with(".rela") || name.starts_with(".gnu.version") => What::Linking,
        _ if name.starts_with(".note") || name == ".relro_padding" => What::Other,
        _ => What::Data,
    }
}

/// What crates and functions take of the code. A byte that several symbols cover is the first one's.
fn code_parts(image: &Image, code: u64) -> (Vec<Crate>, Vec<Function>) {
    let mut crates: BTreeMap<String, (u64, u64, BTreeMap<String, u64>)> = BTreeMap::new();
    let mut functions: BTreeMap<(String, Option<String>), Function> = BTreeMap::new();
    let (mut end, mut covered) = (0, 0);
    for function in image.functions() {
        let from = function.address.max(end);
        let size = (function.address + function.size).saturating_sub(from);
        end = end.max(from + size);
        covered += size;
        let Some(name) = function.names.first() else { continue };
        let krate = owner(name);
        let one = crates.entry(krate.clone().unwrap_or_else(|| NOT_RUST.to_owned())).or_default();
        one.0 += size;
        one.1 += 1;
        let other = krate.as_deref().and_then(|krate| compiled_for(&name.demangled, krate));
        if let Some(other) = other {
            *one.2.entry(other).or_default() += size;
        }
        let key = (without_generics(&name.demangled), krate.clone());
        let function = functions.entry(key).or_insert_with_key(|(path, _)| Function {
            name: path.clone(),
            krate,
            size: 0,
            copies: 0,
            largest: String::new(),
            largest_size: 0,
        });
        function.size += size;
        function.copies += 1;
        if size >= function.largest_size {
            function.largest_size = size;
            function.largest.clone_from(&name.demangled);
        }
    }
    let mut crates: Vec<Crate> = crates
        .into_iter()
        .map(|(name, (size, functions, others))| {
            let mut compiled_for: Vec<_> = others.into_iter().collect();
            compiled_for.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            Crate { name, size, functions, compiled_for }
        })
        .collect();
    let mut functions: Vec<Function> = functions.into_values().collect();
    let size = code.saturating_sub(covered);
    let (name, compiled_for) = (NO_SYMBOL.to_owned(), Vec::new());
    crates.push(Crate { name: name.clone(), size, functions: 0, compiled_for });
    let (krate, largest) = (None, name.clone());
    functions.push(Function { name, krate, size, copies: 0, largest, largest_size: size });
    crates.sort_by(|a, b| b.size.cmp(&a.size).then(a.name.cmp(&b.name)));
    functions.sort_by(|a, b| b.size.cmp(&a.size).then(a.name.cmp(&b.name)));
    (crates, functions)
}

/// What symbols take of the sections of data. A byte that several symbols cover is the first one's.
fn data_parts(elf: &object::File<'_>, sections: &[Section]) -> Result<Vec<Data>> {
    let mut by_section: BTreeMap<usize, Vec<(u64, u64, &str)>> = BTreeMap::new();
    for symbol in elf.symbols().chain(elf.dynamic_symbols()) {
        let is_data = matches!(symbol.kind(), SymbolKind::Data | SymbolKind::Tls);
        if let (true, Some(section), Ok(name)) = (is_data, symbol.section_index(), symbol.name()) {
            let of_section = by_section.entry(section.0).or_default();
            of_section.push((symbol.address(), symbol.size(), name));
        }
    }
    let mut data = Vec::new();
    for section in elf.sections() {
        let name = section.name()?;
        if !sections.iter().any(|known| known.name == name && known.what == What::Data) {
            continue;
        }
        let mut symbols = by_section.remove(&section.index().0).unwrap_or_default();
        symbols.sort_unstable();
        let (mut end, mut covered) = (section.address(), 0);
        let last = section.address() + section.size();
        for (address, size, symbol) in symbols {
            let from = address.clamp(end, last);
            let size = address.saturating_add(size).min(last).saturating_sub(from);
            end = end.max(from + size);
            // The compiler's own constants have a number for a name.
            if symbol.starts_with("anon.") || size == 0 {
                continue;
            }
            covered += size;
            let path = demangle(symbol);
            let krate = symbol.starts_with('_').then(|| owner_of_data(&path)).flatten();
            data.push(Data { name: path, krate, section: name.to_owned(), size });
        }
        let size = section.size() - covered;
        let (section, name) = (name.to_owned(), UNNAMED.to_owned());
        data.push(Data { name, krate: None, section, size });
    }
    data.sort_by(|a, b| b.size.cmp(&a.size).then(a.name.cmp(&b.name)));
    Ok(data)
}
