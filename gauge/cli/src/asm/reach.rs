//! What can be reached from a function's entry.

use std::rc::Rc;

use anyhow::Result;
use iced_x86::Instruction;

use super::body::Body;
use super::known::Kind;
use crate::image::{Function, Image};

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
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = if self.is_tail { "jump to" } else { "call of" };
        match &self.target {
            Target::Function { name, .. } | Target::Import(name) => write!(f, "{verb} {name}"),
            Target::Unknown(why) => write!(f, "{verb} {why}"),
        }
    }
}

/// Analyses functions of one image; what it learns of one serves the next.
#[derive(Debug)]
pub struct Analyser<'a> {
    image: &'a Image,
}

/// What can be reached from a function's entry.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The function's body.
    pub body: Rc<Body>,
    /// Whether each of its blocks can be reached.
    reached: Vec<bool>,
    /// The calls that it makes itself.
    pub calls: Vec<Call>,
    /// Panics that can be reached, in it and in what it calls.
    pub panics: Vec<Evidence>,
    /// Allocations that can be reached, in it and in what it calls.
    pub allocations: Vec<Evidence>,
    /// Calls that can be reached and cannot be followed.
    pub unknown: Vec<Evidence>,
}

impl<'a> Analyser<'a> {
    /// An analyser of an image.
    pub fn new(image: &'a Image) -> Self {
        Self { image }
    }

    /// Analyses a function.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn analyse(&mut self, function: &Function) -> Result<Analysis> {
        let body = Rc::new(Body::decode(self.image, function)?);
        let reached = body.blocks.iter().map(|block| block.is_reached).collect();
        let unknown = Evidence {
            address: function.address,
            chain: vec![function.name().to_owned()],
            text: "calls are not followed yet".to_owned(),
        };
        Ok(Analysis {
            body,
            reached,
            calls: Vec::new(),
            panics: Vec::new(),
            allocations: Vec::new(),
            unknown: vec![unknown],
        })
    }
}

impl Analysis {
    /// Whether a block can be reached from the entry.
    pub fn is_reached(&self, block: usize) -> bool {
        self.reached.get(block).copied().unwrap_or(false)
    }

    /// Whether a block ends in a jump that leaves the function.
    pub fn is_tail_call(&self, block: &[Instruction]) -> bool {
        let last = block.last().map(Instruction::ip);
        self.calls.iter().any(|call| call.is_tail && Some(call.address) == last)
    }
}
