//! `cargo gauge heap` on programs whose allocations are known.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// A folder of this test's.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("heap").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The program of `tests/heap/program.rs`, compiled with these flags.
fn compile(name: &str, flags: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/heap/program.rs");
    let program = folder(name).join("program");
    let mut command = Command::new("rustc");
    command.arg(source).args(["-g", "-Copt-level=2", "--edition=2024", "-o"]).arg(&program);
    assert!(command.args(flags).status().unwrap().success());
    program
}

fn with_frame_pointers() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile("with", &["-Cforce-frame-pointers=yes"]))
}

fn gauge(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gauge"));
    command.arg("heap").args(arguments).current_dir(folder("here"));
    command.env("XDG_CACHE_HOME", folder("cache")).env_remove("RUSTFLAGS").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The result as JSON; it must end well.
fn json(arguments: &[&str]) -> Value {
    let output = gauge(&[&["--json", "--top", "1000"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The sum of a member over the sites at a place, by a part of its name.
fn sum(document: &Value, place: &str, member: &str) -> i64 {
    let rows = document["rows"].as_array().unwrap().iter();
    let at = rows.filter(|row| row["name"].as_str().unwrap().contains(place));
    let numbers: Vec<i64> = at
        .map(|row| match member {
            "peak_bytes" => row["value"].as_f64().unwrap() as i64,
            _ => row["details"][member].as_i64().unwrap(),
        })
        .collect();
    assert!(!numbers.is_empty(), "{place} is not there: {document:#}");
    numbers.iter().sum()
}

/// Returns the part of the allocations whose stacks were unwound.
fn check_known_program(program: &Path) -> f64 {
    let document = json(&["--", program.to_str().unwrap()]);
    let at = |place| {
        ["allocations", "reallocations", "bytes", "live_bytes", "live_blocks", "peak_bytes"]
            .map(|member| sum(&document, place, member))
    };
    assert_eq!(at("Make>::make"), [3, 0, 3000, 3000, 3, 3000]);
    assert_eq!(at("program::at_the_peak"), [2, 0, 12_000_000, 0, 0, 12_000_000]);
    assert_eq!(at("program::after_the_peak"), [1, 0, 4_000_000, 0, 0, 0]);
    assert_eq!(at("program::grows"), [1, 3, 100_000, 0, 0, 0]);
    assert_eq!(at("program::to_give_away")[..5], [50, 0, 15_000, 0, 0]);
    assert_eq!(at("program::in_threads")[..5], [12_000, 0, 924_000, 0, 0]);
    let made = document["rows"].as_array().unwrap();
    let site = |place: &str| {
        made.iter().find(|row| row["name"].as_str().unwrap().contains(place)).unwrap()
    };
    let details = &site("program::at_the_peak")["details"];
    assert_eq!(
        details["lifetimes"].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>(),
        1
    );
    let stack: Vec<&str> =
        details["stack"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(
        stack.iter().any(|name| name.contains("at_the_peak (tests/heap/program.rs:")),
        "{stack:?}"
    );
    assert!(stack.iter().any(|name| name.starts_with("program::main")), "{stack:?}");
    assert!(!stack.iter().any(|name| name.contains("gauge_probe")), "{stack:?}");
    let totals: Vec<(&str, f64)> = made[..3]
        .iter()
        .map(|row| (row["metric"].as_str().unwrap(), row["value"].as_f64().unwrap()))
        .collect();
    assert_eq!((made[0]["name"].as_str(), totals[2].0), (Some("total"), "peak-bytes"));
    // What std has beside is small.
    assert!((12_003_000.0..12_020_000.0).contains(&totals[2].1), "{totals:?}");
    made[2]["details"]["unwound"].as_f64().unwrap() / totals[0].1
}

#[test]
fn a_known_program_with_frame_pointers() {
    // What is unwound even so: parts of the standard library, more or fewer as the threads run.
    let unwound = check_known_program(with_frame_pointers());
    assert!(unwound < 0.5, "{unwound}");
}

#[test]
fn a_known_program_without_frame_pointers() {
    let unwound = check_known_program(&compile("without", &["-Cforce-frame-pointers=no"]));
    assert!(unwound > 0.5, "{unwound}");
}

#[test]
fn html_and_dhat() {
    let (page, dhat) = (folder("here").join("page.html"), folder("here").join("dhat.json"));
    let program = with_frame_pointers().to_str().unwrap();
    let output =
        gauge(&["--html", page.to_str().unwrap(), "--dhat", dhat.to_str().unwrap(), "--", program]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("program::at_the_peak (tests/heap/program.rs:"), "{page}");
    assert!(page.contains("&lt;program::Thing as program::Make&gt;::make"), "{page}");
    assert!(!page.contains("<program::"), "names are escaped");
    assert!(!page.contains("src=") && !page.contains("href="), "it needs nothing else");
    for part in
        ["Live bytes over time", "Allocations a second", "Blocks by size", "Blocks by lifetime"]
    {
        assert!(page.contains(&format!("<h2>{part}</h2><svg")), "{part}");
    }
    let dhat: Value = serde_json::from_str(&std::fs::read_to_string(dhat).unwrap()).unwrap();
    check_dhat(&dhat);
}

/// As valgrind's `dh_view.js` wants it (`dh_main.c` has the format).
fn check_dhat(dhat: &Value) {
    assert_eq!(
        (&dhat["dhatFileVersion"], &dhat["bklt"], &dhat["bkacc"]),
        (&2.into(), &true.into(), &false.into())
    );
    for member in ["mode", "verb", "tu", "Mtu", "cmd"] {
        assert!(dhat[member].is_string(), "{member}");
    }
    for member in ["tuth", "pid", "te", "tg"] {
        assert!(dhat[member].is_u64(), "{member}");
    }
    assert!(dhat["tg"].as_u64() < dhat["te"].as_u64());
    let frames = dhat["ftbl"].as_array().unwrap();
    assert_eq!(frames[0], "[root]");
    let points = dhat["pps"].as_array().unwrap();
    let mut found = false;
    for point in points {
        let [tb, tbk, mb, mbk, gb, eb] =
            ["tb", "tbk", "mb", "mbk", "gb", "eb"].map(|member| point[member].as_u64().unwrap());
        assert!(tb >= mb && tbk >= mbk && mb >= gb && mb >= eb, "{point}");
        assert!(point["tl"].is_u64() && point["gbk"].is_u64() && point["ebk"].is_u64());
        let stack = point["fs"].as_array().unwrap();
        assert!(stack.iter().all(|at| (1..frames.len() as u64).contains(&at.as_u64().unwrap())));
        let name = |at: &Value| frames[at.as_u64().unwrap() as usize].as_str().unwrap();
        if tb == 3000 && eb == 3000 {
            found = true;
            // Innermost first.
            let position =
                |part: &str| stack.iter().position(|at| name(at).contains(part)).unwrap();
            assert!(position("Make>::make") < position("program::main"), "{stack:?}");
            assert!(name(&stack[0]).starts_with("0x"));
        }
    }
    assert!(found, "{points:?}");
}

#[test]
fn however_it_ends() {
    let program = with_frame_pointers().to_str().unwrap();
    let check = |how: &str, ended: &str, note: &str| {
        let output = gauge(&["--", program, how]);
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{how}: {out}{error}");
        assert!(out.contains("the program's own output"), "{out}");
        assert!(out.contains(&format!(", {ended})\n")), "{how}: {out}");
        assert!(out.contains("program::at_the_peak") && out.contains(note), "{how}: {out}");
    };
    check("", "exit", "Lifetimes are means");
    check("fail", "exit", "exit status: 3");
    check("abort", "SIGABRT", "SIGABRT");
    check("terminate", "SIGTERM", "SIGTERM");
}

#[test]
fn who_ends_it_again_lets_it_write() {
    let program = with_frame_pointers().to_str().unwrap();
    for how in ["twice-abort", "twice-signal"].repeat(3) {
        let output = gauge(&["--", program, how]);
        let out = text(&output.stdout);
        assert!(output.status.success(), "{how}: {out}{}", text(&output.stderr));
        assert!(out.contains(", exit)\n"), "{how}: {out}");
        assert!(out.contains("program::forks"), "{how}: {out}");
    }
}

#[test]
fn what_another_process_wrote_badly_is_left_out() {
    let program = with_frame_pointers().to_str().unwrap();
    let written = "echo '{' > $GAUGE_HEAP_FOLDER/1.json; echo > $GAUGE_HEAP_FOLDER/2.part";
    let script = format!("{written}; echo x > $GAUGE_HEAP_FOLDER/notes; exec {program}");
    let output = gauge(&["--", "/bin/sh", "-c", &script]);
    let out = text(&output.stdout);
    assert!(output.status.success(), "{out}{}", text(&output.stderr));
    assert!(out.contains("program::at_the_peak"), "{out}");
    assert!(out.contains("note: left out: what process 1 wrote cannot be read"), "{out}");
    assert!(out.contains("process 2 wrote cannot be read: it was killed while it wrote"), "{out}");
    // Its own: there is nothing to tell.
    let script = "echo '{' > $GAUGE_HEAP_FOLDER/$$.part; kill -KILL $$";
    let output = gauge(&["--", "/bin/sh", "-c", script]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("it was killed while it wrote"));
}

#[test]
fn processes_of_a_shell() {
    let program = with_frame_pointers().to_str().unwrap();
    let script = format!("(true) ; {program} ; /bin/true");
    let output = gauge(&["--", "/bin/sh", "-c", &script]);
    let out = text(&output.stdout);
    assert!(output.status.success(), "{out}{}", text(&output.stderr));
    assert!(out.contains("other processes ran as well") && out.contains("program"), "{out}");
    let output = gauge(&["--child", "program", "--", "/bin/sh", "-c", &script]);
    let out = text(&output.stdout);
    assert!(out.contains("program::at_the_peak"), "{out}{}", text(&output.stderr));
    let output = gauge(&["--child", "nobody", "--", "/bin/sh", "-c", &script]);
    assert!(text(&output.stderr).contains("no process of /bin/sh runs `nobody`"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_cannot_be_measured() {
    let program = compile("static", &["-Ctarget-feature=+crt-static"]);
    let output = gauge(&["--", program.to_str().unwrap()]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("statically linked") && error.contains("global_allocator"), "{error}");
    assert_eq!(text(&output.stdout), "", "it did not run");
    let output = gauge(&["--", "no-such-program"]);
    assert!(text(&output.stderr).contains("no program `no-such-program` in PATH"));
    assert_eq!(gauge(&[]).status.code(), Some(2));
}

#[test]
fn a_bench_of_the_project() {
    let project = folder("project");
    std::fs::create_dir_all(project.join("benches")).unwrap();
    let manifest = "[workspace]\n[package]\nname = \"project\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    [[bench]]\nname = \"hot\"\nharness = false\n";
    std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
    std::fs::create_dir_all(project.join("src")).unwrap();
    std::fs::write(project.join("src/lib.rs"), "").unwrap();
    let bench = "#[inline(never)]\nfn hot() -> Vec<u8> { std::hint::black_box(vec![1; 12345]) }\n\
                 fn main() {\n    assert_eq!(std::env::args().nth(1).as_deref(), Some(\"--bench\"));\n    \
                 for _ in 0..7 { drop(hot()); }\n}\n";
    std::fs::write(project.join("benches/hot.rs"), bench).unwrap();
    let manifest = project.join("Cargo.toml");
    let manifest = manifest.to_str().unwrap();
    let document = json(&["--manifest-path", manifest, "hot"]);
    assert_eq!(sum(&document, "hot::hot (project/benches/hot.rs:2)", "bytes"), 7 * 12345);
    let output = gauge(&["--manifest-path", manifest, "cold"]);
    assert!(!output.status.success());
}
