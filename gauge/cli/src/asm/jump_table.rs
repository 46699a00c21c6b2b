//! Jump tables, by the forms that LLVM gives them.

use std::ops::Range;

use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind, Register, RflagsBits};

use crate::image::Image;

/// Entries of a table that are read; what a longer one leads to is unknown.
const MAX_ENTRIES: u64 = 1 << 16;

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
/// and `jmp [i*8+T]`. Entries count up to the next thing that anything refers to, as long as they lead into
/// the function; and at least as many as the check of the index before the jump lets through.
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

/// How many entries an index can choose, by the mask or the check before; moves are followed.
///
/// A comparison is a check only if it decides a jump away (`cmp i, n; ja`) that stands before what goes
/// on here: others, such as that of `flag = i == 2`, say nothing.
fn bound(before: &[Instruction], index: Register) -> Option<u64> {
    let mut index = index.full_register();
    for (at, instruction) in before.iter().enumerate() {
        // What stands before a jump for good does not lead here.
        let leads_on = !matches!(
            instruction.flow_control(),
            FlowControl::UnconditionalBranch | FlowControl::IndirectBranch | FlowControl::Return
        );
        if !leads_on {
            return None;
        }
        let is_index = instruction.op0_kind() == OpKind::Register
            && instruction.op0_register().full_register() == index;
        let has_number = is_number(instruction.op1_kind());
        match instruction.mnemonic() {
            Mnemonic::Cmp if is_index && has_number => {
                if let Some(most) = checked(&before[..at], instruction.immediate(1)) {
                    return Some(most);
                }
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

/// How many values of what was compared with `limit` reach the jump; `behind` is what stands between,
/// the last one first.
fn checked(behind: &[Instruction], limit: u64) -> Option<u64> {
    let decides = behind.iter().rev().find(|i| {
        i.flow_control() == FlowControl::ConditionalBranch
            || i.rflags_modified() & (RflagsBits::CF | RflagsBits::ZF) != 0
    })?;
    match decides.mnemonic() {
        Mnemonic::Ja => limit.checked_add(1),
        Mnemonic::Jae => Some(limit),
        _ => None,
    }
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
    let least = bound.unwrap_or(1);
    let count = (image.extent(table) / width).max(least);
    for index in 0..count.min(MAX_ENTRIES) {
        let target = entry(image, table, table + index * width, width);
        match target.filter(|target| ranges.iter().any(|range| range.contains(target))) {
            Some(target) => targets.push(target),
            None => break,
        }
    }
    // Where an entry that can be chosen leads out of the function, this is no table we know.
    let found = targets.len() as u64;
    (found >= least && found < MAX_ENTRIES).then_some(JumpTable { address: table, targets })
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
