//! `cargo gauge size` on a program that is made here: what was put into it is found, and every byte is
//! counted once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gauge::result::{Document, Row};
use object::{Object, ObjectSection, ObjectSymbol};

const MAIN: &str = r#"
use std::hint::black_box;

pub struct Own(u32);
impl From<Own> for f64 {
    fn from(own: Own) -> f64 {
        own.0.into()
    }
}

static LARGE: [u8; 300_000] = [7; 300_000];

fn main() {
    let at = std::env::args().count();
    let large = black_box(&LARGE)[at];
    let mut five = part::sum(black_box([1u8, large])) + part::sum(black_box([1u16, 2]));
    five += part::sum(black_box([1.5f32, 2.5])) + part::sum(black_box([1i32, 2, 3]));
    five += part::sum(black_box([Own(1), Own(2)]));
    println!("{}", black_box(five));
}
"#;
const PART: &str = "\
#[inline(never)]
pub fn sum<T: Into<f64>, const N: usize>(values: [T; N]) -> f64 {
    values.into_iter().map(|value| value.into().sqrt()).sum()
}
";

fn project(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let package = "version = \"0.1.0\"\nedition = \"2024\"\n";
    let manifest = format!(
        "[package]\nname = \"program\"\n{package}[dependencies]\npart = {{ path = \"part\" }}\n[workspace]\n"
    );
    write(&root.join("Cargo.toml"), &manifest);
    write(&root.join("src/main.rs"), MAIN);
    write(&root.join("part/Cargo.toml"), &format!("[package]\nname = \"part\"\n{package}"));
    write(&root.join("part/src/lib.rs"), PART);
    root
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    std::fs::write(path, text).unwrap();
}

fn gauge(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gauge"));
    command.arg("size").args(arguments).current_dir(root);
    command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    command.env("CARGO_NET_OFFLINE", "true").output().unwrap()
}

fn said(root: &Path, arguments: &[&str], code: i32) -> String {
    let output = gauge(root, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap() + &errors
}

fn rows<'a>(document: &'a Document, kind: &str) -> Vec<&'a Row> {
    document.rows.iter().filter(|row| row.details["kind"] == kind).collect()
}

fn row<'a>(document: &'a Document, kind: &str, name: &str) -> &'a Row {
    let found: Vec<&Row> =
        rows(document, kind).into_iter().filter(|row| row.name == name).collect();
    assert_eq!(found.len(), 1, "{kind} {name}: {found:#?}");
    found[0]
}

fn bytes(row: &Row) -> u64 {
    row.value.unwrap() as u64
}

#[test]
fn every_byte_is_counted_once_and_what_was_put_in_is_found() {
    let root = project("size");
    let document = Document::read_json(&said(&root, &["--json"], 0)).unwrap();
    let file = std::fs::read(root.join("target/gauge/asm/release/program")).unwrap();
    let elf = object::File::parse(&*file).unwrap();
    let size_of = |name: &str| elf.section_by_name(name).map_or(0, |section| section.size());
    // The sums are the file's own figures.
    let sum = |kind: &str| -> u64 { rows(&document, kind).into_iter().map(bytes).sum() };
    let code: u64 =
        [".text", ".init", ".fini", ".plt", ".plt.got", ".iplt"].map(size_of).iter().sum();
    assert_eq!((sum("crate"), sum("function")), (code, code));
    assert_eq!(bytes(row(&document, "total", "code")), code);
    assert_eq!(sum("data"), bytes(row(&document, "total", "data")));
    let in_file =
        rows(&document, "section").into_iter().map(|row| row.details["in_file"].as_u64().unwrap());
    assert_eq!(in_file.sum::<u64>(), file.len() as u64);
    let unknown = bytes(row(&document, "crate", "(no symbol: stubs, alignment)"));
    assert!(unknown < code / 20, "{unknown} of {code}");
    // The static.
    let large = row(&document, "data", "program::LARGE");
    assert_eq!(bytes(large), 300_000);
    assert_eq!(
        (&large.details["crate"], &large.details["section"]),
        (&"program".into(), &".rodata".into())
    );
    assert!(size_of(".rodata") >= 300_000);
    // The generic function, five times; counted for the crate that wrote it.
    let instances: Vec<u64> = elf
        .symbols()
        .filter(|symbol| gauge::image::demangle(symbol.name().unwrap()).starts_with("part::sum::<"))
        .map(|symbol| symbol.size())
        .collect();
    let function = row(&document, "function", "part::sum");
    assert_eq!(function.details["copies"], 5);
    assert_eq!((instances.len(), instances.iter().sum::<u64>()), (5, bytes(function)));
    let part = row(&document, "crate", "part");
    assert_eq!(bytes(part), bytes(function));
    let for_program = part.details["compiled_for"]["program"].as_u64().unwrap();
    assert!(instances.contains(&for_program), "{part:#?}");
    assert!(bytes(row(&document, "crate", "std")) > 10_000);
}

#[test]
fn text_lists_what_was_asked_for() {
    let root = project("size");
    let all = said(&root, &[], 0);
    for part in ["loaded", "tables for unwinding", "B of code in all", "program::LARGE", "300,000"]
    {
        assert!(all.contains(part), "{part}: {all}");
    }
    let functions = said(&root, &["--by", "function", "--top", "10000"], 0);
    assert!(functions.lines().any(|l| l.contains(" 5   part::sum")), "{functions}");
    assert!(!functions.contains("B of data in all"), "{functions}");
    assert_eq!(said(&root, &["--by", "crate", "--top", "1"], 0).matches("more: --top").count(), 1);
}

#[test]
fn a_baseline_shows_what_grew_and_what_went() {
    let root = project("size-baseline");
    said(&root, &["--save", "before"], 0);
    let before = root.join("before.json");
    std::fs::write(&before, said(&root, &["--json"], 0)).unwrap();
    let program = root.join("target/gauge/asm/release/program");
    std::fs::copy(&program, root.join("before.elf")).unwrap();
    assert_eq!(said(&root, &["--baseline", "before"], 0), "no size differs from the baseline\n");
    let own = "    five += part::sum(black_box([Own(1), Own(2)]));\n";
    let more = MAIN.replace("300_000", "400_000").replace(own, "");
    write(&root.join("src/main.rs"), &more);
    for baseline in ["before", "before.json", "before.elf"] {
        let text = said(&root, &["--baseline", baseline, "--json"], 0);
        let document = Document::read_json(&text).unwrap();
        let large = rows(&document, "data")[0];
        assert_eq!((large.name.as_str(), bytes(large)), ("program::LARGE", 400_000));
        assert_eq!(large.details["change"], 100_000);
        let function = row(&document, "function", "part::sum");
        assert!(function.details["change"].as_i64().unwrap() < 0, "{function:#?}");
    }
    let difference = said(&root, &["--baseline", "before", "--json"], 0);
    write(&root.join("difference.json"), &difference);
    let refused = said(&root, &["--baseline", "difference.json"], 2);
    assert!(refused.contains("says what differs from a baseline"), "{refused}");
    let text = said(&root, &["--baseline", "before", "--by", "data"], 0);
    assert!(text.contains("+100,000   300,000   400,000   program::LARGE"), "{text}");
}

#[test]
fn what_cannot_be_taken_apart_is_refused_with_what_to_do() {
    let root = project("size");
    let none = said(&root, &["--baseline", "none"], 2);
    assert!(none.contains("size --save none"), "{none}");
    assert!(said(&root, &["--save", "../x"], 2).contains("no name"));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (source, program) = (folder.path().join("main.rs"), folder.path().join("main"));
    std::fs::write(&source, "fn main() {}\n").unwrap();
    let rustc =
        Command::new("rustc").args(["-Cstrip=symbols", "-o"]).arg(&program).arg(&source).output();
    assert!(rustc.unwrap().status.success());
    let stripped = said(&root, &["--bin-file", program.to_str().unwrap()], 1);
    assert!(stripped.contains("no symbols") && stripped.contains("strip = \"none\""), "{stripped}");
}
