//! Names for addresses, from the files that were mapped into a process.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use gimli::{EndianArcSlice, RunTimeEndian};
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, SymbolKind};

/// A place in a program. Functions that were inlined are places of their own, at the same address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The address as the file has it; 0 where nothing is mapped.
    pub address: u64,
    /// The function, demangled, if the file has symbols.
    pub function: Option<String>,
    /// The source file, if it has debug information.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The file that was mapped there.
    pub object: String,
}

/// What was mapped where in a process, and what was found there.
pub struct Symbols {
    mappings: Vec<Mapping>,
    objects: HashMap<String, Option<Object_>>,
    known: HashMap<u64, Vec<Frame>>,
}

/// A line of `/proc/PID/maps`.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
    path: String,
}

type Reader = EndianArcSlice<RunTimeEndian>;

/// A file's names.
struct Object_ {
    /// Address, size, name; by address.
    functions: Vec<(u64, u64, String)>,
    /// Offset in the file, size, address.
    segments: Vec<(u64, u64, u64)>,
    lines: Option<addr2line::Context<Reader>>,
}

impl std::fmt::Debug for Symbols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Symbols({} mappings)", self.mappings.len())
    }
}

impl Symbols {
    /// Of a process with these `/proc/PID/maps`. Files are read when an address in them is asked for.
    pub fn new(maps: &str) -> Self {
        let mappings = maps.lines().filter_map(parse_mapping).collect();
        Self { mappings, objects: HashMap::new(), known: HashMap::new() }
    }

    /// The places of a return address, innermost first; at least one.
    pub fn frames(&mut self, return_address: u64) -> &[Frame] {
        if !self.known.contains_key(&return_address) {
            let frames = self.look_up(return_address);
            self.known.insert(return_address, frames);
        }
        self.known.get(&return_address).map_or(&[], Vec::as_slice)
    }

    fn look_up(&mut self, return_address: u64) -> Vec<Frame> {
        // It is behind its call.
        let address = return_address.saturating_sub(1);
        let unknown = |object: &str, address: u64| Frame {
            address,
            function: None,
            file: None,
            line: None,
            object: object.to_owned(),
        };
        let is_in = |mapping: &&Mapping| (mapping.start..mapping.end).contains(&address);
        let Some(mapping) = self.mappings.iter().find(is_in) else {
            return vec![unknown("", return_address)];
        };
        let path = mapping.path.clone();
        let in_file = address - mapping.start + mapping.offset;
        let object = self.objects.entry(path.clone()).or_insert_with(|| read(Path::new(&path)));
        let Some(object) = object else { return vec![unknown(&path, in_file)] };
        let Some(address) = object.address(in_file) else { return vec![unknown(&path, in_file)] };
        let mut frames = object.lines_at(address, &path);
        let symbol = object.function(address);
        match frames.last_mut() {
            None => frames.push(Frame { function: symbol, ..unknown(&path, address) }),
            // The outermost one is the function that has the address: the symbol table's name for it has its
            // whole path.
            Some(last) if symbol.is_some() => last.function = symbol,
            Some(_) => {}
        }
        frames
    }
}

/// `start-end perms offset device inode path`.
fn parse_mapping(line: &str) -> Option<Mapping> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let is_code = words.next()?.contains('x');
    let hexadecimal = |text: &str| u64::from_str_radix(text, 16).ok();
    let offset = hexadecimal(words.next()?)?;
    let path = line.find('/').and_then(|at| line.get(at..));
    let path = path.or(words.nth(2)).unwrap_or_default().to_owned();
    let (start, end) = (hexadecimal(start)?, hexadecimal(end)?);
    is_code.then_some(Mapping { start, end, offset, path })
}

fn read(path: &Path) -> Option<Object_> {
    let bytes = std::fs::read(path).ok()?;
    let file = object::File::parse(&*bytes).ok()?;
    let is_function = |kind| matches!(kind, SymbolKind::Text | SymbolKind::Unknown);
    let symbols = file.symbols().chain(file.dynamic_symbols());
    let symbols = symbols.filter(|symbol| symbol.is_definition() && is_function(symbol.kind()));
    let named = symbols.filter_map(|symbol| {
        Some((symbol.address(), symbol.size(), symbol.name().ok()?.to_owned()))
    });
    let mut functions: Vec<_> = named.collect();
    // Of several names at an address the one with a size, then the first.
    functions.sort_by(|a, b| (a.0, b.1, &a.2).cmp(&(b.0, a.1, &b.2)));
    functions.dedup_by_key(|function| function.0);
    let segments = file.segments().map(|segment| {
        let (offset, size) = segment.file_range();
        (offset, size, segment.address())
    });
    Some(Object_ { functions, segments: segments.collect(), lines: lines_of(&file) })
}

fn lines_of(file: &object::File<'_>) -> Option<addr2line::Context<Reader>> {
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let load = |id: gimli::SectionId| -> Result<Reader, gimli::Error> {
        let section = file.section_by_name(id.name());
        let data = section.and_then(|section| section.uncompressed_data().ok());
        Ok(EndianArcSlice::new(Arc::from(data.unwrap_or_default().as_ref()), endian))
    };
    addr2line::Context::from_dwarf(gimli::Dwarf::load(load).ok()?).ok()
}

impl Object_ {
    fn address(&self, offset: u64) -> Option<u64> {
        let (start, _, address) = self
            .segments
            .iter()
            .find(|(start, size, _)| (*start..start + size).contains(&offset))?;
        Some(offset - start + address)
    }

    fn function(&self, address: u64) -> Option<String> {
        let after = self.functions.partition_point(|(start, ..)| *start <= address);
        let (start, size, name) = self.functions.get(after.checked_sub(1)?)?;
        // Hand-written assembly has no sizes.
        (*size == 0 || address < start + size).then(|| demangled(name))
    }

    fn lines_at(&self, address: u64, object: &str) -> Vec<Frame> {
        let mut frames = Vec::new();
        let Some(lines) = &self.lines else { return frames };
        let Ok(mut found) = lines.find_frames(address).skip_all_loads() else { return frames };
        while let Ok(Some(frame)) = found.next() {
            let function = frame.function.as_ref();
            let function = function.and_then(|name| Some(demangled(&name.raw_name().ok()?)));
            let location = frame.location;
            frames.push(Frame {
                address,
                function,
                file: location.as_ref().and_then(|l| l.file).map(str::to_owned),
                line: location.as_ref().and_then(|l| l.line),
                object: object.to_owned(),
            });
        }
        frames
    }
}

/// Without the hash.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_of_code() {
        let parse = |line| parse_mapping(line).map(|m| (m.start, m.end, m.offset, m.path));
        let line = "55d0-55f0 r-xp 00001000 fe:00 123    /a folder/program (deleted)";
        assert_eq!(
            parse(line),
            Some((0x55d0, 0x55f0, 0x1000, "/a folder/program (deleted)".into()))
        );
        assert_eq!(parse("7f00-7f10 r--p 00000000 fe:00 123 /lib/libc.so.6"), None);
        assert_eq!(
            parse("7f00-7f10 r-xp 00000000 00:00 0 "),
            Some((0x7f00, 0x7f10, 0, String::new()))
        );
        let line = "7ffd-7ffe r-xp 00000000 00:00 0                  [vdso]";
        assert_eq!(parse(line), Some((0x7ffd, 0x7ffe, 0, "[vdso]".into())));
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn this_program_finds_itself() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut symbols = Symbols::new(&maps);
        let here = (this_program_finds_itself as fn()) as usize as u64;
        let frames = symbols.frames(here + 1);
        let name = frames.last().unwrap().function.as_deref().unwrap();
        assert_eq!(name, "gauge::heap::symbols::tests::this_program_finds_itself");
        assert_eq!(
            symbols.frames(16),
            [Frame { address: 16, function: None, file: None, line: None, object: String::new() }]
        );
    }
}
