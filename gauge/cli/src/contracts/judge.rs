//! Judging: a verdict for each condition on a function.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol};

use super::comments::{self, Library};
use super::condition::{Absent, Condition, Sameness, level_name, spelled};
use super::harness::{self, TABLE};
use super::lines::with_lines;
use super::loops;
use super::plan::{Check, Plan, Source};
use super::problem;
use super::session::Built;
use crate::asm::{
    Analyser, Analysis, Body, Finding, Level, Sources, compare, packed_in_loops, predicates,
};
use crate::image::{Function, Image, Lookup, Word};
use crate::result::{Row, Verdict};

/// Lines of a difference that are shown.
const MAX_DIFF_LINES: usize = 24;

/// Judges functions; what was learnt of one serves for its next condition.
pub struct Judge<'a> {
    plan: &'a Plan,
    root: PathBuf,
    /// By the function's index: its image, and itself; or why there is none.
    located: Vec<Result<(&'a Image, &'a Function), String>>,
    /// By the image's address.
    analysers: HashMap<*const Image, Analyser<'a>>,
    sources: HashMap<*const Image, Sources<'a>>,
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

    fn missing(why: &str) -> Self {
        let note = why.to_owned();
        Self { verdict: Verdict::Fail, value: None, note, diff: Vec::new() }
    }
}

impl<'a> Judge<'a> {
    /// Finds the functions, of a project at `root`: those of the harness's table by their addresses, the others
    /// by name.
    ///
    /// # Errors
    /// When the harness has no table, or another one than the plan.
    pub fn new(
        plan: &'a Plan,
        root: &Path,
        libraries: &[Library],
        built: &'a Built,
    ) -> Result<Self> {
        let Built { harness, missing, binaries, .. } = built;
        let harness = harness.as_ref();
        let mut by_function = HashMap::new();
        if let Some(image) = harness {
            let addresses = addresses(image)?;
            let wanted = harness::entries(plan, missing).count();
            let found = addresses.len();
            ensure!(found == wanted, "the harness has a table of {found} functions, not {wanted}");
            by_function.extend(harness::entries(plan, missing).zip(addresses));
        }
        let located = plan.functions.iter().enumerate().map(|(index, function)| {
            if let Some(why) = missing.get(&index) {
                return Err(why.clone());
            }
            let (image, path) = match &function.source {
                Source::Code { .. } | Source::Path(_) => {
                    let image = harness.ok_or("there is no harness")?;
                    let address = by_function.get(&index).ok_or("it is not in the table")?;
                    let found = image.function_at(*address).map(|found| (image, found));
                    return found.ok_or_else(|| format!("no function begins at {address:#x}"));
                }
                Source::Symbol(path) => (harness.ok_or("there is no harness")?, path),
                Source::Binary { bin, path } => {
                    (binaries.get(bin).ok_or("its binary was not built")?, path)
                }
            };
            let is_symbol = matches!(function.source, Source::Symbol(_));
            image.find(path).map(|found| (image, found)).map_err(|lookup| match &lookup {
                Lookup::Missing { near, .. } if is_symbol && near.is_empty() => {
                    format!("{lookup}{}", not_linked(path, libraries))
                }
                _ => lookup.to_string(),
            })
        });
        let located = located.collect();
        Ok(Self {
            plan,
            root: root.to_owned(),
            located,
            analysers: HashMap::new(),
            sources: HashMap::new(),
            analyses: HashMap::new(),
        })
    }

    /// Judges a condition, and tells the row of what.
    ///
    /// # Errors
    /// When a function cannot be decoded.
    pub fn judge(&mut self, check: &Check, row: &mut Row) -> Result<Judged> {
        let name = self.plan.functions[check.function].name.as_str();
        row.details.insert("function".to_owned(), name.into());
        row.details.insert("condition".to_owned(), check.condition.to_string().into());
        let (image, function) = match &self.located[check.function] {
            Ok(found) => *found,
            Err(why) => return Ok(Judged::missing(why)),
        };
        row.details.insert("symbol".to_owned(), function.name().into());
        if let Condition::Same { other, level, .. } = &check.condition {
            let (other_image, other) = match &self.located[*other] {
                Ok(found) => *found,
                Err(why) => return Ok(Judged::missing(why)),
            };
            let found = compare(other_image, other, image, function)?;
            let mut sense = Sameness::As(found.level);
            let mut note = match found.level.is_same() {
                true => format!("{}: {}", level_name(sense), found.level.words()),
                false => "they differ".to_owned(),
            };
            if *level == Sameness::Loops && !found.level.is_same() {
                let bodies = (Body::decode(other_image, other)?, Body::decode(image, function)?);
                if loops::do_the_same(&bodies.0, &bodies.1) {
                    sense = Sameness::Loops;
                    note =
                        "loops: the same work in the hot loops, different around them".to_owned();
                } else {
                    note = "they differ, in the hot loops too".to_owned();
                }
            }
            let is_same = sense <= *level && sense != Sameness::As(Level::Different);
            let mut diff = if is_same { Vec::new() } else { found.diff };
            diff.truncate(MAX_DIFF_LINES);
            let verdict = if is_same { Verdict::Pass } else { Verdict::Fail };
            return Ok(Judged { verdict, value: None, note, diff });
        }
        if let Entry::Vacant(entry) = self.analyses.entry(check.function) {
            let analyser = self.analysers.entry(image).or_insert_with(|| Analyser::new(image));
            entry.insert(analyser.analyse(function)?);
        }
        let mut judged = judged(&self.analyses[&check.function], &check.condition);
        if judged.verdict != Verdict::Pass {
            let sources = match self.sources.entry(image) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(Sources::new(image, &self.root)?),
            };
            judged.note = with_lines(&judged.note, sources);
        }
        Ok(judged)
    }
}

/// What was perhaps meant by a symbol that is not in the harness.
fn not_linked(path: &str, libraries: &[Library]) -> String {
    let known = comments::public_functions(libraries);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match problem::nearest(path, &known) {
        Some(near) if near == path => {
            format!(" in the harness: a `[[function]]` with `path = \"{path}\"` puts it there")
        }
        Some(near) => {
            format!(": did you mean `{near}`? It takes a `[[function]]` with that `path`")
        }
        None => " in the harness".to_owned(),
    }
}

/// The addresses in the harness's table.
fn addresses(image: &Image) -> Result<Vec<u64>> {
    let file = object::File::parse(image.file())?;
    let table = file.symbol_by_name(TABLE).context("the harness has no table of functions")?;
    let range = table.address()..table.address() + table.size();
    if image.is_fixed() {
        // The linker has written them: there is nothing left for the loader.
        let bytes = image.bytes(range.start, table.size()).unwrap_or_default().chunks_exact(8);
        let words = bytes.map(|word| word.try_into().map_or(0, u64::from_le_bytes));
        return Ok(words.collect());
    }
    let address = |word: &Word| match word {
        Word::Address(address) => Some(*address),
        _ => None,
    };
    Ok(image.relocated(range).filter_map(|(_, word)| address(word)).collect())
}

fn judged(analysis: &Analysis, condition: &Condition) -> Judged {
    let body = &analysis.body;
    let mut value = None;
    let mut passed = String::new();
    let finding = match condition {
        Condition::Simd { element, width, .. } => {
            passed = packed_in_loops(analysis).join(", ");
            predicates::simd(analysis, Some(*element), *width)
        }
        Condition::No(Absent::Panic) => predicates::no_panic(analysis),
        Condition::No(Absent::Alloc) => predicates::no_allocation(analysis),
        Condition::No(Absent::Call) => predicates::no_call(analysis),
        Condition::No(Absent::Simd) => predicates::no_simd(analysis),
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
