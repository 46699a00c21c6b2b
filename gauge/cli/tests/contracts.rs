//! Contracts through the command: what holds passes, what is planted is caught. The analysis has tests of
//! its own; these go through `gauge.toml`, the harness and the exit code.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use gauge::result::{Document, Row, Verdict};

/// A copy of the fixture that keeps what was built in it.
fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture");
    for file in [
        "Cargo.toml",
        "gauge.toml",
        "src/lib.rs",
        "src/main.rs",
        "src/broken.rs",
        "src/healthy.rs",
        "src/iterators.rs",
    ] {
        write(&folder.join(file), &std::fs::read_to_string(from.join(file)).unwrap());
    }
    folder
}

/// Writes a file if it is another, so that nothing is built again without need.
fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    std::fs::write(path, text).unwrap();
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gauge"));
    command.args(["gauge", "check"]).args(arguments).current_dir(folder);
    for name in ["CARGO_TARGET_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn document(output: &Output) -> Document {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    Document::read_json(text).unwrap_or_else(|error| panic!("{error}: {text}{errors}"))
}

/// All contracts of the fixture, judged once for all tests.
static ALL: LazyLock<Document> = LazyLock::new(|| {
    let output = check(&fixture("contracts"), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    document(&output)
});

fn row<'a>(document: &'a Document, name: &str) -> &'a Row {
    let found = document.rows.iter().find(|row| row.name == name);
    found.unwrap_or_else(|| {
        let names: Vec<&str> = document.rows.iter().map(|row| row.name.as_str()).collect();
        panic!("no {name:?} in {names:#?}")
    })
}

/// The line of the fixture's gauge.toml that says `words` first, and the head of its table.
fn line(words: &str) -> u32 {
    let text = include_str!("fixture/gauge.toml");
    let before = &text[..text.find(words).unwrap()];
    let head = before.rfind("[[").unwrap();
    before[..head].lines().count() as u32 + 1
}

#[test]
fn what_holds_passes() {
    let broken = include_str!("fixture/gauge.toml").find("# Broken").unwrap();
    let broken = include_str!("fixture/gauge.toml")[..broken].lines().count() as u32;
    let mut count = 0;
    for row in &ALL.rows {
        let place = row.place.as_ref().unwrap();
        if place.file != "gauge.toml" || place.line < broken {
            assert_eq!(row.verdict, Some(Verdict::Pass), "{row:#?}");
            count += 1;
        }
    }
    assert_eq!(count, 68);
}

#[test]
fn what_was_planted_is_caught() {
    use Verdict::{Fail, Unknown};
    for (name, verdict, evidence) in [
        ("checked_last: no panic", Fail, "panic_bounds_check"),
        ("unwraps: no panic", Fail, "inner"),
        ("rarely_allocates: no alloc", Fail, "alloc"),
        ("rarely_allocates: no call", Fail, "call of"),
        ("sum_in_order: simd f64", Fail, "no packed f64"),
        ("only_copies: simd u8x16", Fail, "no packed i8"),
        ("outside_a_loop: simd f32x4", Fail, "outside of any loop"),
        ("outside_a_loop: no simd", Fail, "src/broken.rs:44)"),
        ("outside_a_loop: no addps", Fail, "addps"),
        ("nearly_b: same as nearly_a", Fail, "they differ"),
        ("sum_manual: same as sum_iterator", Fail, "they differ"),
        ("sum_iterator: same loops as sum_squares_iterator", Fail, "in the hot loops too"),
        ("deep: at most 512 B of stack", Fail, "stack"),
        ("deep: at most 4 instructions", Fail, "instructions"),
        ("deep: at most 8 B of code", Fail, " B"),
        ("calls_anything: no panic", Unknown, ""),
        ("calls_anything: no alloc", Unknown, ""),
        ("proof::broken::vanishes: no panic", Fail, "there is no function"),
        ("proof::broken::vanishes: same as add", Fail, "there is no function"),
        ("divides: no div", Fail, "div"),
        ("divides: has lea", Fail, "no `lea`"),
        ("sum_array: simd i32x16", Fail, "narrower"),
        ("registers_b: same bytes as registers_a", Fail, "renamed"),
        ("proof::broken::Wide: at most 8 B", Fail, "16 B"),
        ("a new buffer each time: at most 0 allocations", Fail, "allocations"),
        ("a new buffer each time: at most 10 B allocated", Fail, "allocations"),
        ("code that panics: at most 100 allocations", Unknown, "index out of bounds"),
        ("proof-command: at most 1000 B", Fail, " B"),
        ("shout in the command: no alloc", Fail, "alloc"),
    ] {
        let row = row(&ALL, name);
        assert_eq!(row.verdict, Some(verdict), "{row:#?}");
        assert!(row.note.contains(evidence), "{row:#?}");
    }
    let failed = ALL.rows.iter().filter(|row| row.verdict != Some(Verdict::Pass)).count();
    assert_eq!(failed, 29);
}

#[test]
fn a_row_says_where_it_is_written_and_what_was_found() {
    let place = |name: &str| row(&ALL, name).place.clone().unwrap();
    assert_eq!(place("sum_array: simd i32x4").line, line("simd = \"i32x4\""));
    assert_eq!(place("add: has lea").line, line("has = [\"lea\"]"));
    let comment = place("proof::multiply: has imul");
    assert_eq!((comment.file.as_str(), comment.line), ("src/lib.rs", 11));
    assert_eq!(row(&ALL, "add: at most 2 instructions").value, Some(2.0));
    assert_eq!(row(&ALL, "proof::broken::Wide: exactly 16 B").value, Some(16.0));
    let differing = row(&ALL, "nearly_b: same as nearly_a");
    assert!(differing.details["diff"].to_string().contains("0xf4243"), "{differing:#?}");
}

/// A debug build is no vector loop: the same contract, another profile.
#[test]
fn debug_differs_from_release() {
    let folder = fixture("contracts-debug");
    write(
        &folder.join("gauge.toml"),
        "[[function]]\nname = \"sum_array\"\npath = \"proof::sum_array\"\n\
         [[contract]]\nfunction = \"sum_array\"\nsimd = \"i32x4\"\n\
         [[contract]]\nfunction = \"sum_array\"\nno = [\"simd\"]\n",
    );
    let output = check(&folder, &["sum_array", "--profile", "dev", "--json"]);
    let debug = document(&output);
    assert_eq!(row(&debug, "sum_array: simd i32x4").verdict, Some(Verdict::Fail));
    assert_eq!(row(&debug, "sum_array: no simd").verdict, Some(Verdict::Pass));
    assert_eq!(row(&ALL, "sum_array: simd i32x4").verdict, Some(Verdict::Pass));
}

#[test]
fn the_gate_closes_on_a_breach_alone() {
    assert!(!ALL.rows.is_empty());
    let folder = fixture("contracts");
    let output = check(&folder, &["add: has lea"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("pass     add: has lea\n1 hold; "), "{text}");
    for filter in ["checked_last: no panic", "calls_anything: no panic", "vanishes: no panic"] {
        let output = check(&folder, &[filter, "--ci"]);
        assert_eq!(output.status.code(), Some(1), "{filter}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("\n::error file=gauge.toml,line="), "{text}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_built() {
    let folder = fixture("contracts-wrong");
    for (text, code, expected) in [
        (
            "[[contract]]\nfunction = \"f\"\nsimmd = \"f64\"\n",
            2,
            "gauge.toml:3:1: unknown field `simmd`: did you mean `simd`?",
        ),
        (
            "[[contract]]\nfunction = \"f\"\nsimd = \"f64\"\n",
            2,
            "gauge.toml:2:12: no `[[function]]` is called `f`",
        ),
        ("[build]\nprofile = \"release\"\n[[binary]]\nbin = \"no-such\"\nmax-bytes = 1\n", 1, ""),
    ] {
        write(&folder.join("gauge.toml"), text);
        let output = check(&folder, &["--list"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        if expected.is_empty() {
            let output = check(&folder, &["no-such"]);
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(code));
            assert!(text.contains("no package of the workspace has a binary `no-such`"), "{text}");
            continue;
        }
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert!(errors.contains(expected), "{errors}");
    }
    let output = check(&folder, &["nothing is called so", "--list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!folder.join("target/gauge/check/target").exists());
}

/// A package of its own: its manifest, and the files beside it.
fn package(name: &str, edition: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"{edition}\"\n[workspace]\n"
    );
    write(&folder.join("Cargo.toml"), &manifest);
    files.iter().for_each(|(file, text)| write(&folder.join(file), text));
    folder
}

#[test]
fn a_wrong_name_breaks_its_own_row_alone() {
    let folder = package(
        "misnamed",
        "2024",
        &[
            ("src/lib.rs", "pub fn answer(x: u64) -> u64 {\n    x ^ 1\n}\npub fn question() {}\n"),
            (
                "gauge.toml",
                "[build]\nrustflags = [\"-Crelocation-model=static\"]\n\
                 [[function]]\npath = \"misnamed::answr\"\n[[function]]\npath = \"misnamed::answer\"\n\
                 [[function]]\ncode = \"\"\"pub fn chained(x: Option<u64>) -> u64 {\n\
                 if let Some(x) = x && x > 1 { misnamed::answer(x) } else { 0 }\n}\"\"\"\n\
                 [[contract]]\nfunction = \"misnamed::answr\"\nno = [\"panic\"]\n\
                 [[contract]]\nfunction = [\"misnamed::answer\", \"chained\"]\nno = [\"panic\"]\n\
                 [[contract]]\nfunction = [\"misnamed::answear\", \"misnamed::questoin\"]\nno = [\"panic\"]\n\
                 [[allocations]]\nname = \"prints\"\ncode = \"print!(\\\"abc\\\")\"\nmax = 9\n",
            ),
        ],
    );
    let output = check(&folder, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let found = document(&output);
    for (name, verdict, evidence) in [
        (
            "misnamed::answr: no panic",
            Verdict::Fail,
            "a function with a similar name exists: `answer`",
        ),
        ("misnamed::answear: no panic", Verdict::Fail, "like it:\n  misnamed::answer"),
        ("misnamed::questoin: no panic", Verdict::Fail, "did you mean `misnamed::question`?"),
        ("misnamed::answer: no panic", Verdict::Pass, ""),
        // What the edition of the project alone has; and a table that the linker has filled in.
        ("chained: no panic", Verdict::Pass, ""),
        ("prints: at most 9 allocations", Verdict::Pass, "allocations"),
    ] {
        let row = row(&found, name);
        assert_eq!(row.verdict, Some(verdict), "{row:#?}");
        assert!(row.note.contains(evidence), "{row:#?}");
    }
}

#[test]
fn a_contract_that_would_not_be_judged_is_refused() {
    let good = "// gauge: no = [\"panic\"]\npub fn f() {}\n";
    let folder = package("remarked", "2021", &[("src/lib.rs", good)]);
    for (file, text, expected) in [
        (
            "src/lib.rs",
            "//gauge: no = [\"panic\"]\npub fn f() {}\n",
            "src/lib.rs:1:1: this is no contract",
        ),
        (
            "src/lib.rs",
            "\n/// gauge: no = [\"panic\"]\npub fn f() {}\n",
            "src/lib.rs:2:1: this is no",
        ),
        ("src/lib.rs", "// Gauge: no = [\"panic\"]\npub fn f() {}\n", "src/lib.rs:1:1: this is no"),
        ("src/lib.rs", "pub fn f() {} // gauge: no = []\n", "src/lib.rs:1:15: this is no"),
        ("tests/t.rs", good, "tests/t.rs:1:10: a contract stands in a library"),
        (
            "examples/e.rs",
            "// GAUGE: no = []\nfn main() {}\n",
            "examples/e.rs:1:1: a contract stands in",
        ),
    ] {
        write(&folder.join(file), text);
        let output = check(&folder, &["--list"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{file}: {errors}");
        assert!(errors.contains(expected), "{file}: {errors}");
        write(&folder.join(file), if file == "src/lib.rs" { good } else { "fn main() {}\n" });
    }
    assert_eq!(check(&folder, &["--list"]).status.code(), Some(0));
    // A package that has no library at all.
    let main =
        "// gauge: no = [\"panic\"]\npub fn g(x: u32) -> u32 {\n    1 / x\n}\nfn main() {}\n";
    let folder = package("binary-only", "2021", &[("src/main.rs", main)]);
    let output = check(&folder, &["--list"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("src/main.rs:1:10: a contract stands in a library"), "{errors}");
}
