//! `report` from the outside: what other commands kept is on its page.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod project;

use project::{Project, document};

const LIB: &str =
    "// gauge: no = [\"panic\"]\npub fn add(a: u32, b: u32) -> u32 { a.wrapping_add(b) }\n";

fn project() -> Project {
    let manifest =
        "[package]\nname = \"adder\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    Project::new(&[("Cargo.toml", manifest), ("src/lib.rs", LIB), ("gauge.toml", "")])
}

/// What the command said, and its page.
fn report(project: &Project, arguments: &[&str], code: i32) -> (String, String) {
    let output = project.run(&[&["report"], arguments].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    let page = std::fs::read_to_string(project.path().join("target/gauge/report.html"));
    (String::from_utf8(output.stdout).unwrap() + &errors, page.unwrap_or_default())
}

#[test]
fn what_was_measured_is_on_the_page_and_what_was_broken_is_first() {
    let project = project();
    let (said, page) = report(&project, &[], 0);
    assert!(said.contains("never run: check, compare, bench"), "{said}");
    assert!(page.contains("never run: where time goes"), "{page}");

    // Run by it: the contract holds.
    let (said, page) = report(&project, &["--run", "check"], 0);
    assert!(said.contains("check: 1 rows"), "{said}");
    assert!(page.contains("adder::add: no panic") && !page.contains(">Broken<"));

    // Run alone: it does not; the page has both.
    project.write("src/lib.rs", &LIB.replace("a.wrapping_add(b)", "a / b"));
    assert_eq!(project.run(&["check"]).status.code(), Some(1));
    let (said, page) = report(&project, &[], 0);
    assert!(said.contains("check: 1 rows") && said.contains("2 runs"), "{said}");
    assert!(said.contains("FAIL  adder::add: no panic"), "{said}");
    assert!(page.contains(">Broken<") && page.matches("<circle").count() == 2, "{page}");

    let output = project.run(&["report", "--json"]);
    let document = document(&output);
    let history = &document["rows"][0]["details"]["history"];
    assert_eq!((&history[0]["verdict"], &history[1]["verdict"]), (&"pass".into(), &"fail".into()));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn results_from_elsewhere_are_taken_once_and_others_refused() {
    let project = project();
    let listed = project.run(&["check", "--json"]);
    std::fs::remove_dir_all(project.path().join("target/gauge/results")).unwrap();
    let mut result = document(&listed);
    result["command"] = "bench".into();
    result["started"] = "2020-01-01T00:00:00Z".into();
    result["rows"][0]["name"] = "elsewhere".into();
    project.write("there.json", &result.to_string());
    for _ in 0..2 {
        let (said, page) = report(&project, &["--add", "there.json"], 0);
        assert!(said.contains("bench: 1 rows, last 2020-01-01 00:00\n"), "{said}");
        assert!(page.contains(">elsewhere<"));
    }
    project.write("not.json", "{}");
    let (said, _) = report(&project, &["--add", "not.json"], 1);
    assert!(said.contains("not.json is no result of --json"), "{said}");
    std::fs::write(project.path().join("report.json"), project.run(&["report", "--json"]).stdout)
        .unwrap();
    let (said, _) = report(&project, &["--add", "report.json"], 2);
    assert!(said.contains("report.json is a report"), "{said}");
}

#[test]
fn a_command_that_cannot_be_run_is_told_and_the_page_is_made() {
    let project = project();
    project.write("src/lib.rs", &format!("{LIB}nonsense"));
    let (said, page) = report(&project, &["--run", "check,size"], 1);
    for part in ["`cargo gauge check` failed", "`cargo gauge size` could not be run"] {
        assert!(said.contains(part) && page.contains(part), "{part}: {said}");
    }
}
