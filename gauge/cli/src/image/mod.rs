//! A linked artefact: its functions, its bytes as they stand once it is loaded, what its calls reach.
//!
//! Everything is read once, when the file is opened; an [`Image`] knows nothing of instructions but
//! what it takes to follow a stub of the procedure linkage table.

mod data;
mod lookup;
mod memory;
mod names;
mod unwind;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SymbolKind, elf};

pub use data::Same;
pub use lookup::Lookup;
pub use memory::{Callee, Section, Word};
pub(crate) use names::without_generics;
pub use names::{Name, demangle};
pub use unwind::Caught;

/// A function of an image: its address, its size in bytes, all its names.
///
/// Names that stand at one address are one function: the compiler merges equal bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Where it begins, as linked.
    pub address: u64,
    /// Bytes, from its symbol; up to the next symbol where that says none (assembly without `.size`).
    pub size: u64,
    /// Its names, the shortest first; never empty.
    pub names: Vec<Name>,
}

impl Function {
    /// The first of its names, demangled.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", |name| &name.demangled)
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: u64) -> bool {
        (self.address..self.address + self.size).contains(&address)
    }
}

/// A linked artefact: an executable or a shared library, ELF for x86-64.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    bytes: Vec<u8>,
    sections: Vec<Section>,
    /// Parts that are written only by the loader.
    relro: Vec<std::ops::Range<u64>>,
    /// What the loader puts where.
    relocations: BTreeMap<u64, Word>,
    functions: Vec<Function>,
    /// Index into `functions`, by address.
    by_address: HashMap<u64, usize>,
    /// Named data: address, size, name.
    objects: BTreeMap<u64, (u64, String)>,
    boundaries: std::sync::OnceLock<Vec<u64>>,
    /// Calls out of which what unwinds is caught.
    catches: std::sync::OnceLock<Vec<unwind::Catch>>,
    /// Whether it is loaded where it was linked to be.
    is_fixed: bool,
}

type Elf<'a> = ElfFile64<'a, Endianness>;

impl Image {
    /// Reads an artefact.
    ///
    /// # Errors
    /// When it cannot be read, is not ELF for x86-64, or has neither symbols nor functions in them
    /// (a stripped one).
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
        let mut image = Self {
            path: path.to_owned(),
            bytes: Vec::new(),
            sections: Vec::new(),
            relro: Vec::new(),
            relocations: BTreeMap::new(),
            functions: Vec::new(),
            by_address: HashMap::new(),
            objects: BTreeMap::new(),
            boundaries: std::sync::OnceLock::new(),
            catches: std::sync::OnceLock::new(),
            is_fixed: false,
        };
        let what = || format!("{} is no executable or library this can read", path.display());
        let elf = Elf::parse(&*bytes).with_context(what)?;
        let header = elf.elf_header();
        ensure!(
            header.e_machine(elf.endian()) == elf::EM_X86_64 && elf.is_little_endian(),
            "{} is not for x86-64",
            path.display()
        );
        ensure!(
            matches!(header.e_type(elf.endian()), elf::ET_EXEC | elf::ET_DYN),
            "{} is not linked",
            path.display()
        );
        check_sections(&elf, bytes.len() as u64)
            .with_context(|| format!("{} is damaged", path.display()))?;
        image.is_fixed = header.e_type(elf.endian()) == elf::ET_EXEC;
        image.read_sections(&elf)?;
        image.read_relocations(&elf)?;
        image.read_symbols(&elf);
        if image.functions.is_empty() {
            bail!("{} has no symbols: build it with `strip = \"none\"`", path.display());
        }
        drop(elf);
        image.bytes = bytes;
        Ok(image)
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is loaded where it was linked to be: its addresses are plain numbers.
    pub fn is_fixed(&self) -> bool {
        self.is_fixed
    }

    /// The file, as it was read.
    pub fn file(&self) -> &[u8] {
        &self.bytes
    }

    /// All functions, by address.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The function that begins at an address.
    pub fn function_at(&self, address: u64) -> Option<&Function> {
        self.functions.get(*self.by_address.get(&address)?)
    }

    /// The function that an address lies in.
    pub fn function_around(&self, address: u64) -> Option<&Function> {
        let after = self.functions.partition_point(|f| f.address <= address);
        // Aliases into the middle of another function make these overlap: the nearest one counts.
        self.functions[..after].iter().rev().take(4).find(|f| f.contains(address))
    }

    /// The named data at an address: the name, and how far into it.
    pub fn object_around(&self, address: u64) -> Option<(&str, u64)> {
        let (start, (size, name)) = self.objects.range(..=address).next_back()?;
        let offset = address - start;
        (offset < (*size).max(1)).then_some((name.as_str(), offset))
    }

    fn read_sections(&mut self, elf: &Elf<'_>) -> Result<()> {
        let endian = elf.endian();
        for section in elf.sections() {
            let header = section.elf_section_header();
            let flags = header.sh_flags(endian).0;
            if flags & elf::SHF_ALLOC.0 == 0 || flags & elf::SHF_TLS.0 != 0 {
                continue;
            }
            self.sections.push(Section {
                name: section.name()?.to_owned(),
                address: section.address(),
                size: section.size(),
                file: section.file_range().map(|(start, size)| (start, start + size)),
                is_writable: flags & elf::SHF_WRITE.0 != 0,
                is_code: flags & elf::SHF_EXECINSTR.0 != 0,
            });
        }
        self.sections.sort_by_key(|section| section.address);
        for segment in elf.elf_program_headers() {
            if segment.p_type(endian) == elf::PT_GNU_RELRO {
                let start = segment.p_vaddr(endian);
                self.relro.push(start..start.saturating_add(segment.p_memsz(endian)));
            }
        }
        Ok(())
    }

    fn read_symbols(&mut self, elf: &Elf<'_>) {
        let mut found: BTreeMap<u64, (u64, Vec<&str>)> = BTreeMap::new();
        for symbol in elf.symbols().chain(elf.dynamic_symbols()) {
            let Ok(name) = symbol.name() else { continue };
            if symbol.is_undefined() || name.is_empty() || symbol.kind() == SymbolKind::Tls {
                continue;
            }
            let address = symbol.address();
            let section = self.section_around(address);
            match symbol.kind() {
                SymbolKind::Text => {
                    let entry = found.entry(address).or_default();
                    entry.0 = entry.0.max(symbol.size());
                    entry.1.push(name);
                }
                // Assembly without `.type`: a label that stands in code.
                SymbolKind::Unknown | SymbolKind::Label
                    if section.is_some_and(|section| section.is_code) =>
                {
                    found.entry(address).or_default().1.push(name);
                }
                SymbolKind::Data if section.is_some() => {
                    let size = symbol.size().min(u64::MAX - address);
                    self.objects.insert(address, (size, demangle(name)));
                }
                _ => {}
            }
        }
        let starts: Vec<u64> = found.keys().copied().collect();
        for (index, (address, (size, mut names))) in found.into_iter().enumerate() {
            let Some(section) = self.section_around(address).filter(|section| section.is_code)
            else {
                continue;
            };
            let end = section.address + section.size;
            let next = starts.get(index + 1).copied().unwrap_or(end).min(end);
            let size = if size == 0 { next - address } else { size.min(end - address) };
            names.sort_by_key(|name| (name.len(), *name));
            names.dedup();
            let names = names.into_iter().map(Name::new).collect();
            self.by_address.insert(address, self.functions.len());
            self.functions.push(Function { address, size, names });
        }
    }
}

/// That sections lie within the file and the addresses there are, so that their ends are numbers; and beside each
/// other, so that no byte counts twice.
fn check_sections(elf: &Elf<'_>, file: u64) -> Result<()> {
    // More than a process has; and so many sections of it are still a number.
    const MAX_BYTES: u64 = 1 << 47;
    let mut in_sections = 0;
    for section in elf.sections() {
        let (name, size) = (section.name()?, section.size());
        let end = section.address().checked_add(size);
        ensure!(end.is_some() && size < MAX_BYTES, "section `{name}` has {size} bytes");
        if let Some((start, size)) = section.file_range() {
            let is_within = start.checked_add(size).is_some_and(|end| end <= file);
            ensure!(is_within, "section `{name}` ends behind the file");
            in_sections += size;
        }
    }
    ensure!(in_sections <= file, "its sections have more bytes than the file");
    Ok(())
}
