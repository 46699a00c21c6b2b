//! What is known of registers and flags at a point of a function.

use iced_x86::{ConditionCode, Instruction, OpKind, Register};

use crate::image::{Image, Word};

/// What is known of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Value {
    /// Nothing.
    #[default]
    Unknown,
    /// It is this number.
    Constant(u64),
    /// Its low eight bits are this number: a `bool` that was set.
    Byte(u8),
    /// It is this address of the image, as linked: the loader may have moved it by whole pages.
    Address(u64),
    /// It is what the loader puts into the slot at this address: a symbol of another library.
    Import(u64),
}

impl Value {
    /// What is known where both ways meet.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Constant(number), Self::Byte(byte))
            | (Self::Byte(byte), Self::Constant(number))
                if number as u8 == byte =>
            {
                Self::Byte(byte)
            }
            _ => Self::Unknown,
        }
    }

    /// The number, if it is one.
    pub(super) fn number(self) -> Option<u64> {
        match self {
            Self::Constant(number) => Some(number),
            _ => None,
        }
    }
}

/// Flags, each as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags {
    pub(super) carry: Option<bool>,
    pub(super) zero: Option<bool>,
    pub(super) sign: Option<bool>,
    pub(super) overflow: Option<bool>,
    pub(super) parity: Option<bool>,
}

impl Flags {
    fn join(self, other: Self) -> Self {
        let same = |a: Option<bool>, b: Option<bool>| if a == b { a } else { None };
        Self {
            carry: same(self.carry, other.carry),
            zero: same(self.zero, other.zero),
            sign: same(self.sign, other.sign),
            overflow: same(self.overflow, other.overflow),
            parity: same(self.parity, other.parity),
        }
    }

    /// Whether a condition holds, if that is known.
    pub(super) fn test(self, condition: ConditionCode) -> Option<bool> {
        let either = |a: Option<bool>, b: Option<bool>| match (a, b) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        };
        let differ = |a: Option<bool>, b: Option<bool>| Some(a? != b?);
        let not = |a: Option<bool>| a.map(|a| !a);
        let less = differ(self.sign, self.overflow);
        match condition {
            ConditionCode::None => None,
            ConditionCode::o => self.overflow,
            ConditionCode::no => not(self.overflow),
            ConditionCode::b => self.carry,
            ConditionCode::ae => not(self.carry),
            ConditionCode::e => self.zero,
            ConditionCode::ne => not(self.zero),
            ConditionCode::be => either(self.carry, self.zero),
            ConditionCode::a => not(either(self.carry, self.zero)),
            ConditionCode::s => self.sign,
            ConditionCode::ns => not(self.sign),
            ConditionCode::p => self.parity,
            ConditionCode::np => not(self.parity),
            ConditionCode::l => less,
            ConditionCode::ge => not(less),
            ConditionCode::le => either(self.zero, less),
            ConditionCode::g => not(either(self.zero, less)),
        }
    }
}

/// Registers that carry arguments, in order.
pub(super) const ARGUMENTS: [Register; 6] =
    [Register::RDI, Register::RSI, Register::RDX, Register::RCX, Register::R8, Register::R9];
/// Registers that a callee may change.
const CLOBBERED: [Register; 9] = [
    Register::RAX,
    Register::RCX,
    Register::RDX,
    Register::RSI,
    Register::RDI,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
];

/// What is known of all general registers and flags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct State {
    registers: [Value; 16],
    pub(super) flags: Flags,
}

impl State {
    /// At a function's entry, its arguments known as far as given.
    pub(super) fn at_entry(arguments: &[Value; 6]) -> Self {
        let mut state = Self::default();
        for (register, value) in ARGUMENTS.into_iter().zip(arguments) {
            state.set(register, *value);
        }
        state
    }

    pub(super) fn arguments(&self) -> [Value; 6] {
        ARGUMENTS.map(|register| self.full(register))
    }

    /// What is known where both ways meet; and whether that is less than `self` knew.
    pub(super) fn join(&mut self, other: &Self) -> bool {
        let before = self.clone();
        for (value, other) in self.registers.iter_mut().zip(other.registers) {
            *value = value.join(other);
        }
        self.flags = self.flags.join(other.flags);
        *self != before
    }

    /// Behind a call: what the callee may change is unknown, but for what it returns.
    pub(super) fn after_call(&mut self, returned: [Value; 2]) {
        for register in CLOBBERED {
            self.set(register, Value::Unknown);
        }
        self.set(Register::RAX, returned[0]);
        self.set(Register::RDX, returned[1]);
        self.flags = Flags::default();
    }

    /// The whole of a general register.
    pub(super) fn full(&self, register: Register) -> Value {
        if register.full_register() == Register::RSP || !register.is_gpr() {
            return Value::Unknown;
        }
        self.registers[register.full_register().number()]
    }

    /// Writes a whole general register.
    pub(super) fn set(&mut self, register: Register, value: Value) {
        let full = register.full_register();
        if full.is_gpr64() {
            self.registers[full.number()] = value;
        }
    }

    /// What a register holds, in its own width.
    pub(super) fn register(&self, register: Register) -> Value {
        let value = self.full(register);
        if register.is_gpr64() {
            return value;
        }
        match value {
            Value::Constant(number) if is_high_byte(register) => {
                Value::Constant(number >> 8 & 0xff)
            }
            Value::Constant(number) => Value::Constant(number & mask(register.size())),
            Value::Byte(byte) if register.size() == 1 && !is_high_byte(register) => {
                Value::Constant(u64::from(byte))
            }
            _ => Value::Unknown,
        }
    }

    /// What the whole register holds once its part is written: half of one clears the rest, a smaller
    /// part keeps it.
    pub(super) fn merged(&self, register: Register, value: Value) -> Value {
        match (register.size(), value) {
            (8, value) => value,
            (4, Value::Constant(number)) => Value::Constant(number & mask(4)),
            (size @ (1 | 2), Value::Constant(number)) => match self.full(register) {
                Value::Constant(old) => {
                    let shift = if is_high_byte(register) { 8 } else { 0 };
                    let bits = mask(size) << shift;
                    Value::Constant(old & !bits | number << shift & bits)
                }
                _ if size == 1 && !is_high_byte(register) => Value::Byte(number as u8),
                _ => Value::Unknown,
            },
            _ => Value::Unknown,
        }
    }

    /// What an operand is, in its own width.
    pub(super) fn operand(&self, image: &Image, instruction: &Instruction, operand: u32) -> Value {
        match instruction.op_kind(operand) {
            OpKind::Register => self.register(instruction.op_register(operand)),
            OpKind::Memory => self.load(image, instruction),
            OpKind::Immediate8
            | OpKind::Immediate16
            | OpKind::Immediate32
            | OpKind::Immediate64
            | OpKind::Immediate8to16
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64 => Value::Constant(instruction.immediate(operand)),
            _ => Value::Unknown,
        }
    }

    /// The address that a memory operand means.
    pub(super) fn address(&self, instruction: &Instruction) -> Value {
        if matches!(instruction.segment_prefix(), Register::FS | Register::GS) {
            return Value::Unknown;
        }
        if instruction.is_ip_rel_memory_operand() {
            return Value::Address(instruction.ip_rel_memory_address());
        }
        let part = |register: Register| match register {
            Register::None => Value::Constant(0),
            register if register.is_gpr64() => self.full(register),
            _ => Value::Unknown,
        };
        let displacement = instruction.memory_displacement64();
        let index = part(instruction.memory_index());
        let Some(index) = index.number() else { return Value::Unknown };
        let index = index.wrapping_mul(u64::from(instruction.memory_index_scale()));
        let offset = index.wrapping_add(displacement);
        match part(instruction.memory_base()) {
            Value::Address(base) => Value::Address(base.wrapping_add(offset)),
            Value::Constant(base) => Value::Constant(base.wrapping_add(offset)),
            _ => Value::Unknown,
        }
    }

    /// What a memory operand holds, where it cannot change.
    pub(super) fn load(&self, image: &Image, instruction: &Instruction) -> Value {
        let address = match self.address(instruction) {
            Value::Address(address) => address,
            Value::Constant(address) if image.is_fixed() => address,
            _ => return Value::Unknown,
        };
        let size = instruction.memory_size().size();
        if size == 8 {
            return match image.word(address) {
                Some(Word::Address(target)) => Value::Address(target),
                Some(Word::Constant(number)) => Value::Constant(number),
                Some(Word::Import(_)) => Value::Import(address),
                None => Value::Unknown,
            };
        }
        let bytes = image.constant_bytes(address, size as u64).filter(|bytes| bytes.len() < 8);
        bytes.map_or(Value::Unknown, |bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            Value::Constant(u64::from_le_bytes(word))
        })
    }
}

/// All bits of a number of so many bytes.
pub(super) fn mask(bytes: usize) -> u64 {
    if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 }
}

fn is_high_byte(register: Register) -> bool {
    matches!(register, Register::AH | Register::BH | Register::CH | Register::DH)
}
