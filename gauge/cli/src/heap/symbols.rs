//! Names for addresses, from the files that were mapped into a process.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use gimli::{EndianSlice, RunTimeEndian};
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

/// Places by return address.
#[derive(Debug, Default)]
pub struct Symbols {
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

type Lines<'a> = addr2line::Context<EndianSlice<'a, RunTimeEndian>>;

/// A file's names.
struct Names<'a> {
    /// Address, size, name; by address.
    functions: Vec<(u64, u64, &'a str)>,
    /// Offset in the file, size, address.
    segments: Vec<(u64, u64, u64)>,
    lines: Option<Lines<'a>>,
    object: &'a str,
}

impl Symbols {
    /// Finds the places of return addresses in a process with these `/proc/PID/maps`. Reads each file once; what is not
    /// found is an address without a name.
    pub fn find(maps: &str, addresses: impl Iterator<Item = u64>) -> Self {
        let mappings: Vec<Mapping> = maps.lines().filter_map(parse_mapping).collect();
        let mut by_path: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
        let mut known = HashMap::new();
        for return_address in addresses {
            // It is behind its call.
            let address = return_address.saturating_sub(1);
            let is_in = |mapping: &&Mapping| (mapping.start..mapping.end).contains(&address);
            let found = mappings.iter().find(is_in);
            let path = found.map_or("", |mapping| &mapping.path);
            let in_file = found.map_or(return_address, |m| address - m.start + m.offset);
            if known.insert(return_address, vec![Frame::unknown(path, in_file)]).is_none() {
                by_path.entry(path).or_default().push((return_address, in_file));
            }
        }
        for (path, wanted) in by_path {
            let offsets = wanted.iter().map(|(_, in_file)| *in_file);
            let found = in_file(path, offsets);
            for (return_address, in_file) in wanted {
                known.extend(found.get(&in_file).map(|frames| (return_address, frames.clone())));
            }
        }
        Self { known }
    }

    /// The places of a return address that was asked for, innermost first; at least one.
    pub fn frames(&self, return_address: u64) -> &[Frame] {
        self.known.get(&return_address).map_or(&[], Vec::as_slice)
    }
}

/// The places of offsets in a file, each innermost first, as far as they are loaded for execution. `[vdso]` is the library
/// that the kernel maps into every process.
pub fn in_file(path: &str, offsets: impl Iterator<Item = u64>) -> HashMap<u64, Vec<Frame>> {
    let Some(bytes) = read_object(path) else { return HashMap::new() };
    let Ok(file) = object::File::parse(&*bytes) else { return HashMap::new() };
    let debug_bytes = debug_file(&file).and_then(|path| std::fs::read(path).ok());
    let debug = debug_bytes.as_deref().and_then(|bytes| object::File::parse(bytes).ok());
    let sections = load(debug.as_ref().unwrap_or(&file));
    let names = Names::new(&file, debug.as_ref(), sections.as_ref(), path);
    offsets.filter_map(|offset| Some((offset, names.frames(offset)?))).collect()
}

/// The bytes of what is mapped under a name.
pub fn read_object(path: &str) -> Option<Vec<u8>> {
    match path {
        "[vdso]" => read_vdso(),
        path => is_regular(path).then(|| std::fs::read(path).ok()).flatten(),
    }
}

/// Whether a mapped file is one to read: a device may not end, or do something when it is read.
pub fn is_regular(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.is_file())
}

/// The file that a distribution keeps the symbols and lines of a stripped one in.
fn debug_file(file: &object::File<'_>) -> Option<PathBuf> {
    if file.symbols().next().is_some() {
        return None;
    }
    let build = file.build_id().ok()??;
    let digits: String = build.iter().map(|byte| format!("{byte:02x}")).collect();
    let (folder, name) = digits.split_at_checked(2)?;
    let path = PathBuf::from(format!("/usr/lib/debug/.build-id/{folder}/{name}.debug"));
    path.is_file().then_some(path)
}

fn read_vdso() -> Option<Vec<u8>> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let mut mappings = maps.lines().filter_map(parse_mapping);
    let vdso = mappings.find(|mapping| mapping.path == "[vdso]")?;
    let mut bytes = vec![0; usize::try_from(vdso.end - vdso.start).ok()?];
    let memory = std::fs::File::open("/proc/self/mem").ok()?;
    memory.read_exact_at(&mut bytes, vdso.start).ok()?;
    Some(bytes)
}

impl Frame {
    /// A place of which only the file is known, and the address in it.
    pub fn unknown(object: &str, address: u64) -> Self {
        let object = object.to_owned();
        Self { address, function: None, file: None, line: None, object }
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

type Sections<'a> = gimli::DwarfSections<Cow<'a, [u8]>>;

/// The debug information, decompressed.
fn load<'a>(file: &object::File<'a>) -> Option<Sections<'a>> {
    let load = |id: gimli::SectionId| -> Result<Cow<'a, [u8]>, gimli::Error> {
        let section = file.section_by_name(id.name());
        Ok(section.and_then(|section| section.uncompressed_data().ok()).unwrap_or_default())
    };
    Sections::load(load).ok()
}

/// The order of symbols: by address; of several at one, the best name first, as `perf` has it: with a size, strong, global,
/// few underscores, long.
fn rank<'a>(symbol: &object::Symbol<'a, '_>) -> Option<impl Ord + use<'a>> {
    let name = unversioned(symbol.name().ok()?);
    let underscores = name.len() - name.trim_start_matches('_').len();
    let kind = (Reverse(symbol.size()), symbol.is_weak(), symbol.is_local());
    Some((symbol.address(), kind, underscores, Reverse(name.len()), name))
}

impl<'a> Names<'a> {
    /// `debug`: where a stripped file's symbols are.
    fn new(
        file: &object::File<'a>,
        debug: Option<&object::File<'a>>,
        sections: Option<&'a Sections<'_>>,
        object: &'a str,
    ) -> Self {
        let is_function = |kind| matches!(kind, SymbolKind::Text | SymbolKind::Unknown);
        let symbols = file.symbols().chain(file.dynamic_symbols());
        let symbols = symbols.chain(debug.into_iter().flat_map(|debug| debug.symbols()));
        let symbols = symbols.filter(|symbol| symbol.is_definition() && is_function(symbol.kind()));
        let mut named: Vec<_> =
            symbols.filter_map(|symbol| Some((rank(&symbol)?, symbol))).collect();
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        named.dedup_by_key(|(_, symbol)| symbol.address());
        let functions =
            named.iter().filter_map(|(_, s)| Some((s.address(), s.size(), s.name().ok()?)));
        let functions = functions.collect();
        let segments = file.segments().map(|segment| {
            let (offset, size) = segment.file_range();
            (offset, size, segment.address())
        });
        let segments = segments.collect();
        let is_little = file.is_little_endian();
        let endian = if is_little { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let lines = sections.and_then(|sections| {
            let dwarf = sections.borrow(|section| EndianSlice::new(section, endian));
            addr2line::Context::from_dwarf(dwarf).ok()
        });
        Self { functions, segments, lines, object }
    }

    /// The places of an offset in the file, if it is loaded.
    fn frames(&self, offset: u64) -> Option<Vec<Frame>> {
        let is_in =
            |segment: &&(u64, u64, u64)| (segment.0..segment.0 + segment.1).contains(&offset);
        let (start, _, loaded_at) = self.segments.iter().find(is_in)?;
        let address = offset - start + loaded_at;
        let mut frames = self.lines_at(address);
        let symbol = self.function(address);
        match frames.last_mut() {
            None => {
                let unknown = Frame::unknown(self.object, address);
                frames.push(Frame { function: symbol, ..unknown });
            }
            // The outermost one is the function that has the address: the symbol table's name for it has its
            // whole path.
            Some(last) if symbol.is_some() => last.function = symbol,
            Some(_) => {}
        }
        Some(frames)
    }

    fn function(&self, address: u64) -> Option<String> {
        let after = self.functions.partition_point(|(start, ..)| *start <= address);
        let (start, size, name) = self.functions.get(after.checked_sub(1)?)?;
        // Hand-written assembly has no sizes.
        (*size == 0 || address < start.saturating_add(*size)).then(|| demangled(name))
    }

    fn lines_at(&self, address: u64) -> Vec<Frame> {
        let mut frames = Vec::new();
        let Some(lines) = &self.lines else { return frames };
        let Ok(mut found) = lines.find_frames(address).skip_all_loads() else { return frames };
        while let Ok(Some(frame)) = found.next() {
            let function = frame.function.as_ref();
            let location = frame.location.as_ref();
            frames.push(Frame {
                function: function.and_then(|name| Some(demangled(&name.raw_name().ok()?))),
                file: location.and_then(|location| location.file).map(str::to_owned),
                line: location.and_then(|location| location.line),
                ..Frame::unknown(self.object, address)
            });
        }
        frames
    }
}

/// Without the hash, or a library's version.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(unversioned(name)))
}

/// `name@@GLIBC_2.34` without its version.
fn unversioned(name: &str) -> &str {
    name.split_once('@').map_or(name, |(name, _)| name)
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
    fn a_device_is_not_read() {
        assert_eq!(read_object("/dev/zero"), None);
        assert!(read_object("/proc/self/exe").is_some_and(|bytes| bytes.starts_with(b"\x7fELF")));
    }

    #[test]
    fn versions_are_no_part_of_names() {
        assert_eq!(demangled("__libc_start_main@@GLIBC_2.34"), "__libc_start_main");
        assert_eq!(demangled("_RNvCs1234_7program4main"), "program::main");
    }

    #[test]
    fn this_program_finds_itself() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let here = (this_program_finds_itself as fn()) as usize as u64;
        let symbols = Symbols::find(&maps, [here + 1, 16].into_iter());
        let frames = symbols.frames(here + 1);
        let name = frames.last().unwrap().function.as_deref().unwrap();
        assert_eq!(name, "gauge::heap::symbols::tests::this_program_finds_itself");
        assert_eq!(symbols.frames(16), [Frame::unknown("", 16)]);
    }
}
