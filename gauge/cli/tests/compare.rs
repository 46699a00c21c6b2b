//! `bench` and `compare` from the outside, on a project whose only bench makes its times up.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod project;

use std::path::PathBuf;

use project::{Project, document};
use serde_json::Value;

const FAKE: &str = include_str!("fixtures/fake_bench.rs");

/// A repository with the project in it.
struct Fixture(Project);

impl std::ops::Deref for Fixture {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.0
    }
}

impl Fixture {
    fn new() -> Self {
        let manifest = "[package]\nname = \"fixture\"\nedition = \"2024\"\n[workspace]\n\
            [[bench]]\nname = \"fake\"\nharness = false\n";
        let project = Project::new(&[
            ("Cargo.toml", manifest),
            ("src/lib.rs", ""),
            (".gitignore", "target\n"),
            ("benches/fake.rs", FAKE),
        ]);
        project.git(&["init", "--quiet"]);
        project.commit();
        Self(project)
    }

    fn plant(&self, from: &str, to: &str) {
        assert!(FAKE.contains(from));
        self.write("benches/fake.rs", &FAKE.replace(from, to));
    }

    fn program(&self, program: usize) -> PathBuf {
        let folder = self.path().join("target/gauge/compare/executables");
        folder.join(program.to_string()).join("000")
    }
}

/// The verdict of a row.
fn verdict<'a>(document: &'a Value, name: &str, metric: &str) -> &'a str {
    let rows = document["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name && row["metric"] == metric);
    row.and_then(|row| row["verdict"].as_str()).unwrap_or("none")
}

fn has_warning(document: &Value, part: &str) -> bool {
    let warnings = document["warnings"].as_array().unwrap();
    warnings.iter().any(|warning| warning.as_str().unwrap().contains(part))
}

const BLOCKS: [&str; 3] = ["--json", "--blocks", "16"];

#[test]
fn a_planted_slowdown_regresses_and_the_rest_is_equal() {
    let fixture = Fixture::new();
    fixture.plant("\"planted\", 100.0, \"2\"", "\"planted\", 110.0, \"3\"");
    let output = fixture.run(&[&["compare", "HEAD"], &BLOCKS[..]].concat());
    let document = document(&output);
    assert_eq!(output.status.code(), Some(1), "{document:#}");
    assert_eq!(verdict(&document, "fake/planted", "time"), "regressed");
    assert_eq!(verdict(&document, "fake/planted", "allocations"), "regressed");
    assert_eq!(verdict(&document, "fake/steady", "time"), "equal");
    assert_eq!(verdict(&document, "fake/steady", "allocations"), "equal");
    assert_eq!(verdict(&document, "fake/uncounted", "allocations"), "none");
    assert!(document["over"]["seconds"].as_f64().is_some());
    let row = &document["rows"][0];
    for control in ["same", "relinked"] {
        assert!(row["details"]["controls"][control]["ratio"].as_f64().is_some(), "{row:#}");
    }
    // The base and its copy are the same bytes; relinked it is not.
    let bytes = |program| std::fs::read(fixture.program(program)).unwrap();
    assert!(bytes(0) == bytes(2) && bytes(0) != bytes(3) && bytes(0) != bytes(1));
    let results = fixture.path().join("target/gauge/results");
    assert_eq!(std::fs::read_dir(results).unwrap().count(), 1);
}

#[test]
fn one_source_is_the_same_bytes_and_a_control_that_differs_gates_nothing() {
    let fixture = Fixture::new();
    // Another commit, so that it is built again.
    fixture.write("README.md", "one source");
    fixture.commit();
    let arguments = [&["compare", "HEAD~1", "HEAD"], &BLOCKS[..]].concat();
    let output = fixture.run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{:#}", document(&output));
    let bytes = |program| std::fs::read(fixture.program(program)).unwrap();
    assert!(bytes(0) == bytes(1));
    // A regression, but the base differs from its copy as well.
    fixture.plant("\"planted\", 100.0", "\"planted\", 130.0");
    fixture.commit();
    for (program, word) in [("2", "too noisy"), ("3", "another order")] {
        let arguments = [&["compare", "HEAD~1", "HEAD"], &BLOCKS[..]].concat();
        let output = fixture.gauge(&arguments).env("FAKE_SLOW", program).output().unwrap();
        let document = document(&output);
        assert_eq!(output.status.code(), Some(0), "{document:#}");
        assert_eq!(verdict(&document, "fake/planted", "time"), "inconclusive");
        assert!(has_warning(&document, word), "{:#}", document["warnings"]);
    }
}

#[test]
fn packages_with_a_target_of_one_name_do_not_mix() {
    let fixture = Fixture::new();
    let manifest = |name: &str| {
        format!(
            "[package]\nname = \"{name}\"\nedition = \"2024\"\n[[bench]]\nname = \"fake\"\nharness = false\n"
        )
    };
    fixture.write("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"3\"\n");
    for (name, time) in [("a", "100.0"), ("b", "150.0")] {
        fixture.write(&format!("{name}/Cargo.toml"), &manifest(name));
        fixture.write(&format!("{name}/src/lib.rs"), "");
        let bench = FAKE.replace("\"uncounted\", 100.0", &format!("\"uncounted\", {time}"));
        fixture.write(&format!("{name}/benches/fake.rs"), &bench);
    }
    fixture.commit();
    let output = fixture.run(&["compare", "HEAD", "HEAD", "--json", "--blocks", "12"]);
    let document = document(&output);
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    for package in ["a", "b"] {
        for bench in ["steady", "planted", "uncounted"] {
            let row = format!("{package}/fake/{bench}");
            assert_eq!(verdict(&document, &row, "time"), "equal", "{row}: {document:#}");
        }
    }
    let output = fixture.run(&["bench", "b/fake/uncounted", "--runs", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("b/fake/uncounted") && !text.contains("a/fake"), "{text}");
}

#[test]
fn a_side_that_hangs_loses_its_row_and_no_other() {
    let fixture = Fixture::new();
    fixture.plant(
        "let Some((_, time, allocations))",
        "if name == \"planted\" { loop { std::thread::park(); } }\n    let Some((_, time, allocations))",
    );
    let output = fixture.run(&[&["compare", "HEAD"], &BLOCKS[..]].concat());
    let document = document(&output);
    assert_eq!(output.status.code(), Some(1), "{document:#}");
    assert_eq!(verdict(&document, "fake/planted", "time"), "regressed");
    assert_eq!(verdict(&document, "fake/steady", "time"), "equal");
    assert_eq!(verdict(&document, "fake/uncounted", "time"), "equal");
    let row = document["rows"].as_array().unwrap().iter().find(|row| row["name"] == "fake/planted");
    assert!(row.unwrap()["note"].as_str().unwrap().starts_with("timed out"), "{row:?}");
}

#[test]
fn a_baseline_keeps_its_executables_and_is_run_against() {
    let fixture = Fixture::new();
    let output = fixture.run(&["bench", "planted", "--save", "old", "--runs", "3", "--json"]);
    let document_of_save = document(&output);
    assert_eq!(document_of_save["rows"][0]["samples"].as_array().unwrap().len(), 3);
    fixture.plant("\"planted\", 100.0", "\"planted\", 90.0");
    let output = fixture.run(&[&["bench", "--baseline", "old"], &BLOCKS[..]].concat());
    let document = document(&output);
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    assert_eq!(verdict(&document, "fake/planted", "time"), "improved");
    assert_eq!(verdict(&document, "fake/steady", "time"), "equal");
    let output = fixture.run(&["bench", "--baseline", "none"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bench --save none"));
}

#[test]
fn threads_are_told_to_the_bench_and_text_is_plain() {
    let fixture = Fixture::new();
    let output = fixture.run(&["bench", "steady", "--threads", "1,2", "--runs", "2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("fake/steady (2 threads)"), "{text}");
    assert!(text.contains("times as fast as with the first"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn commands_and_executables_are_compared_without_sources() {
    let fixture = Fixture::new();
    let output = fixture.run(&["compare", "--cmd", "true", "true", "--json", "--blocks", "8"]);
    let document = document(&output);
    assert_eq!(document["rows"][0]["name"], "true | true");
    assert!(has_warning(&document, "no relinked control"));
    let output = fixture.run(&["compare", "--bin-a", "/bin/sh", "--bin-b", "/none"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/none"));
}

#[test]
fn wrong_use_is_told_from_failure() {
    let fixture = Fixture::new();
    for (arguments, part) in [
        (&["compare"][..], "REVISION_A"),
        (&["compare", "nowhere"], "git knows no revision `nowhere`"),
        (&["compare", "HEAD", "--filter", "nothing", "--blocks", "8"], "no row"),
        (&["compare", "HEAD", "--minutes", "0.0001"], "--minutes"),
        (&["compare", "HEAD", "--minutes", "0"], "above 0"),
        (&["compare", "HEAD", "--least-effect", "0"], "above 0"),
        (&["compare", "HEAD", "--blocks", "0"], "at least 8"),
        // Three rows need more than one: known once their names are.
        (&["compare", "HEAD", "--blocks", "9"], "3 rows need at least 10"),
        (&["bench", "--baseline", "x", "--blocks", "3"], "at least 8"),
        (&["bench", "nothing"], "no such bench"),
        (&["bench", "--bench", "nothing"], "no such bench target"),
        (&["bench", "--save", "../x"], "no name"),
        (&["bench", "--runs", "0"], "above 0"),
    ] {
        let output = fixture.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
    fixture.plant(
        "let Some(name) = after",
        "eprintln!(\"out of order\"); std::process::exit(9); let Some(name) = after",
    );
    let output = fixture.run(&["bench", "steady"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("out of order"), "{stderr}");
}

#[test]
fn a_commit_is_built_once() {
    let fixture = Fixture::new();
    let compare = |flags: &str| {
        let arguments = [&["compare", "HEAD", "HEAD"], &BLOCKS[..]].concat();
        let mut command = fixture.gauge(&arguments);
        if !flags.is_empty() {
            command.env("RUSTFLAGS", flags);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{:#}", document(&output));
        let controls = &document(&output)["rows"][0]["details"]["controls"];
        assert!(controls["relinked"].is_object(), "{controls:#}");
        String::from_utf8(output.stderr).unwrap().contains("building")
    };
    assert!(compare(""));
    let bytes = |program| std::fs::read(fixture.program(program)).unwrap();
    let before = [0, 1, 2, 3].map(bytes);
    // Nothing is left to build from.
    std::fs::remove_dir_all(fixture.path().join("target/gauge/compare/target")).unwrap();
    assert!(!compare(""));
    assert!([0, 1, 2, 3].map(bytes) == before);
    assert!(compare("--cfg=other"), "other flags are another build");
    fixture.write("src/lib.rs", "pub fn other() {}");
    fixture.commit();
    assert!(compare(""), "another commit is another build");
}

#[test]
fn flags_of_the_project_are_not_lost() {
    let fixture = Fixture::new();
    fixture.write(".cargo/config.toml", "[build]\nrustflags = [\"--cfg=planted\"]\n");
    // Slower only if the flag gets there; the base was committed without it.
    fixture.plant("/ threads;", "/ threads * if cfg!(planted) { 1.2 } else { 1.0 };");
    let output = fixture.run(&[&["compare", "HEAD"], &BLOCKS[..]].concat());
    let document = document(&output);
    assert_eq!(verdict(&document, "fake/steady", "time"), "regressed", "{document:#}");
    assert!(has_warning(&document, "one codegen unit"));
}
