//! The callers of a sample: by frame pointers, which the kernel followed, and by unwind tables over the copy of the
//! stack's top where a function has none.
//!
//! Frame pointers alone leave out the caller of every function that has not set its own: a `memcpy`, a function's first
//! instruction, all of most C libraries. The tables tell where that is so; the caller is then read from the copy. What lies
//! deeper than the copy is said to be missing.

use gauge_probe::perf::Registers;

use super::recording::{BEGINNING, Code, MISSING, NOWHERE};
use super::unwind::{Rule, Saved};

/// The deepest stack; what is further out is cut off.
const MAX_FRAMES: usize = 512;

/// Of a sample, what is the program's.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// When it was interrupted.
    pub registers: Registers,
    /// The stack, from the stack pointer on.
    pub stack: &'a [u8],
    /// The instruction, and the return addresses that frame pointers lead to.
    pub chain: &'a [u64],
}

/// Where the walk is.
struct Walk<'a> {
    seen: Seen<'a>,
    stack_pointer: Option<u64>,
    frame_pointer: Option<u64>,
    /// Which of the chain is the return address above the frame pointer.
    link: Option<usize>,
}

/// The places of a stack, innermost first. [`MISSING`] stands for callers that are not known, with known ones around;
/// [`BEGINNING`] is last where a table says that there are no more.
pub fn walk(
    seen: Seen<'_>,
    place: impl Fn(u64) -> Code,
    mut rule: impl FnMut(Code) -> Rule,
) -> Vec<Code> {
    let registers = seen.registers;
    let mut walk = Walk {
        seen,
        stack_pointer: Some(registers.stack),
        frame_pointer: Some(registers.frame),
        link: Some(1),
    };
    let mut places = vec![place(registers.instruction)];
    while places.len() < MAX_FRAMES {
        let Some(here) = places.last() else { break };
        let (caller, is_known) = match rule(*here) {
            Rule::Outermost => {
                places.push(Code { object: BEGINNING, offset: 0 });
                break;
            }
            Rule::Frame(saved) => (walk.by_frame(saved), true),
            Rule::Stack(saved) => match walk.by_stack(saved) {
                Some(caller) => (Some(caller), true),
                None => (walk.by_chain(), false),
            },
            Rule::Unknown => (walk.by_chain(), false),
        };
        // A return address is behind its call.
        let Some(caller) = caller.map(|address| place(address.wrapping_sub(1))) else { break };
        if caller.object == NOWHERE {
            break;
        }
        if !is_known {
            places.push(Code { object: MISSING, offset: 0 });
        }
        places.push(caller);
    }
    places
}

impl Walk<'_> {
    /// The return address of a function with a frame pointer.
    fn by_frame(&mut self, saved: Saved) -> Option<u64> {
        let end = self.frame_pointer.map(|frame| frame.wrapping_add_signed(saved.end));
        let in_copy = end.and_then(|end| self.read(end.wrapping_sub(8)));
        // Above the frame pointer and nowhere else is what the chain has.
        let in_chain = self.link.filter(|_| saved.end == 16);
        let caller = in_copy.or_else(|| self.seen.chain.get(in_chain?).copied())?;
        self.stack_pointer = end;
        if let Some(at) = saved.frame_pointer {
            self.frame_pointer = end.and_then(|end| self.read(end.wrapping_add_signed(at)));
            self.link = in_chain.map(|link| link + 1);
        }
        Some(caller)
    }

    /// The return address of a function without one.
    fn by_stack(&mut self, saved: Saved) -> Option<u64> {
        let end = self.stack_pointer?.wrapping_add_signed(saved.end);
        let caller = self.read(end.wrapping_sub(8))?;
        self.stack_pointer = Some(end);
        if let Some(at) = saved.frame_pointer {
            let of_caller = self.read(end.wrapping_add_signed(at));
            if of_caller != self.frame_pointer {
                // It was used for something else: the kernel followed that.
                (self.frame_pointer, self.link) = (of_caller, None);
            }
        }
        Some(caller)
    }

    /// The return address above the frame pointer, whosever that is.
    fn by_chain(&mut self) -> Option<u64> {
        let link = self.link?;
        let caller = *self.seen.chain.get(link)?;
        self.stack_pointer = self.frame_pointer.map(|frame| frame.wrapping_add(16));
        self.frame_pointer = self.frame_pointer.and_then(|frame| self.read(frame));
        self.link = Some(link + 1);
        Some(caller)
    }

    /// A word of the copy.
    fn read(&self, address: u64) -> Option<u64> {
        let at = usize::try_from(address.checked_sub(self.seen.registers.stack)?).ok()?;
        let bytes = self.seen.stack.get(at..at.checked_add(8)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a frame pointer; without one and so many bytes; in the first instruction after `push rbp`.
    const FRAME: Rule = Rule::Frame(Saved { end: 16, frame_pointer: Some(-16) });
    const fn stack(end: i64) -> Rule {
        Rule::Stack(Saved { end, frame_pointer: None })
    }
    const PUSHED: Rule = Rule::Stack(Saved { end: 16, frame_pointer: Some(-16) });

    /// The stack pointer.
    const SP: u64 = 1000;

    /// Functions by hundreds: the place of 1xx is (1, …); each with its rule. Gives the functions' numbers, 0 for missing
    /// ones and -1 for the beginning.
    fn check(words: &[u64], frame: u64, chain: &[u64], rules: &[Rule], expected: &[i64]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let registers = Registers { frame, stack: SP, instruction: chain[0] };
        let place = |address: u64| match address / 100 {
            function @ 1..=9 => Code { object: 9, offset: function },
            _ => Code { object: NOWHERE, offset: address },
        };
        let rule = |code: Code| *rules.get(code.offset as usize - 1).unwrap_or(&Rule::Unknown);
        let places = walk(Seen { registers, stack: &bytes, chain }, place, rule);
        let numbers: Vec<i64> = places
            .iter()
            .map(|code| match code.object {
                MISSING => 0,
                BEGINNING => -1,
                _ => code.offset as i64,
            })
            .collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn all_with_frame_pointers() {
        // Nothing was copied: the kernel's chain is enough.
        let rules = [FRAME, FRAME, Rule::Outermost];
        check(&[], 5000, &[150, 250, 350], &rules, &[1, 2, 3, -1]);
        // It ends.
        check(&[], 5000, &[150, 250], &rules, &[1, 2]);
        // It leads nowhere.
        check(&[], 5000, &[150, 250, 77], &rules, &[1, 2]);
    }

    #[test]
    fn a_leaf_without_a_frame() {
        // Its caller 2 has one, which the kernel's chain leaves out.
        let rules = [stack(24), FRAME, FRAME, Rule::Outermost];
        check(&[0, 0, 250], 5000, &[150, 350, 450], &rules, &[1, 2, 3, 4, -1]);
        // The copy ends before: what is left out is said to be.
        check(&[0, 0], 5000, &[150, 350, 450], &rules, &[1, 0, 3, 4, -1]);
    }

    #[test]
    fn a_function_that_begins() {
        let rules = [PUSHED, FRAME, FRAME];
        // The frame pointer, saved already, is still the caller's.
        check(&[5000, 250], 5000, &[150, 350], &rules, &[1, 2, 3]);
    }

    #[test]
    fn a_library_between_two_frames() {
        // 1 has a frame (saved 1032 → of 3), 2 is a library's without one, 3 has a frame again.
        let rules = [FRAME, stack(16), FRAME, FRAME];
        let words = [0, 1048, 250, 0, 350, 0, 2000, 450];
        check(&words, SP + 8, &[150, 250, 450], &rules, &[1, 2, 3, 4]);
        // The kernel's chain knows 1's frame pointer, but not where 2's frame is, as nothing was copied.
        check(&[], SP + 8, &[150, 250, 450], &rules, &[1, 2, 0, 4]);
    }

    #[test]
    fn without_any_frame_pointers() {
        let rules = [stack(8), stack(16), stack(8), Rule::Outermost];
        check(&[250, 0, 350, 450], 7, &[150], &rules, &[1, 2, 3, 4, -1]);
        check(&[250, 0, 350], 7, &[150], &rules, &[1, 2, 3]);
        // One that uses the register for something else and gives it back: the kernel's chain is not believed.
        let uses = Rule::Stack(Saved { end: 16, frame_pointer: Some(-16) });
        check(&[6000, 250], 7, &[150, 999], &[uses, FRAME], &[1, 2]);
    }

    #[test]
    fn endless_recursion_ends() {
        let chain: Vec<u64> = std::iter::repeat_n(150, 10_000).collect();
        let bytes = Vec::new();
        let registers = Registers { frame: 5000, stack: SP, instruction: 150 };
        let place = |_| Code { object: 9, offset: 1 };
        let places = walk(Seen { registers, stack: &bytes, chain: &chain }, place, |_| FRAME);
        assert_eq!(places.len(), MAX_FRAMES);
    }
}
