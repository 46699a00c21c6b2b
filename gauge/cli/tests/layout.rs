//! `cargo gauge layout` against the compiler: on types generated at random, `size_of`, `align_of` and
//! `offset_of!` say the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "layout/generate.rs"]
mod generate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gauge::result::{Document, Row};
use serde_json::Value;

const MANIFEST: &str = "[package]\nname = \"types\"\nedition = \"2024\"\n[workspace]\n";
const TYPES: usize = 100;

fn project(name: &str, library: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(root.join("src")).unwrap();
    for (file, text) in [
        ("Cargo.toml", MANIFEST),
        ("src/lib.rs", library),
        ("src/main.rs", "fn main() {\n    types::print();\n}\n"),
    ] {
        let path = root.join(file);
        // What is as it was is not built again.
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        std::fs::write(path, text).unwrap();
    }
    root
}

fn gauge(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gauge"));
    command.arg("layout").args(arguments).current_dir(root);
    command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    command.env("CARGO_NET_OFFLINE", "true").output().unwrap()
}

fn text(output: &Output, code: i32) -> &str {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    std::str::from_utf8(&output.stdout).unwrap()
}

/// What the compiler says of a type.
#[derive(Debug, Default)]
struct Truth {
    size: u64,
    align: u64,
    kind: String,
    /// Offset and size by variant and field.
    fields: BTreeMap<(String, String), (u64, u64)>,
    values: BTreeMap<String, String>,
}

fn truths(printed: &str) -> BTreeMap<String, Truth> {
    let mut truths: BTreeMap<String, Truth> = BTreeMap::new();
    let mut name = String::new();
    for line in printed.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        if words[0] == "type" {
            name = words[1].to_owned();
        }
        let truth = truths.entry(name.clone()).or_default();
        match words[0] {
            "type" => (truth.size, truth.align) = (number(2), number(3)),
            "kind" => truth.kind = words[1].to_owned(),
            "value" => _ = truth.values.insert(words[1].to_owned(), words[2].to_owned()),
            _ => {
                let key = (words[1].to_owned(), words[2].to_owned());
                truth.fields.insert(key, (number(3), number(4)));
            }
        }
    }
    truths
}

fn fields(variant: &str, fields: &Value) -> Vec<((String, String), (u64, u64))> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let place =
        |field: &Value| (field["offset"].as_u64().unwrap(), field["size"].as_u64().unwrap());
    let fields = fields.as_array().unwrap().iter();
    fields.map(|field| ((variant.to_owned(), text(&field["name"])), place(field))).collect()
}

/// Compares a row with the truth; the number of fields that were compared.
fn compare(row: &Row, truth: &Truth) -> usize {
    let details = &row.details;
    assert_eq!(row.value, Some(truth.size as f64), "{row:#?}");
    assert_eq!(details["align"], truth.align, "{row:#?}");
    assert_eq!(details["kind"], truth.kind, "{row:#?}");
    if truth.kind == "struct" {
        let found: BTreeMap<_, _> = fields("", &details["fields"]).into_iter().collect();
        assert_eq!(found, truth.fields, "{}", row.name);
        let used: u64 = truth.fields.values().map(|(_, size)| size).sum();
        assert_eq!(details["padding"], truth.size - used, "{row:#?}");
        return found.len();
    }
    let variants = details["variants"].as_array().unwrap();
    let all = variants.iter().flat_map(|v| fields(v["name"].as_str().unwrap(), &v["fields"]));
    let found: BTreeMap<_, _> = all.collect();
    if !truth.fields.is_empty() {
        assert_eq!(found, truth.fields, "{}", row.name);
    }
    for (name, value) in &truth.values {
        let variant = variants.iter().find(|variant| variant["name"] == *name).unwrap();
        assert_eq!(variant["discriminant"], *value, "{row:#?}");
    }
    truth.fields.len() + truth.values.len()
}

#[test]
fn a_hundred_random_types_are_as_the_compiler_has_them() {
    let seed = std::env::var("GAUGE_LAYOUT_SEED").map_or(5, |seed| seed.parse().unwrap());
    let source = generate::Source::generate(seed, TYPES);
    let root = project("layout-random", &source);
    let of_project = gauge(&root, &["--crate", "all", "--json"]);
    let program = root.join("target/gauge/layout/debug/types");
    let printed = Command::new(&program).output().unwrap();
    let truths = truths(text(&printed, 0));
    // Tuples may be the same by chance.
    assert!(truths.len() >= TYPES - 3, "{}", truths.len());
    let of_file =
        gauge(&root, &["--crate", "all", "--json", "--bin-file", program.to_str().unwrap()]);
    for output in [of_project, of_file] {
        let document = Document::read_json(text(&output, 0)).unwrap();
        let (mut compared, mut reordered) = (0, 0);
        for (name, truth) in &truths {
            let rows: Vec<&Row> = document.rows.iter().filter(|row| row.name == *name).collect();
            assert_eq!(rows.len(), 1, "{name}: {rows:#?}");
            compared += compare(rows[0], truth);
        }
        assert!(compared > 2 * TYPES, "{compared}");
        // Only what may not be ordered is told to be ordered otherwise.
        for row in document.rows.iter().filter(|row| row.note.contains("as they are declared")) {
            let name = row.name.trim_start_matches("types::");
            let definition = source.lines().find(|line| line.contains(&format!(" {name} ")));
            let definition =
                definition.or_else(|| source.lines().find(|l| l.contains(&format!(" {name}("))));
            assert!(definition.is_some_and(|line| line.starts_with("#[repr(")), "{row:#?}");
            reordered += 1;
        }
        assert!(reordered > 0);
    }
}

const KNOWN: &str = r#"
#![allow(dead_code)]
pub mod inner {
    /// Fields that want another order, and may not have it.
    #[repr(C)]
    pub struct Fixed<T> { pub a: u8, pub b: T, pub c: u8 }
    #[repr(C)]
    pub struct Better { pub b: u32, pub a: u8, pub c: u8 }
    /// The same fields, ordered by the compiler.
    pub struct Free { pub a: u8, pub b: u32, pub c: u8 }
    pub enum Message { Large([u64; 25]), Small(u32), Empty }
    pub enum Boxed { Large(Box<[u64; 25]>), Small(u32), Empty }
    #[repr(i16)]
    pub enum Signed { Minus(u8) = -2, Plus(u16) = 254 }
    pub struct Unused { pub a: u8 }
}
use inner::*;
async fn wait(bytes: [u8; 100]) -> u8 { std::future::ready(()).await; bytes[3] }
pub fn start() -> impl Future<Output = u8> { wait([1; 100]) }
pub fn take(_: &Fixed<u32>, _: &Fixed<u64>, _: &Better, _: &Free, _: &Message, _: &Boxed) {}
pub fn take_option(_: &Option<Box<Message>>, _: &Option<std::num::NonZeroU128>, _: &Signed) {}
pub fn print() {
    for size in [size_of::<Better>(), size_of::<Boxed>()] {
        println!("{size}");
    }
}
"#;

#[test]
fn holes_slack_and_what_would_be_smaller_are_told() {
    let root = project("layout-known", KNOWN);
    let said = |arguments: &[&str]| text(&gauge(&root, arguments), 0).to_owned();
    let fixed = said(&["Fixed<u32>"]);
    let expected = "\
types::inner::Fixed<u32>
  size 12, align 4, 1 cache line (2 where it does not begin one)
       0      1  a  u8
       1      3  (hole)
       4      4  b  u32
       8      1  c  u8
       9      3  (padding)
  padding 6 (3 of it at the end)
  fields lie as they are declared (repr(C), or an end that may be unsized): as b, a, c it is 8, not 12
";
    assert_eq!(fixed, expected);
    // Without arguments, all instances.
    let both = said(&["inner::Fixed"]);
    assert!(both.contains("Fixed<u32>\n") && both.contains("Fixed<u64>\n"), "{both}");
    let free = said(&["Free"]);
    assert!(
        free.contains("size 8, align 4") && free.contains("nothing to gain: no order"),
        "{free}"
    );
    let message = said(&["Message"]);
    for part in [
        "  tag: 4 B at 0\n",
        "  largest Large (208), next Small (8)\n",
        "padding 0 (used in no variant), slack 200",
        "with the data of Large in a Box it is at most 16, not 208",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // What was proposed is as small as was said.
    let printed = Command::new(root.join("target/gauge/layout/debug/types")).output().unwrap();
    assert_eq!(text(&printed, 0), "8\n16\n");
    let option = said(&["Option<alloc::boxed::Box<types::inner::Message, alloc::alloc::Global>>"]);
    assert!(option.contains("niche") && option.contains("None = 0x0"), "{option}");
    // A future holds its argument twice: as it was given, and as it is kept over the `await`.
    let future = said(&["{async_fn_env#0}"]);
    assert!(future.starts_with("types::wait::{async_fn_env#0}\n  size 202, align 1"), "{future}");
    assert!(future.contains("  largest Suspend0 (202), next Unresumed (101)\n"), "{future}");
    // Values of a tag that are no plain numbers of 64 bits.
    let wide = said(&["Option<core::num::nonzero::NonZero<u128>>"]);
    assert!(wide.contains("16 B at 0") && wide.contains("None = 0x0"), "{wide}");
    let signed = said(&["Signed"]);
    assert!(signed.contains("  Minus = -2:") && signed.contains("  Plus = 254:"), "{signed}");
}

#[test]
fn the_table_is_of_the_project_and_the_most_wasteful_come_first() {
    let root = project("layout-table", KNOWN);
    let said = |arguments: &[&str]| text(&gauge(&root, arguments), 0).to_owned();
    let table = said(&[]);
    let names = |table: &str| -> Vec<String> {
        let words = table.lines().flat_map(|line| line.split_whitespace());
        words.filter(|word| word.contains("::")).map(str::to_owned).collect()
    };
    let own = ["inner::Message", "wait::{async_fn_env#0}", "inner::Fixed<u64>", "inner::Boxed"];
    let own = own.map(|name| format!("types::{name}"));
    assert_eq!(names(&table)[..4], own, "{table}");
    assert!(names(&table).iter().all(|name| name.starts_with("types::")), "{table}");
    assert_eq!(names(&said(&["--min-size", "24"])), own[..3]);
    let core = Document::read_json(&said(&["--crate", "core", "--json"])).unwrap();
    assert!(!core.rows.is_empty() && core.rows.iter().all(|row| row.details["crate"] == "core"));
    let top = said(&["--top", "1"]);
    assert!(names(&top).len() == 1 && top.contains("more types: --top"), "{top}");
}

#[test]
fn what_is_not_there_is_refused_with_what_to_do() {
    let root = project("layout-known", KNOWN);
    let output = gauge(&root, &["Mesage"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("like it:\n  types::inner::Message"), "{errors}");
    // A type that nothing uses is not compiled.
    assert_eq!(gauge(&root, &["Unused"]).status.code(), Some(2));
    let manifest = root.join("Cargo.toml");
    let output = gauge(&root, &["--bin-file", manifest.to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("neither an executable nor a library"), "{errors}");
    assert_eq!(gauge(&root, &["-p", "none"]).status.code(), Some(2));
}

/// Without debug information nothing is known, and that is said.
#[test]
fn line_tables_describe_no_types() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let source = folder.path().join("lines.rs");
    std::fs::write(&source, "pub struct S(u8);\npub fn take(_: &S) {}\n").unwrap();
    let library = folder.path().join("lines.rlib");
    let arguments = ["--crate-type=rlib", "-Cdebuginfo=line-tables-only", "-o"];
    let rustc = Command::new("rustc").args(arguments).arg(&library).arg(&source).output().unwrap();
    assert!(rustc.status.success(), "{}", String::from_utf8_lossy(&rustc.stderr));
    let output = gauge(folder.path(), &["--bin-file", library.to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("no type is described") && errors.contains("debug = 2"), "{errors}");
}
