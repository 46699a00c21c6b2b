//! `build` from the outside, on a workspace whose dependencies and settings are known.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod project;

use std::process::Output;

use project::{Project, document};
use serde_json::Value;

const MAIN: &str = "\
mod time { pub fn now() -> u32 { 7 } }
use used_by_path::two;
#[derive(Debug)]
struct Text(#[allow(dead_code)] &'static str);
fn main() {
    // not_named::at_all() is a comment, and so no use
    let text = \"in_a_string::neither\";
    let sum: u64 = (0..std::env::args().count() as u64 * 1000).map(|x| x * x % 7).sum();
    if let Ok(file) = std::env::var(\"RUNS\") {
        use std::io::Write;
        let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
        writeln!(file, \"{}\", std::env::args().skip(1).collect::<Vec<_>>().join(\" \")).unwrap();
    }
    println!(\"{} {} {} {:?} {sum}\", two(), new_name::two(), time::now(), Text(text));
}
#[cfg(test)]
mod tests {
    #[test]
    fn works() { assert_eq!(only_inner_tests::two(), 2); }
}
";

const MANIFEST: &str = "\
[package]
name = \"app\"
version = \"0.1.0\"
edition = \"2024\"
[workspace]
members = [\"libs/*\"]
[dependencies]
used-by-path = { path = \"libs/used-by-path\" }
new-name = { path = \"libs/renamed\", package = \"renamed\" }
not-named = { path = \"libs/not-named\" }
in-a-string = { path = \"libs/in-a-string\" }
only-macros = { path = \"libs/only-macros\" }
only-inner-tests = { path = \"libs/only-inner-tests\" }
only-script = { path = \"libs/only-script\" }
listed = { path = \"libs/listed\" }
[dev-dependencies]
dev-used = { path = \"libs/dev-used\" }
dev-unused = { path = \"libs/dev-unused\" }
[build-dependencies]
built-with = { path = \"libs/built-with\" }
not-built-with = { path = \"libs/not-built-with\" }
only-script = { path = \"libs/only-script\" }
[package.metadata.cargo-machete]
ignored = [\"listed\"]
";

/// `app` and what it depends on, each for another reason.
fn fixture() -> Project {
    let project = Project::new(&[]);
    project.write("Cargo.toml", MANIFEST);
    project.write("src/main.rs", MAIN);
    project
        .write("build.rs", "fn main() { assert_eq!(built_with::two() + only_script::two(), 4); }");
    let test = "macro_rules! both { () => { only_macros::two() + dev_used::two() } }\n\
            #[test] fn both() { assert_eq!(both!(), 4); }";
    project.write("tests/macros/main.rs", test);
    for name in [
        "used-by-path",
        "renamed",
        "not-named",
        "in-a-string",
        "only-macros",
        "only-inner-tests",
        "only-script",
        "listed",
        "dev-used",
        "dev-unused",
        "built-with",
        "not-built-with",
    ] {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        project.write(&format!("libs/{name}/Cargo.toml"), &manifest);
        project.write(&format!("libs/{name}/src/lib.rs"), "pub fn two() -> u32 { 2 }");
    }
    project
}

/// A matrix, and how often the program was run with what arguments, a line each.
fn matrix(project: &Project, arguments: &[&str]) -> (Output, String) {
    let runs = project.path().join("runs");
    let mut command = project.gauge(&["build", "--matrix", "--json"]);
    let output = command.args(arguments).env("RUNS", &runs).output().unwrap();
    (output, std::fs::read_to_string(runs).unwrap_or_default())
}

fn rows(document: &Value) -> Vec<(&str, &Value)> {
    let rows = document["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["name"].as_str().unwrap(), row)).collect()
}

#[test]
fn dependencies_that_nothing_names_are_told_with_their_table() {
    let fixture = fixture();
    let output = fixture.gauge(&["build", "--unused", "--json", "-p", "app"]).output().unwrap();
    let document = document(&output);
    let found: Vec<_> = rows(&document)
        .into_iter()
        .map(|(name, row)| {
            (name.strip_prefix("unused/app/").unwrap(), row["note"].as_str().unwrap())
        })
        .collect();
    let mut sorted = found.clone();
    sorted.sort_unstable();
    let tests = "[dependencies] only tests, examples or benches name it: [dev-dependencies]";
    let expected = [
        ("dev-unused", "[dev-dependencies] nothing names it"),
        ("in-a-string", "[dependencies] nothing names it"),
        ("not-built-with", "[build-dependencies] nothing names it"),
        ("not-named", "[dependencies] nothing names it"),
        ("only-inner-tests", tests),
        ("only-macros", tests),
        ("only-script", "[dependencies] only the build script names it: [build-dependencies]"),
    ];
    assert_eq!(sorted, expected);
    assert_eq!(output.status.code(), Some(0));
    let denied = fixture.gauge(&["build", "--unused", "--deny-unused"]).output().unwrap();
    assert_eq!(denied.status.code(), Some(1));
    let text = String::from_utf8_lossy(&denied.stdout).into_owned();
    assert!(text.contains("7 of 12 dependencies") && text.contains("not-named"), "{text}");
}

#[test]
fn a_build_is_told_unit_by_unit_and_leaves_the_target_folder_alone() {
    let fixture = fixture();
    let output = fixture.gauge(&["build", "--json", "--profile", "dev"]).output().unwrap();
    let document = document(&output);
    let rows = rows(&document);
    let row = |name: &str| {
        let found = rows.iter().find(|(other, _)| *other == name);
        found.unwrap_or_else(|| panic!("no {name} in {document}")).1
    };
    let seconds = |name: &str| row(name)["value"].as_f64().unwrap();
    assert!(seconds("total/wall") > 0.0 && seconds("total/processors") > 0.0);
    let units: f64 = rows
        .iter()
        .filter(|(name, _)| name.starts_with("unit/"))
        .map(|(name, _)| seconds(name))
        .sum();
    assert!((units / seconds("total/units") - 1.0).abs() < 1e-6);
    assert!(rows.iter().any(|(name, _)| name.contains("not-named 0.1.0")), "{document}");
    // The binary is the last of all: the end waited for it.
    let binary = row("unit/app 0.1.0 app \"bin\"");
    assert!(binary["details"]["critical_seconds"].as_f64().unwrap() > 0.0, "{binary}");
    assert!(rows.iter().any(|(_, row)| row["details"]["is_build_script_run"] == true));
    let left: Vec<_> =
        std::fs::read_dir(fixture.path().join("target")).unwrap().flatten().collect();
    // The other is what cargo keeps of the compiler's version.
    let known = ["gauge", ".rustc_info.json"];
    assert!(left.iter().all(|entry| known.iter().any(|k| entry.file_name() == *k)), "{left:?}");
}

#[test]
fn the_matrix_builds_runs_and_compares_each_setting() {
    let fixture = fixture();
    let arguments = ["--opt-level", "0,3", "--panic", "abort", "--blocks", "10", "--", "a", "b"];
    let (output, ran) = matrix(&fixture, &arguments);
    let document = document(&output);
    let names: Vec<&str> = rows(&document).iter().map(|(name, _)| *name).collect();
    let settings = ["the profile as it is", "opt-level=0 panic=abort", "opt-level=3 panic=abort"];
    for name in settings {
        for part in ["build", "size", "run"] {
            assert!(names.contains(&format!("{name}/{part}").as_str()), "{name}/{part}: {names:?}");
        }
    }
    assert!(names.contains(&"the same again/run"), "{names:?}");
    let size = |name: &str| {
        let rows = rows(&document);
        let found = rows.iter().find(|(other, _)| *other == format!("{name}/size")).unwrap();
        found.1["value"].as_f64().unwrap()
    };
    assert_ne!(size(settings[1]), size(settings[2]), "another opt-level is another program");
    // Three settings and the copy: once before, then ten blocks of twice each.
    assert_eq!(ran.lines().count(), 4 + 10 * 2 * 4, "{ran}");
    assert!(ran.lines().all(|line| line == "a b"), "{ran}");
    assert_eq!(output.status.code(), Some(0), "slower settings are no breach");
}

/// What was built is told though the command fails.
#[test]
fn a_command_that_fails_leaves_what_was_built() {
    let fixture = fixture();
    let arguments = ["--opt-level", "0", "--", "sh", "-c", "{bin}; exit 3"];
    let (output, _) = matrix(&fixture, &arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("the command was not timed"), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = rows(&document).iter().map(|(name, _)| *name).collect();
    assert!(
        names.contains(&"opt-level=0/size") && !names.contains(&"opt-level=0/run"),
        "{names:?}"
    );
}

#[test]
fn a_trained_program_is_trained_with_the_command() {
    let fixture = fixture();
    let arguments = ["--pgo", "--only-pgo", "--blocks", "9", "--", "sh", "-c", "{bin} trained"];
    let (output, ran) = matrix(&fixture, &arguments);
    let document = document(&output);
    let warnings = document["warnings"].to_string();
    let is_built = rows(&document).iter().any(|(name, _)| *name == "PGO/size");
    if warnings.contains("apt install llvm-") {
        assert!(!is_built, "without llvm-profdata nothing is trained");
        return;
    }
    assert!(is_built, "{warnings}");
    // Training, three programs once before, and nine blocks of twice each.
    assert_eq!(ran.lines().count(), 1 + 3 + 9 * 2 * 3, "{ran}");
    assert!(
        fixture.path().join("target/gauge/build/merged.profdata").metadata().unwrap().len() > 0
    );
}

#[test]
fn wrong_usage_and_what_does_not_build_are_told_apart() {
    let fixture = fixture();
    for arguments in [
        &["build", "--matrix", "--pgo"][..],
        &["build", "--lto", "fat"],
        &["build", "--unused", "--matrix"],
        &["build", "--matrix", "-p", "nobody"],
        &["build", "--unused", "--deny-unused", "-p", "nobody"],
    ] {
        let output = fixture.gauge(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
    fixture.write("src/main.rs", "fn main() { nonsense }");
    let output = fixture.gauge(&["build", "--profile", "dev"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nonsense"));
}
