//! `delta` at all levels, in the first-level cache.

mod common;

use common::{Case, compare, criterion, random};
use std::hint::black_box;
use tidemill_kernels::delta::{deltas, prefix_sum, unzigzag, zigzag};

fn main() {
    let mut criterion = criterion();
    let mut random = random(1);
    let values: Vec<u64> = (0..1024).map(|_| random()).collect();
    let mut out = values.clone();
    let mut compare = |name: &str, run: &mut dyn FnMut() -> u64| {
        compare(&mut criterion, Case { name, values: 1024, bytes: 8 * 1024 }, run, &mut []);
    };
    compare("deltas", &mut || {
        deltas(black_box(&values), 7, &mut out);
        out[1023]
    });
    compare("prefix_sum", &mut || {
        prefix_sum(black_box(&mut out), 7);
        0
    });
    compare("zigzag", &mut || {
        zigzag(black_box(&mut out));
        0
    });
    compare("unzigzag", &mut || {
        unzigzag(black_box(&mut out));
        0
    });
    criterion.final_summary();
}
