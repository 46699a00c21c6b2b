//! `cargo gauge asm` on a project that is made here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

const MAIN: &str = "\
#[unsafe(no_mangle)]
pub fn sum_iterator(x: &[u32]) -> u32 {
    x.iter().fold(0, |sum, x| sum.wrapping_add(*x))
}

#[unsafe(no_mangle)]
pub fn sum_again(x: &[u32]) -> u32 {
    x.iter().fold(0, |so_far, one| one.wrapping_add(so_far))
}

#[inline(never)]
pub fn pick(x: &[u32], i: usize) -> u32 {
    x[i] // the only line that may panic
}

#[inline(never)]
pub fn twice<T: std::ops::Add + Copy>(x: T) -> T::Output {
    x + x
}

#[used]
static KEPT: [fn(&[u32]) -> u32; 2] = [sum_iterator, sum_again];

fn main() {
    let x: Vec<u32> = std::env::args().map(|a| a.len() as u32).collect();
    let y = (twice(x[0]), twice(x.len()), sum_iterator(&x), sum_again(&x), pick(&x, x.len() - 1));
    std::process::exit(y.0 as i32 + y.1 as i32 + y.2 as i32 + y.3 as i32 + y.4 as i32);
}
";
const MANIFEST: &str = "\
[package]
name = \"judged\"
version = \"0.1.0\"
edition = \"2024\"

[profile.release]
codegen-units = 1

[workspace]
";

fn project() -> &'static PathBuf {
    static PROJECT: OnceLock<PathBuf> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("asm-command");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::write(root.join("Cargo.toml"), MANIFEST).unwrap();
        std::fs::write(root.join("src/main.rs"), MAIN).unwrap();
        root
    })
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gauge"));
    command.arg("asm").args(arguments).current_dir(project());
    command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    command.env("CARGO_NET_OFFLINE", "true");
    command
}

fn run(arguments: &[&str], code: i32) -> String {
    let Output { status, stdout, stderr } = command(arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{arguments:?}: {stderr}");
    String::from_utf8(stdout).unwrap() + &stderr
}

fn check(arguments: &[&str], code: i32, parts: &[&str]) {
    let said = run(arguments, code);
    for part in parts {
        assert!(said.contains(part), "{arguments:?} does not say {part:?}:\n{said}");
    }
}

#[test]
fn a_listing_has_sources_and_marks() {
    check(
        &["pick"],
        0,
        &[
            "judged::pick:\n",
            "// src/main.rs:13  x[i] // the only line that may panic",
            "panic_bounds_check]  ; BOUNDS CHECK src/main.rs:13",
            "loops 0",
            "calls 1 (1 panic)",
        ],
    );
    check(
        &["sum_iterator"],
        0,
        &["innermost", "│ paddd", "; i32×128", "packed arithmetic: i32×128"],
    );
    let plain = run(&["pick", "--no-source"], 0);
    assert!(!plain.contains("//"), "{plain}");
}

#[test]
fn two_functions_are_compared() {
    check(
        &["sum_iterator", "--vs", "sum_again"],
        0,
        &["identical: one body at one address (level 0)"],
    );
    check(&["sum_iterator", "--vs", "pick"], 0, &["different", "\n-  ", "\n+  cmp rdx, rsi"]);
}

#[test]
fn a_name_that_is_not_one_function_is_an_error() {
    check(&["sum_iterated"], 2, &["there is no function", "sum_iterator", "[[function]]"]);
    check(&["twice"], 2, &["judged::twice::<u32>", "judged::twice::<usize>"]);
    check(&["judged::twice::<u32>", "--no-source"], 0, &["judged::twice::<u32>:\n"]);
    check(&["pick", "-p", "other"], 2, &["no package `other`", "judged"]);
}

#[test]
fn json_has_the_same_figures() {
    let text = run(&["sum_iterator", "--json"], 0);
    let document = gauge::result::Document::read_json(&text).unwrap();
    assert_eq!(document.command, "asm");
    assert_eq!(document.rows[0].details["packed"], serde_json::json!(["i32×128"]));
    assert!(document.rows[0].value > Some(10.0));
}

#[test]
fn llvms_code_is_shown() {
    check(&["pick", "--llvm"], 0, &["define ", "panic_bounds_check", "\n}"]);
}

/// Without llvm-mca the rest still runs.
#[test]
fn a_missing_tool_is_named() {
    let cargo = std::env::var_os("CARGO").unwrap();
    let empty = tempfile::tempdir().unwrap();
    // Built before, so that no compiler is looked for where there is none.
    let built = project().join("target/gauge/asm/release/judged");
    run(&["pick"], 0);
    let mut command = command(&["sum_iterator", "--mca", "--bin-file", built.to_str().unwrap()]);
    let output = command.env("PATH", empty.path()).env("CARGO", cargo).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("paddd") && said.contains("apt install llvm-22"), "{said}");
}
