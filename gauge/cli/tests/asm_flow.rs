//! What can be reached: forms of control flow, each of which is told to be safe or not to be, as an
//! executable that may stand anywhere, one that may not, and a library.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use gauge::asm::{Analyser, Finding, predicates};
use gauge::image::Image;

fn images() -> &'static [Image; 3] {
    static IMAGES: OnceLock<[Image; 3]> = OnceLock::new();
    IMAGES.get_or_init(|| {
        [
            ("moved", &["--crate-type=bin"][..]),
            ("fixed", &["--crate-type=bin", "-Crelocation-model=static"]),
            ("library", &["--crate-type=cdylib"]),
        ]
        .map(|(name, flags)| {
            let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
            let source = source.join("tests/fixtures/asm/flows.rs");
            let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("flow-{name}"));
            let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
            let mut command = Command::new(rustc);
            command.args(["-O", "--edition=2024", "-Awarnings", "--crate-name=flows"]).args(flags);
            let status = command.arg("-o").args([&target, &source]).status().unwrap();
            assert!(status.success(), "rustc: {status}");
            Image::open(&target).unwrap()
        })
    })
}

/// Whether it can panic: `holds`, or a part of why not or why nobody knows.
fn check(name: &str, expected: &str) {
    for image in images() {
        let analysis = Analyser::new(image).analyse(image.find(name).unwrap()).unwrap();
        let found = match predicates::no_panic(&analysis) {
            Finding::Holds => "holds".to_owned(),
            Finding::Broken(text) => format!("broken: {text}"),
            Finding::Unknown(text) => format!("unknown: {text}"),
        };
        let place = image.path().display();
        assert!(found.contains(expected), "{name} of {place}: {found}, expected {expected}");
    }
}

fn check_all(names: &[&str], expected: &str) {
    names.iter().for_each(|name| check(name, expected));
}

#[test]
fn values_decide_branches() {
    check_all(
        &["decided", "signed", "narrow", "set", "moved", "computed", "merged", "merged_high"],
        "holds",
    );
    check_all(&["not_decided", "decided_wrong", "unsigned"], "broken: ud2");
}

#[test]
fn what_may_have_changed_decides_nothing() {
    check_all(&["partial", "implied", "exchanged", "popped", "systems"], "broken: ud2");
    check_all(&["counted", "changes", "joins", "asks_counter", "asks_register"], "broken: ud2");
}

#[test]
fn calls_keep_what_they_must() {
    check_all(&["kept", "kept_right", "returned", "returned_byte"], "holds");
    check_all(&["clobbered", "returned_wide"], "broken: ud2");
    check_all(&["behind_stop", "behind_stop_far"], "holds");
}

#[test]
fn arguments_decide_in_the_callee() {
    check_all(&["gives_one", "gives_deep", "recurses", "leaves_never"], "holds");
    check("gives_none", "through decides");
    check("decides", "broken: ud2");
    check("gives_many", "through decides");
    check("recurses_badly", "broken: ud2");
    check("leaves_if", "through stops");
}

#[test]
fn constant_pointers_are_followed() {
    check_all(&["by_constant", "reads_constant", "by_stub_known", "by_stub_allocating"], "holds");
    check_all(&["by_register", "by_constant_bad"], "through stops");
    check("by_variable", "unknown: call of what a pointer in memory holds");
    check("reads_variable", "broken: ud2");
    check("by_stub", "unknown: call of puts");
    for image in images() {
        let malloc = image.find("by_stub_allocating").unwrap();
        let analysis = Analyser::new(image).analyse(malloc).unwrap();
        let found = predicates::no_allocation(&analysis);
        assert!(matches!(&found, Finding::Broken(text) if text.contains("malloc")), "{found:?}");
    }
}

#[test]
fn functions_end_where_they_end() {
    check("falls", "unknown: the end of the function");
    check("parted", "broken: ud2");
    for image in images() {
        let parted = image.find("parted").unwrap();
        let analysis = Analyser::new(image).analyse(parted).unwrap();
        assert_eq!(predicates::no_call(&analysis), Finding::Holds);
    }
    check_all(&["tables_safe", "holds_data"], "holds");
    check("tables", "broken: ud2");
}
