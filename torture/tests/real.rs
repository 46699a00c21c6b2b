//! The campaigns against real processes, small.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

/// Runs a campaign; what it printed, when it found nothing.
fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tidemill-torture"))
        .args(arguments)
        .args(["--dir", env!("CARGO_TARGET_TMPDIR")])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}\n{printed}{complaints}", output.status);
    printed
}

/// The number that stands before a name.
fn count(printed: &str, name: &str) -> u64 {
    let lines = printed.lines().filter_map(|line| line.trim().split_once("  "));
    let number = lines.filter(|(_, found)| *found == name).map(|(number, _)| number).next();
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name}: {printed}"))
}

#[test]
fn killed_processes_lose_nothing() {
    let printed = run(&["kill", "--kills", "30"]);
    assert!(count(&printed, "kills") >= 30, "{printed}");
    assert!(count(&printed, "rows acknowledged") > 0, "{printed}");
}

#[test]
fn surroundings_that_are_not_as_they_should_be() {
    for check in [
        "two writers",
        "a reader beside a writer",
        "inside a run",
        "a sync that fails once",
        "the directory is removed",
        "few open files",
        "files of others",
    ] {
        let printed = run(&["environment", "--quick", "--only", check]);
        assert!(printed.starts_with("ok "), "{printed}");
        assert_eq!(count(&printed, "checks"), 1, "{printed}");
    }
}
