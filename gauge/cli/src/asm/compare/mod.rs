//! In what sense two functions are the same, or how they differ.
//!
//! What is claimed is never more than this: the same instructions, on the same or on other registers,
//! referring to the same things. Two functions that compute the same in another way are different.

mod normal;
mod rename;

use std::collections::HashMap;

use anyhow::Result;
use iced_x86::Instruction;

use self::normal::{Normal, Normaliser};
use super::Body;
use crate::image::{Function, Image};

/// Lines shown around one that differs.
const CONTEXT_LINES: usize = 3;

/// In what sense two functions are the same, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// They stand at one address: the compiler merged them, or one is a jump to the other.
    SameAddress,
    /// Their bytes are the same but for where things stand that they refer to.
    SameBytes,
    /// The same instructions in another layout.
    Normalised,
    /// The same instructions on other registers.
    Renamed,
    /// They differ.
    Different,
}

impl Level {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::SameAddress => "identical: one body at one address",
            Self::SameBytes => "the same bytes",
            Self::Normalised => "the same instructions in another layout",
            Self::Renamed => "the same instructions on other registers",
            Self::Different => "different",
        }
    }

    /// Whether they are the same in any sense.
    pub fn is_same(self) -> bool {
        self != Self::Different
    }
}

/// What came of comparing two functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The strongest sense in which they are the same.
    pub level: Level,
    /// Where they differ: lines of the normalised forms that begin with ` `, `-` or `+`; empty unless
    /// they are different.
    pub diff: Vec<String>,
}

/// Compares two functions, of one image or of two.
///
/// # Errors
/// When one cannot be decoded.
pub fn compare(
    image: &Image,
    function: &Function,
    other_image: &Image,
    other: &Function,
) -> Result<Comparison> {
    let a = Body::decode(image, function)?;
    let b = Body::decode(other_image, other)?;
    let same = |level: Level| Ok(Comparison { level, diff: Vec::new() });
    if std::ptr::eq(image, other_image) && a.function.address == b.function.address {
        return same(Level::SameAddress);
    }
    let mut things = Things::new((image, &a), (other_image, &b));
    if has_same_bytes(&a, &b, &mut things) {
        return same(Level::SameBytes);
    }
    let (x, y) = (Normaliser::new(&a).normal(), Normaliser::new(&b).normal());
    if x.is_same(&y, &mut things) {
        return same(Level::Normalised);
    }
    if rename::is_same(&x, &y, &mut things) {
        return same(Level::Renamed);
    }
    Ok(Comparison {
        level: Level::Different,
        diff: diff((image, &x), (other_image, &y), &mut things),
    })
}

/// Whether things that two functions refer to are the same.
struct Things<'a> {
    a: (&'a Image, &'a Body),
    b: (&'a Image, &'a Body),
    known: HashMap<(u64, u64, usize), bool>,
}

impl<'a> Things<'a> {
    fn new(a: (&'a Image, &'a Body), b: (&'a Image, &'a Body)) -> Self {
        Self { a, b, known: HashMap::new() }
    }

    /// Whether what stands at two addresses is the same; of which `bytes` are read if not 0.
    fn is_same(&mut self, a: u64, b: u64, bytes: usize) -> bool {
        if let Some(known) = self.known.get(&(a, b, bytes)) {
            return *known;
        }
        let is_same = self.compare(a, b, bytes);
        self.known.insert((a, b, bytes), is_same);
        is_same
    }

    fn compare(&self, a: u64, b: u64, bytes: usize) -> bool {
        let ((x, body_x), (y, body_y)) = (self.a, self.b);
        // The function itself, under either name; its jump tables, whose targets are edges.
        if a == body_x.function.address && b == body_y.function.address {
            return true;
        }
        let is_table = |body: &Body, at: u64| body.tables.iter().any(|table| table.address == at);
        if is_table(body_x, a) || is_table(body_y, b) {
            return is_table(body_x, a) && is_table(body_y, b);
        }
        if bytes > 0
            && let (Some(p), Some(q)) =
                (x.constant_bytes(a, bytes as u64), y.constant_bytes(b, bytes as u64))
        {
            return p == q;
        }
        if bytes == 8
            && let (Some(p), Some(q)) = (x.word(a), y.word(b))
        {
            return match (p, q) {
                (crate::image::Word::Address(p), crate::image::Word::Address(q)) => {
                    self.compare(p, q, 0)
                }
                (p, q) => p == q,
            };
        }
        x.same_data(a, y, b) == crate::image::Same::Yes
    }
}

/// Whether the instructions are the same byte for byte, but for the displacements of what they refer to.
fn has_same_bytes(a: &Body, b: &Body, things: &mut Things<'_>) -> bool {
    let trimmed = |body: &Body| -> Vec<Instruction> {
        let end = body.instructions.iter().rposition(|i| !super::body::is_padding(i));
        body.instructions[..end.map_or(0, |end| end + 1)].to_vec()
    };
    let (x, y) = (trimmed(a), trimmed(b));
    // Parts that stand elsewhere are of the same size in the same order.
    if x.len() != y.len() || a.ranges.len() != b.ranges.len() || !has_same_tables(a, b) {
        return false;
    }
    let (start_a, start_b) = (a.function.address, b.function.address);
    x.iter().zip(&y).all(|(i, j)| {
        if i.len() != j.len() || i.ip().wrapping_sub(start_a) != j.ip().wrapping_sub(start_b) {
            return false;
        }
        let (mut p, mut q) = (*i, *j);
        p.set_ip(0);
        q.set_ip(0);
        let references = (super::body::reference(i), super::body::reference(j));
        let is_same_place = match references {
            (Some((f, bytes)), Some((g, _))) => {
                let inside = (a.contains(f), b.contains(g));
                normal::forget_reference(&mut p);
                normal::forget_reference(&mut q);
                match inside {
                    (true, true) => f.wrapping_sub(start_a) == g.wrapping_sub(start_b),
                    (false, false) => things.is_same(f, g, bytes),
                    _ => false,
                }
            }
            (None, None) => true,
            _ => false,
        };
        // All that the instruction is made of: prefixes, operands, immediates.
        is_same_place && p.eq_all_bits(&q)
    })
}

/// Whether jump tables lead to the same places of the functions.
fn has_same_tables(a: &Body, b: &Body) -> bool {
    let offsets = |body: &Body| -> Vec<Vec<u64>> {
        let start = body.function.address;
        let of = |targets: &[u64]| targets.iter().map(|to| to.wrapping_sub(start)).collect();
        body.tables.iter().map(|table| of(&table.targets)).collect()
    };
    offsets(a) == offsets(b)
}

/// The lines of both that differ, and some around.
fn diff(
    (image, x): (&Image, &Normal),
    (other_image, y): (&Image, &Normal),
    things: &mut Things<'_>,
) -> Vec<String> {
    let (p, q) = (x.lines(image), y.lines(other_image));
    // The names of things that are the same are made the same.
    let q: Vec<String> = q
        .into_iter()
        .map(|(text, instruction)| {
            let twin = p.iter().find(|(_, other)| match (other, instruction) {
                (Some(a), Some(b)) => x.at(*a).is_same(y.at(b), things),
                _ => false,
            });
            twin.map_or(text, |(same, _)| same.clone())
        })
        .collect();
    let p: Vec<String> = p.into_iter().map(|(text, _)| text).collect();
    let (p, q): (Vec<&str>, Vec<&str>) =
        (p.iter().map(String::as_str).collect(), q.iter().map(String::as_str).collect());
    let changes = similar::TextDiff::from_slices(&p, &q);
    let mut lines = Vec::new();
    for (index, group) in changes.grouped_ops(CONTEXT_LINES).iter().enumerate() {
        if index > 0 {
            lines.push("  …".to_owned());
        }
        for change in group.iter().flat_map(|op| changes.iter_changes(op)) {
            lines.push(format!("{}{}", change.tag(), change.value()));
        }
    }
    lines
}
