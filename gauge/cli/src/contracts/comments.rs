//! Contracts that stand beside the function: `// gauge: no = ["panic"], simd = "f64"` above a `pub fn`.
//!
//! A comment needs no macro, and is as strict as `gauge.toml`: one that belongs to no function that the
//! harness can name is an error.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::file::ContractTable;
use super::problem;
use super::remarks::{Remark, remarks};
use super::signature::public_function;
use crate::result::Place;

/// A library of the workspace.
#[derive(Debug, Clone)]
pub struct Library {
    /// What code calls it.
    pub name: String,
    /// Its first file: `src/lib.rs`.
    pub root: PathBuf,
}

/// A contract in a source.
#[derive(Debug)]
pub struct Comment {
    /// The function's path: `tidemill_kernels::reduce::sum_f64`.
    pub path: String,
    /// What it must be.
    pub contract: ContractTable,
    /// Where the comment stands.
    pub place: Place,
}

/// The contracts in the sources of a library, in the order of its files; places are relative to
/// `workspace`.
///
/// # Errors
/// When a file cannot be read, or a comment is not a contract, was meant to be one, or is not of a function
/// that another crate can name: with file and line.
pub fn scan(workspace: &Path, library: &Library) -> Result<Vec<Comment>> {
    let folder = library.root.parent().unwrap_or(workspace);
    let mut comments = Vec::new();
    for path in files(folder)? {
        let (file, text) = read(workspace, &path)?;
        for Remark { span, line, is_contract } in remarks(&text) {
            if !is_contract {
                return Err(problem::at(&file, &text, &span, NEARLY));
            }
            let bad = |message: &str| problem::at(&file, &text, &span, message);
            let contract = contract(&file, &text, &span)?;
            if contract.function.is_some() || contract.same.is_some() {
                return Err(bad(
                    "it speaks of the function below: leave out `function` and `same`",
                ));
            }
            let name = function_below(&text, line).map_err(|message| bad(&message))?;
            let modules = modules(library, folder, &path).map_err(|message| bad(&message))?;
            let place = problem::place(&file, &text, span.start);
            comments.push(Comment { path: format!("{modules}::{name}"), contract, place });
        }
    }
    Ok(comments)
}

const NEARLY: &str =
    "this is no contract yet: write `// gauge: …` on a line of its own above the function";

/// Refuses contracts in sources that are of no library: nothing else can name their functions. `roots` are the
/// first files of binaries, tests, examples …
///
/// # Errors
/// When there is one, with file and line; or a file cannot be read.
pub fn refuse(workspace: &Path, roots: &[PathBuf], libraries: &[Library]) -> Result<()> {
    let of_library = |path: &Path| {
        libraries.iter().any(|library| library.root.parent().is_some_and(|at| path.starts_with(at)))
    };
    let mut found = BTreeSet::new();
    for root in roots {
        let folder = root.parent().unwrap_or(workspace);
        match folder.join("Cargo.toml").exists() {
            // Beside a manifest stand other things than its modules.
            true => found.extend([root.clone()]),
            false => found.extend(files(folder)?),
        }
    }
    for path in found.iter().filter(|path| !of_library(path)) {
        let (file, text) = read(workspace, path)?;
        if let Some(remark) = remarks(&text).first() {
            let message = "a contract stands in a library: of a binary's function, write a `[[function]]` with \
                           `bin` in gauge.toml";
            return Err(problem::at(&file, &text, &remark.span, message));
        }
    }
    Ok(())
}

/// Paths of the libraries' public functions, as far as the names of files tell them: to find what was meant
/// by one that is wrong.
pub fn public_functions(libraries: &[Library]) -> Vec<String> {
    let mut found = Vec::new();
    for library in libraries {
        let folder = library.root.parent().unwrap_or(&library.root);
        for path in files(folder).unwrap_or_default() {
            let Ok(module) = modules(library, folder, &path) else { continue };
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let names =
                text.lines().filter(|line| line.starts_with("pub ")).filter_map(public_function);
            found.extend(names.map(|signature| format!("{module}::{}", signature.name)));
        }
    }
    found
}

/// A file's path from the workspace on, and its text.
fn read(workspace: &Path, path: &Path) -> Result<(String, String)> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok((path.strip_prefix(workspace).unwrap_or(path).display().to_string(), text))
}

/// The sources in a folder, but for those of other packages and what was built.
fn files(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            if !["Cargo.toml", "CACHEDIR.TAG"].iter().any(|name| path.join(name).exists()) {
                found.extend(files(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path);
        }
    }
    Ok(found)
}

fn contract(file: &str, text: &str, span: &Range<usize>) -> Result<ContractTable> {
    #[derive(Deserialize)]
    struct Line {
        contract: ContractTable,
    }
    const BEFORE: &str = "contract = {";
    let line = toml::from_str::<Line>(&format!("{BEFORE}{}}}", &text[span.clone()]));
    Ok(line
        .map_err(|error| {
            let inside = error.span().map_or(0, |inside| inside.start.saturating_sub(BEFORE.len()));
            let start = (span.start + inside).min(span.end);
            problem::at(file, text, &(start..span.end), &problem::toml_message(&error))
        })?
        .contract)
}

/// The public function that follows line `above`, with nothing but comments and attributes between.
fn function_below(text: &str, above: usize) -> Result<&str, String> {
    let mut in_attribute = false;
    for line in text.lines().skip(above + 1) {
        let code = line.trim();
        if in_attribute || code.starts_with("#[") {
            in_attribute = !code.ends_with(']');
            continue;
        }
        if code.starts_with("//") {
            continue;
        }
        let Some(signature) = public_function(line) else { break };
        if line.starts_with(' ') || line.starts_with('\t') {
            return Err(
                "it is above a method or a function inside a module: write a `[[function]]` \
                        in gauge.toml"
                    .to_owned(),
            );
        }
        if signature.is_generic {
            return Err(format!(
                "`{}` is generic: write a `[[function]]` with its types in gauge.toml",
                signature.name
            ));
        }
        return Ok(signature.name);
    }
    Err("no `pub fn` follows it: a contract stands above one".to_owned())
}

/// The path of the module in `path`, if all modules on the way are public.
fn modules(library: &Library, folder: &Path, path: &Path) -> Result<String, String> {
    if path == library.root {
        return Ok(library.name.clone());
    }
    let inside = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    let mut names: Vec<_> = inside.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    let (mut parent, mut below) = (library.root.clone(), folder.to_owned());
    for name in &names {
        let text = std::fs::read_to_string(&parent).unwrap_or_default();
        let declaration = format!("pub mod {name};");
        if !text.lines().any(|line| line.starts_with(&declaration)) {
            return Err(format!(
                "module `{name}` is not public in {}: write a `[[function]]` with the function's \
                 public path in gauge.toml",
                parent.display()
            ));
        }
        below.push(name);
        let file = below.with_extension("rs");
        parent = if file.exists() { file } else { below.join("mod.rs") };
    }
    names.insert(0, library.name.clone());
    Ok(names.join("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library with a module `pub_` and a private one, and what is found in it.
    fn found(file: &str, text: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let src = folder.path().join("src");
        std::fs::create_dir_all(src.join("pub_")).unwrap();
        std::fs::write(src.join("lib.rs"), "pub mod pub_;\nmod private;\n").unwrap();
        std::fs::write(src.join("pub_/mod.rs"), "pub mod inner;\n").unwrap();
        std::fs::write(src.join(file), text).unwrap();
        let library = Library { name: "mill".to_owned(), root: src.join("lib.rs") };
        let comments = scan(folder.path(), &library).map_err(|error| error.to_string())?;
        Ok(comments
            .iter()
            .map(|comment| format!("{} {}", comment.path, comment.place.line))
            .collect())
    }

    #[test]
    fn a_comment_belongs_to_the_function_below() {
        let text = "fn a() {}\n\n// gauge: no = [\"panic\"], simd = \"f64\"\n/// Docs.\n#[must_use]\n\
                    #[cfg(\n    a\n)]\npub fn sum(values: &[f64]) -> f64 {\n";
        for (file, expected) in
            [("lib.rs", "mill::sum 3"), ("pub_/inner.rs", "mill::pub_::inner::sum 3")]
        {
            assert_eq!(found(file, text).unwrap(), [expected]);
        }
        let twice = "// gauge: max-stack = 0\n// gauge: has = [\"lea\"]\npub fn f() {}\n";
        assert_eq!(found("lib.rs", twice).unwrap(), ["mill::f 1", "mill::f 2"]);
    }

    #[test]
    fn one_that_belongs_to_none_is_an_error() {
        let rule = "// gauge: no = [\"panic\"]\n";
        for (file, text, expected) in [
            ("lib.rs", format!("{rule}fn f() {{}}\n"), "src/lib.rs:1:10: no `pub fn` follows it"),
            (
                "lib.rs",
                format!("{rule}\npub fn f() {{}}\n"),
                "src/lib.rs:1:10: no `pub fn` follows it",
            ),
            ("lib.rs", format!("a\n{rule}"), "src/lib.rs:2:10: no `pub fn` follows it"),
            ("lib.rs", format!("  {rule}  pub fn f() {{}}\n"), "it is above a method"),
            ("lib.rs", format!("{rule}pub fn f<T>(t: T) {{}}\n"), "`f` is generic"),
            ("private.rs", format!("{rule}pub fn f() {{}}\n"), "module `private` is not public"),
            ("main.rs", format!("{rule}pub fn f() {{}}\n"), "module `main` is not public"),
            (
                "lib.rs",
                "// gauge: noo = [\"panic\"]\npub fn f() {}\n".to_owned(),
                "src/lib.rs:1:11: unknown field `noo`: did you mean `no`?",
            ),
            ("lib.rs", "// gauge: no panic\npub fn f() {}\n".to_owned(), "src/lib.rs:1:"),
            (
                "lib.rs",
                "// gauge: function = \"f\"\npub fn f() {}\n".to_owned(),
                "leave out `function`",
            ),
        ] {
            let error = found(file, &text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
