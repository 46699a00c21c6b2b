//! What every parser, codec, kernel and file format must do with any bytes.
//!
//! Each target is a function of bytes that panics when something is wrong: the code under test
//! panicked, gave two answers where there is one, or asked for more memory than the bytes justify.
//! `cargo xtask fuzz` runs them under libFuzzer (`fuzz/targets` has the binaries); the test of this
//! crate replays the kept inputs of each: `fuzz/corpus/NAME.units` (what reaches every branch that a
//! campaign reached) and `fuzz/regressions/NAME/*` (what found a bug once).
#![forbid(unsafe_code)]

mod codec;
mod input;
mod kernels;
#[allow(clippy::unwrap_used, reason = "what cannot be read has found something: a panic")]
#[path = "../../../crates/store/tests/common/mod.rs"]
mod naive;
mod parse;
mod store;

use std::alloc::System;

use gauge_probe::{Observed, Peak};

#[global_allocator]
static ALLOCATOR: Observed<System, Peak> = Observed::with(System, Peak::new());

/// What an input of a few hundred bytes may have live at most, whatever it says.
const MAX_LIVE_BYTES: i64 = 256 << 20;

/// A target: its name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("line", parse::line::run),
    ("csv", parse::csv::run),
    ("ndjson", parse::ndjson::run),
    ("number", parse::number::run),
    ("time", parse::time::run),
    ("ints", codec::ints::run),
    ("floats", codec::floats::run),
    ("bits", codec::bits::run),
    ("texts", codec::texts::run),
    ("times", codec::times::run),
    ("bitpack", kernels::packed::run),
    ("base64", kernels::base64::run),
    ("scan", kernels::scan::run),
    ("select", kernels::select::run),
    ("reduce", kernels::reduce::run),
    ("log", store::formats::log),
    ("segment", store::formats::segment),
    ("manifest", store::formats::manifest),
    ("definition", store::formats::definition),
    ("files", store::formats::any_file),
    ("operations", store::operations::run),
];

/// The function of the target with this name.
///
/// # Panics
/// When there is none: at compile time, where it is called in a constant.
#[must_use]
pub const fn target(name: &str) -> fn(&[u8]) {
    let mut index = 0;
    while index < TARGETS.len() {
        if is_same(TARGETS[index].0.as_bytes(), name.as_bytes()) {
            return TARGETS[index].1;
        }
        index += 1;
    }
    panic!("no target of this name");
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    a.len() == b.len() && index == a.len()
}

/// The inputs in a packed corpus: `(length u16 little-endian, bytes)*`.
///
/// # Panics
/// When it is cut off.
#[must_use]
pub fn unpack(mut packed: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    while let Some((length, rest)) = packed.split_first_chunk() {
        let (unit, rest) = rest.split_at(u16::from_le_bytes(*length).into());
        units.push(unit);
        packed = rest;
    }
    assert!(packed.is_empty(), "a corpus that is cut off");
    units
}

/// Runs `work` and sees that its memory stays within [`MAX_LIVE_BYTES`].
fn bounded<T>(work: impl FnOnce() -> T) -> T {
    let peak = ALLOCATOR.observer();
    let before = peak.live_bytes();
    peak.restart();
    let result = work();
    let bytes = peak.peak_live_bytes() - before;
    assert!(bytes <= MAX_LIVE_BYTES, "{bytes} bytes live at one time");
    result
}
