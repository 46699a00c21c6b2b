//! The recorder on a copy of `/proc` that never changes.
#![expect(clippy::unwrap_used, reason = "a test says so by panicking")]

use std::path::Path;

use tidemill_workload::Recorder;

fn sample(recorder: &mut Recorder) -> String {
    let mut out = Vec::new();
    recorder.sample(1_700_000_001_000_000_000, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_sample_has_exactly_these_lines() {
    let proc = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proc");
    let mut recorder = Recorder::with_proc(proc);
    let lines = sample(&mut recorder);
    assert_eq!(lines, include_str!("proc.lp"), "\n{lines}");
}

#[test]
fn what_is_not_there_is_left_out() {
    let mut nowhere = Recorder::with_proc("no/such/directory");
    assert_eq!(sample(&mut nowhere), "");
}

#[test]
fn this_machine_has_memory_and_the_name_it_is_given() {
    let lines = sample(&mut Recorder::new().with_host("mill 1"));
    if cfg!(target_os = "linux") {
        assert!(lines.contains("\nmem,host=mill_1 total="), "{lines}");
        assert!(lines.lines().all(|line| line.contains(",host=mill_1")));
    }
}
