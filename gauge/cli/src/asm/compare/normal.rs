//! A function's instructions without what depends on where they stand: no padding, blocks in the order
//! in which they are reached, what is referred to instead of distances, slots of the frame.

use std::collections::{HashMap, HashSet};

use iced_x86::{ConditionCode, Instruction, OpKind, Register};

use super::Things;
use crate::asm::Body;
use crate::asm::body::{Edge, is_padding, reference};
use crate::asm::frame::{Depths, Slot, depths};
use crate::asm::jump_table;
use crate::asm::text::{Writer, name_of};
use crate::image::Image;

/// An instruction, and what it refers to.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Without distances: neither to where a jump goes nor to data, nor into the frame.
    pub(super) instruction: Instruction,
    /// What it refers to in the image: the address, and the bytes that are read there (0: its address
    /// is taken, or it is called).
    reference: Option<(u64, usize)>,
    slot: Option<Slot>,
    /// As it stands in the function.
    original: Instruction,
}

impl Line {
    /// Whether all but the registers is the same.
    pub(super) fn refers_to_same(&self, other: &Self, things: &mut Things<'_>) -> bool {
        self.slot == other.slot
            && match (self.reference, other.reference) {
                (None, None) => true,
                (Some((a, bytes)), Some((b, other_bytes))) => {
                    bytes == other_bytes && things.is_same(a, b, bytes)
                }
                _ => false,
            }
    }

    fn text(&self, image: &Image, writer: &mut Writer) -> String {
        let name = self.reference.and_then(|(to, _)| name_of(image, to));
        let mut text = writer.text(&self.original, name);
        if let Some(slot) = self.slot {
            let sign = if slot.at < 0 { '-' } else { '+' };
            let base = if slot.base == 0 { "frame" } else { "aligned frame" };
            text.push_str(&format!(" ; {base}{sign}{:#x}", slot.at.unsigned_abs()));
        }
        text
    }

    /// Whether it is the same instruction on the same things.
    pub(super) fn is_same(&self, other: &Self, things: &mut Things<'_>) -> bool {
        has_same_form(&self.instruction, &other.instruction, |a, b| a == b)
            && self.refers_to_same(other, things)
    }
}

/// Instructions that run one behind the other, and what comes behind them, in the order of edges.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) lines: Vec<Line>,
    /// The condition under which the first way out is taken; none where there is no choice.
    condition: Option<ConditionCode>,
    /// Ordinals of the parts behind it.
    pub(super) next: Vec<usize>,
}

/// A function in its normalised form.
#[derive(Debug, Default)]
pub(super) struct Normal {
    /// The first is the entry; then as they are reached; then landing pads.
    pub(super) parts: Vec<Part>,
}

impl Normal {
    pub(super) fn is_same(&self, other: &Self, things: &mut Things<'_>) -> bool {
        self.has_same_shape(other)
            && self
                .parts
                .iter()
                .zip(&other.parts)
                .all(|(a, b)| a.lines.iter().zip(&b.lines).all(|(x, y)| x.is_same(y, things)))
    }

    /// Whether there are as many parts, as long, with the same ways out.
    pub(super) fn has_same_shape(&self, other: &Self) -> bool {
        self.parts.len() == other.parts.len()
            && self.parts.iter().zip(&other.parts).all(|(a, b)| {
                a.lines.len() == b.lines.len() && a.condition == b.condition && a.next == b.next
            })
    }

    pub(super) fn at(&self, (part, line): (usize, usize)) -> &Line {
        &self.parts[part].lines[line]
    }

    /// As text, with the place of each instruction.
    pub(super) fn lines(&self, image: &Image) -> Vec<(String, Option<(usize, usize)>)> {
        let mut lines = Vec::new();
        let mut writer = Writer::new();
        for (ordinal, part) in self.parts.iter().enumerate() {
            lines.push((format!("block {ordinal}:"), None));
            for (at, line) in part.lines.iter().enumerate() {
                lines.push((format!("  {}", line.text(image, &mut writer)), Some((ordinal, at))));
            }
            let text = match (part.condition, &part.next[..]) {
                (Some(condition), [then, other]) => {
                    format!("  if {condition:?} → block {then}, else → block {other}")
                }
                (_, []) => continue,
                (_, next) => {
                    let next: Vec<String> = next.iter().map(|to| format!("block {to}")).collect();
                    format!("  → {}", next.join(", "))
                }
            };
            lines.push((text, None));
        }
        lines
    }
}

/// Takes the distance to what it refers to out of an instruction.
pub(super) fn forget_reference(instruction: &mut Instruction) {
    if instruction.op0_kind() == OpKind::NearBranch64 {
        instruction.set_near_branch64(0);
    } else if instruction.is_ip_rel_memory_operand() {
        instruction.set_memory_displacement64(0);
    }
}

/// Whether two instructions are the same, however they are encoded, with registers compared by
/// `is_register`.
pub(super) fn has_same_form(
    a: &Instruction,
    b: &Instruction,
    is_register: impl Fn(Register, Register) -> bool,
) -> bool {
    let prefixes = |i: &Instruction| {
        (
            (i.mnemonic(), i.op_count(), i.segment_prefix()),
            (i.has_lock_prefix(), i.has_rep_prefix(), i.has_repne_prefix()),
            (i.zeroing_masking(), i.is_broadcast(), i.rounding_control()),
            i.suppress_all_exceptions(),
        )
    };
    prefixes(a) == prefixes(b)
        && is_register(a.op_mask(), b.op_mask())
        && (0..a.op_count()).all(|operand| match (a.op_kind(operand), b.op_kind(operand)) {
            (OpKind::Register, OpKind::Register) => {
                is_register(a.op_register(operand), b.op_register(operand))
            }
            (OpKind::Memory, OpKind::Memory) => {
                a.memory_size() == b.memory_size()
                    && a.memory_displacement64() == b.memory_displacement64()
                    && a.memory_index_scale() == b.memory_index_scale()
                    && is_register(a.memory_base(), b.memory_base())
                    && is_register(a.memory_index(), b.memory_index())
            }
            (OpKind::NearBranch64, OpKind::NearBranch64) => true,
            (p, q) if jump_table::is_number(p) && jump_table::is_number(q) => {
                a.immediate(operand) == b.immediate(operand)
            }
            (p, q) => p == q && a.eq_all_bits(b),
        })
}

/// Makes the normalised form.
pub(super) struct Normaliser<'a> {
    body: &'a Body,
    depths: Depths,
    /// Of each block, how many ways lead to it from blocks that do something.
    before: Vec<usize>,
}

impl<'a> Normaliser<'a> {
    pub(super) fn new(body: &'a Body) -> Self {
        let mut made = Self { body, depths: depths(body), before: vec![0; body.blocks.len()] };
        for (from, block) in body.blocks.iter().enumerate() {
            let is_way_only = made.is_way_only(from);
            for to in block.successors.iter().filter(|_| !is_way_only) {
                let to = made.resolve(to.block);
                made.before[to] += 1;
            }
        }
        made
    }

    /// Whether a block does nothing but lead to another one.
    fn is_way_only(&self, block: usize) -> bool {
        let found = &self.body.blocks[block];
        let is_nothing = |i: &Instruction| is_padding(i) || self.is_edge(i);
        self.body.of(found).iter().all(is_nothing) && found.successors.len() <= 1
    }

    /// The first block that does something, from this one on.
    fn resolve(&self, block: usize) -> usize {
        let mut at = block;
        for _ in 0..self.body.blocks.len() {
            match self.body.blocks[at].successors[..] {
                [only] if self.is_way_only(at) => at = only.block,
                _ => break,
            }
        }
        at
    }

    pub(super) fn normal(&self) -> Normal {
        let mut ordinals: HashMap<usize, usize> = HashMap::new();
        let mut chains = Vec::new();
        let pads = (0..self.body.blocks.len())
            .filter(|b| !self.body.blocks[*b].is_reached && !self.is_way_only(*b));
        let entry = self.body.entry().map(|entry| self.resolve(entry));
        for root in entry.into_iter().chain(pads) {
            self.number(root, &mut ordinals, &mut chains);
        }
        Normal { parts: chains.iter().map(|chain| self.part(chain, &ordinals)).collect() }
    }

    /// Numbers what is reached from a block, depth first, in the order of its ways out.
    fn number(
        &self,
        root: usize,
        ordinals: &mut HashMap<usize, usize>,
        chains: &mut Vec<Vec<usize>>,
    ) {
        let mut waiting = vec![root];
        while let Some(block) = waiting.pop() {
            if ordinals.contains_key(&block) {
                continue;
            }
            let chain = self.chain(block, ordinals);
            chain.iter().for_each(|b| {
                ordinals.insert(*b, chains.len());
            });
            if let Some(last) = chain.last() {
                waiting.extend(self.ways_out(*last).1.into_iter().rev());
            }
            chains.push(chain);
        }
    }

    /// A block and those that come behind it without a choice and from nowhere else.
    fn chain(&self, head: usize, numbered: &HashMap<usize, usize>) -> Vec<usize> {
        let mut chain = vec![head];
        let mut seen = HashSet::from([head]);
        while let Some(block) = chain.last().map(|last| &self.body.blocks[*last]) {
            let [only] = block.successors[..] else { break };
            let next = self.resolve(only.block);
            let is_alone = self.before[next] == 1
                && !numbered.contains_key(&next)
                && Some(next) != self.body.entry().map(|entry| self.resolve(entry))
                && !matches!(only.edge, Edge::Table | Edge::Catch);
            if !is_alone || !seen.insert(next) {
                break;
            }
            chain.push(next);
        }
        chain
    }

    /// The ways out of a block in an order that does not depend on its layout: first where a condition
    /// holds, of each condition and its opposite always the same one.
    fn ways_out(&self, block: usize) -> (Option<ConditionCode>, Vec<usize>) {
        let block = &self.body.blocks[block];
        let along = |edge: Edge| {
            block.successors.iter().find(|s| s.edge == edge).map(|s| self.resolve(s.block))
        };
        let last = self.body.of(block).last();
        match last.map(|last| (last, along(Edge::Taken), along(Edge::Next))) {
            Some((last, Some(taken), Some(next))) if last.is_jcc_short_or_near() => {
                match opposite(last.condition_code()) {
                    Some(base) => (Some(base), vec![next, taken]),
                    None => (Some(last.condition_code()), vec![taken, next]),
                }
            }
            _ => (None, block.successors.iter().map(|s| self.resolve(s.block)).collect()),
        }
    }

    fn part(&self, chain: &[usize], ordinals: &HashMap<usize, usize>) -> Part {
        let mut part = Part::default();
        for block in chain {
            for at in self.body.blocks[*block].range.clone() {
                let instruction = &self.body.instructions[at];
                if !is_padding(instruction) && !self.is_edge(instruction) {
                    part.lines.push(self.line(at, instruction));
                }
            }
        }
        let Some(last) = chain.last() else { return part };
        let (condition, next) = self.ways_out(*last);
        part.condition = condition;
        part.next = next.iter().filter_map(|to| ordinals.get(to).copied()).collect();
        part
    }

    /// Whether an instruction is nothing but a way from block to block.
    fn is_edge(&self, instruction: &Instruction) -> bool {
        let is_jump = instruction.is_jcc_short_or_near() || instruction.is_jmp_short_or_near();
        is_jump && self.body.contains(instruction.near_branch_target())
    }

    fn line(&self, at: usize, instruction: &Instruction) -> Line {
        let mut plain = *instruction;
        let found = reference(instruction);
        if found.is_some() {
            forget_reference(&mut plain);
        }
        let slot = self.depths.slot(at, instruction);
        if slot.is_some() {
            plain.set_memory_displacement64(0);
            plain.set_memory_base(Register::RSP);
        }
        Line { instruction: plain, reference: found, slot, original: *instruction }
    }
}

/// The condition whose opposite this is, of those that are the second of their pair.
fn opposite(condition: ConditionCode) -> Option<ConditionCode> {
    Some(match condition {
        ConditionCode::no => ConditionCode::o,
        ConditionCode::ae => ConditionCode::b,
        ConditionCode::ne => ConditionCode::e,
        ConditionCode::a => ConditionCode::be,
        ConditionCode::ns => ConditionCode::s,
        ConditionCode::np => ConditionCode::p,
        ConditionCode::ge => ConditionCode::l,
        ConditionCode::g => ConditionCode::le,
        _ => return None,
    })
}
