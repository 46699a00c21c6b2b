//! Whether the list is complete: every sync, rename, bound and refusal in the crates is in a mutation
//! of its own.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use anyhow::Result;

use super::{List, Mutation, place, rust_files};

/// Where the completeness of the list is checked, and what must stand in a mutation there, besides
/// [`BOUNDS`] and [`REFUSALS`].
const COVERED: [(&str, &[&str]); 3] = [
    (
        "crates/store/src",
        &[
            ".sync()",
            ".sync_data()",
            ".sync_all()",
            ".sync_dir(",
            ".sync_and_mark(",
            ".rename(",
            "fs::rename(",
            ".set_len(",
            ") != crc",
            "crc32c(content) !=",
            "crc32c(out) !=",
            "cursor.end()",
            "inner.end()",
            ".takes_more()",
            ".is_in_doubt()",
            ".checked_add(",
            ".checked_sub(",
        ],
    ),
    ("crates/codec/src", &["cursor.finish()", "cursor.count(", " assert!(", "checked_"]),
    ("crates/parse/src", &["checked_", "is_finite()"]),
];
/// In each of them: the named bounds of buffers, queues and batches.
const BOUNDS: [&str; 5] = ["> MAX_", ">= MAX_", "== MAX_", "<= MAX_", "< MAX_"];
/// In each of them: where something is refused (wherever the `Err` stands), unless an error is
/// [only handed on](HANDED_ON) or taken apart. What is mutated may be the condition, too.
const REFUSALS: [&str; 5] = [" Err(", ".ok_or", ".map_err(|_|", "return damaged(", ".fail("];
const HANDED_ON: [&str; 5] = ["error)", "error.", "malformed)", "(e.", "Error::io("];
/// Files that stand for the machine itself.
const UNCOVERED: [&str; 2] = ["crates/store/src/disk/sim", "crates/store/src/disk/faulty"];

/// What is missing from the list.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn check(root: &Path, list: &List) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut unseen: BTreeSet<&str> = [&BOUNDS[..], &REFUSALS].concat().into_iter().collect();
    for (folder, patterns) in COVERED {
        unseen.extend(patterns);
        let patterns = [patterns, &BOUNDS, &REFUSALS].concat();
        for path in rust_files(&root.join(folder))? {
            let file = path.strip_prefix(root)?.to_string_lossy().into_owned();
            let is_test = file.ends_with("tests.rs");
            if !is_test && !UNCOVERED.iter().any(|folder| file.starts_with(folder)) {
                let text = std::fs::read_to_string(&path)?;
                problems.extend(uncovered(&file, &text, &patterns, list, &mut unseen));
            }
        }
    }
    problems.extend(unseen.iter().map(|pattern| format!("no line holds `{pattern}`")));
    Ok(problems)
}

/// Lines of a file that hold one of the patterns and that no mutation [`covers`]. Patterns that
/// are found are no longer `unseen`.
fn uncovered<'a>(
    file: &str,
    text: &str,
    patterns: &[&'a str],
    list: &List,
    unseen: &mut BTreeSet<&'a str>,
) -> Vec<String> {
    let here = list.mutations.iter().filter(|mutation| mutation.file == file);
    let changes: Vec<Range<usize>> =
        here.filter_map(|m| Some(change(m, place(text, m).ok()?.start))).collect();
    let code = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    let mut problems = Vec::new();
    let mut start = 0;
    for (number, line) in text[..code].split_inclusive('\n').enumerate() {
        let is_comment = line.trim_start().starts_with("//");
        for pattern in patterns.iter().filter(|_| !is_comment) {
            for (at, _) in line.match_indices(pattern) {
                unseen.remove(pattern);
                let at = start + at;
                let end = at + pattern.len();
                let is_handed_on = HANDED_ON.iter().any(|error| text[end..].starts_with(error))
                    || is_taken_apart(line, pattern);
                let said = head(text, start)..start + line.len();
                let check = if REFUSALS.contains(pattern) { said.clone() } else { at..end };
                let said = &text[said];
                let is_excepted =
                    list.exceptions.iter().any(|(f, code)| f == file && said.contains(&**code));
                let is_covered = changes.iter().any(|change| covers(text, change, &check));
                if !(is_covered || is_excepted || is_handed_on) {
                    problems.push(format!("{file}:{}: no mutation covers `{pattern}`", number + 1));
                }
            }
        }
        start += line.len();
    }
    problems
}

/// Whether the `Err` of a line is a pattern: of a `match` or an `if let`.
fn is_taken_apart(line: &str, pattern: &str) -> bool {
    let (before, behind) = line.split_once(pattern).unwrap_or_default();
    let arrow = behind.find("=>").map(|at| &behind[..at]);
    let is_arm = arrow.is_some_and(|arm| !arm.contains("Err(") && !before.contains("=>"));
    pattern == " Err(" && (is_arm || before.ends_with("let"))
}

/// What a mutation whose old code stands at `start` changes: all but how old and new code begin and
/// end alike.
fn change(mutation: &Mutation, start: usize) -> Range<usize> {
    let (old, new) = (mutation.old.as_bytes(), mutation.new.as_bytes());
    let alike =
        |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(a, b)| a == b).count();
    let front = alike(&mut old.iter().zip(new));
    let back = alike(&mut old[front..].iter().rev().zip(new[front..].iter().rev()));
    start + front..start + old.len() - back
}

/// Whether a change touches a check and is nothing but one statement, in no inner block of which the
/// check stands: what changes more may fail for the rest of it.
fn covers(text: &str, change: &Range<usize>, check: &Range<usize>) -> bool {
    if change.start > check.end || check.start > change.end {
        return false;
    }
    let is_space = |c: char| c.is_whitespace() || matches!(c, '?' | ';');
    let changed = text[change.clone()].trim_start_matches(is_space).trim_end_matches(is_space);
    let (mut depth, mut is_whole) = (0, false);
    let from = change.end - text[change.clone()].trim_start_matches(is_space).len();
    for (at, byte) in changed.bytes().enumerate() {
        let at = from + at;
        if depth > 0 && at == check.start || is_whole && !matches!(byte, b' ' | b'\n') {
            return false;
        }
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b';' => is_whole = depth == 0,
            _ => {}
        }
    }
    true
}

/// Where the line at `start` begins, or the one that says when it is reached: a refusal stands inside
/// a condition, or goes on with what is refused.
fn head(text: &str, start: usize) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let line = text[start..].lines().next().unwrap_or_default();
    let is_inside =
        ["return ", ".", "Err("].iter().any(|begin| line.trim_start().starts_with(begin));
    let (mut first, mut below) = (start, indent(line));
    let mut goes_on = is_inside;
    for line in text[..start].split_inclusive('\n').rev() {
        if !goes_on {
            break;
        }
        first -= line.len();
        if line.trim().is_empty() || indent(line) >= below {
            continue;
        }
        // The head of several lines ends in one that has only a brace, and begins as far in.
        goes_on = line.trim_start().starts_with(['{', ')', '}', '.']);
        below = indent(line) + 1;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(mutations: &[(&str, &str)]) -> List {
        let mutation = |(old, new): &(&str, &str)| Mutation {
            name: (*old).to_owned(),
            file: "a.rs".to_owned(),
            old: (*old).to_owned(),
            new: (*new).to_owned(),
        };
        List { mutations: mutations.iter().map(mutation).collect(), exceptions: Vec::new() }
    }

    fn found(text: &str, pattern: &'static str, list: &List) -> Vec<String> {
        uncovered("a.rs", text, &[pattern], list, &mut BTreeSet::new())
    }

    #[test]
    fn a_line_that_no_mutation_covers_is_found() {
        let text =
            "// file.sync()\nfile.sync()?;\nother.sync()?;\n#[cfg(test)]\nmod tests {\na.sync()";
        assert_eq!(found(text, ".sync()", &list(&[])).len(), 2);
        let mut list = list(&[("file.sync()?", "()")]);
        assert_eq!(found(text, ".sync()", &list), ["a.rs:3: no mutation covers `.sync()`"]);
        list.exceptions.push(("a.rs".into(), "other.sync".into()));
        assert_eq!(found(text, ".sync()", &list), Vec::<String>::new());
    }

    #[test]
    fn what_changes_more_than_a_statement_covers_nothing() {
        let text = "if a {\n    remove()?;\n    file.sync()?;\n}\n";
        let inner = "remove()?;\n    file.sync()?;";
        for (old, new, is_covered) in [
            (text.trim_end(), "", false),
            (inner, "", false),
            (inner, "remove()?;", true),
            ("file.sync()?;", "", true),
            // Alike but for a part that has nothing to do with it.
            (inner, "keep()?;\n    file.sync()?;", false),
        ] {
            let found = found(text, ".sync()", &list(&[(old, new)]));
            assert_eq!(found.is_empty(), is_covered, "{old} {new}");
        }
    }

    #[test]
    fn a_refusal_is_covered_by_its_condition() {
        let text = "if a\n    && b\n{\n    let c = d;\n    return Err(c);\n}\nlet e = f\n    .g()\n    \
                    .ok_or(h)?;\nif i { return Err(error); }\n";
        let missing = |pattern, change: &[(&str, &str)]| found(text, pattern, &list(change)).len();
        assert_eq!(missing(" Err(", &[]), 1, "what is handed on is no check");
        assert_eq!(missing(" Err(", &[("a\n    && b", "a")]), 0);
        assert_eq!(missing(" Err(", &[("i {", "j {")]), 1);
        // An arm of several lines, and what is taken apart.
        let text = "match a {\n    Err(b) => c,\n    _ => {\n        let d = e;\n        Err(d)\n    }\n}\n\
                    if let Err(f) = g {}\n";
        let found = found(text, " Err(", &list(&[]));
        assert_eq!(found, ["a.rs:5: no mutation covers ` Err(`"]);
        assert_eq!(missing(".ok_or", &[]), 1);
        assert_eq!(missing(".ok_or", &[("f\n    .g()", "k")]), 0);
    }

    #[test]
    fn a_pattern_that_no_line_holds_is_found() {
        let mut unseen = BTreeSet::from([".sync()", ".rename("]);
        uncovered("a.rs", "file.sync()?;", &[".sync()", ".rename("], &list(&[]), &mut unseen);
        assert_eq!(unseen, BTreeSet::from([".rename("]));
    }
}
