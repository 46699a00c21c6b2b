//! A command under valgrind's cachegrind, which simulates caches: instructions and misses by function.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::kernel::Cache;

/// What a function, or a whole run, did. Misses are of data: loads and stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Instructions executed.
    pub instructions: u64,
    /// Loads and stores of data.
    pub accesses: u64,
    /// Of those, what the first cache did not have.
    pub first_misses: u64,
    /// Of those, what the last cache did not have.
    pub last_misses: u64,
}

/// A function and what it did itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name, demangled.
    pub name: String,
    /// The file it stands in; empty where it is not known.
    pub file: String,
    /// What it did, without what it calls.
    pub counts: Counts,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// All of it.
    pub total: Counts,
    /// By function; of [`run`] those with most misses of the first cache first.
    pub functions: Vec<Function>,
    /// The caches that were simulated, as cachegrind tells.
    pub caches: Vec<String>,
}

/// Runs a command under cachegrind, with the caches of this machine: the first for instructions, the first for data and the last.
/// Processes that it starts count, too; one that is forked and starts no program counts what its parent did before once more.
/// `is_silent` keeps what the command prints off standard output.
///
/// # Errors
/// When valgrind is not there, refuses the program's instructions, or the command fails: says what to do.
pub fn run(
    command: &[OsString],
    data: &[Cache],
    instructions: Option<&Cache>,
    is_silent: bool,
) -> Result<Simulation> {
    crate::bench::callgrind::check()?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=yes", "--trace-children=yes"]);
    valgrind.arg(argument("--cachegrind-out-file=", &file("counts.%p")));
    valgrind.arg(argument("--log-file=", &file("log.%p")));
    let last = data.last().filter(|cache| cache.level > 1);
    let options = [("--I1=", instructions), ("--D1=", data.first()), ("--LL=", last)];
    for (option, cache) in options {
        if let Some(cache) = cache.and_then(Cache::for_valgrind) {
            valgrind.arg(format!("{option}{cache}"));
        }
    }
    valgrind.args(command);
    if is_silent {
        valgrind.stdout(Stdio::null());
    }
    let status = valgrind.status().context("cannot run valgrind")?;
    let log = texts(folder.path(), "log.")?.join("\n");
    if status.signal() == Some(4) || log.contains("unhandled instruction bytes") {
        bail!(
            "valgrind does not know an instruction of this program: it has AVX2, but no AVX-512. Code that asks the \
             processor at run time takes another path there; what was compiled for this one needs to be built with \
             RUSTFLAGS=-Ctarget-cpu=x86-64-v3 (and not native)"
        );
    }
    let counts = texts(folder.path(), "counts.")?;
    if counts.is_empty() {
        bail!("valgrind left no counts ({status}): {}", log.trim());
    }
    ensure!(status.success(), "the command failed under valgrind ({status})");
    let processes = counts.iter().map(|text| parse(text));
    let processes: Option<Vec<Simulation>> = processes.collect();
    Ok(together(processes.context("what cachegrind wrote was not understood")?))
}

/// The files of a folder whose names begin so.
fn texts(folder: &Path, start: &str) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(start) {
            let bytes = std::fs::read(entry.path()).context("what valgrind wrote")?;
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(texts)
}

/// What several processes did, the same function of all of them as one.
fn together(processes: Vec<Simulation>) -> Simulation {
    let mut all =
        Simulation { total: Counts::default(), functions: Vec::new(), caches: Vec::new() };
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for process in processes {
        all.total.add(process.total);
        all.caches = process.caches;
        for function in process.functions {
            let key = (function.name.clone(), function.file.clone());
            match places.get(&key) {
                Some(place) => all.functions[*place].counts.add(function.counts),
                None => {
                    places.insert(key, all.functions.len());
                    all.functions.push(function);
                }
            }
        }
    }
    all.functions.sort_by(|a, b| {
        let key = |f: &Function| (f.counts.first_misses, f.counts.instructions);
        key(b).cmp(&key(a)).then_with(|| a.name.cmp(&b.name))
    });
    all
}

impl Counts {
    fn add(&mut self, more: Self) {
        self.instructions += more.instructions;
        self.accesses += more.accesses;
        self.first_misses += more.first_misses;
        self.last_misses += more.last_misses;
    }
}

fn argument(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}

/// Cachegrind's file: `desc:` lines, `events:` with names of columns, `fl=` and `fn=` before lines of a source
/// line and its counts, and a `summary:`. `None` where it is not such a file.
pub fn parse(text: &str) -> Option<Simulation> {
    let mut caches = Vec::new();
    let mut columns: Vec<&str> = Vec::new();
    let mut functions: HashMap<(&str, &str), Counts> = HashMap::new();
    let mut total = None;
    let (mut file, mut function) = ("", "");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("desc:") {
            caches.push(rest.split_whitespace().collect::<Vec<_>>().join(" "));
        } else if let Some(rest) = line.strip_prefix("events:") {
            columns = rest.split_whitespace().collect();
        } else if let Some(rest) = line.strip_prefix("fl=") {
            file = rest;
        } else if let Some(rest) = line.strip_prefix("fn=") {
            function = rest;
        } else if let Some(rest) = line.strip_prefix("summary:") {
            total = Some(counts(&columns, rest)?);
        } else if line.starts_with(|c: char| c.is_ascii_digit()) {
            let (_, rest) = line.split_once(' ')?;
            let more = counts(&columns, rest)?;
            functions.entry((file, function)).or_default().add(more);
        }
    }
    let functions = functions.into_iter().map(|((file, name), counts)| Function {
        name: format!("{:#}", rustc_demangle::demangle(name)),
        file: if file == "???" { String::new() } else { file.to_owned() },
        counts,
    });
    Some(Simulation { total: total?, functions: functions.collect(), caches })
}

/// A line's counts, by the columns' names; trailing zeros may be missing.
fn counts(columns: &[&str], text: &str) -> Option<Counts> {
    let numbers = text.split_whitespace().map(|word| word.parse().ok());
    let numbers: Vec<u64> = numbers.collect::<Option<_>>()?;
    let sum = |names: &[&str]| -> Option<u64> {
        let mut sum = 0;
        for name in names {
            let column = columns.iter().position(|column| column == name)?;
            sum += numbers.get(column).copied().unwrap_or(0);
        }
        Some(sum)
    };
    Some(Counts {
        instructions: sum(&["Ir"])?,
        accesses: sum(&["Dr", "Dw"])?,
        first_misses: sum(&["D1mr", "D1mw"])?,
        last_misses: sum(&["DLmr", "DLmw"])?,
    })
}

/// The last parts of a path, which tell most.
pub fn short(file: &str) -> String {
    let path = PathBuf::from(file);
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "desc: I1 cache:         32768 B, 64 B, 8-way associative\n\
        cmd: ./a b\nevents: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw\n\
        fl=/s/a.rs\nfn=a::main\n1 10 1 1 4 2 1 3 1 1\n7 5\n\
        fl=???\nfn=_ZN4core3fmt5write17h0123456789abcdefE\n0 100 0 0 50 9 3 20 1\n\
        fl=/s/a.rs\nfn=a::main\n9 1\nsummary: 116 1 1 54 11 4 23 2 1\n";

    #[test]
    fn counts_are_added_by_function() {
        let simulation = together(vec![parse(FILE).unwrap()]);
        let counts = |instructions, accesses, first_misses, last_misses| Counts {
            instructions,
            accesses,
            first_misses,
            last_misses,
        };
        assert_eq!(simulation.total, counts(116, 77, 13, 5));
        let functions = &simulation.functions;
        assert_eq!(functions[0].name, "core::fmt::write");
        assert_eq!((functions[0].counts, functions[0].file.as_str()), (counts(100, 70, 10, 3), ""));
        assert_eq!(
            (functions[1].name.as_str(), functions[1].counts),
            ("a::main", counts(16, 7, 3, 2))
        );
        assert_eq!(simulation.caches, ["I1 cache: 32768 B, 64 B, 8-way associative"]);
        assert_eq!(short("/a/b/src/c.rs"), "src/c.rs");
    }

    #[test]
    fn processes_are_added_up() {
        let other = FILE.replace("a::main", "b::main");
        let both = together(vec![parse(FILE).unwrap(), parse(&other).unwrap()]);
        assert_eq!(both.total.instructions, 2 * 116);
        let names: Vec<_> =
            both.functions.iter().map(|f| (&*f.name, f.counts.instructions)).collect();
        assert_eq!(names, [("core::fmt::write", 200), ("a::main", 16), ("b::main", 16)]);
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("events: Ir\nsummary: 5\n"), None, "without the caches' columns");
        assert_eq!(parse(&FILE.replace("summary:", "sum:")), None);
    }
}
