//! Files to committed stores, syncs included, and where the time goes:
//! `cargo bench -p tidemill --no-default-features --bench import [-- FILTER] [--rows N]`.
//!
//! The processor's time is that of all threads, which other programs hardly lengthen. A stage's is
//! what its threads spent in it, waiting included: on a busy machine it is longer. Each case is
//! imported five times into a new store, and the middle one counts; every store is asked for its rows.
#![expect(clippy::expect_used, reason = "a bench stops at what should not be")]

use std::path::Path;
use std::time::Instant;

use gauge_probe::Section;
use rustix::time::{ClockId, clock_gettime};
use tidemill::import::{ImportOptions, Input, import};
use tidemill::workload::{Format, Generator, Options, UseCase};
use tidemill::{Budget, Store};

const RUNS: usize = 5;
const MEMORY_BYTES: usize = 384_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let is_test = arguments.iter().any(|a| a == "--test");
    let rows_at = arguments.iter().position(|a| a == "--rows");
    let rows = rows_at.and_then(|at| arguments.get(at + 1)).and_then(|rows| rows.parse().ok());
    let filter = arguments.first().filter(|a| !a.starts_with("--")).map_or("", String::as_str);
    let rows = if is_test { 3_000 } else { rows.unwrap_or(1_000_000) };
    for (name, make) in CASES.into_iter().filter(|(name, _)| name.contains(filter)) {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let path = dir.path().join("cpu");
        let text = make(rows);
        std::fs::write(&path, &text).expect("the text is written");
        let bytes = text.len();
        drop(text);
        let runs = if is_test { 1 } else { RUNS };
        let mut figures: Vec<Figures> =
            (0..runs).map(|run| import_once(&path, dir.path(), run, rows)).collect();
        figures.sort_by(|a, b| a.processor_seconds.total_cmp(&b.processor_seconds));
        figures[runs / 2].print(name, rows, bytes);
    }
}

type Case = (&'static str, fn(usize) -> Vec<u8>);

const CASES: [Case; 4] = [
    ("in order", |rows| cpu(100, rows, Format::LineProtocol)),
    ("three of ten late", late),
    ("ten points a series", |rows| cpu(rows.div_ceil(10) as u32, rows, Format::LineProtocol)),
    ("csv", |rows| cpu(100, rows, Format::Csv)),
];

struct Figures {
    seconds: f64,
    processor_seconds: f64,
    /// Name and seconds.
    stages: Vec<(&'static str, f64)>,
}

impl Figures {
    fn print(&self, name: &str, rows: usize, bytes: usize) {
        let of_row = |seconds: f64| seconds * 1e9 / rows as f64;
        println!(
            "{name}: {:.0} MB/s, {:.0} ns a row; {:.0} ns of processors",
            bytes as f64 / self.seconds / 1e6,
            of_row(self.seconds),
            of_row(self.processor_seconds),
        );
        let stages = self.stages.iter().map(|(name, seconds)| (name, of_row(*seconds)));
        let stages: Vec<String> = stages.map(|(name, ns)| format!("{name} {ns:.1}")).collect();
        println!("    stages, ns a row: {}", stages.join(", "));
    }
}

fn import_once(path: &Path, dir: &Path, run: usize, rows: usize) -> Figures {
    let dir = dir.join(format!("store-{run}"));
    let budget = Budget::new(MEMORY_BYTES);
    let options = tidemill::Options { budget, ..tidemill::Options::default() };
    let store = Store::open(&dir, options).expect("a new store");
    let options = ImportOptions { table: Some("cpu".into()), ..ImportOptions::default() };
    Section::start_all();
    let (start, processor_start) = (Instant::now(), processor_seconds());
    let report = import(store.inner(), &Input::File(path.to_owned()), &options, &mut ());
    let seconds = start.elapsed().as_secs_f64();
    let processor_seconds = processor_seconds() - processor_start;
    Section::stop_all();
    let report = report.expect("an import");
    assert_eq!((report.rows, report.bad_rows), (rows as u64, 0), "{report:?}");
    let stored = store.snapshot().table("cpu").map(|table| table.max_rows());
    assert_eq!(stored, Some(rows as u64));
    let stages = Section::all();
    let stages = stages.iter().filter(|stage| stage.calls > 0);
    let stages = stages.map(|stage| (stage.name, stage.own.duration().as_secs_f64())).collect();
    store.close().expect("closed");
    std::fs::remove_dir_all(dir).expect("removed");
    Figures { seconds, processor_seconds, stages }
}

fn cpu(scale: u32, rows: usize, format: Format) -> Vec<u8> {
    let mut options = Options { scale, format, ..Options::new(UseCase::Cpu) };
    options.duration = options.interval * (rows as u32 / scale + 1);
    let mut text = Vec::new();
    let written = Generator::new(&options).expect("options in range").write_rows(&mut text, rows);
    assert_eq!(written, rows);
    text
}

/// Rows of which three of ten stand up to fifty thousand rows behind their place.
fn late(rows: usize) -> Vec<u8> {
    let text = cpu(100, rows, Format::LineProtocol);
    let mut random = 1u64;
    let mut below = |bound: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let place = |(row, line)| {
        let delay = if below(10) < 3 { below(50_000) } else { 0 };
        (row as u64 + delay, line)
    };
    let lines = text.split_inclusive(|byte| *byte == b'\n').enumerate();
    let mut lines: Vec<(u64, &[u8])> = lines.map(place).collect();
    lines.sort_by_key(|(place, _)| *place);
    lines.into_iter().flat_map(|(_, line)| line).copied().collect()
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
