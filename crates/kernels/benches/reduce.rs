//! `reduce` at all levels, in the first-level cache and beyond the last.

mod common;

use common::{Case, Other, compare, criterion, random};
use std::hint::black_box;
use tidemill_kernels::reduce::*;

fn main() {
    let mut criterion = criterion();
    // Beyond the last-level cache; in `cargo test` only beyond a block.
    let large = if std::env::args().any(|argument| argument == "--bench") { 1 << 23 } else { 3000 };
    let sizes = [("10", 10), ("100", 100), ("1 Ki", 1 << 10), ("8 Ki", 1 << 13), ("8 Mi", large)];
    for (size, len) in sizes {
        if !common::is_wanted(size) {
            continue;
        }
        let mut random = random(1);
        // Whole numbers, so that sums are exact and all levels agree.
        let integers: Vec<i64> = (0..len).map(|_| (random() >> 44) as i64 - (1 << 19)).collect();
        let floats: Vec<f64> = integers.iter().map(|value| *value as f64).collect();
        let singles: Vec<f32> = integers.iter().map(|value| (*value % 8) as f32).collect();
        let validity: Vec<u64> = (0..=len / 64).map(|_| random() | random() | random()).collect();
        let mut plain_sum = || black_box(&floats).iter().sum::<f64>().to_bits();
        let mut compare = |name: &str, run: &mut dyn FnMut() -> u64, others: &mut [Other<'_>]| {
            let name = format!("{name} {size}");
            compare(&mut criterion, Case { name: &name, values: len, bytes: 8 * len }, run, others);
        };
        compare(
            "sum_f64",
            &mut || sum_f64(black_box(&floats)).to_bits(),
            &mut [("iter().sum()", &mut plain_sum)],
        );
        compare(
            "moments_f64",
            &mut || moments_f64(black_box(&floats)).sum.to_bits(),
            &mut [("iter().sum() alone", &mut plain_sum)],
        );
        compare(
            "moments_f64_valid",
            &mut || moments_f64_valid(black_box(&floats), &validity, 3).sum.to_bits(),
            &mut [],
        );
        compare(
            "sum_f64_valid",
            &mut || sum_f64_valid(black_box(&floats), &validity, 3).to_bits(),
            &mut [],
        );
        let small = &floats.iter().map(|value| value % 8.0).collect::<Vec<_>>()[..];
        compare("dot_f64", &mut || dot_f64(black_box(small), small).to_bits(), &mut []);
        let bits = |(min, max): (f64, f64)| min.to_bits() ^ max.to_bits();
        compare("min_max_f64", &mut || min_max_f64(black_box(&floats)).map_or(0, bits), &mut []);
        compare("sum_i64", &mut || sum_i64(black_box(&integers)) as u64, &mut []);
        compare("moments_i64", &mut || moments_i64(black_box(&integers)).sum as u64, &mut []);
        compare(
            "moments_i64_valid",
            &mut || moments_i64_valid(black_box(&integers), &validity, 3).sum as u64,
            &mut [],
        );
        let bits = |(min, max): (i64, i64)| (min ^ max) as u64;
        compare("min_max_i64", &mut || min_max_i64(black_box(&integers)).map_or(0, bits), &mut []);
        let mut compare_singles = |name: &str, run: &mut dyn FnMut() -> u64| {
            let name = format!("{name} {size}");
            let case = Case { name: &name, values: len, bytes: 4 * len };
            common::compare(&mut criterion, case, run, &mut []);
        };
        // Single precision adds up exactly as far as 2²⁴.
        if len <= 1 << 13 {
            compare_singles("sum_f32", &mut || sum_f32(black_box(&singles)).to_bits().into());
            compare_singles("dot_f32", &mut || {
                dot_f32(black_box(&singles), &singles).to_bits().into()
            });
        }
        compare_singles("moments_f32", &mut || moments_f32(black_box(&singles)).sum.to_bits());
    }
    criterion.final_summary();
}
