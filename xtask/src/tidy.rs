//! Small rules that a compiler does not know: lengths, `unsafe`, what must not be committed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The longest file and function there are: they may shrink, not grow. (Aims: 300 and 70.)
const MAX_FILE_LINES: usize = 560;
const MAX_FUNCTION_LINES: usize = 100;

/// Where `unsafe` may stand; the last are programs to be looked at.
const UNSAFE: [&str; 6] = [
    "crates/machine/",
    "crates/memory/",
    "crates/kernels/",
    "gauge/probe/",
    "bench/ground/",
    "gauge/cli/tests/fixtures/",
];
/// Where lengths don't count: kernels written out by instruction set.
const LONG: [&str; 1] = ["crates/kernels/src/arch/"];

/// What breaks the rules.
///
/// # Errors
/// When git does not list the files, or one cannot be read.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard", "*.rs"])
        .current_dir(root)
        .output()
        .context("git ls-files")?;
    ensure!(output.status.success(), "git ls-files failed");
    let mut problems = Vec::new();
    for path in String::from_utf8(output.stdout)?.lines() {
        let Ok(text) = std::fs::read_to_string(root.join(path)) else { continue };
        problems.extend(check_file(path, &text));
    }
    Ok(problems)
}

fn check_file(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    let is_long = LONG.iter().any(|folder| path.starts_with(folder));
    if !is_long && lines.len() > MAX_FILE_LINES {
        problems.push(format!("{path}: {} lines (at most {MAX_FILE_LINES})", lines.len()));
    }
    for (name, length) in
        functions(&lines).filter(|(_, length)| !is_long && *length > MAX_FUNCTION_LINES)
    {
        problems
            .push(format!("{path}: `{name}` has {length} lines (at most {MAX_FUNCTION_LINES})"));
    }
    let may_be_unsafe = UNSAFE.iter().any(|folder| path.starts_with(folder));
    for (number, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let mut complain = |what: &str| problems.push(format!("{path}:{}: {what}", number + 1));
        if !may_be_unsafe
            && (code.contains(concat!("unsafe", " {")) || code.contains(concat!("unsafe", " fn")))
        {
            complain("`unsafe` outside machine, memory, kernels and probe");
        }
        if code.starts_with(concat!("#[", "ignore")) {
            complain("a test that is ignored");
        }
        if line.ends_with(' ') {
            complain("a space at the end of the line");
        }
    }
    problems
}

/// Names and lengths of functions, by indentation, which rustfmt sees to.
fn functions<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = (&'a str, usize)> {
    lines.iter().enumerate().filter_map(|(start, line)| {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let (before, rest) = code.split_once("fn ")?;
        let name = rest.split(['(', '<']).next()?;
        let is_function = before.is_empty() || before.ends_with(' ');
        let is_comment = code.starts_with("//") || code.contains(';');
        let end = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|line| *line == end)?;
        (is_function && !is_comment).then_some((name, length + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        assert_eq!(check(&crate::root()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn long_functions_and_stray_spaces_are_found() {
        let body = "    x();\n".repeat(MAX_FUNCTION_LINES);
        let text =
            format!("pub(crate) fn long(a: u8) {{\n{body}}}\nfn short() {{\n}}\nlet a = 1; \n");
        assert_eq!(
            check_file("crates/store/src/a.rs", &text),
            [
                format!(
                    "crates/store/src/a.rs: `long` has {} lines (at most {MAX_FUNCTION_LINES})",
                    MAX_FUNCTION_LINES + 2
                ),
                format!(
                    "crates/store/src/a.rs:{}: a space at the end of the line",
                    MAX_FUNCTION_LINES + 5
                ),
            ]
        );
    }
}
