//! Streams: what comes is taken in while it comes, and nobody waits for what does not.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod import_support;

use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use import_support::{Seen, open, rows};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tidemill::import::{ImportOptions, ImportReport, Input, Row, import, read_rows};
use tidemill::{ErrorKind, Store};

const LONG: Duration = Duration::from_secs(3_600);

/// A pipe, and the path under which it is opened as `<(…)` of a shell is.
fn pipe() -> (PipeReader, PipeWriter, Input) {
    let (reader, writer) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
    (reader, writer, Input::File(path.into()))
}

/// Waits until all that was written has been read.
fn drained(reader: &PipeReader) {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    while poll(&mut [PollFd::new(reader, PollFlags::IN)], Some(&now)).unwrap() > 0 {
        thread::yield_now();
    }
}

fn options(commit_every: Duration) -> ImportOptions {
    ImportOptions { commit_every, table: Some("t".to_owned()), ..ImportOptions::default() }
}

type Imported = (Result<ImportReport, tidemill::Error>, Seen);

/// Imports a pipe which `write` writes to, and which is closed when that is done.
fn load_stream(
    store: &Store,
    options: &ImportOptions,
    write: impl FnOnce(&PipeReader, &mut PipeWriter),
) -> Imported {
    let (reader, mut writer, input) = pipe();
    thread::scope(|scope| {
        let import = scope.spawn(|| {
            let mut seen = Seen::default();
            (import(store.inner(), &input, options, &mut seen), seen)
        });
        write(&reader, &mut writer);
        drop(writer);
        import.join().unwrap()
    })
}

#[test]
fn a_bad_row_ends_a_strict_import_of_an_idle_stream() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (_reader, mut writer, input) = pipe();
    writer.write_all(b"cpu u=1 1\nbad\n").unwrap();
    let strict = ImportOptions { is_strict: true, ..options(LONG) };
    // The pipe stays open.
    let imported = import(store.inner(), &input, &strict, &mut ());
    assert_eq!(imported.unwrap_err().kind(), ErrorKind::BadRow);
    // Nobody holds the store.
    assert_eq!(store.write_line_protocol(b"cpu u=1 1\n").unwrap().rows, 1);
}

#[test]
fn an_idle_stream_can_be_cancelled() {
    for text in ["", "time,v\n", "cpu u=1 1\n"] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let cancel = Arc::new(AtomicBool::new(false));
        let options = ImportOptions { cancel: Arc::clone(&cancel), ..options(LONG) };
        let (reader, mut writer, input) = pipe();
        writer.write_all(text.as_bytes()).unwrap();
        let imported = thread::scope(|scope| {
            let import = scope.spawn(|| import(store.inner(), &input, &options, &mut ()));
            drained(&reader);
            cancel.store(true, Ordering::Relaxed);
            import.join().unwrap()
        });
        assert_eq!(imported.unwrap_err().kind(), ErrorKind::Cancelled, "{text:?}");
    }
}

#[test]
fn a_plan_waits_for_rows() {
    let check = |pieces: &[&str], table: &str, want: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let (report, seen) = load_stream(&store, &options(LONG), |reader, writer| {
            for piece in pieces {
                writer.write_all(piece.as_bytes()).unwrap();
                drained(reader);
            }
        });
        assert_eq!(report.unwrap().bad_rows, 0, "{:?}", seen.bad);
        assert_eq!(rows(&store, table), want, "{pieces:?}");
    };
    let float = [" 1000000000 Some(Float(1.0))", " 2000000000 Some(Float(1.5))"];
    check(&["time,v\n", "1,1\n", "2,1.5\n"], "t", &float);
    check(&["time,v\n1,1\n", "2,1.5\n"], "t", &float);
    check(&["ti", "me,v\n1", ",1\n2,1.", "5"], "t", &float);
    check(&["{\"time\":1,\"v\":1}\n", "{\"time\":2,\"v\":1.5}\n"], "t", &float);
    check(&["# c\n", "\n", "cpu u=1 1\n"], "cpu", &[" 1 Some(Float(1.0))"]);
}

#[test]
fn what_came_is_committed_while_the_stream_is_silent() {
    let check = |text: &str, table: &str| {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let options = options(Duration::from_millis(20));
        let (report, _) = load_stream(&store, &options, |_, writer| {
            writer.write_all(text.as_bytes()).unwrap();
            while store.snapshot().table(table).is_none() {
                thread::yield_now();
            }
            assert_eq!(rows(&store, table).len(), 1);
        });
        assert!(report.is_ok());
    };
    check("a f=1\n", "a");
    check("time,v\n1,1\n", "t");
    // The beginning of a line is no reason to wait.
    check("time,v\n1,1\n2", "t");
    check("{\"time\":1,\"v\":1}\n", "t");
}

#[test]
fn what_has_a_path_may_still_be_read_once_only() {
    let mut text = "time,v\n".to_owned();
    (0..200_000).for_each(|row| text.push_str(&format!("{},{row}\n", 1_700_000_000 + row)));
    text.push_str("1800000000,0.5\n");
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (report, seen) = load_stream(&store, &options(LONG), |_, writer| {
        writer.write_all(text.as_bytes()).unwrap();
    });
    // It cannot be read again for a type that fits all.
    assert_eq!(report.unwrap().rows, 200_000);
    assert_eq!((seen.bad.len(), seen.notes.iter().any(|n| n.contains("read again"))), (1, false));
    let (_reader, mut writer, input) = pipe();
    let (mut points, mut bad) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(move || writer.write_all(text.as_bytes()).unwrap());
        read_rows(&input, &options(LONG), &mut |row| {
            match row {
                Row::Point(_) => points += 1,
                Row::Bad(_) => bad += 1,
            }
            Ok(())
        })
        .unwrap();
    });
    assert_eq!((points, bad), (200_000, 1));
}
