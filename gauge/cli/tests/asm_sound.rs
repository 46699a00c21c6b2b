//! What a hostile reader made pass though it does not hold: each must be caught, and what is like it and
//! holds must pass.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use gauge::asm::{Analyser, Analysis, Element, Finding, Level, compare, predicates};
use gauge::image::Image;

/// Ways of the match that is longer than most.
const WAYS: usize = 1100;

fn images() -> &'static [Image; 2] {
    static IMAGES: OnceLock<[Image; 2]> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let ways = folder.join("many_ways.rs");
        std::fs::write(&ways, many_ways()).unwrap();
        [("moved", &[][..]), ("fixed", &["-Crelocation-model=static"])].map(|(name, flags)| {
            let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
            let source = source.join("tests/fixtures/asm/sound.rs");
            let target = folder.join(format!("sound-{name}"));
            let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
            let mut command = Command::new(rustc);
            command.args(["-O", "--edition=2024", "-Csymbol-mangling-version=v0", "-Awarnings"]);
            command.args(["-Ccodegen-units=1", "--crate-name=sound"]).args(flags);
            command.env("MANY_WAYS", &ways).arg("-o").args([&target, &source]);
            let status = command.status().unwrap();
            assert!(status.success(), "rustc: {status}");
            Image::open(&target).unwrap()
        })
    })
}

fn many_ways() -> String {
    let mut text = String::from(
        "#[inline(never)]\npub fn many_ways(op: u32, a: &mut [u64; 8], x: u64) {\n    match op {\n",
    );
    for way in 0..WAYS {
        let (from, to, by) = (way * 3 % 8, way % 7, way * 7919 + 13);
        _ = writeln!(
            text,
            "        {way} => {{ a[{to}] = a[{from}].wrapping_mul({by}) ^ {}; a[{}] = x.rotate_left({}); }}",
            way * 31 + 5,
            way * 5 % 8,
            way % 63 + 1
        );
    }
    text + "        _ => {}\n    }\n}\n"
}

fn check(name: &str, ask: impl Fn(&Analysis) -> Finding, expected: &str) {
    for image in images() {
        let analysis = Analyser::new(image).analyse(image.find(name).unwrap()).unwrap();
        let found = match ask(&analysis) {
            Finding::Holds => "holds".to_owned(),
            Finding::Broken(text) => format!("broken: {text}"),
            Finding::Unknown(text) => format!("unknown: {text}"),
        };
        let place = image.path().display();
        assert!(found.contains(expected), "{name} of {place}: {found}, expected {expected}");
    }
}

#[test]
fn a_comparison_that_decides_nothing_bounds_no_table() {
    check("sound::flagged", predicates::no_panic, "broken");
    check("sound::flagged_safe", predicates::no_panic, "holds");
}

#[test]
fn a_long_match_is_counted_whole() {
    check("many_ways", |a| predicates::max_instructions(a, 1000), "instructions, at most");
    check("many_ways", |a| predicates::max_stack(a, 64), "holds");
    check("many_ways", predicates::no_panic, "holds");
}

#[test]
fn tables_that_differ_late_are_not_the_same() {
    for image in images() {
        for (a, b) in [("look_a", "look_b"), ("sound::short", "sound::long")] {
            let (a, b) = (image.find(a).unwrap(), image.find(b).unwrap());
            let level = compare(image, a, image, b).unwrap().level;
            assert_eq!(level, Level::Different, "{} and {}", a.name(), b.name());
        }
    }
    let [moved, fixed] = images();
    for name in ["look_a", "sound::long"] {
        let (a, b) = (moved.find(name).unwrap(), fixed.find(name).unwrap());
        let same = compare(moved, a, moved, a).unwrap().level;
        assert!(same.is_same(), "{name}: {same:?}, {}", b.name());
    }
}

#[test]
fn what_runs_once_a_panic_was_caught_is_looked_at() {
    check("guarded", predicates::no_allocation, "broken");
    check("guarded", predicates::no_panic, "call of core::panicking::panic_bounds_check");
    check("cleans_up", predicates::no_allocation, "holds");
}

#[test]
fn a_name_of_a_library_is_believed_of_a_library_alone() {
    check("logs", predicates::no_allocation, "broken");
    check("logs", predicates::no_panic, "through log");
    check("aborts", predicates::no_allocation, "broken");
}

#[test]
fn a_packed_instruction_on_a_single_number_is_no_vector_work() {
    let simd = |element| move |a: &Analysis| predicates::simd(a, Some(element), 128);
    check("sum_u64", simd(Element::F64), "broken: packed f64 is of no whole vectors");
    check("sound::absolute", simd(Element::I8), "broken");
    check("sound::absolute", simd(Element::F64), "broken");
    check("scaled", simd(Element::F64), "holds");
    check("masked", simd(Element::I64), "holds");
    check("masked", simd(Element::F64), "broken");
    check("sum_lanes", simd(Element::F64), "holds");
    check("sound::count", simd(Element::I8), "holds");
    check("sound::dot", simd(Element::F64), "holds");
}

#[test]
fn what_is_called_is_searched_as_well() {
    let none = |mnemonic| move |a: &Analysis| predicates::no_mnemonic(a, mnemonic);
    check("wraps_division", none("idiv"), "(through sound::divide)");
    check("wraps_nothing", none("idiv"), "holds");
    check("wraps_anything", none("idiv"), "unknown");
    check("wraps_vector", predicates::no_simd, "(through sound::scaled)");
    check("wraps_nothing", predicates::no_simd, "holds");
}
