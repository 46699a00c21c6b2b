//! `cargo gauge profile` on programs whose work is known.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// Chained multiplications: about a third of a second.
const ROUNDS: &str = "60000000";

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("profile").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The program of `tests/profile/program.rs`, compiled with these flags.
fn compile(name: &str, flags: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profile/program.rs");
    let program = folder(name).join("program");
    let mut command = Command::new("rustc");
    command.arg(source).args(["-g", "-Copt-level=2", "--edition=2024", "-o"]).arg(&program);
    assert!(command.args(flags).status().unwrap().success());
    program
}

fn with_frame_pointers() -> &'static str {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| compile("with", &["-Cforce-frame-pointers=yes"]));
    program.to_str().unwrap()
}

fn gauge(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gauge"));
    command.arg("profile").args(arguments).current_dir(folder("here"));
    command.env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The result as JSON; it must end well. Five times the usual samples, so that shares are known well.
fn json(arguments: &[&str]) -> Value {
    let output = gauge(&[&["--json", "--frequency", "4999"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A member of a function's row; 0 where it has no row.
fn share(document: &Value, function: &str, member: &str) -> f64 {
    let rows = document["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == function);
    row.map_or(0.0, |row| row["details"][member].as_f64().unwrap())
}

fn near(value: f64, expected: f64) -> bool {
    (value - expected).abs() < 0.06
}

#[test]
fn shares_are_those_of_the_work() {
    let document = json(&["--", with_frame_pointers(), "both", ROUNDS]);
    let three = share(&document, "program::three_parts", "share");
    let one = share(&document, "program::one_part", "share");
    let total = &document["rows"][0];
    assert!(total["value"].as_f64().unwrap() > 500.0, "{total:#}");
    // Of what is the program's own: the kernel has its part on a busy machine.
    assert!(three + one > 0.7, "{document:#}");
    assert!(near(three / (three + one), 0.75), "{three} {one}");
    // Both are called by `both`, that by `main`: all callers are known.
    let both = share(&document, "program::both", "total_share");
    let main = share(&document, "program::main", "total_share");
    assert!(both >= three + one - 0.02 && main >= both - 0.02, "{both} {main}");
    let own = share(&document, "program::both", "share");
    assert!(own < 0.1, "{own}");
    let whole = total["details"]["whole_stacks"].as_f64().unwrap();
    assert!(whole / total["value"].as_f64().unwrap() > 0.9, "{total:#}");
    let row = document["rows"].as_array().unwrap().iter();
    let row = row.clone().find(|row| row["name"] == "program::three_parts").unwrap();
    assert!(row["place"]["file"].as_str().unwrap().ends_with("profile/program.rs"), "{row:#}");
}

#[test]
fn threads_are_told_apart() {
    let document = json(&["--", with_frame_pointers(), "threads", ROUNDS]);
    let threads = document["rows"][0]["details"]["threads"].as_array().unwrap();
    let samples = |name: &str| {
        let thread = threads.iter().find(|thread| thread["name"] == name).unwrap();
        assert_eq!(thread["process_name"], "program");
        thread["samples"].as_f64().unwrap()
    };
    let (first, second) = (samples("first"), samples("second"));
    assert!(near(first / (first + second), 0.75), "{threads:#?}");
    let stacks = folder("here").join("threads.txt");
    let path = stacks.to_str().unwrap();
    let program = with_frame_pointers();
    assert!(
        gauge(&["--threads", "--folded", path, "--", program, "threads", ROUNDS]).status.success()
    );
    let stacks = std::fs::read_to_string(stacks).unwrap();
    let line =
        |line: &&str| line.starts_with("program;first (") && line.contains(";program::in_threads");
    assert!(stacks.lines().any(|one| line(&one)), "{stacks}");
}

#[test]
fn children_are_sampled_too() {
    let document =
        json(&["--", "/bin/sh", "-c", &format!("{} child {ROUNDS}; true", with_frame_pointers())]);
    let both = share(&document, "program::both", "total_share");
    let child = share(&document, "program::has_inlined", "share");
    assert!(both > 0.4 && child > 0.1, "{both} {child}");
    let threads = document["rows"][0]["details"]["threads"].as_array().unwrap();
    let of_program = threads.iter().filter(|thread| thread["process_name"] == "program");
    let processes: std::collections::BTreeSet<u64> =
        of_program.map(|thread| thread["process"].as_u64().unwrap()).collect();
    assert_eq!(processes.len(), 2, "{threads:#?}");
}

#[test]
fn inlined_functions() {
    let arguments = ["--", with_frame_pointers(), "inlined", ROUNDS];
    let document = json(&arguments);
    assert!(share(&document, "program::has_inlined", "share") > 0.7, "{document:#}");
    assert_eq!(share(&document, "program::inlined", "total_share"), 0.0);
    let document = json(&[&["--inlined"], &arguments[..]].concat());
    assert!(share(&document, "program::inlined", "total_share") > 0.2, "{document:#}");
    let outer = share(&document, "program::has_inlined", "total_share");
    assert!(outer > 0.7, "{document:#}");
}

/// Of the samples in the program, the part whose callers are all known; the notes.
fn known_callers(program: &str, stack: &str) -> (f64, String) {
    let document = json(&["--stack", stack, "--", program, "both", ROUNDS]);
    let total = &document["rows"][0];
    let whole = total["details"]["whole_stacks"].as_f64().unwrap();
    (whole / total["value"].as_f64().unwrap(), document["warnings"].to_string())
}

#[test]
fn a_program_without_frame_pointers_says_so() {
    let program = compile("without", &["-Cforce-frame-pointers=no"]);
    let program = program.to_str().unwrap();
    // Nothing of the stack is copied: the callers of functions without frame pointers cannot be known.
    let (known, notes) = known_callers(program, "0");
    assert!(known < 0.5 && notes.contains("-Cforce-frame-pointers=yes"), "{known} {notes}");
    // With the copy they are, by the unwind tables.
    let (known, notes) = known_callers(program, "8192");
    assert!(known > 0.9 && !notes.contains("frame pointers"), "{known} {notes}");
    let stacks = folder("here").join("without.txt");
    let path = stacks.to_str().unwrap();
    assert!(gauge(&["--folded", path, "--", program, "both", ROUNDS]).status.success());
    let stacks = std::fs::read_to_string(stacks).unwrap();
    let is_whole = |line: &str| {
        let callers =
            ["program;_start;", ";program::main;", ";program::both;", ";program::three_parts"];
        callers.iter().all(|caller| line.contains(caller))
    };
    assert!(stacks.lines().any(is_whole), "{stacks}");
}

#[test]
fn files() {
    let [svg, firefox] = ["page.svg", "firefox.json"].map(|name| folder("here").join(name));
    let program = with_frame_pointers();
    let [svg_path, firefox_path] = [&svg, &firefox].map(|path| path.to_str().unwrap());
    let output =
        gauge(&["--svg", svg_path, "--firefox", firefox_path, "--", program, "threads", ROUNDS]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(&format!("flame graph: {svg_path}")));
    let svg = std::fs::read_to_string(svg).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("<title>program::in_threads: "), "{svg}");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(firefox).unwrap()).unwrap();
    let threads: Vec<&str> =
        json["threads"].as_array().unwrap().iter().filter_map(|t| t["name"].as_str()).collect();
    assert!(threads.contains(&"first") && threads.contains(&"second"), "{threads:?}");
}

#[test]
fn a_bench_of_the_project() {
    let project = folder("project");
    std::fs::create_dir_all(project.join("benches")).unwrap();
    std::fs::create_dir_all(project.join("src")).unwrap();
    let manifest = "[workspace]\n[package]\nname = \"project\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    [[bench]]\nname = \"hot\"\nharness = false\n";
    std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(project.join("src/lib.rs"), "").unwrap();
    let bench = "#[inline(never)]\nfn hot(n: u64) -> u64 {\n    \
                 (0..n).fold(3, |x, i| std::hint::black_box(x * 3 + i))\n}\n\
                 fn main() {\n    assert_eq!(std::env::args().nth(1).as_deref(), Some(\"--bench\"));\n    \
                 std::hint::black_box(hot(50_000_000));\n}\n";
    std::fs::write(project.join("benches/hot.rs"), bench).unwrap();
    let manifest = project.join("Cargo.toml");
    let document = json(&["--manifest-path", manifest.to_str().unwrap(), "hot"]);
    assert!(share(&document, "hot::hot", "share") > 0.5, "{document:#}");
    let graph = project.join("target/gauge/profile.svg");
    assert!(std::fs::read_to_string(graph).unwrap().contains("hot::hot"));
}

#[test]
fn what_is_printed_and_how_it_ends() {
    let output = gauge(&["--", with_frame_pointers(), "fail", ROUNDS]);
    let out = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(out.contains("note: ") && out.contains("ended with exit status: 3"), "{out}");
    assert!(out.contains("program::three_parts") && out.contains("program.rs:"), "{out}");
    let output = gauge(&["--", "/bin/true"]);
    assert!(output.status.success());
    let output = gauge(&["--", "no-such-program"]);
    assert!(text(&output.stderr).contains("cannot run no-such-program"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(gauge(&[]).status.code(), Some(2));
    let output = gauge(&["--frequency", "99999999", "--", "/bin/true"]);
    let error = text(&output.stderr);
    assert!(error.contains("perf_event_max_sample_rate"), "{error}");
}
