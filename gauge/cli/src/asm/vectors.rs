//! Whether what a packed operation computes in a loop is used as a vector.
//!
//! Scalar code has packed instructions too: a `u64` becomes an `f64` by `subpd`, the sign of one is cleared by
//! `andpd`. What tells work on vectors is where it comes from and goes to: it is stored whole, lives on in the
//! next round, says a bit for each element; or at least it comes from memory whole.

use std::collections::HashSet;

use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};

use super::graph::Loop;
use super::reach::Analysis;
use super::simd::{is_scalar, packed};

/// Bytes of the smallest vector.
const VECTOR_BYTES: usize = 16;

/// Where a value is looked for next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    block: usize,
    position: usize,
    /// The register that holds it, by its number.
    register: usize,
    /// Whether the loop went round since.
    is_next_round: bool,
}

/// What becomes of a value.
#[derive(Debug, Default)]
struct Uses {
    /// It is stored whole, or every element gives a bit, or the next round computes with it.
    is_vector: bool,
    /// Addresses of the instructions that read it, or what was made of it.
    readers: HashSet<u64>,
}

/// Whether the packed operation at a position of a block works on vectors, in that loop.
pub(super) fn is_vector_work(
    analysis: &Analysis,
    around: &Loop,
    block: usize,
    position: usize,
) -> bool {
    let mut factory = InstructionInfoFactory::new();
    let operation = &analysis.reached(block)[position];
    // A store is a read of the operation's own: of those there is none; masks and flags are bits of each.
    let written = vectors(&mut factory, operation, is_write);
    if written.is_empty() || loads_vector(operation) {
        return true;
    }
    if uses(analysis, around, block, position, &mut factory).is_vector {
        return true;
    }
    around.blocks.iter().any(|from| {
        let loads = analysis.reached(*from).iter().enumerate();
        loads.filter(|(_, load)| loads_vector(load)).any(|(at, _)| {
            uses(analysis, around, *from, at, &mut factory).readers.contains(&operation.ip())
        })
    })
}

/// Whether it reads a whole vector from memory that is no constant.
fn loads_vector(instruction: &Instruction) -> bool {
    let has_memory = (1..instruction.op_count()).any(|i| instruction.op_kind(i) == OpKind::Memory);
    has_memory
        && !instruction.is_ip_rel_memory_operand()
        && (instruction.memory_base() != Register::None
            || instruction.memory_index() != Register::None)
        && instruction.memory_size().size() >= VECTOR_BYTES
}

fn uses(
    analysis: &Analysis,
    around: &Loop,
    block: usize,
    position: usize,
    factory: &mut InstructionInfoFactory,
) -> Uses {
    let mut found = Uses::default();
    let mut seen = HashSet::new();
    let mut waiting: Vec<Place> = vectors(factory, &analysis.reached(block)[position], is_write)
        .into_iter()
        .map(|register| Place { block, position: position + 1, register, is_next_round: false })
        .collect();
    while let Some(place) = waiting.pop() {
        if !seen.insert(place) {
            continue;
        }
        let Some(instruction) = analysis.reached(place.block).get(place.position) else {
            let successors = &analysis.body.blocks[place.block].successors;
            waiting.extend(successors.iter().filter(|to| around.blocks.contains(&to.block)).map(
                |to| Place {
                    block: to.block,
                    position: 0,
                    is_next_round: place.is_next_round || to.block == around.header,
                    ..place
                },
            ));
            continue;
        };
        let next = Place { position: place.position + 1, ..place };
        if vectors(factory, instruction, is_read).contains(&place.register) {
            found.readers.insert(instruction.ip());
            found.is_vector |= keeps_elements(factory, instruction)
                || (place.is_next_round && packed(instruction).is_some());
            if !is_scalar(instruction) {
                let made = vectors(factory, instruction, is_write).into_iter();
                waiting.extend(made.map(|register| Place { register, ..next }));
            }
        }
        let is_lost = instruction.mnemonic() == Mnemonic::Call
            || vectors(factory, instruction, is_write).contains(&place.register);
        if !is_lost {
            waiting.push(next);
        }
    }
    found
}

/// Whether it stores a whole vector, or makes a bit of each element.
fn keeps_elements(factory: &mut InstructionInfoFactory, instruction: &Instruction) -> bool {
    if instruction.op0_kind() == OpKind::Memory {
        return instruction.memory_size().size() >= VECTOR_BYTES;
    }
    let name = format!("{:?}", instruction.mnemonic()).to_lowercase();
    let writes_mask = factory
        .info(instruction)
        .used_registers()
        .iter()
        .any(|used| is_write(used.access()) && used.register().is_k());
    writes_mask || name.contains("movmsk") || name.contains("ptest") || name.starts_with("vtest")
}

/// Numbers of the vector registers that it uses so.
fn vectors(
    factory: &mut InstructionInfoFactory,
    instruction: &Instruction,
    fits: fn(OpAccess) -> bool,
) -> Vec<usize> {
    let used = factory.info(instruction).used_registers().iter();
    let used = used.filter(|used| used.register().is_vector_register() && fits(used.access()));
    used.map(|used| used.register().number()).collect()
}

fn is_read(access: OpAccess) -> bool {
    matches!(
        access,
        OpAccess::Read | OpAccess::CondRead | OpAccess::ReadWrite | OpAccess::ReadCondWrite
    )
}

fn is_write(access: OpAccess) -> bool {
    matches!(
        access,
        OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
    )
}
