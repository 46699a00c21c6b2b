use crate::support::Place;

const COMMANDS: [&str; 13] = [
    "analyze",
    "import",
    "query",
    "shell",
    "parse",
    "inspect",
    "check",
    "compact",
    "delete",
    "retention",
    "export",
    "generate",
    "record",
];

#[test]
fn every_help_ends_with_examples() {
    let place = Place::new();
    for command in COMMANDS {
        let ran = place.run(&[command, "--help"]);
        assert_eq!(ran.code, 0);
        let (_, examples) = ran.stdout.split_once("\nExamples:\n").unwrap();
        assert!(examples.contains(&format!("tidemill {command}")), "{examples}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let place = Place::with(&[("a.csv", b"time,v\n2024-01-01,1\n")]);
    let cases: [&[&str]; 17] = [
        &[],
        &["nonsense"],
        &["analyze"],
        &["import", "--memory", "much", "a.csv"],
        &["import", "-", "-"],
        &["import", "--format", "xml", "a.csv"],
        &["import", "--tz", "Mars/Olympus", "a.csv"],
        &["import", "--rejects", "a.csv", "a.csv"],
        &["import", "--time", "nope", "a.csv"],
        &["import", "--table", "", "a.csv"],
        &["analyze", "a.csv", "--html", "a.csv"],
        &["generate", "tsbs-cpu", "--hours", "-1"],
        &["generate", "tsbs-devops", "--format", "csv"],
        &["record", "--store", "s", "--output", "f"],
        &["delete", "m"],
        &["retention", "m", "--keep", "long"],
        &["retention", "m", "--keep", "1d", "--forever"],
    ];
    for arguments in cases {
        let ran = place.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn standard_input_in_csv_needs_a_table() {
    let place = Place::new();
    let ran = place.run_with_input(&["import", "-"], b"time,v\n2024-01-01,1\n");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("--table"), "{ran:?}");
}
