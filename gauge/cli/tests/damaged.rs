//! Executables that are damaged, or made on purpose, are an error or an answer: never a panic, and never long.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use gauge::asm::{Analyser, Sources, compare, listing};
use gauge::image::Image;
use gauge::layout::analysis::Analysis;
use gauge::layout::read::Types;
use gauge::layout::table as layout_table;
use gauge::size::breakdown::Breakdown;
use gauge::size::table as size_table;
use object::{Object, ObjectSection};

/// A library without any other, so that it is small: types, a jump table, constants, a cold path.
const SOURCE: &str = r#"
#![no_std]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
pub struct Holes { a: u8, b: u64, c: u16 }
#[repr(u8)]
pub enum Value { Int(i64), Pair(u16, u8), Text(&'static str), Nothing }
static NAMES: [&str; 3] = ["one", "two", "three"];
#[unsafe(no_mangle)]
pub extern "C" fn choose(value: &Value, all: &Holes, at: usize) -> u64 {
    match value {
        Value::Int(x) => *x as u64 + all.b,
        Value::Pair(x, y) => u64::from(*x) * u64::from(all.c) + u64::from(*y),
        Value::Text(text) => text.len() as u64 + NAMES[at].len() as u64,
        Value::Nothing => u64::from(all.a),
    }
}
#[unsafe(no_mangle)]
pub extern "C" fn table(x: u32, y: u32) -> u32 {
    match x { 0 => y, 1 => y * 3, 2 => y ^ 77, 3 => y / 3, 4 => y << 3, 5 => !y, 6 => y % 7, _ => 9 }
}
"#;

/// Cases; `DAMAGED_CASES` says otherwise, and `DAMAGED_SEED` which.
const CASES: u64 = 200;
/// Nothing so small takes longer, however slow the machine.
const LIMIT: Duration = Duration::from_secs(20);

fn library() -> Vec<u8> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, target) = (folder.join("damaged.rs"), folder.join("damaged.so"));
    std::fs::write(&source, SOURCE).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args(["--crate-type=cdylib", "--edition=2024", "-Copt-level=1", "-Cdebuginfo=2"]);
    command.args([
        "-Cpanic=abort",
        "-Clink-arg=-nostdlib",
        "-Csymbol-mangling-version=v0",
        "-Awarnings",
    ]);
    let status = command.arg("-o").args([&target, &source]).status().unwrap();
    assert!(status.success(), "rustc: {status}");
    std::fs::read(target).unwrap()
}

/// All that gauge says of a file, by its `size`, `layout` and `asm`; whether each read it.
fn read_all(path: &Path) -> [bool; 3] {
    let mut sink = std::io::sink();
    let image = Image::open(path);
    let size = image.as_ref().ok().and_then(|image| Breakdown::of(image).ok());
    if let Some(found) = &size {
        size_table::print(found, None, 10, &mut sink).unwrap();
    }
    let mut types = Types::default();
    let layout = types.add(path).is_ok_and(|has_types| has_types);
    for found in &types.into_sorted() {
        let analysis = Analysis::of(found);
        layout_table::print_one(found, &analysis, &mut sink).unwrap();
    }
    let mut asm = false;
    if let Ok(image) = &image {
        let mut sources = Sources::new(image, Path::new("/"));
        for function in image.functions().iter().take(20) {
            if let Ok(analysis) = Analyser::new(image).analyse(function) {
                asm |= !listing(image, &analysis).is_empty();
            }
            let last = image.functions().last().unwrap();
            let _ = compare(image, function, image, last);
            if let Ok(sources) = &mut sources {
                let _ = sources.line(function.address);
            }
        }
    }
    [size.is_some(), layout, asm]
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

/// The parts of the file that say where others are, or are read by gauge.
fn parts(good: &[u8]) -> Vec<(usize, usize)> {
    let file = object::File::parse(good).unwrap();
    let sections = file.sections().filter_map(|section| section.file_range());
    let mut parts: Vec<_> = sections.map(|(at, size)| (at as usize, size as usize)).collect();
    let number = |at: usize| u64::from_le_bytes(good[at..at + 8].try_into().unwrap()) as usize;
    // The header; the tables of segments and sections.
    parts.extend([(0, 64), (number(32), 56 * 8), (number(40), good.len() - number(40))]);
    parts.retain(|(_, size)| *size > 0);
    parts
}

fn damage(good: &[u8], parts: &[(usize, usize)], random: &mut Random) -> Vec<u8> {
    let mut bytes = good.to_vec();
    if random.below(20) == 0 {
        bytes.truncate(random.below(good.len()));
        return bytes;
    }
    for _ in 0..=random.below(4) {
        let (start, size) = match random.below(4) {
            0 => (0, good.len()),
            _ => parts[random.below(parts.len())],
        };
        let at = start + random.below(size);
        let width = [1, 1, 2, 4, 8, 8, 64][random.below(7)];
        let end = (at + width).min(bytes.len());
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at..end].fill(0xff),
            2 => bytes[at..end].fill(0),
            _ => bytes[at..end].iter_mut().for_each(|byte| *byte = random.below(256) as u8),
        }
    }
    bytes
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

#[test]
fn damaged_files_are_answers_or_errors() {
    let good = library();
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("library.so");
    std::fs::write(&path, &good).unwrap();
    assert_eq!(read_all(&path), [true; 3], "the sound one");
    let parts = parts(&good);
    let (mut answers, mut findings) = ([0; 3], Vec::new());
    let (seed, cases) = (number("DAMAGED_SEED", 1), number("DAMAGED_CASES", CASES));
    for case in seed..seed + cases {
        std::fs::write(&path, damage(&good, &parts, &mut Random(case))).unwrap();
        let began = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| read_all(&path))) {
            Ok(read) => (0..3).for_each(|at| answers[at] += u64::from(read[at])),
            Err(_) => findings.push(format!("{case}: panicked")),
        }
        if began.elapsed() > LIMIT {
            findings.push(format!("{case}: took {:?}", began.elapsed()));
        }
    }
    assert!(findings.is_empty(), "{} of {cases}: {findings:#?}", findings.len());
    // Most damage leaves something to say, and some does not.
    assert!(answers.iter().all(|n| *n > cases / 8 && *n < cases), "{answers:?} of {cases}");
}
