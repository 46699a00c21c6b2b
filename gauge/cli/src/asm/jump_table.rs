//! Jump tables, by the forms that LLVM gives them.

use std::ops::Range;

use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use crate::image::Image;

/// Entries of a table; a longer one is none.
const MAX_ENTRIES: u64 = 1024;

/// A jump through a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JumpTable {
    /// Where the table stands.
    pub address: u64,
    /// Where its entries lead, in order.
    pub targets: Vec<u64>,
}

/// The table that a jump goes through; `before` holds the jump and what stands before it, backwards.
///
/// Forms: `lea base, [rip+T]; movsxd r, dword [base+i*4]; add r, base; jmp r` (position independent)
/// and `jmp [i*8+T]`. The bound is the comparison of the index that stands before; without one, entries
/// count up to the next thing that anything refers to, as long as they lead into the function.
pub(super) fn find(
    image: &Image,
    before: &[Instruction],
    ranges: &[Range<u64>],
) -> Option<JumpTable> {
    let (jump, before) = before.split_first()?;
    if jump.op0_kind() == OpKind::Memory {
        let is_table = jump.memory_base() == Register::None
            && jump.memory_index() != Register::None
            && jump.memory_index_scale() == 8;
        let table = jump.memory_displacement64();
        let index = jump.memory_index();
        return is_table.then(|| read(image, table, 8, bound(before, index), ranges))?;
    }
    let target = jump.op0_register();
    let add_at = position(before, 0, |i| writes(i, target))?;
    let add = &before[add_at];
    if add.mnemonic() != Mnemonic::Add || add.op1_kind() != OpKind::Register {
        return None;
    }
    // Either register may hold the base, the other one the entry.
    let pairs = [(target, add.op1_register()), (add.op1_register(), target)];
    pairs.into_iter().find_map(|(entry, base)| {
        let load_at = position(before, add_at + 1, |i| writes(i, entry))?;
        let load = &before[load_at];
        let is_load = load.mnemonic() == Mnemonic::Movsxd
            && load.op1_kind() == OpKind::Memory
            && load.memory_base() == base
            && load.memory_index_scale() == 4;
        if !is_load {
            return None;
        }
        let lea_at = position(before, load_at + 1, |i| writes(i, base))?;
        let lea = &before[lea_at];
        if lea.mnemonic() != Mnemonic::Lea || !lea.is_ip_rel_memory_operand() {
            return None;
        }
        let bound = bound(&before[load_at + 1..], load.memory_index());
        read(image, lea.ip_rel_memory_address(), 4, bound, ranges)
    })
}

fn position(
    before: &[Instruction],
    from: usize,
    fits: impl Fn(&Instruction) -> bool,
) -> Option<usize> {
    before.iter().skip(from).position(fits).map(|at| at + from)
}

fn writes(instruction: &Instruction, register: Register) -> bool {
    instruction.op0_kind() == OpKind::Register
        && instruction.op0_register().full_register() == register.full_register()
        && !matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Push)
}

/// How many entries an index can choose, by the comparison or mask before; moves are followed.
fn bound(before: &[Instruction], index: Register) -> Option<u64> {
    let mut index = index.full_register();
    for instruction in before {
        let is_index = instruction.op0_kind() == OpKind::Register
            && instruction.op0_register().full_register() == index;
        let has_number = is_number(instruction.op1_kind());
        match instruction.mnemonic() {
            Mnemonic::Cmp if is_index && has_number => {
                return instruction.immediate(1).checked_add(1);
            }
            Mnemonic::And if is_index && has_number => {
                return instruction.immediate(1).checked_add(1);
            }
            Mnemonic::Mov | Mnemonic::Movzx if is_index => {
                if instruction.op1_kind() != OpKind::Register {
                    return None;
                }
                index = instruction.op1_register().full_register();
            }
            _ if writes(instruction, index) => return None,
            _ => {}
        }
    }
    None
}

pub(super) fn is_number(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Immediate8
            | OpKind::Immediate16
            | OpKind::Immediate32
            | OpKind::Immediate64
            | OpKind::Immediate8to16
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64
    )
}

fn read(
    image: &Image,
    table: u64,
    width: u64,
    bound: Option<u64>,
    ranges: &[Range<u64>],
) -> Option<JumpTable> {
    let mut targets: Vec<u64> = Vec::new();
    let count = bound.unwrap_or_else(|| image.extent(table) / width);
    for index in 0..count.min(MAX_ENTRIES) {
        let at = table + index * width;
        let target = entry(image, table, at, width);
        match target.filter(|target| ranges.iter().any(|range| range.contains(target))) {
            Some(target) => targets.push(target),
            // An entry of the known length leads out of the function: this is no table we know.
            None if bound.is_some() => return None,
            None => break,
        }
    }
    let is_whole = !targets.is_empty() && (targets.len() as u64) < MAX_ENTRIES;
    is_whole.then_some(JumpTable { address: table, targets })
}

fn entry(image: &Image, table: u64, at: u64, width: u64) -> Option<u64> {
    if width == 8 {
        return match image.word(at)? {
            crate::image::Word::Address(target) | crate::image::Word::Constant(target) => {
                Some(target)
            }
            crate::image::Word::Import(_) => None,
        };
    }
    let offset = i32::from_le_bytes(image.constant_bytes(at, 4)?.try_into().ok()?);
    Some(table.wrapping_add_signed(i64::from(offset)))
}
