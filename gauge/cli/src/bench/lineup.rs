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

/// How rows are called: `target/bench`, with the package's name before it where several packages have a target of
/// that name.
#[derive(Debug)]
pub struct Names<'a> {
    shared: Vec<&'a str>,
}

impl<'a> Names<'a> {
    /// For the rows of all these.
    pub fn of(executables: impl IntoIterator<Item = &'a Executable>) -> Self {
        let mut targets: Vec<(&str, &str)> = executables
            .into_iter()
            .map(|executable| (executable.target.as_str(), executable.package.as_str()))
            .collect();
        targets.sort_unstable();
        targets.dedup();
        let same = targets.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        Self { shared: same.map(|pair| pair[0].0).collect() }
    }

    /// The name of a bench's row.
    pub fn row(&self, executable: &Executable, bench: &str) -> String {
        let Executable { package, target, .. } = executable;
        if self.shared.contains(&target.as_str()) {
            format!("{package}/{target}/{bench}")
        } else {
            format!("{target}/{bench}")
        }
    }

    /// The benches of `executables` whose row's name holds `filter`, in their order, with that name.
    ///
    /// # Errors
    /// When an executable cannot list its benches, or two have one name.
    pub fn rows<'e>(
        &self,
        executables: &'e [Executable],
        filter: Option<&str>,
    ) -> Result<Vec<Bench<'e>>> {
        let mut benches = Vec::new();
        for executable in executables {
            for name in executable.benches()? {
                let row = self.row(executable, &name);
                if filter.is_none_or(|filter| row.contains(filter)) {
                    benches.push(Bench { executable, name, row });
                }
            }
        }
        Ok(benches)
    }
}

/// A bench, and what its row is called.
#[derive(Debug)]
pub struct Bench<'e> {
    /// The executable that it is in.
    pub executable: &'e Executable,
    /// Its name there.
    pub name: String,
    /// The row's name.
    pub row: String,
}

impl Bench<'_> {
    /// What tells it from all others: names of rows can run into each other, since a bench's may have slashes.
    fn key(&self) -> (&str, &str, &str) {
        (&self.executable.package, &self.executable.target, &self.name)
    }
}

/// The rows of `base` that `other` has as well, each with the two programs, and a line for each that only
/// one has.
///
/// # Errors
/// When an executable cannot list its benches, or two benches have one name.
pub fn pair(
    base: &[Executable],
    other: &[Executable],
    filter: Option<&str>,
) -> Result<(Vec<Subject>, Vec<String>)> {
    let names = Names::of(base.iter().chain(other));
    let (mut subjects, mut lines) = (Vec::new(), Vec::new());
    let mut left = names.rows(other, filter)?;
    for bench in names.rows(base, filter)? {
        let Some(at) = left.iter().position(|other| other.key() == bench.key()) else {
            lines.push(format!("{}: only in the base", bench.row));
            continue;
        };
        let other = left.remove(at);
        // Both in the folder of one, so that they see the same files.
        let now = runner(other.executable, &other.name);
        let directory = now.directory.clone();
        let base = Runner { directory, ..runner(bench.executable, &bench.name) };
        subjects.push(Subject { name: bench.row, programs: vec![base, now] });
    }
    lines.extend(left.iter().map(|bench| format!("{}: not in the base", bench.row)));
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
        let (package, target) = ("p".to_owned(), target.to_owned());
        Executable { package, target, path, directory, harness: Harness::Criterion }
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
    fn targets_of_one_name_in_two_packages_are_two() {
        let folder = tempfile::tempdir().unwrap();
        let benches = ["x", "y", "z"];
        let all = [
            Executable { package: "a".into(), ..executable(folder.path(), "1", "fake", &benches) },
            Executable { package: "b".into(), ..executable(folder.path(), "2", "fake", &benches) },
            executable(folder.path(), "3", "own", &["x"]),
        ];
        let reversed: Vec<Executable> = all.iter().rev().cloned().collect();
        let (subjects, lines) = pair(&all, &reversed, None).unwrap();
        assert_eq!(lines, [""; 0]);
        let rows: Vec<&str> = subjects.iter().map(|subject| subject.name.as_str()).collect();
        let expected = ["a/fake/x", "a/fake/y", "a/fake/z", "b/fake/x", "b/fake/y", "b/fake/z"];
        assert_eq!(rows[..6], expected);
        assert_eq!(rows[6..], ["own/x"]);
        for subject in &subjects {
            // The same file on both sides.
            assert_eq!(subject.programs[0], subject.programs[1], "{}", subject.name);
        }
        assert_eq!(pair(&all, &all, Some("b/fake/")).unwrap().0.len(), 3);
        // What only one revision has of such a name is told by its package.
        let (subjects, lines) = pair(&all[..1], &all[1..2], None).unwrap();
        assert!(subjects.is_empty(), "{subjects:?}");
        assert!(lines.contains(&"a/fake/x: only in the base".to_owned()), "{lines:?}");
        assert!(lines.contains(&"b/fake/x: not in the base".to_owned()), "{lines:?}");
    }

    #[test]
    fn a_command_line_needs_a_shell_only_for_what_a_shell_does() {
        let plain = command("sort -n data.txt", Path::new("/"));
        assert_eq!((plain.program.to_str(), plain.arguments.len()), (Some("sort"), 2));
        let piped = command("cat data | sort", Path::new("/"));
        assert_eq!(piped.arguments, ["-c", "cat data | sort"]);
    }
}
