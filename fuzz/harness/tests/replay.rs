//! Every kept input of every target, again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::panic::catch_unwind;
use std::path::Path;

use tidemill_fuzz::{TARGETS, target, unpack};

/// The inputs of a target: where each stands, and its bytes.
fn inputs(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let corpus = std::fs::read(folder.join(format!("corpus/{name}.units"))).unwrap_or_default();
    let units = unpack(&corpus).into_iter().enumerate();
    let mut inputs: Vec<_> =
        units.map(|(index, unit)| (format!("unit {index}"), unit.to_vec())).collect();
    let files = std::fs::read_dir(folder.join("regressions").join(name)).into_iter().flatten();
    for path in files.map(|file| file.unwrap().path()) {
        inputs.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    inputs
}

/// One test for all: targets force the level of the kernels and measure memory, process-wide.
#[test]
fn every_kept_input_is_handled() {
    for (name, run) in TARGETS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has no corpus: cargo xtask fuzz --keep {name}");
        for (place, bytes) in inputs {
            let is_handled = catch_unwind(|| run(&bytes)).is_ok();
            assert!(is_handled, "{name}: {place}: {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn any_target_takes_nothing_and_noise() {
    for (name, _) in TARGETS {
        for bytes in [&[][..], &[0], &[0xFF; 300], b"0123456789abcdef"] {
            target(name)(bytes);
        }
    }
}
