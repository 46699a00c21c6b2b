//! What is said of functions of a program that is compiled here: what keeps a contract passes, what
//! breaks it is caught, what cannot be told is unknown.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use gauge::asm::{Analyser, Element, Finding, Level, compare, predicates};
use gauge::image::{Image, Lookup};

/// Compiles a fixture, once a run of the tests.
fn compile(name: &str, flags: &[&str]) -> PathBuf {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/asm/functions.rs");
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("asm-{name}"));
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args(["-O", "--edition=2024", "-Csymbol-mangling-version=v0", "-Ccodegen-units=1"])
        .args(["-Cdebuginfo=line-tables-only", "-Awarnings", "--crate-name=fixture"])
        .args(flags)
        .arg("-o")
        .args([&target, &source])
        .status()
        .unwrap();
    assert!(status.success(), "rustc: {status}");
    target
}

fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| Image::open(&compile("plain", &[])).unwrap())
}

#[derive(Debug, PartialEq)]
enum Says {
    Holds,
    Broken(&'static str),
    Unknown(&'static str),
}
use Says::{Broken, Holds, Unknown};

fn check(finding: &Finding, name: &str, expected: &Says) {
    let is_so = match (finding, expected) {
        (Finding::Holds, Holds) => true,
        (Finding::Broken(text), Broken(part)) | (Finding::Unknown(text), Unknown(part)) => {
            text.contains(part)
        }
        _ => false,
    };
    assert!(is_so, "{name}: {finding:?}, expected {expected:?}");
}

fn check_panic(name: &str, expected: &Says) {
    let analysis = Analyser::new(image()).analyse(image().find(name).unwrap()).unwrap();
    check(&predicates::no_panic(&analysis), name, expected);
}

fn check_allocation(name: &str, expected: &Says) {
    let analysis = Analyser::new(image()).analyse(image().find(name).unwrap()).unwrap();
    check(&predicates::no_allocation(&analysis), name, expected);
}

fn check_simd(name: &str, element: Option<Element>, width: u32, expected: &Says) {
    let analysis = Analyser::new(image()).analyse(image().find(name).unwrap()).unwrap();
    check(&predicates::simd(&analysis, element, width), name, expected);
}

#[test]
fn what_cannot_panic_passes() {
    check_panic("merged_a", &Holds);
    check_panic("sum_i32_by_index", &Holds);
    check_panic("scale", &Holds);
    check_panic("thunk_to_target", &Holds);
    check_panic("switches", &Holds);
    check_panic("leaves", &Holds);
    check_panic("fill", &Holds);
}

#[test]
fn a_panic_behind_a_branch_that_is_never_taken_is_none() {
    check_panic("never_taken", &Holds);
    check_panic("taken", &Broken("panic"));
    check_panic("fixture::checked", &Broken("panic"));
}

#[test]
fn panics_are_found() {
    check_panic("bounds", &Broken("panic_bounds_check"));
    check_panic("unwraps", &Broken("unwrap_failed"));
    check_panic("expects", &Broken("unwrap_failed"));
    check_panic("slices", &Broken("slice_"));
    check_panic("divides", &Broken("panic_const_div_by_zero"));
    check_panic("chooses", &Broken("panic_fmt"));
    check_panic("boxes", &Broken("handle_alloc_error"));
    check_panic("allocates_deep", &Broken("through fixture::middle"));
    check_panic("prints", &Broken("panic"));
    check_panic("partial", &Broken("ud2"));
}

#[test]
fn what_cannot_be_followed_is_unknown() {
    check_panic("through_pointer", &Unknown("what rax holds"));
    check_panic("through_vtable", &Unknown("what rax holds"));
    check_panic("jumps_away", &Unknown("what rax holds"));
    check_allocation("through_pointer", &Unknown("what rax holds"));
}

#[test]
fn allocations_are_found() {
    check_allocation("bounds", &Holds);
    check_allocation("copies_memory", &Holds);
    check_allocation("boxes", &Broken("__rust_alloc"));
    check_allocation("grows", &Broken("alloc"));
    check_allocation("allocates_deep", &Broken("(through fixture::middle → fixture::inner)"));
}

#[test]
fn packed_arithmetic_stands_in_a_loop() {
    check_simd("sum_i32", Some(Element::I32), 128, &Holds);
    check_simd("sum_i32", None, 128, &Holds);
    check_simd("scale", Some(Element::F64), 128, &Holds);
    check_simd("sum_i32", Some(Element::F64), 128, &Broken("no packed f64"));
    check_simd("sum_i32", Some(Element::I32), 256, &Broken("narrower than 256"));
    check_simd("scalar_sum", Some(Element::F64), 128, &Broken("no packed f64"));
    check_simd("packed_once", Some(Element::F64), 128, &Broken("outside of any loop"));
    check_simd("copies", None, 128, &Broken("no packed"));
    check_simd("jumps_away", None, 128, &Unknown("anywhere"));
}

#[test]
fn a_name_that_is_not_there_is_an_error() {
    assert!(matches!(image().find("inlined_away"), Err(Lookup::Missing { .. })));
    let Err(Lookup::Missing { near, .. }) = image().find("merged_c") else { panic!() };
    assert!(near.iter().any(|name| name == "merged_a"), "{near:?}");
    let Err(Lookup::Ambiguous { candidates, .. }) = image().find("fmt") else { panic!() };
    assert!(candidates.len() > 5);
    assert_eq!(image().find("fixture::bounds").unwrap().name(), "fixture::bounds");
}
