//! Statements of any kind over a small store: no panic, no hang, bounded memory; and where a native
//! plan answers, DataFusion gives the same answer.
//!
//! An input is a sequence of choices: a grammar takes them, so that most statements are valid, and
//! then replaces, repeats or removes some of the words, so that many are not. DataFusion is not built
//! with a fuzzer's instruments (it would take most of an hour): the driver (`main.rs`) mutates inputs
//! in this process and keeps those whose statement got an answer of a new kind.
#![forbid(unsafe_code)]

mod ground;
mod statement;

pub use ground::{Ground, MAX_LIVE_BYTES};
pub use statement::statement;

/// The bytes of an input as choices; zeros behind its end.
#[derive(Clone, Copy, Debug)]
struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.u8()) % limit.max(1)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    fn pick(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}
