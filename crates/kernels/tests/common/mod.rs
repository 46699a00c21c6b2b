//! What the batteries of all families share.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::sync::{Mutex, PoisonError};
use tidemill_kernels::Isa;

/// Runs `check` once for each level this processor has, with that level forced. One caller at a
/// time: the level is the process's.
pub(crate) fn each_isa(mut check: impl FnMut(Isa)) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for isa in Isa::available() {
        isa.force().unwrap();
        check(isa);
    }
}

/// Pseudo-random numbers (SplitMix64, Steele, Lea, Flood 2014).
pub(crate) fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
