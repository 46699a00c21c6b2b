//! Judging: a row of the result for each condition on a function.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol};

use super::condition::{Absent, Condition, level_name, spelled};
use super::harness::{self, TABLE};
use super::plan::{Check, Plan, Source};
use crate::asm::{Analyser, Analysis, Finding, compare, packed, predicates};
use crate::image::{Function, Image, Word};
use crate::result::{Row, Verdict};

/// Lines of a difference that are shown.
const MAX_DIFF_LINES: usize = 24;

/// Judges functions; what was learnt of one serves for its next condition.
#[derive(Debug)]
pub struct Judge<'a> {
    plan: &'a Plan,
    /// By the function's index: its image, and itself; or why there is none.
    located: Vec<Result<(&'a Image, &'a Function), String>>,
    /// By the image's address.
    analysers: HashMap<*const Image, Analyser<'a>>,
    /// By the function's index.
    analyses: HashMap<usize, Analysis>,
}

/// What became of a row.
#[derive(Debug)]
pub struct Judged {
    verdict: Verdict,
    value: Option<u64>,
    note: String,
    diff: Vec<String>,
}

impl Judged {
    /// A figure that was measured.
    pub fn figure(holds: bool, value: u64, note: String) -> Self {
        let verdict = if holds { Verdict::Pass } else { Verdict::Fail };
        Self { verdict, value: Some(value), note, diff: Vec::new() }
    }

    /// What cannot be told, and why.
    pub fn unknown(note: String) -> Self {
        Self { verdict: Verdict::Unknown, value: None, note, diff: Vec::new() }
    }

    /// Writes it into its row.
    pub fn fill(self, row: &mut Row) {
        row.verdict = Some(self.verdict);
        row.value = self.value.map(|value| value as f64);
        row.note = self.note;
        if !self.diff.is_empty() {
            row.details.insert("diff".to_owned(), self.diff.into());
        }
    }

    fn judged(image: &Image, analysis: &Analysis, condition: &Condition) -> Judged {
    let body = &analysis.body;
    let mut value = None;
    let mut passed = String::new();
    let finding = match condition {
        Condition::Simd { element, width, .. } => {
            predicates::simd(analysis, Some(*element), *width)
        }
        Condition::No(Absent::Panic) => predicates::no_panic(analysis),
        Condition::No(Absent::Alloc) => predicates::no_allocation(analysis),
        Condition::No(Absent::Call) => predicates::no_call(analysis),
        Condition::No(Absent::Simd) => no_simd(analysis),
        Condition::No(Absent::Mnemonic(mnemonic)) => {
            predicates::no_mnemonic(analysis, &spelled(*mnemonic))
        }
        Condition::Has(mnemonic) => predicates::has_mnemonic(analysis, &spelled(*mnemonic)),
        Condition::MaxInstructions(most) => {
            let count = predicates::instructions(body);
            value = Some(count);
            passed = format!("{count} instructions");
            predicates::max_instructions(analysis, usize::try_from(*most).unwrap_or(usize::MAX))
        }
        Condition::MaxStack(most) => {
            value = predicates::stack(body);
            passed = value.map_or(String::new(), |bytes| format!("{bytes} B"));
            predicates::max_stack(analysis, *most)
        }
        Condition::MaxBytes(most) => {
            let bytes = body.bytes();
            value = Some(bytes);
            passed = format!("{bytes} B");
            match bytes <= *most {
                true => Finding::Holds,
                false => Finding::Broken(format!("{bytes} B")),
            }
        }
        Condition::Same { .. } => Finding::Unknown("it is of two functions".to_owned()),
    };
    let (verdict, note) = match finding {
        Finding::Holds => (Verdict::Pass, passed),
        Finding::Broken(evidence) => (Verdict::Fail, evidence),
        Finding::Unknown(why) => (Verdict::Unknown, why),
    };
    Judged { verdict, value, note, diff: Vec::new() }
}

/// Nothing is done on several numbers at once, in a loop or outside.
fn no_simd(analysis: &Analysis) -> Finding {
    let body = &analysis.body;
    let reached = body.blocks.iter().enumerate().filter(|(index, _)| analysis.is_reached(*index));
    let mut instructions = reached.flat_map(|(_, block)| body.of(block));
    match instructions.find(|instruction| packed(instruction).is_some()) {
        Some(found) => {
            Finding::Broken(format!("{} at {:#x}", spelled(found.mnemonic()), found.ip()))
        }
        None => match predicates::no_mnemonic(analysis, "") {
            // A jump that may lead anywhere hides instructions.
            Finding::Unknown(why) => Finding::Unknown(why),
            _ => Finding::Holds,
        },
    }
}
