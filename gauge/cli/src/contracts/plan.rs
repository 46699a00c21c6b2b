//! What the contracts mean: the functions they speak of and the conditions on each, in order.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::{Result, ensure};
use toml::Spanned;

use super::comments::Comment;
use super::condition::{self, Condition, Sameness};
use super::file::{
    self, AllocationsTable, BinaryTable, BuildTable, ContractTable, File, FunctionTable, NAME,
    SizeTable,
};
use super::problem;
use super::signature::public_function;
use crate::result::Place;

/// All that is to be judged.
#[derive(Debug, Default)]
pub struct Plan {
    /// How artefacts are built.
    pub build: BuildTable,
    /// Dependencies of the harness, as Cargo writes them.
    pub dependencies: toml::Table,
    /// The functions.
    pub functions: Vec<Target>,
    /// The conditions on them.
    pub checks: Vec<Check>,
    /// Types.
    pub sizes: Vec<(SizeTable, Place)>,
    /// Code whose allocations are counted.
    pub allocations: Vec<(AllocationsTable, Place)>,
    /// Binaries.
    pub binaries: Vec<(BinaryTable, Place)>,
}

/// A function that contracts speak of.
#[derive(Debug)]
pub struct Target {
    /// What contracts call it.
    pub name: String,
    /// What it is.
    pub source: Source,
    /// Where it is declared.
    pub place: Place,
}

/// Where a function comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// Compiled into the harness.
    Code {
        /// Rust.
        text: String,
        /// The function's name in it.
        function: String,
    },
    /// A path that the harness can name, and so keeps.
    Path(String),
    /// A symbol that is in the harness because something else needs it.
    Symbol(String),
    /// A symbol of a binary.
    Binary {
        /// The binary target's name.
        bin: String,
        /// The function's path.
        path: String,
    },
}

/// A condition on a function.
#[derive(Debug)]
pub struct Check {
    /// An index into [`Plan::functions`].
    pub function: usize,
    /// What it must be.
    pub condition: Condition,
    /// Where that is written.
    pub place: Place,
}

/// What `text`, the file [`NAME`], and the comments mean.
///
/// # Errors
/// When something in them means nothing: with file, line and column.
pub fn plan(text: &str, comments: Vec<Comment>) -> Result<Plan> {
    let file: File = file::parse(NAME, text)?;
    let mut planner = Planner { text, plan: Plan::default(), by_name: HashMap::new() };
    planner.plan.build = file.build;
    planner.plan.dependencies = file.dependencies;
    for function in file.functions {
        planner.function(function)?;
    }
    for contract in file.contracts {
        let span = contract.span();
        planner.contract(contract.into_inner(), &span)?;
    }
    for comment in comments {
        planner.comment(comment)?;
    }
    planner.rest(file.sizes, file.allocations, file.binaries)?;
    Ok(planner.plan)
}

struct Planner<'a> {
    text: &'a str,
    plan: Plan,
    by_name: HashMap<String, usize>,
}

impl Planner<'_> {
    fn error(&self, span: &Range<usize>, message: &str) -> anyhow::Error {
        problem::at(NAME, self.text, span, message)
    }

    fn place(&self, span: &Range<usize>) -> Place {
        problem::place(NAME, self.text, span.start)
    }

    fn add(&mut self, name: String, source: Source, place: Place) -> usize {
        let index = self.plan.functions.len();
        self.by_name.insert(name.clone(), index);
        self.plan.functions.push(Target { name, source, place });
        index
    }

    fn function(&mut self, table: Spanned<FunctionTable>) -> Result<()> {
        let span = table.span();
        let FunctionTable { name, code, path, bin } = table.into_inner();
        let (default, source, at) = match (code, path, bin) {
            (Some(code), None, None) => {
                let at = code.span();
                let (text, function) = self.code(code)?;
                (function.clone(), Source::Code { text, function }, at)
            }
            (None, Some(path), bin) => {
                let (at, path) = (path.span(), path.into_inner());
                let source = match bin {
                    Some(bin) => Source::Binary { bin: bin.into_inner(), path: path.clone() },
                    None => Source::Path(path.clone()),
                };
                (path, source, at)
            }
            (Some(_), _, Some(bin)) => {
                return Err(self.error(&bin.span(), "a binary's function has a `path`, not `code`"));
            }
            _ => return Err(self.error(&span, "a function has either `code` or a `path`")),
        };
        let at = name.as_ref().map_or(at, Spanned::span);
        let name = name.map_or(default, Spanned::into_inner);
        if self.by_name.contains_key(&name) {
            return Err(self.error(&at, &format!("there is a function `{name}` already")));
        }
        let place = self.place(&span);
        self.add(name, source, place);
        Ok(())
    }

    /// The code with its function kept apart, and that function's name.
    fn code(&self, code: Spanned<String>) -> Result<(String, String)> {
        let text = code.as_ref();
        let found = text.lines().find_map(|line| Some((line, public_function(line)?)));
        let Some((line, signature)) = found else {
            let message = "no line of the code begins with `pub fn`, the function that is meant";
            return Err(self.error(&code.span(), message));
        };
        if signature.is_generic {
            let message = format!("`{}` is generic: say with which types", signature.name);
            return Err(self.error(&code.span(), &message));
        }
        let head = line.trim_start();
        let kept = text.replacen(head, &format!("#[inline(never)] {head}"), 1);
        Ok((kept, signature.name.to_owned()))
    }

    /// The function that a contract means: a declared name, or the path of a symbol.
    fn named(&mut self, name: &Spanned<String>) -> Result<usize> {
        let (span, name) = (name.span(), name.as_ref());
        if let Some(index) = self.by_name.get(name) {
            return Ok(*index);
        }
        if name.contains("::") {
            let place = self.place(&span);
            return Ok(self.add(name.clone(), Source::Symbol(name.clone()), place));
        }
        let mut known: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
        known.sort_unstable();
        let complaint = format!("no `[[function]]` is called `{name}`");
        Err(self.error(&span, &problem::unknown(&complaint, name, known)))
    }

    fn contract(&mut self, mut table: ContractTable, span: &Range<usize>) -> Result<()> {
        let place = self.place(span);
        if let Some(same) = &table.same {
            let names = same.as_ref();
            ensure!(
                names.len() >= 2 && table.function.is_none() && table.same_as.is_none(),
                self.error(&same.span(), "`same` names two functions or more, and stands alone")
            );
            let first = self.named(&names[0])?;
            for name in &names[1..] {
                let other = self.named(name)?;
                let level = self.level(&table)?;
                let name = names[0].as_ref().clone();
                let condition = Condition::Same { other: first, name, level };
                self.plan.checks.push(Check { function: other, condition, place: place.clone() });
            }
            if conditions(&table).next().is_some() {
                return Err(self.error(&same.span(), "beside `same` only `level` may stand"));
            }
            return Ok(());
        }
        let Some(functions) = table.function.take() else {
            return Err(self.error(span, "a contract has a `function`, or `same`"));
        };
        let other = table.same_as.as_ref().map(|name| self.named(name)).transpose()?;
        for function in file::names(functions) {
            let index = self.named(&function)?;
            self.conditions(index, other, &table, &place).map_err(|(at, message)| {
                self.error(&at.unwrap_or_else(|| span.clone()), &message)
            })?;
        }
        Ok(())
    }

    fn level(&self, table: &ContractTable) -> Result<Sameness> {
        let Some(level) = &table.level else { return Ok(Sameness::RENAMED) };
        condition::level(level.as_ref()).map_err(|message| self.error(&level.span(), &message))
    }

    fn comment(&mut self, comment: Comment) -> Result<()> {
        let Comment { path, contract, place } = comment;
        let index = self.path(&path, &place);
        let other = contract.same_as.as_ref().map(|name| {
            let name = name.as_ref();
            match (self.by_name.get(name), path.rsplit_once("::")) {
                (Some(index), _) => *index,
                // A function beside it.
                (None, Some((module, _))) if !name.contains("::") => {
                    self.path(&format!("{module}::{name}"), &place)
                }
                _ => self.path(name, &place),
            }
        });
        self.conditions(index, other, &contract, &place)
            .map_err(|(_, message)| anyhow::anyhow!("{}:{}: {message}", place.file, place.line))
    }

    fn path(&mut self, path: &str, place: &Place) -> usize {
        match self.by_name.get(path) {
            Some(index) => *index,
            None => self.add(path.to_owned(), Source::Path(path.to_owned()), place.clone()),
        }
    }

    /// Adds what the table says of a function.
    fn conditions(
        &mut self,
        function: usize,
        other: Option<usize>,
        table: &ContractTable,
        place: &Place,
    ) -> Result<(), (Option<Range<usize>>, String)> {
        let before = self.plan.checks.len();
        let mut add = |condition| {
            self.plan.checks.push(Check { function, condition, place: place.clone() });
        };
        for condition in conditions(table) {
            add(condition.map_err(|(span, message)| (Some(span), message))?);
        }
        if let Some(other) = other {
            let level = table.level.as_ref().map(|level| {
                condition::level(level.as_ref()).map_err(|message| (Some(level.span()), message))
            });
            let name = self.plan.functions[other].name.clone();
            let level = level.transpose()?.unwrap_or(Sameness::RENAMED);
            self.plan.checks.push(Check {
                function,
                condition: Condition::Same { other, name, level },
                place: place.clone(),
            });
        } else if let Some(level) = &table.level {
            return Err((Some(level.span()), "`level` goes with `same` or `same-as`".to_owned()));
        }
        if self.plan.checks.len() == before {
            return Err((None, "the contract says nothing: add `no`, `simd`, `has` …".to_owned()));
        }
        Ok(())
    }

    fn rest(
        &mut self,
        sizes: Vec<Spanned<SizeTable>>,
        allocations: Vec<Spanned<AllocationsTable>>,
        binaries: Vec<Spanned<BinaryTable>>,
    ) -> Result<()> {
        for table in sizes {
            let (span, table) = (table.span(), table.into_inner());
            if table.max.is_none() == table.exact.is_none() {
                return Err(self.error(&span, "a size has either `max` or `exact`"));
            }
            self.plan.sizes.push((table, self.place(&span)));
        }
        for table in allocations {
            let (span, table) = (table.span(), table.into_inner());
            if table.max.is_none() && table.max_bytes.is_none() {
                return Err(self.error(&span, "allocations have a `max` or `max-bytes`"));
            }
            self.plan.allocations.push((table, self.place(&span)));
        }
        for table in binaries {
            let (span, table) = (table.span(), table.into_inner());
            self.plan.binaries.push((table, self.place(&span)));
        }
        Ok(())
    }
}

/// The conditions on one function alone.
fn conditions(
    table: &ContractTable,
) -> impl Iterator<Item = Result<Condition, (Range<usize>, String)>> {
    let read = |text: &Spanned<String>, read: fn(&str) -> Result<Condition, String>| {
        read(text.as_ref()).map_err(|message| (text.span(), message))
    };
    let words = table.simd.iter().map(move |text| read(text, Condition::simd));
    let words = words.chain(table.no.iter().map(move |text| read(text, Condition::no)));
    let words = words.chain(table.has.iter().map(move |text| read(text, Condition::has)));
    let limits = [
        table.max_instructions.map(Condition::MaxInstructions),
        table.max_stack.map(Condition::MaxStack),
        table.max_bytes.map(Condition::MaxBytes),
    ];
    words.chain(limits.into_iter().flatten().map(Ok))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "[[function]]\ncode = \"pub fn f() {}\"\n\
                       [[function]]\nname = \"g\"\npath = \"a::g\"\n";

    fn shown(text: &str) -> Result<Vec<String>, String> {
        let plan = plan(&format!("{TWO}{text}"), Vec::new()).map_err(|error| error.to_string())?;
        let name = |check: &Check| plan.functions[check.function].name.clone();
        Ok(plan
            .checks
            .iter()
            .map(|check| format!("{} {}: {}", check.place.line, name(check), check.condition))
            .collect())
    }

    #[test]
    fn a_contract_is_a_row_a_condition() {
        let text = "[[contract]]\nfunction = \"f\"\nsimd = \"f64x4\"\nno = [\"panic\", \"idiv\"]\n\
                    has = [\"lea\"]\nmax-instructions = 3\nmax-stack = 0\nmax-bytes = 9\n\
                    same-as = \"g\"\nlevel = \"bytes\"\n\
                    [[contract]]\nsame = [\"f\", \"g\", \"x::y\"]\n";
        let expected = [
            "6 f: simd f64x4",
            "6 f: no panic",
            "6 f: no idiv",
            "6 f: has lea",
            "6 f: at most 3 instructions",
            "6 f: at most 0 B of stack",
            "6 f: at most 9 B of code",
            "6 f: same bytes as g",
            "16 g: same as f",
            "16 x::y: same as f",
        ];
        assert_eq!(shown(text).unwrap(), expected);
    }

    #[test]
    fn what_means_nothing_is_an_error_with_its_place() {
        for (text, expected) in [
            (
                "[[contract]]\nfunction = \"h\"\nno = [\"panic\"]\n",
                "gauge.toml:7:12: no `[[function]]` is called `h`: did you mean",
            ),
            ("[[contract]]\nfunction = \"f\"\n", "gauge.toml:6:1: the contract says nothing"),
            ("[[contract]]\nno = [\"panic\"]\n", "gauge.toml:6:1: a contract has a `function`"),
            (
                "[[contract]]\nfunction = \"f\"\nno = [\"panik\"]\n",
                "gauge.toml:8:7: nothing is called `panik`",
            ),
            ("[[contract]]\nsame = [\"f\"]\n", "gauge.toml:7:8: `same` names two"),
            (
                "[[contract]]\nsame = [\"f\", \"g\"]\nno = [\"call\"]\n",
                "gauge.toml:7:8: beside `same`",
            ),
            (
                "[[contract]]\nsame = [\"f\", \"g\"]\nlevel = \"bits\"\n",
                "gauge.toml:8:9: no such level: `bits`",
            ),
            (
                "[[contract]]\nfunction = \"f\"\nno = [\"call\"]\nlevel = \"bytes\"\n",
                "gauge.toml:9:9: `level` goes with",
            ),
            (
                "[[function]]\ncode = \"pub fn f() {}\"\n",
                "gauge.toml:7:8: there is a function `f` already",
            ),
            (
                "[[function]]\ncode = \"fn h() {}\"\n",
                "gauge.toml:7:8: no line of the code begins with `pub fn`",
            ),
            ("[[function]]\ncode = \"pub fn h<T>() {}\"\n", "gauge.toml:7:8: `h` is generic"),
            ("[[function]]\nname = \"h\"\n", "gauge.toml:6:1: a function has either"),
            (
                "[[function]]\ncode = \"pub fn h() {}\"\nbin = \"b\"\n",
                "gauge.toml:8:7: a binary's function",
            ),
            ("[[size]]\ntype = \"T\"\n", "gauge.toml:6:1: a size has either"),
            ("[[allocations]]\nname = \"a\"\ncode = \"\"\n", "gauge.toml:6:1: allocations have"),
        ] {
            let error = shown(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
