//! The binary of each target: the one it has its name from.
#![no_main]

use libfuzzer_sys::fuzz_target;

// Found at compile time, so that the binary holds no other target's code and counters.
const RUN: fn(&[u8]) = tidemill_fuzz::target(env!("CARGO_BIN_NAME"));

fuzz_target!(|data: &[u8]| RUN(data));
