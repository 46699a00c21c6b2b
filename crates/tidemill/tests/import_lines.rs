//! Which line is which: places of bad rows, ordinals, lines that are too long or never end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod import_support;

use import_support::{load, open, rows};
use tidemill::import::{BadRow, ImportOptions, Input, Row, read_rows};
use tidemill::parse::Format;

/// The rows of a file as `parse` shows them: their times, and bad rows as `load` gives them.
fn parsed(name: &str, text: &[u8], options: &ImportOptions) -> (Vec<i64>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    let (mut times, mut bad) = (Vec::new(), Vec::new());
    read_rows(&Input::File(path), options, &mut |row| {
        match row {
            Row::Point(point) => times.extend(point.time),
            Row::Bad(BadRow { line, column, reason, text, .. }) => {
                let text = String::from_utf8_lossy(text);
                bad.push(format!("{line}:{column}: {reason} [{text}]"));
            }
        }
        Ok(())
    })
    .unwrap();
    (times, bad)
}

fn times(rows: &[String]) -> Vec<i64> {
    let mut times: Vec<i64> =
        rows.iter().map(|row| row.split(' ').nth(1).unwrap().parse().unwrap()).collect();
    times.sort_unstable();
    times
}

#[test]
fn rows_without_a_time_get_one_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (report, _) =
        load(&store, "x.lp", b"cpu u=1\ncpu u=2\ncpu u=3\n", &ImportOptions::default());
    assert_eq!(report.unwrap().untimed, 3);
    let got = rows(&store, "cpu");
    let time = |row: &String| row.split(' ').nth(1).unwrap().parse::<i64>().unwrap();
    assert_eq!((time(&got[1]) - time(&got[0]), time(&got[2]) - time(&got[1])), (1, 1));
    assert!(got[2].ends_with("Some(Float(3.0))"));
}

#[test]
fn rows_without_a_time_are_in_the_order_of_lines_whatever_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // Of two tables by turns, over several chunks; one row of each dozen is refused, by the reader
    // or by the table.
    let line = |row: usize| match row % 12 {
        5 => "cpu u=oops\n".to_owned(),
        6 => "cpu u=1i\n".to_owned(),
        _ => format!("{} u={row}\n", if row.is_multiple_of(2) { "cpu" } else { "mem" }),
    };
    let text: String = (0..60_000).map(line).collect();
    let (report, seen) = load(&store, "x.lp", text.as_bytes(), &ImportOptions::default());
    let report = report.unwrap();
    assert_eq!((report.rows, report.bad_rows, report.duplicates), (50_000, 10_000, 0));
    assert_eq!(seen.bad.len(), 10_000);
    let mut all = Vec::new();
    for table in ["cpu", "mem"] {
        all.extend(rows(&store, table).iter().map(|row| {
            let mut parts = row.split([' ', '(', ')']);
            let time: i64 = parts.by_ref().nth(1).unwrap().parse().unwrap();
            let value: f64 = parts.find_map(|part| part.parse().ok()).unwrap();
            (time, value as usize)
        }));
    }
    all.sort_unstable();
    let want: Vec<usize> = (0..60_000).filter(|row| !matches!(row % 12, 5 | 6)).collect();
    assert!(all.iter().map(|(_, value)| *value).eq(want), "not in the order of lines");
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "a time stands twice");
    assert!(all.last().unwrap().0 - all[0].0 < 60_000, "ordinals are nanoseconds");
}

#[test]
fn a_giant_line_is_a_bad_row() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let giant = "x".repeat(3 << 20);
    let text = format!("cpu u=1 1\ncpu s=\"{giant}\" 2\ncpu u=3 3\n");
    let options = ImportOptions { max_line_bytes: 1 << 20, ..ImportOptions::default() };
    let (report, seen) = load(&store, "x.lp", text.as_bytes(), &options);
    let report = report.unwrap();
    assert_eq!((report.rows, report.bad_rows), (2, 1), "{:?}", seen.bad);
    assert!(
        seen.bad[0].starts_with("2:1: a line of more than 1048576 bytes"),
        "{:?}",
        &seen.bad[0][..80]
    );
}

#[test]
fn a_line_too_long_is_told_and_shown_wherever_it_stands() {
    let options = ImportOptions { max_line_bytes: 4 << 10, ..ImportOptions::default() };
    let giant = "x".repeat(10_000);
    let check = |name: &str, text: &str, rows: usize, lines: &[u64]| {
        let dir = tempfile::tempdir().unwrap();
        let (report, seen) = load(&open(dir.path()), name, text.as_bytes(), &options);
        let report = report.unwrap();
        assert!(!report.is_empty);
        let (times, bad) = parsed(name, text.as_bytes(), &options);
        let want = |line: &u64| {
            let text = "x".repeat(1 << 10);
            format!("{line}:1: a line of more than 4096 bytes [{text}]")
        };
        let want: Vec<String> = lines.iter().map(want).collect();
        assert_eq!((report.rows, seen.bad), (rows as u64, want.clone()), "{name}");
        assert_eq!((times.len(), bad), (rows, want), "{name}");
    };
    check("only.lp", &giant, 0, &[1]);
    check("only.csv", &format!("\n{giant}\n"), 0, &[2]);
    check("first.lp", &format!("{giant}\ncpu u=1 1\n"), 1, &[1]);
    check("first.csv", &format!("{giant}\n\n{giant}\ntime,v\n1,1\n2,2\n"), 2, &[1, 3]);
    check("first.ndjson", &format!("{giant}\n{{\"time\":1,\"v\":1}}\n"), 1, &[1]);
    check("last.csv", &format!("time,v\n1,1\n2,2\n{giant}"), 2, &[4]);
}

#[test]
fn a_quote_that_is_never_closed_costs_its_row() {
    let filler: String = (10..40_000).map(|time| format!("cpu u=1 {time}\n")).collect();
    let text = format!("cpu u=1 1\n# c\ncpu s=\"oops 2\n{filler}cpu u=oops 3\n");
    let last = 3 + 39_990 + 1;
    let bad = [
        "3:7: this string has no closing quote [cpu s=\"oops 2]".to_owned(),
        format!(
            "{last}:7: `o` starts no value: a number, t, f or a string in quotes is wanted [cpu u=oops 3]"
        ),
    ];
    let mut want = vec![1];
    want.extend(10..40_000);
    // Found out at the file's end, and on the way.
    for max_line_bytes in [16 << 20, 200 << 10, 10 << 10] {
        let options = ImportOptions { max_line_bytes, ..ImportOptions::default() };
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let (report, seen) = load(&store, "x.lp", text.as_bytes(), &options);
        assert_eq!(seen.bad, bad, "{max_line_bytes}");
        assert_eq!(report.unwrap().rows, want.len() as u64);
        assert_eq!(times(&rows(&store, "cpu")), want);
        assert_eq!(parsed("x.lp", text.as_bytes(), &options), (want.clone(), bad.to_vec()));
    }
}

#[test]
fn a_string_may_go_on_behind_a_line_that_is_too_long() {
    let giant = "x".repeat(10_000);
    let text = format!("a u=1 1\na s=\"x\n{giant}\ny\" 2\na u=3 3\n");
    let options = ImportOptions {
        max_line_bytes: 4 << 10,
        format: Some(Format::LineProtocol),
        ..ImportOptions::default()
    };
    let (times, bad) = parsed("x.lp", text.as_bytes(), &options);
    assert_eq!(times, [1, 3]);
    let places: Vec<&str> = bad.iter().map(|bad| bad.split_once(": ").unwrap().0).collect();
    assert_eq!(places, ["2:5", "3:1", "4:5"], "{bad:?}");
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(load(&open(dir.path()), "x.lp", text.as_bytes(), &options).1.bad, bad);
}

#[test]
fn rows_that_each_have_other_fields_are_all_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // More cells than a batch holds in one chunk, and a bad row behind them.
    let mut text: String = (0..6_000).map(|i| format!("t f{}=1i {i}\n", i % 1_000)).collect();
    text.push_str("t f1=oops 1\n");
    let (report, seen) = load(&store, "x.lp", text.as_bytes(), &ImportOptions::default());
    let report = report.unwrap();
    assert_eq!((report.rows, report.bad_rows, report.late), (6_000, 1, 0));
    assert!(seen.bad[0].starts_with("6001:6: "), "{:?}", seen.bad);
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let written = store.write_line_protocol(text.as_bytes()).unwrap();
    assert_eq!((written.rows, written.bad_lines.len()), (6_000, 1));
    assert_eq!((written.bad_lines[0].line, written.bad_lines[0].column), (6_001, 6));
    assert_eq!(times(&rows(&store, "t")), (0..6_000).collect::<Vec<i64>>());
}

#[test]
fn a_bad_row_is_told_once_when_a_file_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = "time,v\nnever,1\n".to_owned();
    (0..200_000).for_each(|row| text.push_str(&format!("{},{row}\n", 1_700_000_000 + row)));
    text.push_str("1800000000,0.5\nnever,2\n");
    let options = ImportOptions::default();
    let (report, seen) = load(&open(dir.path()), "x.csv", text.as_bytes(), &options);
    assert_eq!(report.unwrap().bad_rows, 2);
    assert!(seen.notes.iter().any(|note| note.contains("read again")), "{:?}", seen.notes);
    let places: Vec<&str> = seen.bad.iter().map(|bad| bad.split_once(": ").unwrap().0).collect();
    assert_eq!(places, ["2:1", "200004:1"]);
}
