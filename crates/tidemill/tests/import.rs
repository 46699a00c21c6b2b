//! Files into a store: what is in, what is refused, and that nothing is half in.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod import_support;

use import_support::{load, open, rows};
use tidemill::import::{ImportOptions, Input, import};
use tidemill::{Duplicates, ErrorKind};

#[test]
fn lines_are_in_and_bad_ones_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let text = b"cpu,host=a u=1 10\ncpu,host=a u=oops 20\n# a comment\ncpu,host=a u=2i 30\ncpu,host=b s=\"x\ny\" 40\n";
    let (report, seen) = load(&store, "x.lp", text, &ImportOptions::default());
    let report = report.unwrap();
    assert_eq!((report.rows, report.bad_rows), (2, 2));
    assert!(seen.bad[0].starts_with("2:14: "), "{:?}", seen.bad);
    assert!(
        seen.bad[1].starts_with("4:12: field `u` is int here and float in table `cpu`"),
        "{:?}",
        seen.bad
    );
    assert_eq!(
        rows(&store, "cpu"),
        ["host=a 10 Some(Float(1.0)) None", "host=b 40 None Some(Text(\"x\\ny\"))"]
    );
}

#[test]
fn a_chunk_may_be_cut_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut text = String::new();
    for row in 0..60_000 {
        // Strings with newlines, which a cut is bound to hit.
        text.push_str(&format!(
            "log,host=h{} message=\"line one {row}\nline two, still {row}\" {row}\n",
            row % 7
        ));
    }
    let (report, seen) = load(&store, "log.lp", text.as_bytes(), &ImportOptions::default());
    let report = report.unwrap();
    assert_eq!((report.rows, report.bad_rows), (60_000, 0), "{:?}", seen.bad.first());
    let got = rows(&store, "log");
    assert_eq!(got.len(), 60_000);
    assert!(got.contains(
        &"host=h0 31003 Some(Text(\"line one 31003\\nline two, still 31003\"))".to_owned()
    ));
}

#[test]
fn types_widen_as_the_whole_file_shows() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut text = "time,host,v\n".to_owned();
    for row in 0..200_000 {
        text.push_str(&format!("{},a,{row}\n", 1_700_000_000 + row));
    }
    text.push_str("1800000000,a,0.5\n");
    let (report, seen) = load(&store, "wide.csv", text.as_bytes(), &ImportOptions::default());
    assert_eq!(report.unwrap().rows, 200_001);
    assert!(seen.notes.iter().any(|note| note.contains("read again")), "{:?}", seen.notes);
    assert_eq!(rows(&store, "wide").last().unwrap(), "host=a 1800000000000000000 Some(Float(0.5))");
    // What the store has, stays: now a text is a bad row.
    let (report, _) = load(
        &store,
        "wide.csv",
        b"time,host,v\n1900000000,a,x\n1900000001,a,7\n",
        &ImportOptions::default(),
    );
    assert_eq!(report.map(|r| (r.rows, r.bad_rows)).unwrap(), (1, 1));
}

#[test]
fn strict_keeps_nothing_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let options = ImportOptions { is_strict: true, ..ImportOptions::default() };
    let (report, _) = load(&store, "x.lp", b"cpu u=1 1\ncpu u= 2\n", &options);
    assert_eq!(report.unwrap_err().kind(), ErrorKind::BadRow);
    assert!(store.snapshot().table("cpu").is_none());
    let (report, _) = load(&store, "x.lp", b"cpu u=1 1\n", &options);
    assert_eq!(report.unwrap().rows, 1);
}

#[test]
fn the_same_file_again_gives_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let text = b"cpu,host=a u=1 1\ncpu,host=a u=2 3\ncpu,host=a u=9 2\ncpu,host=a u=3 3\n";
    let first = load(&store, "x.lp", text, &ImportOptions::default()).0.unwrap();
    assert_eq!((first.late, first.duplicates), (1, 1));
    let before = rows(&store, "cpu");
    let again = load(&store, "x.lp", text, &ImportOptions::default()).0.unwrap();
    assert_eq!((again.rows, again.duplicates), (4, 4));
    assert_eq!(rows(&store, "cpu"), before);
}

#[test]
fn compressed_files_are_recognised_and_cut_ones_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let text: String = (0..50_000).map(|row| format!("cpu u={row} {row}\n")).collect();
    let mut packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    assert_eq!(load(&store, "x", &packed, &ImportOptions::default()).0.unwrap().rows, 50_000);
    packed.truncate(packed.len() / 2);
    let before = rows(&store, "cpu").len();
    assert_eq!(
        load(&store, "x", &packed, &ImportOptions::default()).0.unwrap_err().kind(),
        ErrorKind::Read
    );
    assert_eq!(rows(&store, "cpu").len(), before);
}

#[test]
fn what_is_no_text_is_refused_and_what_is_empty_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let junk: Vec<u8> =
        (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert_eq!(
        load(&store, "x", &junk, &ImportOptions::default()).0.unwrap_err().kind(),
        ErrorKind::Format
    );
    assert!(load(&store, "x", b"", &ImportOptions::default()).0.unwrap().is_empty);
    let missing = import(
        store.inner(),
        &Input::File("/nowhere/x.lp".into()),
        &ImportOptions::default(),
        &mut (),
    );
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::Read);
    let folder =
        import(store.inner(), &Input::File(dir.path().into()), &ImportOptions::default(), &mut ());
    assert_eq!(folder.unwrap_err().kind(), ErrorKind::Read);
}

#[test]
fn a_cancelled_import_leaves_the_store_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let options = ImportOptions { duplicates: Duplicates::Keep, ..ImportOptions::default() };
    options.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    let (report, _) = load(&store, "x.lp", b"cpu u=1 1\n", &options);
    assert_eq!(report.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(store.snapshot().tables().is_empty());
}
