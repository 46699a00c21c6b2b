//! The instructions of one function, as blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};

use super::graph::{self, Loop};
use super::jump_table::{self, JumpTable};
use super::known::{Kind, kind_of, kind_of_function};
use crate::image::{Callee, Caught, Function, Image, Word};

/// Thunks that are followed one behind the other.
const MAX_THUNKS: usize = 8;

/// Where control goes at the end of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edge {
    /// To what stands behind it.
    Next,
    /// To where its jump goes.
    Taken,
    /// To an entry of a jump table.
    Table,
    /// From a call to where what unwinds out of it is caught.
    Catch,
}

/// A way out of a block that stays in the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Successor {
    /// How.
    pub edge: Edge,
    /// Index of the block.
    pub block: usize,
}

/// Instructions that run one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Indices into [`Body::instructions`].
    pub range: Range<usize>,
    /// Ways out that stay in the function; calls are none.
    pub successors: Vec<Successor>,
    /// Whether it ends in an indirect jump whose targets are not known, or in a call out of which something
    /// may unwind to where nobody knows.
    pub is_open: bool,
    /// Whether it can be entered from the function's entry; if not it cleans up while something unwinds,
    /// or is dead.
    pub is_reached: bool,
}

/// A function's instructions, blocks and loops.
#[derive(Debug, Clone)]
pub struct Body {
    /// The function whose body it is: where thunks were followed, the last one.
    pub function: Function,
    /// Names of the thunks that lead here, the first one first.
    pub thunks: Vec<String>,
    /// All instructions by address, parts that stand elsewhere (`.cold`) behind the first.
    pub instructions: Vec<Instruction>,
    /// Blocks by address.
    pub blocks: Vec<Block>,
    /// Loops, outer before inner.
    pub loops: Vec<Loop>,
    /// Where the jump tables stand that it uses.
    pub tables: Vec<JumpTable>,
    /// Parts of the image that it takes.
    pub ranges: Vec<Range<u64>>,
}

impl Body {
    /// Decodes a function from its entry on; a body that is nothing but a jump to another function
    /// is followed.
    ///
    /// # Errors
    /// When its bytes are not in the file, or are no instructions.
    pub fn decode(image: &Image, function: &Function) -> Result<Self> {
        let mut function = function.clone();
        let mut thunks = Vec::new();
        while let Some(next) = thunk_target(image, &function) {
            let is_known = next.address == function.address || thunks.len() >= MAX_THUNKS;
            ensure!(!is_known, "{} jumps in a circle", function.name());
            thunks.push(function.name().to_owned());
            function = next.clone();
        }
        let mut walk = Walk::new(image, &function)?;
        walk.follow(function.address);
        ensure!(!walk.instructions.is_empty(), "{} has no instructions", function.name());
        let reached: BTreeSet<u64> = walk.instructions.keys().copied().collect();
        walk.fill_gaps();
        let mut body = walk.into_body(function, &reached);
        body.thunks = thunks;
        body.loops = graph::loops(&body.blocks);
        Ok(body)
    }

    /// A block's instructions.
    pub fn of(&self, block: &Block) -> &[Instruction] {
        &self.instructions[block.range.clone()]
    }

    /// The block that begins at an address.
    pub fn block_of(&self, address: u64) -> Option<usize> {
        let begins = |block: &Block| self.of(block).first().is_some_and(|i| i.ip() == address);
        self.blocks.iter().position(begins)
    }

    /// The block that the function is entered by.
    pub fn entry(&self) -> Option<usize> {
        self.block_of(self.function.address)
    }

    /// Whether an address lies in the function.
    pub fn contains(&self, address: u64) -> bool {
        self.ranges.iter().any(|range| range.contains(&address))
    }

    /// How many loops a block stands in.
    pub fn loop_depth(&self, block: usize) -> usize {
        self.loops.iter().filter(|l| l.blocks.contains(&block)).count()
    }

    /// Instructions that are not there to fill space.
    pub fn len(&self) -> usize {
        self.instructions.iter().filter(|instruction| !is_padding(instruction)).count()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes, padding inside of it included.
    pub fn bytes(&self) -> u64 {
        self.ranges.iter().map(|range| range.end - range.start).sum()
    }
}

/// Whether an instruction only fills space.
pub(super) fn is_padding(instruction: &Instruction) -> bool {
    use iced_x86::Mnemonic::{Endbr64, Fnop, Int3, Nop};
    match instruction.mnemonic() {
        Nop | Int3 | Fnop | Endbr64 => true,
        // `xchg ax, ax` and `lea`-like fillers of old assemblers are rare; LLVM emits `nop`.
        _ => false,
    }
}

/// The function that a single jump leads to, if that is all there is.
fn thunk_target<'a>(image: &'a Image, function: &Function) -> Option<&'a Function> {
    let bytes = image.bytes(function.address, function.size)?;
    let mut decoder = Decoder::with_ip(64, bytes, function.address, DecoderOptions::NONE);
    let first = decoder.iter().find(|instruction| !is_padding(instruction))?;
    let target = match first.flow_control() {
        FlowControl::UnconditionalBranch => first.near_branch_target(),
        FlowControl::IndirectBranch if first.is_ip_rel_memory_operand() => {
            match image.word(first.ip_rel_memory_address())? {
                crate::image::Word::Address(address) => address,
                _ => return None,
            }
        }
        _ => return None,
    };
    match image.callee(target)? {
        crate::image::Callee::Function(next) if next.address != function.address => Some(next),
        _ => None,
    }
}

/// Decoding along the edges.
struct Walk<'a> {
    image: &'a Image,
    ranges: Vec<Range<u64>>,
    instructions: BTreeMap<u64, Instruction>,
    /// Where blocks begin.
    leaders: BTreeSet<u64>,
    tables: BTreeMap<u64, JumpTable>,
    /// Indirect jumps whose targets are not known.
    open: BTreeSet<u64>,
    /// Calls that do not come back.
    ends: BTreeSet<u64>,
    /// Calls out of which what unwinds is caught, and where.
    catches: BTreeMap<u64, u64>,
    /// Symbols of this function's parts that stand elsewhere begin so.
    part_prefixes: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(image: &'a Image, function: &Function) -> Result<Self> {
        image
            .bytes(function.address, function.size)
            .with_context(|| format!("the bytes of {} are not in the file", function.name()))?;
        let part_prefixes = function.names.iter().map(|n| format!("{}.cold", n.mangled)).collect();
        Ok(Self {
            image,
            ranges: std::iter::once(function.address..function.address + function.size).collect(),
            instructions: BTreeMap::new(),
            leaders: BTreeSet::new(),
            tables: BTreeMap::new(),
            open: BTreeSet::new(),
            ends: BTreeSet::new(),
            catches: BTreeMap::new(),
            part_prefixes,
        })
    }

    /// Whether a jump to `target` stays in the function; a part that stands elsewhere joins it.
    fn is_inside(&mut self, target: u64) -> bool {
        if self.ranges.iter().any(|range| range.contains(&target)) {
            return true;
        }
        let Some(around) = self.image.function_around(target) else { return false };
        let is_part = around.names.iter().any(|name| {
            self.part_prefixes.iter().any(|prefix| name.mangled.starts_with(prefix.as_str()))
        });
        if is_part {
            self.ranges.push(around.address..around.address + around.size);
        }
        is_part
    }

    fn follow(&mut self, entry: u64) {
        let mut waiting = vec![entry];
        while let Some(start) = waiting.pop() {
            if !self.leaders.insert(start) {
                continue;
            }
            self.follow_run(start, &mut waiting);
        }
    }

    /// Decodes from `start` to the end of the run; what it jumps to waits.
    fn follow_run(&mut self, start: u64, waiting: &mut Vec<u64>) {
        let mut at = start;
        while !self.instructions.contains_key(&at) {
            let Some(instruction) = self.decode(at) else {
                // Behind a call that does not return there may be nothing; whatever else leads here has
                // no way on, and what is said of it is unknown.
                break;
            };
            self.instructions.insert(at, instruction);
            at = instruction.next_ip();
            match instruction.flow_control() {
                FlowControl::ConditionalBranch => {
                    let target = instruction.near_branch_target();
                    if self.is_inside(target) {
                        waiting.push(target);
                    }
                    waiting.push(at);
                    return;
                }
                FlowControl::UnconditionalBranch => {
                    let target = instruction.near_branch_target();
                    if self.is_inside(target) {
                        waiting.push(target);
                    }
                    return;
                }
                FlowControl::IndirectBranch => {
                    self.follow_table(&instruction, waiting);
                    return;
                }
                FlowControl::Return | FlowControl::Exception => return,
                FlowControl::Interrupt if is_padding(&instruction) => return,
                // Where an aborted transaction goes on is not followed.
                FlowControl::XbeginXabortXend => return,
                FlowControl::Call | FlowControl::IndirectCall => {
                    let is_end = fixed_callee_kind(self.image, &instruction) == Some(Kind::Panic);
                    let is_caught = self.follow_catch(&instruction, waiting);
                    if is_end {
                        self.ends.insert(instruction.ip());
                    } else if is_caught {
                        waiting.push(at);
                    }
                    if is_end || is_caught {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    /// Where a call goes on once what it called unwound and was caught; whether it may.
    fn follow_catch(&mut self, call: &Instruction, waiting: &mut Vec<u64>) -> bool {
        // The unwinder asks for the byte before where the call returns to.
        match self.image.caught(call.next_ip() - 1) {
            None => return false,
            Some(Caught::At(pad)) if self.is_inside(pad) => {
                self.catches.insert(call.ip(), pad);
                waiting.push(pad);
            }
            Some(_) => {
                self.open.insert(call.ip());
            }
        }
        true
    }

    fn follow_table(&mut self, jump: &Instruction, waiting: &mut Vec<u64>) {
        let before: Vec<Instruction> =
            self.instructions.range(..=jump.ip()).rev().take(24).map(|(_, i)| *i).collect();
        match jump_table::find(self.image, &before, &self.ranges) {
            Some(table) => {
                waiting.extend(table.targets.iter().collect::<BTreeSet<_>>());
                self.tables.insert(jump.ip(), table);
            }
            // A tail call through memory or a register is told from a switch by the analysis.
            None => {
                self.open.insert(jump.ip());
            }
        }
    }

    /// What was not reached: what cleans up, and padding, one behind the other.
    fn fill_gaps(&mut self) {
        for range in self.ranges.clone() {
            let mut at = range.start;
            let mut is_fresh = true;
            while at < range.end {
                if let Some(known) = self.instructions.get(&at) {
                    at = known.next_ip();
                    is_fresh = true;
                    continue;
                }
                let Some(instruction) = self.decode(at) else {
                    at += 1;
                    is_fresh = true;
                    continue;
                };
                if self.instructions.range(at..instruction.next_ip()).next().is_some() {
                    at += 1;
                    continue;
                }
                if is_fresh {
                    self.leaders.insert(at);
                }
                self.instructions.insert(at, instruction);
                at = instruction.next_ip();
                let flow = instruction.flow_control();
                if fixed_callee_kind(self.image, &instruction) == Some(Kind::Panic) {
                    self.ends.insert(instruction.ip());
                }
                is_fresh = !matches!(
                    flow,
                    FlowControl::Next | FlowControl::Call | FlowControl::IndirectCall
                );
                if matches!(flow, FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch)
                    && self.ranges.iter().any(|r| r.contains(&instruction.near_branch_target()))
                {
                    self.leaders.insert(instruction.near_branch_target());
                }
            }
        }
    }

    fn decode(&self, address: u64) -> Option<Instruction> {
        let range = self.ranges.iter().find(|range| range.contains(&address))?;
        let bytes = self.image.bytes(address, range.end - address)?;
        let mut decoder = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE);
        let instruction = decoder.decode();
        (!instruction.is_invalid()).then_some(instruction)
    }

    fn into_body(self, function: Function, reached: &BTreeSet<u64>) -> Body {
        let order: Vec<Instruction> = self
            .ranges
            .iter()
            .flat_map(|range| self.instructions.range(range.clone()).map(|(_, i)| *i))
            .collect();
        let mut starts: BTreeMap<u64, usize> = BTreeMap::new();
        let mut blocks: Vec<Block> = Vec::new();
        let mut previous: Option<&Instruction> = None;
        for (index, instruction) in order.iter().enumerate() {
            let is_start = previous.is_none_or(|before| {
                self.leaders.contains(&instruction.ip())
                    || before.next_ip() != instruction.ip()
                    || ends_block(before)
                    || self.ends.contains(&before.ip())
            });
            if is_start {
                starts.insert(instruction.ip(), blocks.len());
                blocks.push(Block {
                    range: index..index,
                    successors: Vec::new(),
                    is_open: false,
                    is_reached: reached.contains(&instruction.ip()),
                });
            }
            if let Some(block) = blocks.last_mut() {
                block.range.end = index + 1;
            }
            previous = Some(instruction);
        }
        for block in &mut blocks {
            let Some(last) = order[block.range.clone()].last() else { continue };
            block.is_open = self.open.contains(&last.ip());
            block.successors = self.successors(last, &starts);
        }
        let tables = self.tables.into_values().collect();
        Body {
            function,
            thunks: Vec::new(),
            instructions: order,
            blocks,
            loops: Vec::new(),
            tables,
            ranges: self.ranges,
        }
    }

    fn successors(&self, last: &Instruction, starts: &BTreeMap<u64, usize>) -> Vec<Successor> {
        let mut targets: Vec<(Edge, u64)> = Vec::new();
        match last.flow_control() {
            FlowControl::ConditionalBranch => {
                targets.push((Edge::Next, last.next_ip()));
                targets.push((Edge::Taken, last.near_branch_target()));
            }
            FlowControl::UnconditionalBranch => {
                targets.push((Edge::Taken, last.near_branch_target()));
            }
            FlowControl::IndirectBranch => {
                let table = self.tables.get(&last.ip());
                targets.extend(
                    table.iter().flat_map(|t| t.targets.iter().map(|to| (Edge::Table, *to))),
                );
            }
            FlowControl::Return | FlowControl::Exception => {}
            FlowControl::XbeginXabortXend => {}
            FlowControl::Interrupt if is_padding(last) => {}
            _ if self.ends.contains(&last.ip()) => {}
            _ => targets.push((Edge::Next, last.next_ip())),
        }
        targets.extend(self.catches.get(&last.ip()).map(|pad| (Edge::Catch, *pad)));
        let known =
            |(edge, address): (Edge, u64)| Some(Successor { edge, block: *starts.get(&address)? });
        targets.into_iter().filter_map(known).collect()
    }
}

/// Whether control may go elsewhere than on behind it; calls come back.
fn ends_block(instruction: &Instruction) -> bool {
    match instruction.flow_control() {
        FlowControl::Next | FlowControl::Call | FlowControl::IndirectCall => false,
        FlowControl::Interrupt => is_padding(instruction),
        _ => true,
    }
}

/// What a call or jump reaches that names its target itself: directly, or through a slot that the
/// loader fills in.
pub(super) fn fixed_callee<'a>(image: &'a Image, instruction: &Instruction) -> Option<Callee<'a>> {
    if instruction.op0_kind() == OpKind::NearBranch64 {
        return image.callee(instruction.near_branch_target());
    }
    let is_indirect = instruction.is_call_near_indirect() || instruction.is_jmp_near_indirect();
    if !is_indirect || !instruction.is_ip_rel_memory_operand() {
        return None;
    }
    match image.word(instruction.ip_rel_memory_address())? {
        Word::Address(address) | Word::Constant(address) => image.callee(address),
        Word::Import(name) => Some(Callee::Import(name)),
    }
}

/// What an instruction refers to in the image, and the bytes that it reads or writes there.
pub(super) fn reference(instruction: &Instruction) -> Option<(u64, usize)> {
    if instruction.op0_kind() == OpKind::NearBranch64 {
        return Some((instruction.near_branch_target(), 0));
    }
    instruction.is_ip_rel_memory_operand().then(|| {
        let is_address = instruction.mnemonic() == Mnemonic::Lea;
        let bytes = if is_address { 0 } else { instruction.memory_size().size() };
        (instruction.ip_rel_memory_address(), bytes)
    })
}

/// What the name of that says.
pub(super) fn fixed_callee_kind(image: &Image, instruction: &Instruction) -> Option<Kind> {
    match fixed_callee(image, instruction)? {
        Callee::Function(function) => kind_of_function(function),
        Callee::Import(name) => kind_of(&name),
    }
}
