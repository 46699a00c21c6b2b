//! Constants: how far they reach, what they hold, whether two are the same.

use std::collections::HashSet;

use iced_x86::{Decoder, DecoderOptions, Register};

use super::{Image, Word};

/// Pointers that are followed one behind the other.
const MAX_DEPTH: u32 = 8;

/// Whether two constants hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Same {
    /// They do.
    Yes,
    /// They do not.
    No,
    /// One may change while the program runs.
    Unknown,
}

impl Image {
    /// The extent of the constant at `address`: up to the next thing that anything refers to. Padding
    /// before that counts.
    pub fn extent(&self, address: u64) -> u64 {
        let Some(section) = self.section_around(address) else { return 0 };
        let boundaries = self.boundaries.get_or_init(|| self.find_boundaries());
        let next = boundaries.partition_point(|boundary| *boundary <= address);
        let end = section.address + section.size;
        let next = boundaries.get(next).copied().unwrap_or(end).min(end);
        next - address
    }

    /// Addresses that code, the loader's words or symbols name. All code is decoded for it, once.
    fn find_boundaries(&self) -> Vec<u64> {
        let mut found: Vec<u64> = self.relocated_addresses().collect();
        found.extend(self.objects.iter().flat_map(|(start, (size, _))| [*start, start + size]));
        for function in self.functions() {
            let Some(bytes) = self.bytes(function.address, function.size) else { continue };
            for instruction in Decoder::with_ip(64, bytes, function.address, DecoderOptions::NONE) {
                if instruction.is_ip_rel_memory_operand() {
                    found.push(instruction.ip_rel_memory_address());
                } else if self.is_fixed && instruction.memory_base() == Register::None {
                    found.push(instruction.memory_displacement64());
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The file, line and column of the `core::panic::Location` at an address, if one is there.
    ///
    /// It is told by its shape: a string that ends in `.rs`, a line, a column.
    pub fn location(&self, address: u64) -> Option<(&str, u32, u32)> {
        let Word::Address(text) = self.word(address)? else { return None };
        let Word::Constant(length) = self.word(address + 8)? else { return None };
        let Word::Constant(place) = self.word(address + 16)? else { return None };
        let (line, column) = (place as u32, (place >> 32) as u32);
        let is_sane = (3..4096).contains(&length) && line > 0 && column > 0 && column < 1 << 16;
        let path = std::str::from_utf8(self.constant_bytes(text, length)?).ok()?;
        (is_sane && path.ends_with(".rs")).then_some((path, line, column))
    }

    /// Whether the constants at two addresses hold the same, pointers followed; each up to its extent.
    pub fn same_data(&self, address: u64, other: &Self, other_address: u64) -> Same {
        let mut seen = HashSet::new();
        self.same_at((address, None), other, (other_address, None), &mut seen, 0)
    }

    fn same_at(
        &self,
        (a, a_size): (u64, Option<u64>),
        other: &Self,
        (b, b_size): (u64, Option<u64>),
        seen: &mut HashSet<(u64, u64)>,
        depth: u32,
    ) -> Same {
        if std::ptr::eq(self, other) && a == b || !seen.insert((a, b)) {
            return Same::Yes;
        }
        match (self.function_at(a), other.function_at(b)) {
            (Some(f), Some(g)) => {
                return same_name(f.names.iter().any(|name| g.names.contains(name)));
            }
            (None, None) => {}
            _ => return Same::No,
        }
        if self.location(a).is_some() && other.location(b).is_some() {
            return Same::Yes;
        }
        if !self.is_constant(a) || !other.is_constant(b) {
            // A static of the same name is the same static, whatever it holds when.
            let (x, y) = (self.object_around(a), other.object_around(b));
            return if x.is_some() && x == y { Same::Yes } else { Same::Unknown };
        }
        if depth > MAX_DEPTH {
            return Same::Unknown;
        }
        let sizes =
            (a_size.or_else(|| self.symbol_size(a)), b_size.or_else(|| other.symbol_size(b)));
        let extents =
            (sizes.0.unwrap_or_else(|| self.extent(a)), sizes.1.unwrap_or_else(|| other.extent(b)));
        let (short, long) = (extents.0.min(extents.1), extents.0.max(extents.1));
        match self.same_words(a, other, b, short, seen, depth) {
            Same::Yes => {}
            different => return different,
        }
        if short == long {
            return Same::Yes;
        }
        // Zeros behind the shorter one may be the padding before what comes next there, or its elements:
        // only a symbol says where a constant ends.
        let (image, start, is_known) = match extents.0 > extents.1 {
            true => (self, a, sizes.0.is_some()),
            false => (other, b, sizes.1.is_some()),
        };
        let rest = image.bytes(start + short, long - short);
        let may_be_padding = !is_known && rest.is_some_and(|r| r.iter().all(|byte| *byte == 0));
        if may_be_padding { Same::Unknown } else { Same::No }
    }

    /// The bytes from an address to the end of the named data around it, if there is such data.
    fn symbol_size(&self, address: u64) -> Option<u64> {
        let (start, (size, _)) = self.objects.range(..=address).next_back()?;
        (start + size).checked_sub(address).filter(|rest| *rest > 0)
    }

    fn same_words(
        &self,
        a: u64,
        other: &Self,
        b: u64,
        size: u64,
        seen: &mut HashSet<(u64, u64)>,
        depth: u32,
    ) -> Same {
        let (Some(x), Some(y)) = (self.bytes(a, size), other.bytes(b, size)) else {
            return same_name(self.bytes(a, size).is_none() && other.bytes(b, size).is_none());
        };
        let mut moved: Vec<u64> = self.relocated(a..a + size).map(|(at, _)| at - a).collect();
        moved.extend(other.relocated(b..b + size).map(|(at, _)| at - b));
        moved.sort_unstable();
        moved.dedup();
        let mut at = 0;
        for offset in moved {
            if (offset as usize) < at {
                continue; // Words that overlap: nothing of ours.
            }
            if x[at..offset as usize] != y[at..offset as usize] {
                return Same::No;
            }
            let same = match (self.word(a + offset), other.word(b + offset)) {
                (Some(Word::Address(f)), Some(Word::Address(g))) => {
                    // The length of a string stands behind its address.
                    let sizes = (self.slice_bytes(a + offset), other.slice_bytes(b + offset));
                    self.same_at((f, sizes.0), other, (g, sizes.1), seen, depth + 1)
                }
                (Some(f), Some(g)) => same_name(f == g),
                _ => Same::Unknown,
            };
            if same != Same::Yes {
                return same;
            }
            at = (offset as usize + 8).min(x.len());
        }
        same_name(x[at..] == y[at..])
    }

    /// If a `&str` or `&[u8]` seems to stand at an address: its bytes. A pointer into read-only bytes
    /// with a small number behind it, which lies within the extent.
    fn slice_bytes(&self, address: u64) -> Option<u64> {
        let Word::Address(target) = self.word(address)? else { return None };
        let Word::Constant(length) = self.word(address + 8)? else { return None };
        let is_text = self.section_around(target).is_some_and(|s| !s.is_writable && !s.is_code);
        (is_text && length > 0 && length <= self.extent(target)).then_some(length)
    }
}

fn same_name(is_same: bool) -> Same {
    if is_same { Same::Yes } else { Same::No }
}
