//! Where control goes: what a call reaches, how a block is left, by what is known at that point.

use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind};

use super::body::{Body, Edge, fixed_callee, is_padding};
use super::known::{kind_of, kind_of_function};
use super::reach::{Call, Target};
use super::value::{State, Value};
use crate::image::{Callee, Function, Image, Word};

/// A way out of a block.
#[derive(Debug)]
pub(super) enum Exit {
    /// To another block of the function.
    Block(usize),
    /// Back to the caller.
    Return,
    /// To another function for good, by that jump.
    Leave(Instruction),
    /// The process ends there.
    Stop(u64, String),
    /// Nobody knows.
    Unknown(u64, String),
}

/// A call, and the function it reaches if that is in the image.
pub(super) struct Resolved<'a> {
    pub(super) call: Call,
    pub(super) function: Option<&'a Function>,
}

pub(super) fn is_call(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Call
}

/// The ways out of a block, with what is known behind its last instruction.
pub(super) fn exits(body: &Body, block: usize, last: &Instruction, state: &State) -> Vec<Exit> {
    let successors = &body.blocks[block].successors;
    let along = |edge: Edge| successors.iter().find(|s| s.edge == edge).map(|s| s.block);
    let falls_out = || Exit::Unknown(last.ip(), "the end of the function".to_owned());
    let next = || along(Edge::Next).map_or_else(falls_out, Exit::Block);
    let taken = || match along(Edge::Taken) {
        Some(block) => Exit::Block(block),
        None => Exit::Leave(*last),
    };
    match last.flow_control() {
        FlowControl::ConditionalBranch => {
            // `loop` and `jrcxz` ask a register as well.
            let is_plain = last.is_jcc_short_or_near();
            match state.flags.test(last.condition_code()).filter(|_| is_plain) {
                Some(true) => vec![taken()],
                Some(false) => vec![next()],
                None => vec![next(), taken()],
            }
        }
        FlowControl::UnconditionalBranch => vec![taken()],
        FlowControl::IndirectBranch if body.blocks[block].is_open => vec![Exit::Leave(*last)],
        FlowControl::IndirectBranch => successors.iter().map(|s| Exit::Block(s.block)).collect(),
        FlowControl::Return => vec![Exit::Return],
        FlowControl::Exception => {
            let name = format!("{:?}", last.mnemonic()).to_lowercase();
            vec![Exit::Stop(last.ip(), format!("{name}, which ends the process,"))]
        }
        FlowControl::Interrupt if is_padding(last) => {
            vec![Exit::Stop(last.ip(), "int3, which ends the process,".to_owned())]
        }
        FlowControl::Interrupt if along(Edge::Next).is_none() => {
            vec![Exit::Stop(last.ip(), "an interrupt".to_owned())]
        }
        _ => vec![next()],
    }
}

/// What a call or a jump out of the function reaches, if that is known.
pub(super) fn callee<'a>(
    image: &'a Image,
    instruction: &Instruction,
    state: &State,
) -> Option<Callee<'a>> {
    if let Some(callee) = fixed_callee(image, instruction) {
        return Some(callee);
    }
    let value = match instruction.op0_kind() {
        OpKind::Register => state.register(instruction.op0_register()),
        OpKind::Memory => state.load(image, instruction),
        _ => return None,
    };
    match value {
        Value::Address(address) => image.callee(address),
        Value::Constant(address) if image.is_fixed() => image.callee(address),
        Value::Import(slot) => match image.word(slot)? {
            Word::Import(name) => Some(Callee::Import(name)),
            _ => None,
        },
        _ => None,
    }
}

/// A call or a jump out of the function, with what it reaches.
pub(super) fn resolve<'a>(
    image: &'a Image,
    instruction: &Instruction,
    state: &State,
    is_tail: bool,
) -> Resolved<'a> {
    let (target, kind, function) = match callee(image, instruction, state) {
        Some(Callee::Function(function)) => {
            let kind = kind_of_function(function);
            let target =
                Target::Function { address: function.address, name: function.name().to_owned() };
            (target, kind, Some(function))
        }
        Some(Callee::Import(name)) if !name.is_empty() => {
            let kind = kind_of(&name);
            (Target::Import(name), kind, None)
        }
        Some(Callee::Import(_)) => {
            (Target::Unknown("what is chosen when the program starts".to_owned()), None, None)
        }
        None => {
            let why = match instruction.op0_kind() {
                OpKind::NearBranch64 => {
                    format!("{:#x}, where no function begins", instruction.near_branch_target())
                }
                OpKind::Register => {
                    format!("what {:?} holds", instruction.op0_register()).to_lowercase()
                }
                _ => "what a pointer in memory holds".to_owned(),
            };
            (Target::Unknown(why), None, None)
        }
    };
    let call = Call { address: instruction.ip(), target, kind, is_tail, location: None };
    Resolved { call, function }
}
