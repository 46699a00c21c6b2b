//! Whether two functions are the same but for the registers that they use.
//!
//! Both are followed in step. At each point it is known which register of the one holds what which of
//! the other holds: a one-to-one relation. At the entry each argument is in its own register; a write
//! relates the two registers it writes and ends what they were related to before; a read must be of
//! related registers. Where an instruction or the calling convention names a register, it must be
//! the same one in both. Where two ways meet, only what holds on both counts.

use iced_x86::{
    FlowControl, Instruction, InstructionInfoFactory, OpAccess, OpKind, Register, UsedRegister,
};

use super::Things;
use super::normal::{Line, Normal, Part, has_same_form};
use crate::asm::flow::is_call;

/// General registers, vector registers, masks.
const REGISTERS: usize = 16 + 32 + 8;

/// General registers that a callee leaves as they were: rbx, rsp, rbp, r12 to r15.
const KEPT: [usize; 7] = [3, 4, 5, 12, 13, 14, 15];

/// What a register of the one function is to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twin {
    /// Nothing was written to it yet: whatever it holds, a correct function does not use it.
    Fresh,
    /// It holds what that register holds, in so many low bits.
    Is(usize, u32),
    /// It holds something that the other does not have in one known place.
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Relation {
    to: [Twin; REGISTERS],
    /// Which registers of the other were written.
    from: [Twin; REGISTERS],
}

/// Where each register stands in a [`Relation`]; none for those that are never renamed.
fn place(register: Register) -> Option<usize> {
    let full = register.full_register();
    if full.is_gpr64() {
        return Some(full.number());
    }
    if full.is_vector_register() {
        return Some(16 + full.number());
    }
    full.is_k().then(|| 48 + full.number())
}

impl Relation {
    fn at_entry() -> Self {
        let mut relation = Self { to: [Twin::Fresh; REGISTERS], from: [Twin::Fresh; REGISTERS] };
        let arguments = crate::asm::value::ARGUMENTS.map(|register| register.number());
        for register in arguments.into_iter().chain([4]).chain(16..24) {
            relation.bind(register, register, 512);
        }
        relation
    }

    /// From here on `a` holds what `b` holds.
    fn bind(&mut self, a: usize, b: usize, bits: u32) {
        self.drop_left(a);
        self.drop_right(b);
        self.to[a] = Twin::Is(b, bits);
        self.from[b] = Twin::Is(a, bits);
    }

    fn drop_left(&mut self, a: usize) {
        if let Twin::Is(old, _) = self.to[a] {
            self.from[old] = Twin::Lost;
        }
        self.to[a] = Twin::Lost;
    }

    fn drop_right(&mut self, b: usize) {
        if let Twin::Is(old, _) = self.from[b] {
            self.to[old] = Twin::Lost;
        }
        self.from[b] = Twin::Lost;
    }

    /// Whether `a` holds what `b` holds, in as many bits as are read. What both hold from before
    /// the entry, and is no argument, is nobody's: it is related by being used alike.
    fn reads(&mut self, a: usize, b: usize, bits: u32) -> bool {
        match (self.to[a], self.from[b]) {
            (Twin::Is(to, known), Twin::Is(from, _)) => to == b && from == a && bits <= known,
            // What the caller keeps in there is something, too: only saving it may take another one.
            (Twin::Fresh, Twin::Fresh) if a != b && (KEPT.contains(&a) || KEPT.contains(&b)) => {
                false
            }
            (Twin::Fresh, Twin::Fresh) => {
                self.bind(a, b, 512);
                true
            }
            _ => false,
        }
    }

    /// Whether a callee gets the same: which registers carry its arguments is not known, so all must hold
    /// the same, unless neither function wrote them.
    fn passes_same(&self) -> bool {
        let arguments = crate::asm::value::ARGUMENTS.map(|register| register.number());
        arguments.into_iter().chain(16..24).all(|register| match self.to[register] {
            Twin::Is(to, _) => to == register,
            Twin::Fresh => self.from[register] == Twin::Fresh,
            Twin::Lost => false,
        })
    }

    /// Behind a call what it may change holds nothing but what it returns.
    fn after_call(&mut self) -> bool {
        let changed = (0..REGISTERS).filter(|register| !KEPT.contains(register));
        for register in changed.clone() {
            self.drop_left(register);
            self.drop_right(register);
        }
        for register in changed {
            self.to[register] = Twin::Fresh;
            self.from[register] = Twin::Fresh;
        }
        for register in [0, 2, 16, 17] {
            self.bind(register, register, 512);
        }
        true
    }

    /// Each register holds what the same one of the other does.
    fn identity() -> Self {
        let mut relation = Self { to: [Twin::Fresh; REGISTERS], from: [Twin::Fresh; REGISTERS] };
        (0..REGISTERS).for_each(|register| relation.bind(register, register, 512));
        relation
    }

    /// What both ways have in common; whether that is less than was known.
    fn meet(&mut self, other: &Self) -> bool {
        let before = self.clone();
        for register in 0..REGISTERS {
            if self.to[register] != other.to[register] {
                self.to[register] = match (self.to[register], other.to[register]) {
                    (Twin::Is(a, m), Twin::Is(b, n)) if a == b => Twin::Is(a, m.min(n)),
                    _ => Twin::Lost,
                };
            }
            if self.from[register] != other.from[register] {
                self.from[register] = match (self.from[register], other.from[register]) {
                    (Twin::Is(a, m), Twin::Is(b, n)) if a == b => Twin::Is(a, m.min(n)),
                    _ => Twin::Lost,
                };
            }
        }
        *self != before
    }
}

/// Whether the functions are the same up to renaming of registers.
pub(super) fn is_same(x: &Normal, y: &Normal, things: &mut Things<'_>) -> bool {
    if !x.has_same_shape(y) || x.parts.is_empty() {
        return false;
    }
    let are_alike = x
        .parts
        .iter()
        .zip(&y.parts)
        .all(|(a, b)| a.lines.iter().zip(&b.lines).all(|(p, q)| is_alike(p, q, things)));
    if !are_alike {
        return false;
    }
    let mut walk = Walk { factory: InstructionInfoFactory::new() };
    let mut entries: Vec<Option<Relation>> = vec![None; x.parts.len()];
    entries[0] = Some(Relation::at_entry());
    let mut waiting = vec![0];
    // A landing pad is entered by the unwinder, with registers as they were at any call before: it must
    // use the same ones.
    for (part, entry) in entries.iter_mut().enumerate().skip(1) {
        let is_entered = x.parts.iter().any(|from| from.next.contains(&part));
        if !is_entered {
            *entry = Some(Relation::identity());
            waiting.push(part);
        }
    }
    while let Some(part) = waiting.pop() {
        let Some(mut relation) = entries[part].clone() else { continue };
        let lines = x.parts[part].lines.iter().zip(&y.parts[part].lines);
        for (a, b) in lines {
            let leaves = leaves(&x.parts[part], a);
            if (leaves && !relation.passes_same())
                || !walk.step(&mut relation, &a.instruction, &b.instruction)
            {
                return false;
            }
        }
        for next in &x.parts[part].next {
            let is_new = match &mut entries[*next] {
                Some(known) => known.meet(&relation),
                none => {
                    *none = Some(relation.clone());
                    true
                }
            };
            if is_new && !waiting.contains(next) {
                waiting.push(*next);
            }
        }
    }
    true
}

/// Whether two instructions are the same but for registers that may be renamed.
fn is_alike(a: &Line, b: &Line, things: &mut Things<'_>) -> bool {
    let is_kind = |p: Register, q: Register| kind_of(p) == kind_of(q);
    has_same_form(&a.instruction, &b.instruction, is_kind) && a.refers_to_same(b, things)
}

/// A register that stands for all that it may be renamed to: of the same kind and width.
fn kind_of(register: Register) -> Register {
    match register {
        r if is_high(r) || r == Register::RSP => register,
        r if r.is_gpr64() => Register::RAX,
        r if r.is_gpr32() => Register::EAX,
        r if r.is_gpr16() => Register::AX,
        r if r.is_gpr8() => Register::AL,
        r if r.is_xmm() => Register::XMM0,
        r if r.is_ymm() => Register::YMM0,
        r if r.is_zmm() => Register::ZMM0,
        // Without a mask is something else than with any.
        r if r.is_k() && r != Register::K0 => Register::K1,
        other => other,
    }
}

/// Whether control leaves the function by that line: jumps inside are edges, and no lines.
fn leaves(part: &Part, line: &Line) -> bool {
    match line.instruction.flow_control() {
        FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => true,
        FlowControl::IndirectBranch => part.next.is_empty(),
        _ => false,
    }
}

struct Walk {
    factory: InstructionInfoFactory,
}

impl Walk {
    /// Whether an instruction of each does the same, by what the registers hold; and what they hold then.
    fn step(&mut self, relation: &mut Relation, a: &Instruction, b: &Instruction) -> bool {
        let (x, y) = (self.uses(a), self.uses(b));
        if x.len() != y.len() {
            return false;
        }
        // Explicit operands stand in the same order in both; what is implied is the same register.
        let pairs: Vec<(Use, Use)> = x.into_iter().zip(y).collect();
        for (p, q) in &pairs {
            if p.read_bits != q.read_bits || p.written_bits != q.written_bits {
                return false;
            }
            if p.is_fixed && p.register != q.register {
                return false;
            }
            if p.read_bits > 0 && !may_read(relation, a, p, q) {
                return false;
            }
        }
        if is_call(a) {
            return relation.passes_same() && relation.after_call();
        }
        if a.mnemonic() == iced_x86::Mnemonic::Ret {
            return returns_same(relation);
        }
        for (p, q) in pairs.iter().filter(|(p, _)| p.written_bits > 0) {
            // Half a register clears the rest, a smaller part keeps it.
            let bits = if p.written_bits < 32 { p.written_bits } else { 512 };
            let is_known = matches!(relation.to[p.register], Twin::Is(to, known)
                if to == q.register && known >= bits);
            if !is_known {
                relation.bind(p.register, q.register, bits);
            }
        }
        true
    }

    fn uses(&mut self, instruction: &Instruction) -> Vec<Use> {
        let info = self.factory.info(instruction);
        let used: Vec<UsedRegister> = info.used_registers().to_vec();
        let explicit = explicit_registers(instruction);
        let mut uses: Vec<Use> = Vec::new();
        // Explicit operands first, in their order, each register once.
        let order = explicit.iter().copied().map(|register| (register, false));
        let implied = used
            .iter()
            .map(|u| u.register())
            .filter(|u| !explicit.iter().any(|e| e.full_register() == u.full_register()))
            .map(|register| (register, true));
        for (register, is_fixed) in order.chain(implied) {
            let Some(at) = place(register) else { continue };
            let mut found = Use {
                register: at,
                read_bits: 0,
                written_bits: 0,
                is_fixed: is_fixed || is_high(register) || at == 4,
            };
            let same = used.iter().filter(|u| place(u.register()) == Some(at));
            for one in same {
                found.add(one);
            }
            uses.push(found);
        }
        uses
    }
}

fn may_read(relation: &mut Relation, a: &Instruction, p: &Use, q: &Use) -> bool {
    // What the caller had in a register that is saved: which one it is, is the function's choice.
    let is_save = a.mnemonic() == iced_x86::Mnemonic::Push
        && relation.to[p.register] == Twin::Fresh
        && relation.from[q.register] == Twin::Fresh;
    is_save || relation.reads(p.register, q.register, p.read_bits)
}

/// How an instruction uses a register.
#[derive(Debug)]
struct Use {
    register: usize,
    /// Low bits that are read, 0 for none.
    read_bits: u32,
    /// Low bits that are written, 0 for none.
    written_bits: u32,
    /// Whether it may not be another one.
    is_fixed: bool,
}

impl Use {
    fn add(&mut self, used: &UsedRegister) {
        let bits = 8 * used.register().size() as u32;
        let access = used.access();
        // A write that may not happen leaves what was there: it is read, too.
        if !matches!(access, OpAccess::Write | OpAccess::None | OpAccess::NoMemAccess) {
            self.read_bits = self.read_bits.max(bits);
        }
        if !matches!(
            access,
            OpAccess::Read | OpAccess::CondRead | OpAccess::None | OpAccess::NoMemAccess
        ) {
            self.written_bits = self.written_bits.max(bits);
        }
        self.is_fixed |= is_high(used.register());
    }
}

fn is_high(register: Register) -> bool {
    matches!(register, Register::AH | Register::BH | Register::CH | Register::DH)
}

/// Registers that an instruction names, in the order of its operands.
fn explicit_registers(instruction: &Instruction) -> Vec<Register> {
    let operands = (0..instruction.op_count())
        .filter(|operand| instruction.op_kind(*operand) == OpKind::Register)
        .map(|operand| instruction.op_register(operand));
    operands
        .chain([instruction.memory_base(), instruction.memory_index()])
        .chain(instruction.has_op_mask().then(|| instruction.op_mask()))
        .filter(|register| *register != Register::None && *register != Register::RIP)
        .collect()
}

/// Behind a return the caller sees what is returned. Which of these registers a function uses is not
/// known: all of them must hold the same, unless neither function wrote them.
fn returns_same(relation: &Relation) -> bool {
    [0, 2, 16, 17].into_iter().all(|register| match relation.to[register] {
        Twin::Is(to, _) => to == register,
        Twin::Fresh => relation.from[register] == Twin::Fresh,
        Twin::Lost => false,
    })
}
