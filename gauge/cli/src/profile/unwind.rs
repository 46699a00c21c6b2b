//! Where a function's caller is, by the unwind tables of the files (`.eh_frame`), for x86-64.

use std::collections::HashMap;

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, LittleEndian, Register, RegisterRule,
    UnwindContext,
};
use object::{Object, ObjectSection, ObjectSegment, ReadCache, ReadRef};

use super::recording::{Code, KERNEL, MISSING, NOWHERE};
use crate::heap::symbols::{is_regular, read_object};

/// DWARF's numbers.
const RBP: Register = Register(6);
const RSP: Register = Register(7);
const RETURN_ADDRESS: Register = Register(16);

/// Where the frame of a place in a function ends: the return address lies 8 bytes below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Counted from the frame pointer.
    Frame(Saved),
    /// Counted from the stack pointer: the function has no frame pointer, or not yet, or no more.
    Stack(Saved),
    /// Nobody called it: a program or a thread begins here.
    Outermost,
    /// There is no table, or one that is not simple.
    Unknown,
}

/// Offsets in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// From the register to the frame's end.
    pub end: i64,
    /// From the frame's end to where the caller's frame pointer is saved, if it is.
    pub frame_pointer: Option<i64>,
}

/// The rules of places, each looked up once.
#[derive(Debug, Default)]
pub struct Rules {
    tables: HashMap<u32, Option<Table>>,
    known: HashMap<Code, Rule>,
}

/// A file's table.
#[derive(Debug)]
struct Table {
    frames: Vec<u8>,
    index: Vec<u8>,
    bases: BaseAddresses,
    /// Offset in the file, size, address.
    segments: Vec<(u64, u64, u64)>,
}

impl Rules {
    /// The rule of a place; `path`: its file.
    pub fn of(&mut self, code: Code, path: &str) -> Rule {
        if [KERNEL, NOWHERE, MISSING].contains(&code.object) {
            return Rule::Unknown;
        }
        if let Some(rule) = self.known.get(&code) {
            return *rule;
        }
        let table = self.tables.entry(code.object).or_insert_with(|| Table::read(path));
        let rule = table.as_ref().and_then(|table| table.rule(code.offset));
        let rule = rule.unwrap_or(Rule::Unknown);
        self.known.insert(code, rule);
        rule
    }
}

impl Table {
    fn read(path: &str) -> Option<Self> {
        if path.starts_with('[') {
            return Self::of(&object::File::parse(&*read_object(path)?).ok()?);
        }
        // The program runs meanwhile: no more is read than what is needed.
        if !is_regular(path) {
            return None;
        }
        let cache = ReadCache::new(std::fs::File::open(path).ok()?);
        Self::of(&object::File::parse(&cache).ok()?)
    }

    fn of<'a>(file: &object::File<'a, impl ReadRef<'a>>) -> Option<Self> {
        let section = |name: &str| {
            let section = file.section_by_name(name)?;
            Some((section.data().ok()?.to_vec(), section.address()))
        };
        let (frames, frames_at) = section(".eh_frame")?;
        let (index, index_at) = section(".eh_frame_hdr")?;
        let bases = BaseAddresses::default().set_eh_frame(frames_at).set_eh_frame_hdr(index_at);
        let segments = file.segments().map(|segment| {
            let (offset, size) = segment.file_range();
            (offset, size, segment.address())
        });
        let segments = segments.collect();
        Some(Self { frames, index, bases, segments })
    }

    fn rule(&self, offset: u64) -> Option<Rule> {
        let is_in =
            |segment: &&(u64, u64, u64)| (segment.0..segment.0 + segment.1).contains(&offset);
        let (start, _, loaded_at) = self.segments.iter().find(is_in)?;
        let address = offset - start + loaded_at;
        let index = EhFrameHdr::new(&self.index, LittleEndian).parse(&self.bases, 8).ok()?;
        let frames: EhFrame<EndianSlice<'_, LittleEndian>> =
            EhFrame::new(&self.frames, LittleEndian);
        let mut context = UnwindContext::new();
        let row = index.table()?.unwind_info_for_address(
            &frames,
            &self.bases,
            &mut context,
            address,
            gimli::UnwindSection::cie_from_offset,
        );
        let row = row.ok()?;
        match row.register(RETURN_ADDRESS) {
            Some(RegisterRule::Undefined) => return Some(Rule::Outermost),
            Some(RegisterRule::Offset(-8)) => {}
            _ => return None,
        }
        let frame_pointer = match row.register(RBP) {
            None | Some(RegisterRule::SameValue | RegisterRule::Undefined) => None,
            Some(RegisterRule::Offset(at)) => Some(at),
            _ => return None,
        };
        match row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                let saved = Saved { end: *offset, frame_pointer };
                match *register {
                    RBP => Some(Rule::Frame(saved)),
                    RSP => Some(Rule::Stack(saved)),
                    _ => None,
                }
            }
            CfaRule::Expression(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_a_c_library() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.contains("/libc.so.6")).unwrap();
        let path = &line[line.find('/').unwrap()..];
        let bytes = std::fs::read(path).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let offset = |name: &str| {
            use object::ObjectSymbol;
            let symbol = file.dynamic_symbols().find(|symbol| symbol.name() == Ok(name)).unwrap();
            let is_in = |segment: &object::Segment<'_, '_>| {
                (segment.address()..segment.address() + segment.size()).contains(&symbol.address())
            };
            let segment = file.segments().find(is_in).unwrap();
            symbol.address() - segment.address() + segment.file_range().0
        };
        let mut rules = Rules::default();
        let mut rule = |offset| rules.of(Code { object: 10, offset }, path);
        // Before its first instruction every function's frame is its return address alone.
        let begin = Rule::Stack(Saved { end: 8, frame_pointer: None });
        assert_eq!([rule(offset("qsort")), rule(offset("getenv"))], [begin, begin]);
        assert_eq!(rule(u64::MAX), Rule::Unknown);
    }
}
