//! Whatever stands in a file: a clear message, an exit code, no panic, and the store intact.

use std::io::Write;

use crate::support::Place;

const GOOD: &str = "m,h=a f=1 1\n";

/// Imports `bad` beside a good file into a store that has a row already.
#[track_caller]
fn check(name: &str, bad: &[u8], arguments: &[&str], code: i32, says: &str) -> Vec<String> {
    let place = Place::with(&[("good.lp", GOOD.as_bytes()), (name, bad)]);
    assert_eq!(place.run(&["import", "good.lp"]).code, 0);
    let ran = place.run(&[&["import", name], arguments].concat());
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.stderr.contains(says), "{ran:?}");
    assert_eq!(place.run(&["check"]).code, 0);
    place.rows("m")
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn many_rows() -> Vec<u8> {
    let rows = (2..20_000).map(|time| format!("m,h=a f={} {time}\n", time * 7919 % 1000));
    rows.collect::<String>().into_bytes()
}

#[test]
fn an_empty_file_is_no_error() {
    assert_eq!(check("empty.lp", b"", &[], 0, "empty").len(), 1);
}

#[test]
fn a_missing_file_and_a_directory() {
    let place = Place::with(&[("good.lp", GOOD.as_bytes())]);
    std::fs::create_dir(place.path("dir")).unwrap();
    for (arguments, says) in [
        (&["import", "missing.lp"][..], "missing.lp"),
        (&["import", "dir"], "directory"),
        (&["import", "*.nope"], "no file matches `*.nope`"),
        (&["analyze", "missing.lp"], "missing.lp"),
        (&["parse", "missing.lp"], "missing.lp"),
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains(says) && ran.stderr.starts_with("tidemill: "), "{ran:?}");
    }
    // The others are in.
    assert_eq!(place.run(&["import", "missing.lp", "good.lp"]).code, 1);
    assert_eq!(place.rows("m"), ["m,h=a f=1 1"]);
}

#[test]
fn a_truncated_gzip_leaves_the_store_as_it_was() {
    let whole = gzip(&many_rows());
    let rows = check("x.lp.gz", &whole[..whole.len() / 2], &[], 1, "x.lp.gz");
    assert_eq!(rows.len(), 1);
    assert_eq!(check("x.lp.gz", &whole, &[], 0, "").len(), 19_999);
}

#[test]
fn binary_junk_is_named() {
    let junk: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert_eq!(check("junk.bin", &junk, &[], 1, "junk.bin").len(), 1);
}

#[test]
fn a_line_too_long_is_left_out() {
    let mut text = b"m,h=a f=2 2\nm,h=a g=\"".to_vec();
    text.extend(std::iter::repeat_n(b'x', 3 << 20));
    text.extend_from_slice(b"\" 3\nm,h=a f=4 4\n");
    let rows = check("long.lp", &text, &["--max-line-bytes", "1MiB"], 1, "long.lp:2:1: ");
    assert_eq!(rows, ["m,h=a f=1 1", "m,h=a f=2 2", "m,h=a f=4 4"]);
}

#[test]
fn bad_rows_are_counted_shown_and_written_down_and_the_rest_is_kept() {
    let mut text = String::new();
    for row in 2..32 {
        text += &if row % 2 == 0 { format!("m f= {row}\n") } else { format!("m f={row} {row}\n") };
    }
    let place = Place::with(&[("bad.lp", text.as_bytes())]);
    let ran = place.run(&["import", "bad.lp", "--rejects", "rejects.lp"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let shown: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("bad.lp:")).collect();
    assert_eq!(shown.len(), 10);
    assert!(shown[0].starts_with("bad.lp:1:5: "), "{shown:?}");
    let rejects = place.read("rejects.lp");
    assert_eq!(rejects.lines().count(), 15);
    assert_eq!(rejects.lines().next(), Some("m f= 2"));
    assert_eq!(place.rows("m").len(), 15);
}

#[test]
fn bad_rows_of_a_file_that_is_read_again_are_written_down_once() {
    let mut text = "time,v\nnever,1\n".to_owned();
    (0..400_000).for_each(|row| text += &format!("{},{row}\n", 1_700_000_000 + row));
    text += "1800000000,0.5\nnever,2\n";
    let other = "a f=1 1\na f= 2\n";
    let place = Place::with(&[("other.lp", other.as_bytes()), ("t.csv", text.as_bytes())]);
    let ran = place.run(&["import", "other.lp", "t.csv", "--rejects", "rejects"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("read again"), "{ran:?}");
    assert_eq!(place.read("rejects"), "a f= 2\nnever,1\nnever,2\n");
    let shown = |at: &str| ran.stderr.lines().filter(|line| line.starts_with(at)).count();
    assert_eq!((shown("other.lp:2:"), shown("t.csv:2:"), shown("t.csv:400004:")), (1, 1, 1));
    // What cannot be taken back is no reason to fail.
    let ran = place.run(&["import", "t.csv", "--store", "again", "--rejects", "/dev/null"]);
    assert_eq!((ran.code, ran.stderr.contains("read again")), (1, true), "{ran:?}");
}

#[test]
fn strict_keeps_nothing_of_the_file() {
    let rows = check("bad.lp", b"m,h=a f=2 2\nm f= 3\n", &["--strict"], 1, "bad.lp:2:5: ");
    assert_eq!(rows, ["m,h=a f=1 1"]);
}

#[test]
fn rows_that_the_schema_refuses_are_bad_rows() {
    for (bad, says) in [
        ("m,h=a f=\"text\" 2\n", "bad.lp:1:"),
        ("m,h=a h=2 2\n", "bad.lp:1:"),
        ("m,h=a time=2 2\n", "bad.lp:1:"),
    ] {
        assert_eq!(check("bad.lp", bad.as_bytes(), &[], 1, says), ["m,h=a f=1 1"]);
    }
}

#[test]
fn files_of_other_formats_that_go_wrong() {
    for (name, text, says) in [
        ("a.csv", "time,v\n2024-01-01,1\n2024-01-02\n", "a.csv:3:"),
        ("a.csv", "x,y\n1,2\n", "--time"),
        ("a.ndjson", "{\"time\":\"2024-01-01\",\"v\":1}\n{\"time\":\n", "a.ndjson:2:"),
        ("a.ndjson", "{}\n", "a.ndjson"),
    ] {
        check(name, text.as_bytes(), &[], 1, says);
    }
}

#[test]
fn a_name_tells_what_a_bad_beginning_does_not() {
    let place = Place::with(&[
        ("a.lp", b"oops\nand more\nworse\nm v=1 1\n"),
        ("b.ndjson", b"junk\n{\"time\":1700000000,\"v\":1}\n"),
        ("c.txt", b"junk\n{\"time\":1700000000,\"v\":1}\n"),
    ]);
    for (name, table) in [("a.lp", "m"), ("b.ndjson", "b")] {
        let ran = place.run(&["import", name]);
        assert_eq!((ran.code, place.rows(table).len()), (1, 1), "{ran:?}");
        assert!(ran.stderr.contains(&format!("{name}:1:")), "{ran:?}");
    }
    let ran = place.run(&["import", "c.txt"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("--format") || ran.stderr.contains("--time"), "{ran:?}");
}
