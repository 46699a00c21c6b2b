//! `cargo xtask mutants`: the mutation proof. Each mutation of a list removes or inverts one fsync,
//! rename, checksum test, bound or order check; the tests of its crate must fail for every one.
//!
//! All mutations are compiled at once into a copy of the tree, each behind a question to the
//! environment (`if mutated(7) { new } else { old }`), so that a mutation costs a run of the tests
//! and no build. See `mutants.toml` for how they are written.

mod complete;
mod run;

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use toml::{Table, Value};

const LIST: &str = "xtask/mutants.toml";
const USAGE: &str = "usage: xtask mutants [--list] [--only PART…] [--jobs N]";

/// One mutation: in `file`, `new` stands for `old`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mutation {
    name: String,
    file: String,
    old: String,
    new: String,
}

impl Mutation {
    /// The package whose tests must fail.
    fn package(&self) -> String {
        format!("tidemill-{}", self.file.split('/').nth(1).unwrap_or_default())
    }
}

#[derive(Debug, Default)]
struct List {
    mutations: Vec<Mutation>,
    /// File and line that no mutation need cover.
    exceptions: Vec<(String, String)>,
}

/// Runs the mutations of which `PACKAGE/NAME` holds one of the parts given with `--only`, or lists
/// them.
///
/// # Errors
/// When the list is stale, the mutated tree does not build, or its tests fail without a mutation.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let (mut is_list, mut only, mut jobs) = (false, Vec::new(), 1);
    let mut arguments = arguments.iter().peekable();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => is_list = true,
            "--jobs" => jobs = arguments.next().and_then(|n| n.parse().ok()).context(USAGE)?,
            "--only" => {
                while let Some(name) = arguments.next_if(|name| !name.starts_with("--")) {
                    only.push(name.clone());
                }
            }
            _ => bail!(USAGE),
        }
    }
    let list = read(root)?;
    let stale = check(root, &list)?;
    if !stale.is_empty() {
        stale.iter().for_each(|problem| eprintln!("{problem}"));
        bail!("the list is stale");
    }
    let is_wanted = |mutation: &Mutation| {
        let name = format!("{}/{}", mutation.package(), mutation.name);
        only.is_empty() || only.iter().any(|part| name.contains(part))
    };
    let wanted: Vec<usize> =
        (0..list.mutations.len()).filter(|at| is_wanted(&list.mutations[*at])).collect();
    if is_list {
        for at in &wanted {
            println!("{:40} {}", list.mutations[*at].name, list.mutations[*at].file);
        }
        println!("{} mutations", wanted.len());
        return Ok(ExitCode::SUCCESS);
    }
    run::run(root, &list.mutations, &wanted, jobs)
}

fn read(root: &Path) -> Result<List> {
    let text = std::fs::read_to_string(root.join(LIST)).context(LIST)?;
    let table: Table = text.parse().context(LIST)?;
    let entries = |name: &str| table.get(name).and_then(Value::as_array).cloned();
    let part = |entry: &Value, name: &str| {
        let part = entry.get(name).and_then(Value::as_str).map(str::to_owned);
        part.with_context(|| format!("{LIST}: an entry without `{name}`: {entry}"))
    };
    let mut list = List::default();
    for entry in entries("mutation").unwrap_or_default() {
        list.mutations.push(Mutation {
            name: part(&entry, "name")?,
            file: part(&entry, "file")?,
            old: part(&entry, "old")?,
            new: part(&entry, "new")?,
        });
    }
    for entry in entries("exception").unwrap_or_default() {
        ensure!(!part(&entry, "reason")?.is_empty(), "{LIST}: an exception without a reason");
        list.exceptions.push((part(&entry, "file")?, part(&entry, "line")?));
    }
    Ok(list)
}

/// What is wrong with the list: names given twice, code that is no longer there, lines that should
/// be covered and are not.
///
/// # Errors
/// When a file cannot be read.
fn check(root: &Path, list: &List) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for (at, mutation) in list.mutations.iter().enumerate() {
        let Mutation { name, file, .. } = mutation;
        if list.mutations[..at].iter().any(|other| other.name == *name) {
            problems.push(format!("{name}: a name given twice"));
        }
        match std::fs::read_to_string(root.join(file)) {
            Ok(text) => problems.extend(place(&text, mutation).err()),
            Err(error) => problems.push(format!("{name}: {file}: {error}")),
        }
    }
    problems.extend(complete::check(root, list)?);
    Ok(problems)
}

fn rust_files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Where a mutation's old code stands, which must be exactly one place.
fn place(text: &str, mutation: &Mutation) -> Result<Range<usize>, String> {
    let Mutation { name, file, old, .. } = mutation;
    let mut places = text.match_indices(old.as_str()).map(|(at, _)| at..at + old.len());
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (None, _) => Err(format!("{name}: its old code is not in {file}")),
        (Some(_), Some(_)) => Err(format!("{name}: its old code is in {file} more than once")),
    }
}

/// The text of a file with all its mutations, given with their numbers, behind `mutated`.
///
/// # Errors
/// When two overlap and neither holds the other.
fn render(text: &str, mutations: &[(usize, &Mutation)]) -> Result<String> {
    let mut places = Vec::new();
    for (number, mutation) in mutations {
        places.push((place(text, mutation).map_err(anyhow::Error::msg)?, *number, *mutation));
    }
    // The outer ones first; of two with the same code, the first in the list.
    places.sort_by_key(|(place, number, _)| (place.start, usize::MAX - place.end, *number));
    let mut out = String::new();
    let rest = render_part(text, 0..text.len(), &places, &mut out)?;
    ensure!(rest == 0, "mutations overlap");
    Ok(out)
}

type Placed<'a> = (Range<usize>, usize, &'a Mutation);

/// Renders a part of the text and returns how many of the mutations, which start in it, are left.
fn render_part(
    text: &str,
    part: Range<usize>,
    mut places: &[Placed<'_>],
    out: &mut String,
) -> Result<usize> {
    let mut at = part.start;
    while let Some(((place, number, mutation), inner)) = places.split_first() {
        if place.start >= part.end {
            break;
        }
        ensure!(place.end <= part.end, "{} overlaps another mutation", mutation.name);
        out.push_str(&text[at..place.start]);
        let is_statement = mutation.old.ends_with(['}', ';']);
        let (open, close) = if is_statement { ("", "") } else { ("(", ")") };
        let new = &mutation.new;
        write!(out, "{open}if crate::mutated({number}) {{ {new} }} else {{ ")?;
        let left = render_part(text, place.clone(), inner, out)?;
        write!(out, " }}{close}")?;
        places = &inner[inner.len() - left..];
        at = place.end;
    }
    out.push_str(&text[at..part.end]);
    Ok(places.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_is_not_stale_and_complete() {
        let root = crate::root();
        let list = read(&root).unwrap();
        assert_eq!(check(&root, &list).unwrap(), Vec::<String>::new());
        assert!(list.mutations.len() > 550, "{}", list.mutations.len());
        for file in list.mutations.iter().map(|mutation| &mutation.file).collect::<BTreeSet<_>>() {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            let here = list.mutations.iter().enumerate().filter(|(_, m)| m.file == *file);
            render(&text, &here.collect::<Vec<_>>()).unwrap();
        }
        for (file, line) in &list.exceptions {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            assert!(text.contains(line.as_str()), "a stale exception: {file}: {line}");
        }
    }

    fn mutation(name: &str, old: &str, new: &str) -> Mutation {
        let file = "crates/store/src/a.rs".to_owned();
        Mutation { name: name.into(), file, old: old.into(), new: new.into() }
    }

    #[test]
    fn mutations_nest_and_stale_ones_are_found() {
        let text = "let a = b.c(d > 1)?;\nx();\ny();\n";
        let [outer, inner, order] = [
            mutation("outer", "b.c(d > 1)", "None"),
            mutation("inner", "d > 1", "true"),
            mutation("order", "x();\ny();", "y(); x();"),
        ];
        let all = [(0, &outer), (1, &inner), (2, &order)];
        assert_eq!(
            render(text, &all).unwrap(),
            "let a = (if crate::mutated(0) { None } else { b.c((if crate::mutated(1) { true } \
             else { d > 1 })) })?;\nif crate::mutated(2) { y(); x(); } else { x();\ny(); }\n"
        );
        let twice = [(0, &inner), (1, &inner)];
        assert_eq!(render(text, &twice).unwrap().matches("crate::mutated").count(), 2);
        assert!(render(text, &[(0, &mutation("a", "a = b", "")), (1, &outer)]).is_err());
        assert!(render(text, &[(0, &outer), (1, &mutation("a", "> 1)?", ""))]).is_err());
        assert!(place(text, &mutation("a", "z", "")).unwrap_err().contains("not in"));
        assert!(place(text, &mutation("a", "();", "")).unwrap_err().contains("more than once"));
    }
}
