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
    let root = project("layout-random", &generate::Source::generate(seed, TYPES));
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
        let mut compared = 0;
        for (name, truth) in &truths {
            let rows: Vec<&Row> = document.rows.iter().filter(|row| row.name == *name).collect();
            assert_eq!(rows.len(), 1, "{name}: {rows:#?}");
            compared += compare(rows[0], truth);
        }
        assert!(compared > 2 * TYPES, "{compared}");
    }
}
