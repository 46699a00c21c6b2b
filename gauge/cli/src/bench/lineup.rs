//! Executables side by side: copies at paths of one length, and the rows that all of them have.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::experiment::Subject;
use super::harness::{Executable, Harness};
use super::runner::Runner;

/// Copies `executables` to where the program of this number has its own. The paths of two programs have one length: it is on
/// their stacks, and would move what lies below.
///
/// # Errors
/// When they cannot be copied.
pub fn place(folder: &Path, program: usize, executables: &[Executable]) -> Result<Vec<Executable>> {
    let folder = folder.join("executables").join(program.to_string());
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let copy = |(at, executable): (usize, &Executable)| {
        let path = folder.join(format!("{at:03}"));
        let what = || format!("cannot copy {}", executable.path.display());
        std::fs::copy(&executable.path, &path).with_context(what)?;
        Ok(Executable { path, ..executable.clone() })
    };
    executables.iter().enumerate().map(copy).collect()
}

/// The rows of `base` that `other` has as well, each with the two programs, and a line for each that only
/// one has.
///
/// # Errors
/// When an executable cannot list its benches.
pub fn pair(
    base: &[Executable],
    other: &[Executable],
    filter: Option<&str>,
) -> Result<(Vec<Subject>, Vec<String>)> {
    let (mut subjects, mut lines) = (Vec::new(), Vec::new());
    let mut left = Vec::new();
    for executable in other {
        let benches = executable.benches(filter)?;
        left.extend(benches.into_iter().map(|bench| (executable, bench)));
    }
    for executable in base {
        for bench in executable.benches(filter)? {
            let row = executable.row(&bench);
            let same = left.iter().position(|(other, bench)| other.row(bench) == row);
            let Some(at) = same else {
                lines.push(format!("{row}: only in the base"));
                continue;
            };
            let (other, bench) = left.swap_remove(at);
            // Both in the folder of one, so that they see the same files.
            let now = runner(other, &bench);
            let base = Runner { directory: now.directory.clone(), ..runner(executable, &bench) };
            subjects.push(Subject { name: row, programs: vec![base, now] });
        }
    }
    lines
        .extend(left.iter().map(|(other, bench)| format!("{}: not in the base", other.row(bench))));
    Ok((subjects, lines))
}

/// Adds a program to each row: that of the base, from the executable that stands for it in `others`.
pub fn add_control(subjects: &mut [Subject], base: &[Executable], others: &[Executable]) {
    for subject in subjects {
        let at = base.iter().position(|executable| executable.path == subject.programs[0].program);
        if let Some(other) = at.and_then(|at| others.get(at)) {
            let program: PathBuf = other.path.clone();
            subject.programs.push(Runner { program, ..subject.programs[0].clone() });
        }
    }
}

/// A bench of an executable.
pub fn runner(executable: &Executable, bench: &str) -> Runner {
    Runner {
        harness: executable.harness,
        program: executable.path.clone(),
        arguments: Vec::new(),
        bench: bench.to_owned(),
        directory: executable.directory.clone(),
        variables: Vec::new(),
    }
}

/// A command line: by words, or through the shell where it uses the shell's characters.
pub fn command(line: &str, directory: &Path) -> Runner {
    let needs_shell = line.contains(|c| "|&;<>()$`\\\"'*?[]#~=%{}\n".contains(c));
    let words: Vec<String> = if needs_shell {
        ["/bin/sh", "-c", line].map(str::to_owned).to_vec()
    } else {
        line.split_whitespace().map(str::to_owned).collect()
    };
    let (program, arguments) =
        words.split_first().map_or((String::new(), Vec::new()), |(p, a)| (p.clone(), a.to_vec()));
    Runner {
        harness: Harness::Command,
        program: program.into(),
        arguments,
        bench: String::new(),
        directory: directory.to_owned(),
        variables: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// An executable that lists these benches.
    fn executable(folder: &Path, name: &str, target: &str, benches: &[&str]) -> Executable {
        let lines: Vec<String> = benches.iter().map(|b| format!("echo '{b}: benchmark'")).collect();
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n# CRITERION_HOME\n{}\n", lines.join("\n")))
            .unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let directory = folder.to_owned();
        Executable { target: target.to_owned(), path, directory, harness: Harness::Criterion }
    }

    #[test]
    fn rows_are_paired_by_name_and_controls_follow_the_base() {
        let folder = tempfile::tempdir().unwrap();
        let base = [
            executable(folder.path(), "a", "csv", &["read", "old"]),
            executable(folder.path(), "b", "line", &["read"]),
        ];
        let other = [
            executable(folder.path(), "c", "line", &["read", "new"]),
            executable(folder.path(), "d", "csv", &["read"]),
        ];
        let base = place(folder.path(), 0, &base).unwrap();
        let other = place(folder.path(), 1, &other).unwrap();
        let same = place(folder.path(), 2, &base).unwrap();
        let (mut subjects, lines) = pair(&base, &other, None).unwrap();
        add_control(&mut subjects, &base, &same);
        assert_eq!(lines, ["csv/old: only in the base", "line/new: not in the base"]);
        let found: Vec<_> = subjects
            .iter()
            .map(|s| (s.name.as_str(), s.programs.iter().map(|p| p.program.clone()).collect()))
            .collect();
        let paths = |at: [usize; 3]| -> Vec<PathBuf> {
            let path = |(p, at): (usize, usize)| {
                folder.path().join("executables").join(p.to_string()).join(format!("{at:03}"))
            };
            at.into_iter().enumerate().map(path).collect()
        };
        assert_eq!(found, [("csv/read", paths([0, 1, 0])), ("line/read", paths([1, 0, 1]))]);
        let lengths: Vec<_> =
            subjects[0].programs.iter().map(|p| p.program.as_os_str().len()).collect();
        assert!(lengths.iter().all(|length| *length == lengths[0]));
        assert_eq!(pair(&base, &other, Some("line/r")).unwrap().0.len(), 1);
    }

    #[test]
    fn a_command_line_needs_a_shell_only_for_what_a_shell_does() {
        let plain = command("sort -n data.txt", Path::new("/"));
        assert_eq!((plain.program.to_str(), plain.arguments.len()), (Some("sort"), 2));
        let piped = command("cat data | sort", Path::new("/"));
        assert_eq!(piped.arguments, ["-c", "cat data | sort"]);
    }
}
