//! How deep the stack is at each instruction, and what an access through `rsp` or `rbp` touches.

use std::collections::HashMap;

use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use super::body::{Body, Edge};

/// A place in the frame: bytes above (below, where negative) a base. Base 0 is `rsp` at the entry, where
/// the return address lies; another one is `rsp` after it was aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Slot {
    /// Which base: 0, or 1 after alignment.
    pub(super) base: u8,
    /// Bytes from it.
    pub(super) at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    rsp: Option<Slot>,
    rbp: Option<Slot>,
    /// Where a probe of the stack ends (`lea r11, [rsp-n]`).
    probe: Option<Slot>,
    /// The most that lies above base 1, if the stack was aligned.
    above: u64,
}

/// The frame of a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Depths {
    /// Before each instruction, by its index: `rsp` and `rbp`, where known.
    places: HashMap<usize, (Option<Slot>, Option<Slot>)>,
    /// Bytes of the deepest point, what is pushed included, the return address not.
    pub(super) deepest: Option<u64>,
}

impl Depths {
    /// The slot that a memory operand of the instruction with that index touches, if it is one of the
    /// frame at a known place.
    pub(super) fn slot(&self, index: usize, instruction: &Instruction) -> Option<Slot> {
        let (rsp, rbp) = self.places.get(&index)?;
        let base = match instruction.memory_base() {
            Register::RSP => (*rsp)?,
            Register::RBP => (*rbp)?,
            _ => return None,
        };
        Some(Slot { at: base.at + instruction.memory_displacement64() as i64, ..base })
    }
}

/// Follows `rsp` through a body.
pub(super) fn depths(body: &Body) -> Depths {
    let mut entries: HashMap<usize, State> = HashMap::new();
    let mut depths = Depths { deepest: Some(0), ..Depths::default() };
    let start = State { rsp: Some(Slot { base: 0, at: 0 }), rbp: None, probe: None, above: 0 };
    let mut waiting = vec![(0_usize, start)];
    while let Some((index, state)) = waiting.pop() {
        let Some(block) = body.blocks.get(index) else { continue };
        let joined = entries.get(&index).map_or(state, |known| join(*known, state));
        if entries.insert(index, joined) == Some(joined) {
            continue;
        }
        let mut state = joined;
        for at in block.range.clone() {
            depths.places.insert(at, (state.rsp, state.rbp));
            step(&body.instructions[at], &mut state);
            depths.deepest = match (depths.deepest, state.rsp) {
                (Some(deepest), Some(rsp)) => {
                    let above = if rsp.base == 0 { 0 } else { state.above };
                    Some(deepest.max(above + (-rsp.at).max(0) as u64))
                }
                _ => None,
            };
        }
        let ends_probe = ends_probe(body.of(block));
        for successor in &block.successors {
            match (ends_probe, successor.edge) {
                // A probe touches page after page; behind it `rsp` is where it was to end.
                (true, Edge::Taken) => {}
                (true, _) => waiting.push((successor.block, State { rsp: state.probe, ..state })),
                (false, _) => waiting.push((successor.block, state)),
            }
        }
    }
    depths
}

fn join(a: State, b: State) -> State {
    let same = |x: Option<Slot>, y: Option<Slot>| if x == y { x } else { None };
    State {
        rsp: same(a.rsp, b.rsp),
        rbp: same(a.rbp, b.rbp),
        probe: same(a.probe, b.probe),
        above: a.above.max(b.above),
    }
}

fn step(instruction: &Instruction, state: &mut State) {
    let writes = |register: Register| {
        instruction.op0_kind() == OpKind::Register
            && instruction.op0_register().full_register() == register
    };
    let number = || instruction.immediate(1) as i64;
    let has_number =
        matches!(instruction.op1_kind(), OpKind::Immediate8to64 | OpKind::Immediate32to64);
    // What `lea` or `mov` between the three registers yields.
    let place = |state: &State| match instruction.mnemonic() {
        Mnemonic::Mov if instruction.op1_kind() == OpKind::Register => {
            match instruction.op1_register() {
                Register::RSP => state.rsp,
                Register::RBP => state.rbp,
                _ => None,
            }
        }
        Mnemonic::Lea if instruction.memory_index() == Register::None => {
            let base = match instruction.memory_base() {
                Register::RSP => state.rsp,
                Register::RBP => state.rbp,
                _ => None,
            };
            let offset = instruction.memory_displacement64() as i64;
            base.map(|base| Slot { at: base.at + offset, ..base })
        }
        _ => None,
    };
    let is_comparison = matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test);
    match instruction.mnemonic() {
        Mnemonic::Push | Mnemonic::Pushfq => {
            state.rsp = state.rsp.map(|rsp| Slot { at: rsp.at - 8, ..rsp });
        }
        Mnemonic::Pop | Mnemonic::Popfq => {
            state.rsp = state.rsp.map(|rsp| Slot { at: rsp.at + 8, ..rsp });
            if writes(Register::RBP) {
                state.rbp = None;
            }
        }
        Mnemonic::Sub | Mnemonic::Add if writes(Register::RSP) => {
            let sign = if instruction.mnemonic() == Mnemonic::Sub { -1 } else { 1 };
            state.rsp = state
                .rsp
                .filter(|_| has_number)
                .map(|rsp| Slot { at: rsp.at + sign * number(), ..rsp });
        }
        Mnemonic::And if writes(Register::RSP) => {
            let size = (!number() + 1).unsigned_abs();
            state.above = state.rsp.map_or(0, |rsp| (-rsp.at).max(0) as u64) + size;
            state.rsp = state.rsp.filter(|_| has_number).map(|_| Slot { base: 1, at: 0 });
        }
        Mnemonic::Leave => {
            state.rsp = state.rbp.map(|rbp| Slot { at: rbp.at + 8, ..rbp });
            state.rbp = None;
        }
        _ if is_comparison => {}
        _ if writes(Register::RSP) => state.rsp = place(state),
        _ if writes(Register::RBP) => state.rbp = place(state),
        _ if writes(Register::R11) => state.probe = place(state),
        _ => {}
    }
}

/// Whether a block ends as a probe of the stack does: `cmp rsp, r11; jne`.
fn ends_probe(block: &[Instruction]) -> bool {
    let [.., compare, jump] = block else { return false };
    compare.mnemonic() == Mnemonic::Cmp
        && compare.op0_register() == Register::RSP
        && compare.op1_register() == Register::R11
        && jump.mnemonic() == Mnemonic::Jne
}
