//! What can be reached from a function's entry, through calls that were not inlined.
//!
//! Every function that is called is looked at with what is known of its arguments: constants decide
//! branches, so that a panic behind one that is never taken is not reached. A function that is called
//! with many different constants is looked at once more with none. Where control may go that cannot
//! be followed, that is recorded as unknown. What only cleans up while something unwinds is not followed;
//! where a panic is caught, ordinary code goes on.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use anyhow::Result;
use iced_x86::{Instruction, InstructionInfoFactory, OpKind};

use super::body::{Body, Edge};
use super::flow::{self, Exit};
use super::known::{Kind, has_free_name, kind_of, kind_of_function};
use super::value::{ARGUMENTS, State, Value};
use crate::image::{Callee as Reached, Function, Image};

/// Different constant arguments with which one function is looked at.
const MAX_CONTEXTS: usize = 8;
/// Calls one inside the other.
const MAX_DEPTH: usize = 128;
/// Functions, times what is known of their arguments.
const MAX_NODES: usize = 20_000;

/// Something that can be reached: a panic, an allocation, a call that nobody can follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Where the instruction stands.
    pub address: u64,
    /// Names of the functions from the one that was asked for to the one it stands in, both included.
    pub chain: Vec<String>,
    /// What it is.
    pub text: String,
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {:#x}", self.text, self.address)?;
        if self.chain.len() > 1 {
            write!(f, " (through {})", self.chain[1..].join(" → "))?;
        }
        Ok(())
    }
}

/// What a call reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A function of the image.
    Function {
        /// Where it begins.
        address: u64,
        /// Its name.
        name: String,
    },
    /// A function of another library.
    Import(String),
    /// It cannot be told, and why.
    Unknown(String),
}

/// A call, or a jump that leaves the function for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Where the instruction stands.
    pub address: u64,
    /// What it reaches.
    pub target: Target,
    /// What that means, if its name says it.
    pub kind: Option<Kind>,
    /// Whether it is a jump: nothing comes back.
    pub is_tail: bool,
    /// Where in the sources a panic says that it is: file and line.
    pub location: Option<(String, u32)>,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = if self.is_tail { "jump to" } else { "call of" };
        match &self.target {
            Target::Function { name, .. } | Target::Import(name) => write!(f, "{verb} {name}")?,
            Target::Unknown(why) => write!(f, "{verb} {why}")?,
        }
        match &self.location {
            Some((file, line)) => write!(f, " ({file}:{line})"),
            None => Ok(()),
        }
    }
}

/// A function that is reached through calls, with what was known of its arguments.
#[derive(Debug, Clone)]
pub struct Callee {
    /// Names of the functions from the one that was asked for to this one, both included.
    pub chain: Vec<String>,
    body: Rc<Body>,
    reached: Vec<usize>,
}

impl Callee {
    /// Its instructions that can be reached.
    pub fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        let blocks = self.body.blocks.iter().zip(&self.reached);
        blocks.flat_map(|(block, count)| &self.body.of(block)[..*count])
    }
}

/// What can be reached from a function's entry.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The function's body.
    pub body: Rc<Body>,
    /// Of each block, how many of its instructions can be reached.
    reached: Vec<usize>,
    /// The calls that it makes itself.
    pub calls: Vec<Call>,
    /// Panics that can be reached, in it and in what it calls.
    pub panics: Vec<Evidence>,
    /// Allocations that can be reached, in it and in what it calls.
    pub allocations: Vec<Evidence>,
    /// Calls that can be reached and cannot be followed.
    pub unknown: Vec<Evidence>,
    /// What it calls, and what that calls; but for what is known by name.
    pub callees: Vec<Callee>,
    /// Whether it can come back to its caller.
    pub returns: bool,
}

impl Analysis {
    /// Whether a block can be reached from the entry.
    pub fn is_reached(&self, block: usize) -> bool {
        self.reached.get(block).is_some_and(|count| *count > 0)
    }

    /// The instructions of a block that can be reached from the entry: what stands behind a call that
    /// does not come back cannot.
    pub fn reached(&self, block: usize) -> &[Instruction] {
        let Some(found) = self.body.blocks.get(block) else { return &[] };
        &self.body.of(found)[..self.reached[block]]
    }

    /// Whether a block ends in a jump that leaves the function. A jump through a pointer that
    /// stands in memory by itself does: a table has an index.
    pub fn is_tail_call(&self, block: &[Instruction]) -> bool {
        let Some(last) = block.last() else { return false };
        let is_pointer =
            last.op0_kind() == OpKind::Memory && last.memory_index() == iced_x86::Register::None;
        self.calls.iter().any(|call| {
            let is_known = !matches!(call.target, Target::Unknown(_));
            call.is_tail && call.address == last.ip() && (is_known || is_pointer)
        })
    }
}

/// What was seen in a function, looked at with some arguments.
#[derive(Debug, Default)]
struct Node {
    name: String,
    returns: bool,
    returned: [Value; 2],
    seen: Vec<(u64, Seen)>,
    body: Option<Rc<Body>>,
    /// Of each block, how many instructions were reached; and its own calls.
    reached: Vec<usize>,
    calls: Vec<Call>,
}

#[derive(Debug)]
enum Seen {
    Panic(String),
    Allocation(String),
    Unknown(String),
    Node(usize),
}

/// Analyses functions of one image; bodies that were decoded for one serve the next.
pub struct Analyser<'a> {
    image: &'a Image,
    factory: InstructionInfoFactory,
    bodies: HashMap<u64, Result<Rc<Body>, String>>,
    nodes: Vec<Node>,
    by_key: HashMap<(u64, [Value; 6]), usize>,
    contexts: HashMap<u64, usize>,
}

impl std::fmt::Debug for Analyser<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analyser").field("image", &self.image.path()).finish_non_exhaustive()
    }
}

impl<'a> Analyser<'a> {
    /// An analyser of an image.
    pub fn new(image: &'a Image) -> Self {
        Self {
            image,
            factory: InstructionInfoFactory::new(),
            bodies: HashMap::new(),
            nodes: Vec::new(),
            by_key: HashMap::new(),
            contexts: HashMap::new(),
        }
    }

    /// Analyses a function, of whose arguments nothing is known.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn analyse(&mut self, function: &Function) -> Result<Analysis> {
        // What one function's contexts use up must not depend on which others were asked for before.
        self.nodes.clear();
        self.by_key.clear();
        self.contexts.clear();
        let body = self.body(function).map_err(anyhow::Error::msg)?;
        let root = self.node(function, [Value::Unknown; 6], 0);
        let mut analysis = Analysis {
            reached: self.nodes[root].reached.clone(),
            calls: self.nodes[root].calls.clone(),
            returns: self.nodes[root].returns,
            body,
            panics: Vec::new(),
            allocations: Vec::new(),
            unknown: Vec::new(),
            callees: Vec::new(),
        };
        self.collect(root, &mut analysis);
        Ok(analysis)
    }

    /// Gathers what was seen in all functions that are reached, the nearest first.
    fn collect(&self, root: usize, analysis: &mut Analysis) {
        let mut parents: HashMap<usize, Option<usize>> = HashMap::from([(root, None)]);
        let mut waiting = VecDeque::from([root]);
        let mut shown: HashSet<(u64, u8)> = HashSet::new();
        while let Some(at) = waiting.pop_front() {
            if let Some(body) = self.nodes[at].body.clone().filter(|_| at != root) {
                let (chain, reached) = (self.chain(&parents, at), self.nodes[at].reached.clone());
                analysis.callees.push(Callee { chain, body, reached });
            }
            for (address, seen) in &self.nodes[at].seen {
                let (list, text) = match seen {
                    Seen::Node(next) => {
                        if !parents.contains_key(next) {
                            parents.insert(*next, Some(at));
                            waiting.push_back(*next);
                        }
                        continue;
                    }
                    Seen::Panic(text) => (0, text),
                    Seen::Allocation(text) => (1, text),
                    Seen::Unknown(text) => (2, text),
                };
                if !shown.insert((*address, list)) {
                    continue;
                }
                let chain = self.chain(&parents, at);
                let evidence = Evidence { address: *address, chain, text: text.clone() };
                match list {
                    0 => analysis.panics.push(evidence),
                    1 => analysis.allocations.push(evidence),
                    _ => analysis.unknown.push(evidence),
                }
            }
        }
    }

    /// The names from the first function to that of a node.
    fn chain(&self, parents: &HashMap<usize, Option<usize>>, at: usize) -> Vec<String> {
        let mut chain = Vec::new();
        let mut node = Some(at);
        while let Some(index) = node {
            chain.push(self.nodes[index].name.clone());
            node = parents.get(&index).copied().flatten();
        }
        chain.reverse();
        chain
    }

    fn body(&mut self, function: &Function) -> Result<Rc<Body>, String> {
        let image = self.image;
        let decode =
            || Body::decode(image, function).map(Rc::new).map_err(|error| format!("{error:#}"));
        self.bodies.entry(function.address).or_insert_with(decode).clone()
    }

    /// Looks at a function with what is known of its arguments, unless that was done.
    fn node(&mut self, function: &Function, arguments: [Value; 6], depth: usize) -> usize {
        let mut arguments = arguments;
        if !self.by_key.contains_key(&(function.address, arguments)) {
            let contexts = self.contexts.entry(function.address).or_default();
            *contexts += 1;
            if *contexts > MAX_CONTEXTS {
                arguments = [Value::Unknown; 6];
            }
        }
        let key = (function.address, arguments);
        if let Some(known) = self.by_key.get(&key) {
            return *known;
        }
        let index = self.nodes.len();
        // While it is being looked at it may be called again: then it may come back.
        let name = function.name().to_owned();
        self.nodes.push(Node { name, returns: true, ..Node::default() });
        self.by_key.insert(key, index);
        let stop = |text: String| vec![(function.address, Seen::Unknown(text))];
        if depth > MAX_DEPTH || index > MAX_NODES {
            self.nodes[index].seen = stop("calls go deeper than is followed".to_owned());
            return index;
        }
        match self.body(function) {
            Ok(body) => self.look(index, &body, &arguments, depth),
            Err(error) => self.nodes[index].seen = stop(error),
        }
        index
    }

    fn look(&mut self, index: usize, body: &Rc<Body>, arguments: &[Value; 6], depth: usize) {
        let entries = self.settle(body, arguments, depth);
        let mut node = Node { body: Some(Rc::clone(body)), ..Node::default() };
        let mut returned: Option<[Value; 2]> = None;
        for (block, entry) in entries.iter().enumerate() {
            let Some(mut state) = entry.clone() else {
                node.reached.push(0);
                continue;
            };
            let instructions = body.of(&body.blocks[block]);
            let mut count = 0;
            let mut is_over = false;
            for instruction in instructions {
                count += 1;
                if flow::is_call(instruction) {
                    if body.blocks[block].is_open && count == instructions.len() {
                        let why = "what it throws may be caught anywhere".to_owned();
                        node.seen.push((instruction.ip(), Seen::Unknown(why)));
                    }
                    let call = flow::resolve(self.image, instruction, &state, false);
                    if !self.record(call, state.arguments(), &mut node, depth) {
                        is_over = true;
                        break;
                    }
                    let back = self.returned_by(instruction, &state, depth);
                    state.after_call(back);
                } else {
                    super::eval::step(self.image, &mut self.factory, instruction, &mut state);
                }
            }
            node.reached.push(count);
            let last = instructions.last().filter(|_| !is_over);
            for exit in last.map_or(Vec::new(), |last| flow::exits(body, block, last, &state)) {
                match exit {
                    Exit::Block(_) => {}
                    Exit::Return => {
                        let now = [
                            state.full(iced_x86::Register::RAX),
                            state.full(iced_x86::Register::RDX),
                        ];
                        let joined = returned
                            .map_or(now, |before| std::array::from_fn(|i| before[i].join(now[i])));
                        returned = Some(joined);
                    }
                    Exit::Leave(instruction) => {
                        let call = flow::resolve(self.image, &instruction, &state, true);
                        if self.record(call, state.arguments(), &mut node, depth) {
                            returned = Some([Value::Unknown; 2]);
                        }
                    }
                    Exit::Stop(address, text) => node.seen.push((address, Seen::Panic(text))),
                    Exit::Unknown(address, text) => {
                        returned = Some([Value::Unknown; 2]);
                        node.seen.push((address, Seen::Unknown(text)));
                    }
                }
            }
        }
        node.returns = returned.is_some();
        node.returned = returned.unwrap_or_default();
        node.name = std::mem::take(&mut self.nodes[index].name);
        self.nodes[index] = node;
    }

    /// What is known at the start of each block that can be reached, once nothing changes any more.
    fn settle(&mut self, body: &Body, arguments: &[Value; 6], depth: usize) -> Vec<Option<State>> {
        let mut entries: Vec<Option<State>> = vec![None; body.blocks.len()];
        let Some(first) = body.entry() else { return entries };
        entries[first] = Some(State::at_entry(arguments));
        let mut waiting = vec![first];
        while let Some(block) = waiting.pop() {
            let Some(mut state) = entries[block].clone() else { continue };
            let instructions = body.of(&body.blocks[block]);
            let mut is_over = false;
            for instruction in instructions {
                if !flow::is_call(instruction) {
                    super::eval::step(self.image, &mut self.factory, instruction, &mut state);
                    continue;
                }
                let is_last =
                    instruction.next_ip() == instructions[instructions.len() - 1].next_ip();
                let mut ways = body.blocks[block].successors.iter().filter(|_| is_last);
                if let Some(catch) = ways.find(|way| way.edge == Edge::Catch) {
                    let mut caught = state.clone();
                    caught.after_call([Value::Unknown; 2]);
                    arrive(&mut entries, &mut waiting, catch.block, &caught);
                }
                if !self.may_return(instruction, &state, depth) {
                    is_over = true;
                    break;
                }
                let returned = self.returned_by(instruction, &state, depth);
                state.after_call(returned);
            }
            let Some(last) = instructions.last().filter(|_| !is_over) else { continue };
            for exit in flow::exits(body, block, last, &state) {
                let Exit::Block(next) = exit else { continue };
                arrive(&mut entries, &mut waiting, next, &state);
            }
        }
        entries
    }

    /// The callee of a call, as it is whatever its arguments: these settle first.
    fn plain_callee(&mut self, call: &Instruction, state: &State, depth: usize) -> Option<usize> {
        match flow::callee(self.image, call, state)? {
            Reached::Function(function) if kind_of_function(function).is_none() => {
                Some(self.node(function, [Value::Unknown; 6], depth + 1))
            }
            _ => None,
        }
    }

    fn may_return(&mut self, call: &Instruction, state: &State, depth: usize) -> bool {
        let kind = match flow::callee(self.image, call, state) {
            Some(Reached::Function(function)) => kind_of_function(function),
            Some(Reached::Import(name)) => kind_of(&name),
            None => return true,
        };
        let callee = self.plain_callee(call, state, depth);
        kind != Some(Kind::Panic) && callee.is_none_or(|node| self.nodes[node].returns)
    }

    fn returned_by(&mut self, call: &Instruction, state: &State, depth: usize) -> [Value; 2] {
        let callee = self.plain_callee(call, state, depth);
        callee.map_or([Value::Unknown; 2], |node| self.nodes[node].returned)
    }

    /// Notes a call and what it leads to; whether it may come back.
    fn record(
        &mut self,
        resolved: flow::Resolved<'a>,
        arguments: [Value; 6],
        node: &mut Node,
        depth: usize,
    ) -> bool {
        let flow::Resolved { mut call, function } = resolved;
        if call.kind == Some(Kind::Panic) {
            call.location = self.location(&arguments);
        }
        let text = call.to_string();
        let address = call.address;
        let mut returns = true;
        match (call.kind, function) {
            (Some(Kind::Panic), _) => {
                returns = false;
                node.seen.push((address, Seen::Panic(text)));
            }
            (Some(Kind::Allocation), function) => {
                node.seen.push((address, Seen::Allocation(text)));
                if let Some(function) = function.filter(|function| has_free_name(function)) {
                    let next = self.node(function, [Value::Unknown; 6], depth + 1);
                    node.seen.push((address, Seen::Node(next)));
                }
            }
            (Some(Kind::Harmless), _) => {}
            (None, Some(function)) => {
                let known = arguments.map(|value| match value {
                    Value::Import(_) => Value::Unknown,
                    other => other,
                });
                let next = self.node(function, known, depth + 1);
                returns = self.nodes[next].returns;
                node.seen.push((address, Seen::Node(next)));
            }
            (None, None) => node.seen.push((address, Seen::Unknown(text))),
        }
        node.calls.push(call);
        returns
    }

    /// Where a panic says that it is, if an argument is a `Location`.
    fn location(&self, arguments: &[Value; 6]) -> Option<(String, u32)> {
        arguments.iter().take(ARGUMENTS.len()).rev().find_map(|value| {
            let Value::Address(address) = value else { return None };
            let (file, line, _) = self.image.location(*address)?;
            Some((file.to_owned(), line))
        })
    }
}

/// Joins what is known on a way into a block with what was; where that is less, the block waits again.
fn arrive(entries: &mut [Option<State>], waiting: &mut Vec<usize>, block: usize, state: &State) {
    let is_new = match &mut entries[block] {
        Some(known) => known.join(state),
        none => {
            *none = Some(state.clone());
            true
        }
    };
    if is_new && !waiting.contains(&block) {
        waiting.push(block);
    }
}
