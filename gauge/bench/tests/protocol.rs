//! What an executable of benches understands and answers. Without the test harness: it is such an
//! executable, and calls itself.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::process::Command;

use gauge_bench::{BatchSize, Criterion, criterion_group};
use gauge_probe::Counting;
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Counting<System> = Counting::new(System);

fn benches(criterion: &mut Criterion) {
    criterion.bench_function("boxes", |bencher| bencher.iter(|| vec![1u8; 32]));
    let mut group = criterion.benchmark_group("group");
    group.bench_function("batched", |bencher| {
        bencher.iter_batched(|| vec![1u8; 32], |vec| vec.len(), BatchSize::SmallInput);
    });
    group.bench_function("prints", |bencher| bencher.iter(|| println!("ran")));
    group.finish();
}

criterion_group!(group, benches);

fn main() {
    if std::env::args().any(|argument| argument == "--child") {
        return group();
    }
    assert_eq!(
        call(&["--list"]),
        "boxes: benchmark\ngroup/batched: benchmark\ngroup/prints: benchmark\n"
    );
    assert_eq!(call(&["--list", "batch"]), "group/batched: benchmark\n");
    // Without `--bench` each runs once and nothing is measured.
    assert_eq!(call(&[]), "ran\n");
    assert_eq!(call(&["--bench", "prints", "--gauge-iterations", "3"]), "ran\nran\nran\n");
    assert!(call(&["--bench", "--gauge-time", "1", "boxes"]).contains("1 allocations of 32 B"));

    let out = std::env::temp_dir().join(format!("gauge-bench-{}.json", std::process::id()));
    let path = out.display().to_string();
    let of = |name: &str| {
        let run = ["--bench", "--exact", name, "--gauge-time", "1", "--gauge-out", &path];
        assert_eq!(call(&run), "");
        std::fs::read_to_string(&out).unwrap()
    };
    let text = of("boxes");
    assert!(text.starts_with("{\"protocol\":1,\"name\":\"boxes\","), "{text}");
    assert!(text.contains("\"allocations\":1,\"allocated_bytes\":32,"), "{text}");
    // What the setup allocates is not the routine's.
    let text = of("group/batched");
    assert!(text.contains("\"allocations\":0,\"allocated_bytes\":0,"), "{text}");
    std::fs::remove_file(&out).unwrap();

    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(program.windows(22).any(|bytes| bytes == gauge_bench::MARKER));
}

fn call(arguments: &[&str]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.arg("--child").args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}
