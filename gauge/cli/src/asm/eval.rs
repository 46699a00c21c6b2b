//! What an instruction makes of what is known of registers and flags.
//!
//! The usual integer instructions are computed where their operands are known. Of every other one
//! only what it may write is asked, and all of that is unknown behind it.

use iced_x86::{
    ConditionCode, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind,
    RflagsBits,
};

use super::value::{Flags, State, Value, mask};
use crate::image::Image;

/// Executes an instruction that is neither a call nor a jump.
pub(super) fn step(
    image: &Image,
    factory: &mut InstructionInfoFactory,
    instruction: &Instruction,
    state: &mut State,
) {
    let flow = instruction.flow_control();
    if matches!(flow, FlowControl::Call | FlowControl::IndirectCall | FlowControl::Interrupt) {
        // The system may change what a callee may, too.
        state.after_call([Value::Unknown; 2]);
    }
    let known = outcome(image, instruction, state);
    let old_flags = state.flags;
    let register = instruction.op0_register();
    let written = known.as_ref().and_then(|known| known.value);
    let written = written.map(|value| state.merged(register, value));
    forget(factory, instruction, state);
    let Some(known) = known else { return };
    if let Some(value) = written {
        state.set(register, value);
    }
    match known.flags {
        Change::Kept => state.flags = old_flags,
        Change::To(flags) => state.flags = flags,
        Change::Forgotten => {}
    }
}

/// What an instruction computes: the value of its first operand, and flags.
struct Outcome {
    value: Option<Value>,
    flags: Change,
}

enum Change {
    /// They are not written.
    Kept,
    To(Flags),
    /// Those that are written are unknown.
    Forgotten,
}

/// Everything that an instruction may write becomes unknown.
fn forget(factory: &mut InstructionInfoFactory, instruction: &Instruction, state: &mut State) {
    for used in factory.info(instruction).used_registers() {
        if !matches!(used.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::None) {
            state.set(used.register(), Value::Unknown);
        }
    }
    let written = instruction.rflags_modified();
    for (bit, flag) in [
        (RflagsBits::CF, &mut state.flags.carry),
        (RflagsBits::ZF, &mut state.flags.zero),
        (RflagsBits::SF, &mut state.flags.sign),
        (RflagsBits::OF, &mut state.flags.overflow),
        (RflagsBits::PF, &mut state.flags.parity),
    ] {
        if written & bit != 0 {
            *flag = None;
        }
    }
}

fn outcome(image: &Image, instruction: &Instruction, state: &State) -> Option<Outcome> {
    let operand = |index: u32| state.operand(image, instruction, index);
    let is_register = instruction.op0_kind() == OpKind::Register;
    let kept = |value: Value| Some(Outcome { value: Some(value), flags: Change::Kept });
    match instruction.mnemonic() {
        Mnemonic::Cmp => compare(instruction, operand(0), operand(1)),
        Mnemonic::Test => {
            let bytes = operand_bytes(instruction);
            let flags = match (operand(0), operand(1)) {
                (Value::Constant(a), Value::Constant(b)) => logic_flags(a & b, bytes),
                // An address is not null, and its upper half is the system's.
                (Value::Address(a), Value::Address(b)) if a == b => Flags {
                    carry: Some(false),
                    zero: Some(false),
                    sign: Some(false),
                    overflow: Some(false),
                    parity: None,
                },
                _ => return None,
            };
            Some(Outcome { value: None, flags: Change::To(flags) })
        }
        _ if !is_register || !instruction.op0_register().is_gpr() => None,
        Mnemonic::Mov => kept(operand(1)),
        Mnemonic::Lea => {
            let address = state.address(instruction);
            kept(if instruction.op0_register().is_gpr64() || address.number().is_some() {
                address
            } else {
                Value::Unknown
            })
        }
        Mnemonic::Movzx => kept(operand(1)),
        Mnemonic::Movsx | Mnemonic::Movsxd => {
            let number = operand(1).number()?;
            kept(Value::Constant(sign_extend(number, source_bytes(instruction))))
        }
        mnemonic @ (Mnemonic::Add
        | Mnemonic::Sub
        | Mnemonic::And
        | Mnemonic::Or
        | Mnemonic::Xor
        | Mnemonic::Adc
        | Mnemonic::Sbb) => binary(instruction, mnemonic, operand(0), operand(1), state.flags),
        Mnemonic::Inc | Mnemonic::Dec => {
            let (a, bytes) = (operand(0).number()?, operand_bytes(instruction));
            let is_inc = instruction.mnemonic() == Mnemonic::Inc;
            let (value, flags) = if is_inc { add(a, 1, bytes) } else { subtract(a, 1, bytes) };
            let flags = Flags { carry: state.flags.carry, ..flags };
            Some(Outcome { value: Some(Value::Constant(value)), flags: Change::To(flags) })
        }
        Mnemonic::Neg => {
            let (value, flags) = subtract(0, operand(0).number()?, operand_bytes(instruction));
            Some(Outcome { value: Some(Value::Constant(value)), flags: Change::To(flags) })
        }
        Mnemonic::Not => kept(Value::Constant(!operand(0).number()?)),
        Mnemonic::Shl | Mnemonic::Shr | Mnemonic::Sar => {
            shift(instruction, operand(0).number()?, operand(1).number()?)
        }
        Mnemonic::Imul => {
            let (a, b) = if instruction.op_count() == 3 { (1, 2) } else { (0, 1) };
            if instruction.op_count() < 2 {
                return None;
            }
            let product = operand(a).number()?.wrapping_mul(operand(b).number()?);
            Some(Outcome { value: Some(Value::Constant(product)), flags: Change::Forgotten })
        }
        _ if is_conditional(instruction, "Set") => {
            let is_true = state.flags.test(instruction.condition_code())?;
            kept(Value::Constant(u64::from(is_true)))
        }
        _ if is_conditional(instruction, "Cmov") => {
            match state.flags.test(instruction.condition_code()) {
                Some(true) => kept(operand(1)),
                // The upper half is cleared even if nothing is moved.
                Some(false) => kept(operand(0)),
                None if operand(0) == operand(1) => kept(operand(0)),
                None => None,
            }
        }
        _ => None,
    }
}

fn is_conditional(instruction: &Instruction, stem: &str) -> bool {
    instruction.condition_code() != ConditionCode::None
        && format!("{:?}", instruction.mnemonic()).starts_with(stem)
}

fn operand_bytes(instruction: &Instruction) -> usize {
    match instruction.op0_kind() {
        OpKind::Register => instruction.op0_register().size(),
        _ => instruction.memory_size().size(),
    }
}

fn source_bytes(instruction: &Instruction) -> usize {
    match instruction.op1_kind() {
        OpKind::Register => instruction.op1_register().size(),
        _ => instruction.memory_size().size(),
    }
}

fn sign_extend(number: u64, bytes: usize) -> u64 {
    let shift = 64 - 8 * bytes.clamp(1, 8) as u32;
    ((number << shift) as i64 >> shift) as u64
}

fn compare(instruction: &Instruction, a: Value, b: Value) -> Option<Outcome> {
    let flags = match (a, b) {
        (Value::Constant(a), Value::Constant(b)) => subtract(a, b, operand_bytes(instruction)).1,
        // Both are moved by the same distance.
        (Value::Address(a), Value::Address(b)) => subtract(a, b, 8).1,
        (Value::Address(_), Value::Constant(0)) => {
            Flags { carry: Some(false), zero: Some(false), ..Flags::default() }
        }
        _ => return None,
    };
    Some(Outcome { value: None, flags: Change::To(flags) })
}

fn binary(
    instruction: &Instruction,
    mnemonic: Mnemonic,
    a: Value,
    b: Value,
    flags: Flags,
) -> Option<Outcome> {
    let bytes = operand_bytes(instruction);
    let is_same = instruction.op1_kind() == OpKind::Register
        && instruction.op0_register() == instruction.op1_register();
    let computed = |(value, flags): (u64, Flags)| {
        Some(Outcome { value: Some(Value::Constant(value)), flags: Change::To(flags) })
    };
    let address = |address: u64| {
        Some(Outcome { value: Some(Value::Address(address)), flags: Change::Forgotten })
    };
    match (mnemonic, a, b) {
        (Mnemonic::Xor, _, _) if is_same => computed((0, logic_flags(0, bytes))),
        (Mnemonic::Sub, _, _) if is_same => computed(subtract(0, 0, bytes)),
        (Mnemonic::Sbb, _, _) if is_same => {
            let value = if flags.carry? { mask(bytes) } else { 0 };
            Some(Outcome { value: Some(Value::Constant(value)), flags: Change::Forgotten })
        }
        (Mnemonic::And, _, Value::Constant(0)) => computed((0, logic_flags(0, bytes))),
        (Mnemonic::Or, _, Value::Constant(ones)) if ones & mask(bytes) == mask(bytes) => {
            computed((mask(bytes), logic_flags(mask(bytes), bytes)))
        }
        (Mnemonic::Add, Value::Address(a), Value::Constant(b))
        | (Mnemonic::Add, Value::Constant(b), Value::Address(a)) => address(a.wrapping_add(b)),
        (Mnemonic::Sub, Value::Address(a), Value::Constant(b)) => address(a.wrapping_sub(b)),
        (Mnemonic::Sub, Value::Address(a), Value::Address(b)) => computed(subtract(a, b, 8)),
        (_, Value::Constant(a), Value::Constant(b)) => match mnemonic {
            Mnemonic::Add => computed(add(a, b, bytes)),
            Mnemonic::Sub => computed(subtract(a, b, bytes)),
            Mnemonic::And => computed((a & b, logic_flags(a & b, bytes))),
            Mnemonic::Or => computed((a | b, logic_flags(a | b, bytes))),
            Mnemonic::Xor => computed((a ^ b, logic_flags(a ^ b, bytes))),
            _ => None,
        },
        _ => None,
    }
}

fn shift(instruction: &Instruction, number: u64, count: u64) -> Option<Outcome> {
    let bytes = operand_bytes(instruction);
    let count = (count & if bytes == 8 { 63 } else { 31 }) as u32;
    let number = number & mask(bytes);
    let value = match instruction.mnemonic() {
        Mnemonic::Shl => number << count,
        Mnemonic::Shr => number >> count,
        _ => ((sign_extend(number, bytes) as i64) >> count) as u64,
    } & mask(bytes);
    let flags = if count == 0 {
        Change::Kept
    } else {
        let flags = logic_flags(value, bytes);
        Change::To(Flags { carry: None, overflow: None, ..flags })
    };
    Some(Outcome { value: Some(Value::Constant(value)), flags })
}

fn add(a: u64, b: u64, bytes: usize) -> (u64, Flags) {
    let (a, b) = (a & mask(bytes), b & mask(bytes));
    let sum = a.wrapping_add(b) & mask(bytes);
    let flags = Flags {
        carry: Some(u128::from(a) + u128::from(b) > u128::from(mask(bytes))),
        overflow: Some(top(!(a ^ b) & (a ^ sum), bytes)),
        ..logic_flags(sum, bytes)
    };
    (sum, flags)
}

fn subtract(a: u64, b: u64, bytes: usize) -> (u64, Flags) {
    let (a, b) = (a & mask(bytes), b & mask(bytes));
    let difference = a.wrapping_sub(b) & mask(bytes);
    let flags = Flags {
        carry: Some(a < b),
        overflow: Some(top((a ^ b) & (a ^ difference), bytes)),
        ..logic_flags(difference, bytes)
    };
    (difference, flags)
}

/// The flags behind a logical operation with that result.
fn logic_flags(result: u64, bytes: usize) -> Flags {
    let result = result & mask(bytes);
    Flags {
        carry: Some(false),
        zero: Some(result == 0),
        sign: Some(top(result, bytes)),
        overflow: Some(false),
        parity: Some((result as u8).count_ones().is_multiple_of(2)),
    }
}

/// The highest bit of a number of so many bytes.
fn top(number: u64, bytes: usize) -> bool {
    number >> (8 * bytes.clamp(1, 8) - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_of_the_processor() {
        let check = |a: u64, b: u64, bytes: usize, condition: ConditionCode, expected: bool| {
            let found = subtract(a, b, bytes).1.test(condition);
            assert_eq!(found, Some(expected), "{a:#x} against {b:#x}: {condition:?}");
        };
        check(1, 2, 8, ConditionCode::b, true);
        check(2, 1, 8, ConditionCode::a, true);
        check(u64::MAX, 1, 8, ConditionCode::l, true);
        check(u64::MAX, 1, 8, ConditionCode::b, false);
        check(0x80, 1, 1, ConditionCode::o, true);
        check(0x1_0000_0001, 1, 4, ConditionCode::e, true);
        check(i64::MIN as u64, 1, 8, ConditionCode::l, true);
        assert_eq!(add(u64::MAX, 1, 8).1.carry, Some(true));
        assert_eq!(add(0x7f, 1, 1).1.overflow, Some(true));
        assert_eq!(logic_flags(3, 4).parity, Some(true));
    }

    #[test]
    fn half_known_flags_decide_what_they_can() {
        let flags = Flags { carry: Some(true), ..Flags::default() };
        assert_eq!(flags.test(ConditionCode::be), Some(true));
        assert_eq!(flags.test(ConditionCode::e), None);
        let flags = Flags { zero: Some(false), carry: Some(false), ..Flags::default() };
        assert_eq!(flags.test(ConditionCode::a), Some(true));
    }
}
