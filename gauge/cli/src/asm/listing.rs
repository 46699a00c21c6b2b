//! A function's assembly for reading: blocks and loops marked, names and constants resolved.

use std::collections::BTreeSet;

use iced_x86::{Instruction, MemorySize, Mnemonic};

use super::body::{Body, is_padding, reference};
use super::known::Kind;
use super::reach::{Analysis, Target};
use super::simd::packed;
use super::text::{Writer, name_of};
use crate::image::Image;

/// Bytes of a constant that are shown.
const MAX_BYTES: usize = 64;
/// Letters of a string that are shown.
const MAX_LETTERS: usize = 48;

/// A line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A block begins.
    Label {
        /// Its name, as jumps show it.
        name: String,
        /// How many loops it stands in.
        depth: usize,
        /// What there is to say of it: where loops begin, whether it runs only while unwinding.
        note: String,
    },
    /// An instruction.
    Instruction {
        /// Where it stands.
        address: u64,
        /// Intel's syntax, with names.
        text: String,
        /// What it does that is worth a word: a constant's value, a panic, packed arithmetic.
        note: String,
    },
}

/// The lines of a function's listing.
pub fn listing(image: &Image, analysis: &Analysis) -> Vec<Item> {
    let body = &analysis.body;
    let mut writer = Writer::new();
    let mut items = Vec::new();
    let targets: BTreeSet<usize> = body
        .blocks
        .iter()
        .flat_map(|block| block.successors.iter().map(|successor| successor.block))
        .collect();
    for (index, block) in body.blocks.iter().enumerate() {
        let instructions = body.of(block);
        if instructions.iter().all(is_padding) {
            continue;
        }
        let note = block_note(analysis, index);
        if targets.contains(&index) || !note.is_empty() {
            items.push(Item::Label { name: label(index), depth: body.loop_depth(index), note });
        }
        for instruction in instructions.iter().filter(|instruction| !is_padding(instruction)) {
            let name = reference(instruction).and_then(|(to, _)| {
                let inside = body.contains(to).then(|| body.block_of(to)).flatten();
                inside.map(label).or_else(|| name_of(image, to))
            });
            items.push(Item::Instruction {
                address: instruction.ip(),
                text: writer.text(instruction, name),
                note: note_of(image, analysis, instruction),
            });
        }
    }
    items
}

/// A line about a function: instructions, bytes, stack, loops, packed arithmetic, calls.
pub fn summary(analysis: &Analysis) -> String {
    let body = &analysis.body;
    let stack = super::predicates::stack(body);
    let stack = stack.map_or("unknown".to_owned(), |bytes| format!("{bytes} B"));
    let widths = packed_in_loops(analysis);
    let packed = if widths.is_empty() { "none in a loop".to_owned() } else { widths.join(", ") };
    let panics = analysis.calls.iter().filter(|call| call.kind == Some(Kind::Panic)).count();
    let innermost = body.loops.iter().filter(|l| l.is_innermost).count();
    format!(
        "{} instructions, {} bytes, stack {stack}, loops {} ({innermost} innermost), packed \
         arithmetic: {packed}, calls {} ({panics} panic)",
        super::predicates::instructions(body),
        body.bytes(),
        body.loops.len(),
        analysis.calls.len(),
    )
}

/// What packed arithmetic the loops of a function do: elements and widths.
pub fn packed_in_loops(analysis: &Analysis) -> Vec<String> {
    let body = &analysis.body;
    let in_loop = |index: &usize| body.loops.iter().any(|l| l.blocks.contains(index));
    let found: BTreeSet<(&str, u32)> = (0..body.blocks.len())
        .filter(in_loop)
        .flat_map(|index| analysis.reached(index))
        .filter_map(packed)
        .map(|found| (found.element.name(), found.width))
        .collect();
    found.into_iter().map(|(element, width)| format!("{element}×{width}")).collect()
}

fn label(block: usize) -> String {
    format!(".L{block}")
}

fn block_note(analysis: &Analysis, index: usize) -> String {
    let body = &analysis.body;
    let heads = body.loops.iter().filter(|l| l.header == index);
    let mut notes: Vec<String> = heads
        .map(|l| {
            let inner = if l.is_innermost { ", innermost" } else { "" };
            format!("loop of {} blocks, depth {}{inner}", l.blocks.len(), l.depth)
        })
        .collect();
    if !body.blocks[index].is_reached {
        notes.push("runs only while unwinding".to_owned());
    } else if !analysis.is_reached(index) {
        notes.push("never reached".to_owned());
    }
    notes.join("; ")
}

fn note_of(image: &Image, analysis: &Analysis, instruction: &Instruction) -> String {
    let call = analysis.calls.iter().find(|call| call.address == instruction.ip());
    if let Some(call) = call {
        let name = match &call.target {
            Target::Function { name, .. } | Target::Import(name) => name.as_str(),
            Target::Unknown(_) => return "unknown target".to_owned(),
        };
        let place = call.location.as_ref();
        let place = place.map_or(String::new(), |(file, line)| format!(" {file}:{line}"));
        // The name is not in the text of a call through a register.
        let shown =
            if reference(instruction).is_none() { format!("{name} ") } else { String::new() };
        return match call.kind {
            Some(Kind::Panic) if name.ends_with("panic_bounds_check") => {
                format!("{shown}BOUNDS CHECK{place}")
            }
            Some(Kind::Panic) => format!("{shown}PANIC{place}"),
            Some(Kind::Allocation) => format!("{shown}ALLOCATES"),
            Some(Kind::Harmless) | None => shown.trim_end().to_owned(),
        };
    }
    let constant =
        reference(instruction).and_then(|(to, bytes)| constant(image, instruction, to, bytes));
    let table = reference(instruction).and_then(|(to, _)| {
        let table = analysis.body.tables.iter().find(|table| table.address == to)?;
        Some(format!("jump table of {}", table.targets.len()))
    });
    let constant = table.or(constant);
    let packed = packed(instruction);
    let packed = packed.map(|packed| format!("{}×{}", packed.element.name(), packed.width));
    packed.into_iter().chain(constant).collect::<Vec<_>>().join("; ")
}

/// The value of the constant that an instruction loads or takes the address of.
fn constant(
    image: &Image,
    instruction: &Instruction,
    address: u64,
    bytes: usize,
) -> Option<String> {
    if instruction.mnemonic() == Mnemonic::Lea {
        if let Some((file, line, column)) = image.location(address) {
            return Some(format!("location {file}:{line}:{column}"));
        }
        if image.function_at(address).is_some() {
            return None;
        }
        let extent = usize::try_from(image.extent(address)).ok()?;
        let found = image.constant_bytes(address, extent.min(MAX_BYTES) as u64)?;
        return Some(text_of(found).unwrap_or_else(|| hex(found, extent)));
    }
    let found = image.constant_bytes(address, bytes as u64).filter(|found| !found.is_empty())?;
    Some(format!("= {}", numbers(instruction.memory_size(), found)))
}

/// The bytes as a string, if they are one.
fn text_of(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().rposition(|byte| *byte != 0)? + 1;
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    let is_text = end >= 2 && text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    is_text.then(|| {
        let short: String = text.chars().take(MAX_LETTERS).collect();
        format!("{short:?}{}", if short.len() < text.len() { "…" } else { "" })
    })
}

fn hex(bytes: &[u8], extent: usize) -> String {
    let shown: Vec<String> = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let more = if extent > 16 { " …" } else { "" };
    format!("{extent} bytes: {}{more}", shown.join(" "))
}

/// Bytes as the numbers that an instruction takes them for.
fn numbers(size: MemorySize, bytes: &[u8]) -> String {
    let element = size.element_type();
    let width = size.element_size().clamp(1, 8);
    let is_signed = size.is_signed();
    let shown: Vec<String> = bytes
        .chunks(width)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let number = u64::from_le_bytes(word);
            match element {
                MemorySize::Float64 => format!("{:?}", f64::from_bits(number)),
                MemorySize::Float32 => format!("{:?}", f32::from_bits(number as u32)),
                _ if is_signed => {
                    let shift = 64 - 8 * chunk.len() as u32;
                    format!("{}", (number << shift) as i64 >> shift)
                }
                _ => format!("{number:#x}"),
            }
        })
        .collect();
    match &shown[..] {
        [one] => one.clone(),
        [first, rest @ ..] if rest.iter().all(|other| other == first) => {
            format!("{} × {first}", shown.len())
        }
        _ => format!("[{}]", shown.join(", ")),
    }
}

/// The instructions of an innermost loop, one behind the other, as the processor meets them: for
/// `llvm-mca`. Calls are left out, with how many there were.
pub fn loop_bodies(body: &Body) -> Vec<(usize, Vec<Instruction>, usize)> {
    let innermost =
        body.loops.iter().filter(|l| l.is_innermost && body.blocks[l.header].is_reached);
    innermost
        .map(|l| {
            let all: Vec<Instruction> = l
                .blocks
                .iter()
                .flat_map(|block| body.of(&body.blocks[*block]))
                .filter(|instruction| !is_padding(instruction))
                .copied()
                .collect();
            let calls = all.iter().filter(|i| i.mnemonic() == Mnemonic::Call).count();
            let rest = all.into_iter().filter(|i| i.mnemonic() != Mnemonic::Call).collect();
            (l.header, rest, calls)
        })
        .collect()
}
