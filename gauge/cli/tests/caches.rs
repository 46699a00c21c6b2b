//! `caches` from the outside: the ladder's document, and a program whose misses are known.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Two functions that load as many words of one table: in a row, and a line further each time.
const PROGRAM: &str = "\
use std::hint::black_box;
#[inline(never)]
fn in_a_row(table: &[u64]) -> u64 {
    (0..1 << 19).fold(0, |sum, index| sum ^ black_box(&table[index & 0x7ffff]).wrapping_add(sum))
}
#[inline(never)]
fn a_line_apart(table: &[u64]) -> u64 {
    (0..1 << 19).fold(0, |sum, index| sum ^ black_box(&table[(index * 8) & 0x7ffff]).wrapping_add(sum))
}
fn main() {
    let table = vec![1u64; 1 << 19];
    println!(\"{}\", in_a_row(&table) ^ a_line_apart(&table));
}
";

fn gauge(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gauge"));
    command.args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

fn compile(folder: &Path, flags: &[&str]) -> PathBuf {
    let (source, program) = (folder.join("program.rs"), folder.join("program"));
    std::fs::write(&source, PROGRAM).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["-O", "-g"]).args(flags).arg(&source).arg("-o").arg(&program);
    assert!(rustc.status().unwrap().success());
    program
}

fn document(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

fn row<'a>(document: &'a Value, name: &str) -> &'a Value {
    let mut rows = document["rows"].as_array().unwrap().iter();
    let is_it = |row: &&Value| row["name"].as_str().unwrap().ends_with(name);
    rows.find(is_it).unwrap_or_else(|| panic!("no {name} in {document}"))
}

#[test]
fn the_ladder_has_levels_latency_bandwidth_and_a_picture() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let picture = folder.path().join("ladder.svg");
    let output = gauge(&["caches", "--quick", "--json", "--svg", picture.to_str().unwrap()]);
    let document = document(&{ output }.output().unwrap());
    assert_eq!(document["command"], "caches");
    let rows = document["rows"].as_array().unwrap();
    let of = |start: &str| {
        let found = rows.iter().filter(|row| row["name"].as_str().unwrap().starts_with(start));
        found.collect::<Vec<_>>()
    };
    assert!(!of("level/").is_empty());
    for (start, metric) in [
        ("latency/4KiB-pages/", "time"),
        ("read/1-cores/", "bandwidth"),
        ("write/1-cores/", "bandwidth"),
        ("copy/1-cores/", "bandwidth"),
    ] {
        let rows = of(start);
        assert!(rows.len() > 8, "{start}: {}", rows.len());
        for row in rows {
            assert_eq!(
                (&row["metric"], row["samples"].as_array().unwrap().len()),
                (&metric.into(), 3)
            );
            assert!(row["value"].as_f64().unwrap() > 0.0, "{row}");
        }
    }
    let picture = std::fs::read_to_string(picture).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("polyline"), "{picture}");
}

/// Where valgrind is missing the command says how to get it: nothing else is to be seen there.
#[test]
fn cachegrind_finds_the_function_that_misses() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = compile(folder.path(), &[]);
    let program = program.to_str().unwrap();
    let output = gauge(&["caches", "--json", "--", program]).output().unwrap();
    if Command::new("valgrind").arg("--version").output().is_err() {
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("apt install valgrind"));
        return;
    }
    let document = document(&output);
    let loads = f64::from(1 << 19);
    let misses = |name| row(&document, name)["details"]["first_misses"].as_f64().unwrap() / loads;
    assert!((0.11..0.15).contains(&misses("in_a_row")), "{}", misses("in_a_row"));
    assert!((0.98..1.05).contains(&misses("a_line_apart")), "{}", misses("a_line_apart"));
    let first = &document["rows"][1]["name"];
    let has_most = first.as_str().unwrap().ends_with("a_line_apart");
    assert!(has_most, "{first}");
    let total = &row(&document, "total")["details"];
    assert!(total["last_misses"].as_f64() <= total["first_misses"].as_f64());

    // A child of what is run, and the rows that are not printed.
    let twice = format!("{program}; {program}");
    let output = gauge(&["caches", "--json", "--top", "1", "--", "sh", "-c", &twice]).output();
    let children = self::document(&output.unwrap());
    let counted = |document| row(document, "a_line_apart")["details"]["accesses"].as_f64().unwrap();
    assert_eq!(counted(&children), 2.0 * counted(&document));

    let text = gauge(&["caches", "--top", "1", "--", program]).output().unwrap();
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("a_line_apart (") && !text.contains("in_a_row"), "{text}");
}

#[test]
fn a_command_that_cannot_run_is_an_error_with_its_reason() {
    let no_valgrind = gauge(&["caches", "--", "true"]).env("PATH", "/nowhere").output().unwrap();
    assert_eq!(no_valgrind.status.code(), Some(1));
    let said = String::from_utf8_lossy(&no_valgrind.stderr).into_owned();
    assert!(said.contains("apt install valgrind"), "{said}");
    let usage = gauge(&["caches", "--svg", "x", "--", "true"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    if Command::new("valgrind").arg("--version").output().is_ok() {
        let failed = gauge(&["caches", "--", "false"]).output().unwrap();
        assert_eq!(failed.status.code(), Some(1));
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(said.contains("failed under valgrind"), "{said}");
    }
}

/// A program compiled for AVX-512, which valgrind does not know.
#[test]
#[cfg(target_arch = "x86_64")]
fn instructions_that_valgrind_does_not_know_are_named() {
    let has = is_x86_feature_detected!("avx512f");
    if !has || Command::new("valgrind").arg("--version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let source = folder.path().join("wide.rs");
    // A product of 64-bit integers is one instruction there, and one of no earlier processor.
    let text = "fn main() { let v: [i64; 64] = std::hint::black_box([7; 64]);\n\
        println!(\"{}\", v.iter().map(|x| x.wrapping_mul(*x)).fold(0, i64::wrapping_add)); }";
    std::fs::write(&source, text).unwrap();
    let program = folder.path().join("wide");
    let mut rustc = Command::new("rustc");
    rustc.args(["-O", "-Ctarget-cpu=x86-64-v4", "--edition", "2024"]);
    assert!(rustc.arg(&source).arg("-o").arg(&program).status().unwrap().success());
    let output = gauge(&["caches", "--", program.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("AVX-512") && said.contains("-Ctarget-cpu=x86-64-v3"), "{said}");
}
