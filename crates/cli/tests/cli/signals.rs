//! Pipes that close and requests to stop.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::support::{Place, sample};

/// Runs a command whose output is closed after its first bytes.
#[track_caller]
fn check_closed_pipe(place: &Place, arguments: &[&str]) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidemill"))
        .args(arguments)
        .current_dir(place.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{arguments:?}");
}

#[test]
fn who_closes_our_output_has_seen_enough() {
    let place = Place::new();
    check_closed_pipe(&place, &["generate", "tsbs-cpu", "--scale", "100", "--hours", "10"]);
    check_closed_pipe(&place, &["parse", &sample()]);
    check_closed_pipe(&place, &["record", "--interval", "10ms"]);
    #[cfg(feature = "sql")]
    {
        assert_eq!(place.run(&["import", &sample()]).code, 0);
        let sql = "SELECT * FROM cpu a CROSS JOIN mem_zone b";
        check_closed_pipe(&place, &["query", "--format", "csv", sql]);
        check_closed_pipe(&place, &["query", "--format", "ndjson", sql]);
    }
}

#[test]
fn a_request_to_stop_ends_a_recording_well() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidemill"))
        .args(["record", "--interval", "10ms"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It is at work once it has written.
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 1]).unwrap();
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    stdout.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
