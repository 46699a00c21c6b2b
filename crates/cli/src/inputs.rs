//! From arguments to inputs: files, globs, standard input.

use std::path::Path;

use anyhow::{Context, bail};
use tidemill::import::Input;

use crate::outcome::usage;

/// The inputs that arguments name. A pattern that the shell left alone is expanded, in the order
/// of names, unless a file has that very name.
///
/// # Errors
/// When a pattern is malformed or matches nothing, or standard input is named twice.
pub(crate) fn expand(arguments: &[String]) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for argument in arguments {
        if argument == "-" {
            if inputs.contains(&Input::Stdin) {
                return Err(usage("standard input (`-`) can be read only once"));
            }
            inputs.push(Input::Stdin);
        } else if is_pattern(argument) {
            inputs.extend(matches(argument)?);
        } else {
            inputs.push(Input::File(argument.into()));
        }
    }
    Ok(inputs)
}

/// Refuses inputs none of which is there, before a store is made for them.
///
/// # Errors
/// When there is no such file.
pub(crate) fn refuse_all_missing(inputs: &[Input]) -> anyhow::Result<()> {
    let is_missing = |input: &Input| matches!(input, Input::File(path) if !path.exists());
    match inputs.first() {
        Some(first) if inputs.iter().all(is_missing) => {
            bail!("{}: there is no such file", first.name())
        }
        _ => Ok(()),
    }
}

/// Whether a path is that of a file that is read.
pub(crate) fn are_with(inputs: &[Input], path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let is_it = |input: &Input| matches!(input, Input::File(input) if input.canonicalize().is_ok_and(|input| input == path));
    inputs.iter().any(is_it)
}

/// The one input that an argument names.
///
/// # Errors
/// As [`expand`], and when it names several.
pub(crate) fn single(argument: &str) -> anyhow::Result<Input> {
    let mut inputs = expand(&[argument.to_owned()])?;
    match (inputs.pop(), inputs.len()) {
        (Some(input), 0) => Ok(input),
        (_, more) => Err(usage(format!("`{argument}` names {} files; give one", more + 1))),
    }
}

fn is_pattern(argument: &str) -> bool {
    argument.contains(['*', '?', '[']) && !Path::new(argument).exists()
}

fn matches(pattern: &str) -> anyhow::Result<Vec<Input>> {
    let paths = glob::glob(pattern).with_context(|| format!("bad pattern `{pattern}`"))?;
    let inputs = paths.map(|path| Ok(Input::File(path?))).collect::<anyhow::Result<Vec<_>>>()?;
    if inputs.is_empty() {
        bail!("no file matches `{pattern}`");
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_expanded_in_order_and_names_are_taken_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.lp", "a.lp", "c.csv", "[x].lp"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let path = |name: &str| dir.path().join(name).display().to_string();
        let names = |argument: &str| {
            let inputs = expand(&[path(argument)]).unwrap();
            inputs.iter().map(|input| input.name()).collect::<Vec<_>>()
        };
        assert_eq!(names("*.lp"), [path("[x].lp"), path("a.lp"), path("b.lp")]);
        assert_eq!(names("[x].lp"), [path("[x].lp")]);
        assert_eq!(names("missing.lp"), [path("missing.lp")]);
        let error = expand(&[path("*.json")]).unwrap_err().to_string();
        assert!(error.contains("no file matches") && error.contains("*.json"), "{error}");
        assert!(expand(&["-".to_owned(), "-".to_owned()]).is_err());
        assert!(single(&path("*.lp")).is_err());
    }
}
