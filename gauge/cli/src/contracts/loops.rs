//! Whether the hot loops of two functions do the same work.
//!
//! An iterator and the loop it stands for become the same vector loop, but LLVM counts elements in the
//! one and bytes in the other, and prepares and finishes them otherwise. Such functions are different in
//! every sense of [`compare`](crate::asm::compare()), and yet the iterator costs nothing. What is claimed
//! here is that, and no more: as many loops that matter, each with as many of each instruction.

use iced_x86::{FlowControl, Mnemonic};

use super::condition::spelled;
use crate::asm::{Body, packed};

/// The instructions of each hot loop, without registers, addresses and order: of the innermost loops,
/// those that do packed arithmetic, or all where none does.
pub fn hot_loops(body: &Body) -> Vec<Vec<String>> {
    let innermost = body.loops.iter().filter(|found| found.is_innermost);
    let loops = innermost.map(|found| {
        let instructions = found.blocks.iter().flat_map(|block| body.of(&body.blocks[*block]));
        let instructions: Vec<_> = instructions.collect();
        let is_packed = instructions.iter().any(|instruction| packed(instruction).is_some());
        let mut words: Vec<String> = instructions
            .iter()
            .filter(|instruction| instruction.mnemonic() != Mnemonic::Nop)
            .map(|instruction| match instruction.flow_control() {
                // Which way round a condition is asked depends on the layout.
                FlowControl::ConditionalBranch => "jcc".to_owned(),
                _ => spelled(instruction.mnemonic()),
            })
            .collect();
        words.sort_unstable();
        (is_packed, words)
    });
    let loops: Vec<(bool, Vec<String>)> = loops.collect();
    let has_packed = loops.iter().any(|(is_packed, _)| *is_packed);
    let hot = loops.into_iter().filter(|(is_packed, _)| *is_packed == has_packed);
    let mut hot: Vec<Vec<String>> = hot.map(|(_, words)| words).collect();
    hot.sort_unstable();
    hot
}

/// Whether the hot loops of both do the same work; no, where there are none.
pub fn do_the_same(a: &Body, b: &Body) -> bool {
    let (a, b) = (hot_loops(a), hot_loops(b));
    !a.is_empty() && a == b
}
