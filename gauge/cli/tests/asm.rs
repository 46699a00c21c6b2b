//! What is said of functions of a program that is compiled here: what keeps a contract passes, what
//! breaks it is caught, what cannot be told is unknown.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use gauge::asm::{Analyser, Element, Finding, Kind, Level, compare, kind_of, predicates};
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

/// The same program, linked to be loaded elsewhere.
fn other_image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    let flags = ["-Clink-arg=-Wl,--image-base=0x400000"];
    IMAGE.get_or_init(|| Image::open(&compile("other", &flags)).unwrap())
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

/// Position independent or not, for another processor, smaller, optimised as a whole: what holds, holds.
fn images() -> &'static [Image] {
    static IMAGES: OnceLock<Vec<Image>> = OnceLock::new();
    let variants: [(&str, &[&str]); 4] = [
        ("fixed", &["-Crelocation-model=static"]),
        ("v3", &["-Ctarget-cpu=x86-64-v3"]),
        ("small", &["-Copt-level=s"]),
        ("lto", &["-Clto=fat", "-Cpanic=abort"]),
    ];
    IMAGES.get_or_init(|| {
        let built = variants.iter().map(|(name, flags)| compile(name, flags));
        let others = built.map(|path| Image::open(&path).unwrap());
        std::iter::once(Image::open(image().path()).unwrap()).chain(others).collect()
    })
}

fn check_panic(name: &str, expected: &Says) {
    for image in images() {
        let analysis = Analyser::new(image).analyse(image.find(name).unwrap()).unwrap();
        let name = format!("{name} of {}", image.path().display());
        check(&predicates::no_panic(&analysis), &name, expected);
    }
}

fn check_allocation(name: &str, expected: &Says) {
    for image in images() {
        let analysis = Analyser::new(image).analyse(image.find(name).unwrap()).unwrap();
        let name = format!("{name} of {}", image.path().display());
        check(&predicates::no_allocation(&analysis), &name, expected);
    }
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
    check_allocation("boxes", &Broken("alloc"));
    check_allocation("grows", &Broken("alloc"));
    check_allocation("allocates_deep", &Broken("(through fixture::middle → fixture::inner"));
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
fn wider_registers_are_seen() {
    let image = images().iter().find(|image| image.path().ends_with("asm-v3")).unwrap();
    let mut analyser = Analyser::new(image);
    for (name, element) in [("scale", Element::F64), ("sum_i32", Element::I32)] {
        let analysis = analyser.analyse(image.find(name).unwrap()).unwrap();
        check(&predicates::simd(&analysis, Some(element), 256), name, &Holds);
        check(&predicates::simd(&analysis, Some(element), 512), name, &Broken("narrower than 512"));
    }
}

#[test]
fn limits_hold_or_break() {
    let analyse = |name: &str| Analyser::new(image()).analyse(image().find(name).unwrap()).unwrap();
    let jumps = analyse("layout_a");
    check(&predicates::max_instructions(&jumps, 6), "layout_a", &Holds);
    check(&predicates::max_instructions(&jumps, 5), "layout_a", &Broken("6 instructions"));
    let saves = analyse("saved_a");
    check(&predicates::max_stack(&saves, 8), "saved_a", &Holds);
    check(&predicates::max_stack(&saves, 7), "saved_a", &Broken("8 bytes of stack"));
    check(&predicates::no_call(&saves), "saved_a", &Broken("call of thunk_target"));
    check(&predicates::no_call(&jumps), "layout_a", &Holds);
    check(&predicates::no_call(&analyse("passes_a")), "passes_a", &Broken("jump to thunk_target"));
    check(&predicates::has_mnemonic(&jumps, "lea"), "layout_a", &Holds);
    check(&predicates::has_mnemonic(&jumps, "vaddpd"), "layout_a", &Broken("no `vaddpd`"));
    check(&predicates::no_mnemonic(&jumps, "lea"), "layout_a", &Broken("lea at"));
    check(&predicates::no_mnemonic(&jumps, "div"), "layout_a", &Holds);
    check(&predicates::no_mnemonic(&analyse("jumps_away"), "div"), "jumps_away", &Unknown("jump"));
}

/// What is known by name: this compiler calls it so.
#[test]
fn the_names_that_are_known_are_those_of_this_compiler() {
    let all = image().functions().iter().flat_map(|function| &function.names);
    let all: Vec<&str> = all.map(|name| name.demangled.as_str()).collect();
    for name in [
        "core::panicking::panic_fmt",
        "core::panicking::panic_bounds_check",
        "core::panicking::panic_const::panic_const_div_by_zero",
        "core::option::unwrap_failed",
        "core::result::unwrap_failed",
        "core::slice::index::slice_index_fail",
        "alloc::raw_vec::handle_error",
        "alloc::alloc::handle_alloc_error",
        "__rustc::rust_begin_unwind",
    ] {
        assert!(all.contains(&name), "{name} is not there");
        assert_eq!(kind_of(name), Some(Kind::Panic), "{name}");
    }
    for name in ["__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc"] {
        let name = format!("__rustc::{name}");
        assert!(all.contains(&name.as_str()), "{name} is not there");
        assert_eq!(kind_of(&name), Some(Kind::Allocation), "{name}");
    }
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

fn check_same(a: &str, b: &str, expected: Level) {
    let (f, g) = (image().find(a).unwrap(), image().find(b).unwrap());
    let there = compare(image(), f, image(), g).unwrap();
    assert_eq!(there.level, expected, "{a} and {b}:\n{}", there.diff.join("\n"));
    assert_eq!(there.diff.is_empty(), expected.is_same());
    let back = compare(image(), g, image(), f).unwrap();
    assert_eq!(back.level, expected, "{b} and {a}:\n{}", back.diff.join("\n"));
}

#[test]
fn merged_bodies_and_thunks_are_the_same() {
    check_same("merged_a", "merged_b", Level::SameAddress);
    check_same("thunk_to_target", "thunk_target", Level::SameAddress);
}

#[test]
fn constants_at_another_address_are_the_same() {
    check_same("loads_a", "loads_b", Level::SameBytes);
    check_same("loads_a", "loads_not", Level::Different);
    check_same("loads_a", "loads_other_text", Level::Different);
    check_same("short_text", "long_text", Level::Different);
    check_same("shifted_a", "other_constant", Level::Different);
    check_same("says_a", "says_not", Level::Different);
}

#[test]
fn a_panic_elsewhere_in_the_sources_is_the_same() {
    check_same("bounds", "bounds_elsewhere", Level::SameBytes);
}

#[test]
fn another_layout_is_the_same() {
    check_same("layout_a", "layout_b", Level::Normalised);
    check_same("layout_a", "layout_not", Level::Different);
    check_same("layout_a", "layout_other", Level::Different);
    check_same("switches", "switches_moved", Level::Normalised);
    check_same("switches", "switches_not", Level::Different);
}

#[test]
fn other_registers_are_the_same() {
    check_same("renamed_a", "renamed_b", Level::Renamed);
    check_same("saved_a", "saved_b", Level::Renamed);
    check_same("renamed_a", "renamed_not", Level::Different);
    check_same("renamed_a", "renamed_one", Level::Different);
    check_same("returns_a", "returns_not", Level::Different);
    check_same("passes_a", "passes_not", Level::Different);
    check_same("loops_a", "loops_b", Level::Renamed);
    check_same("loops_a", "loops_not", Level::Different);
    check_same("turns_a", "turns_not", Level::Different);
}

#[test]
fn a_difference_is_shown() {
    let (f, g) = (image().find("scale").unwrap(), image().find("add_to_all").unwrap());
    let found = compare(image(), f, image(), g).unwrap();
    assert_eq!(found.level, Level::Different);
    assert!(found.diff.iter().any(|line| line.starts_with("-") && line.contains("mulpd")));
    assert!(found.diff.iter().any(|line| line.starts_with("+") && line.contains("addpd")));
    assert!(found.diff.iter().any(|line| line.starts_with(" ")));
}

/// The whole standard library that is linked in serves as a campaign: nothing panics here, and what
/// is the same is said to be so.
#[test]
fn every_function_is_the_same_as_itself_in_another_build() {
    let other = other_image();
    let mut compared = 0;
    for f in image().functions() {
        // Where several have one name, which is which is not known.
        let (Ok(f), Ok(g)) = (image().find(&f.names[0].mangled), other.find(&f.names[0].mangled))
        else {
            continue;
        };
        let found = compare(image(), f, other, g).unwrap();
        assert!(found.level <= Level::SameBytes, "{}:\n{}", f.name(), found.diff.join("\n"));
        compared += 1;
    }
    assert!(compared > 500, "{compared}");
}

#[test]
fn every_function_can_be_analysed() {
    let mut analyser = Analyser::new(image());
    let mut panicking = 0;
    for function in image().functions() {
        match analyser.analyse(function) {
            Ok(analysis) => panicking += usize::from(!analysis.panics.is_empty()),
            // Labels of the startup code in the middle of a function.
            Err(error) => assert!(!function.names[0].mangled.starts_with("_R"), "{error:#}"),
        }
    }
    assert!(panicking > 100, "{panicking}");
}

#[test]
fn the_same_function_of_another_build_is_the_same() {
    let other = other_image();
    for name in [
        "sum_i32",
        "bounds",
        "prints",
        "chooses",
        "allocates_deep",
        "copies",
        "loads_a",
        "says_a",
        "says_not",
    ] {
        let (f, g) = (image().find(name).unwrap(), other.find(name).unwrap());
        let found = compare(image(), f, other, g).unwrap();
        assert_eq!(found.level, Level::SameBytes, "{name}:\n{}", found.diff.join("\n"));
    }
}
