//! Which implementation runs.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::each_isa;
use tidemill_kernels::Isa;

#[test]
fn names_are_read_back() {
    for isa in Isa::ALL {
        assert_eq!(isa.name().parse(), Ok(isa));
    }
    let error = "sse9".parse::<Isa>().map_err(|error| error.to_string());
    assert_eq!(error, Err("no such kernels: \"sse9\" (scalar, portable, avx2, avx512)".to_owned()));
}

#[test]
fn what_is_forced_is_active() {
    each_isa(|isa| assert_eq!(Isa::active(), isa));
}

#[test]
fn what_the_processor_lacks_is_refused() {
    for isa in Isa::ALL.into_iter().filter(|isa| !isa.is_available()) {
        assert!(isa.force().is_err());
    }
    assert!(Isa::available().any(|isa| isa == Isa::Portable));
}

/// Runs this test binary again with `TIDEMILL_ISA` set, and has it print what is active.
#[test]
fn the_environment_chooses() {
    let active = |name: &str| {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "prints_what_is_active", "--nocapture"]);
        let output = child.env("TIDEMILL_ISA", name).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for isa in Isa::available() {
        let output = active(isa.name());
        assert!(output.contains(&format!("active: {}\n", isa.name())), "{output}");
    }
    let best = Isa::available().last().unwrap();
    assert!(active("sse9").contains(&format!("active: {}\n", best.name())));
}

#[test]
fn prints_what_is_active() {
    println!("\nactive: {}", Isa::active().name());
}
