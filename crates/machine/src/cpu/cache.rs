//! Caches, from leaf 4 (Intel) or 0x8000_001D (AMD), which have the same form.

use super::Leaf;

/// What a cache keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheKind {
    /// Data.
    Data,
    /// Instructions.
    Instruction,
    /// Both.
    Unified,
}

/// A cache, seen from one processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    /// 1 is the nearest.
    pub level: u8,
    /// What it keeps.
    pub kind: CacheKind,
    /// Its size in bytes.
    pub bytes: u64,
    /// A line in bytes.
    pub line_bytes: u32,
    /// Lines that may hold the same address.
    pub ways: u32,
    /// Sets of lines.
    pub sets: u32,
    /// Logical processors that share it, at most (the numbering may have gaps).
    pub shared_by: u32,
}

impl Cache {
    /// `None` where the list of caches ends.
    pub(super) fn decode(leaf: Leaf) -> Option<Self> {
        let kind = match leaf.eax & 31 {
            1 => CacheKind::Data,
            2 => CacheKind::Instruction,
            3 => CacheKind::Unified,
            _ => return None,
        };
        // All of these are stored less one.
        let field = |register: u32, low: u32, bits: u32| {
            ((u64::from(register) >> low) & ((1 << bits) - 1)) as u32 + 1
        };
        let line_bytes = field(leaf.ebx, 0, 12);
        let partitions = field(leaf.ebx, 12, 10);
        let ways = field(leaf.ebx, 22, 10);
        let sets = leaf.ecx.saturating_add(1);
        let bytes = [line_bytes, partitions, ways, sets].map(u64::from).iter().product();
        let level = (leaf.eax >> 5 & 7) as u8;
        let shared_by = field(leaf.eax, 14, 12);
        Some(Self { level, kind, bytes, line_bytes, ways, sets, shared_by })
    }
}
