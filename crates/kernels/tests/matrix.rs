//! The battery of `matrix`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use std::fmt::Debug;
use tidemill_kernels::matrix::{
    Element, Number, ShapeError, multiply, multiply_blocked, multiply_naive, multiply_parallel,
    transpose, transpose_naive, transpose_parallel, transpose_recursive,
};

/// A float to test with.
trait Float: Number + Into<f64> + Debug + PartialEq {
    const EPSILON: f64;
    fn new(value: f64) -> Self;
}
impl Float for f64 {
    const EPSILON: f64 = f64::EPSILON;
    fn new(value: f64) -> Self {
        value
    }
}
impl Float for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    fn new(value: f64) -> Self {
        value as f32
    }
}

type Multiply<T> = fn(&[T], &[T], &mut [T], usize, usize, usize) -> Result<(), ShapeError>;

fn strategies<T: Float>() -> [(&'static str, Multiply<T>); 3] {
    [
        ("multiply", multiply),
        ("multiply_parallel", multiply_parallel),
        ("multiply_blocked", multiply_blocked),
    ]
}

/// Small integers: their products and sums are exact in any order.
fn integers<T: Float>(len: usize, seed: u64) -> Vec<T> {
    let mut random = random(seed);
    (0..len).map(|_| T::new((random() % 17) as f64 - 8.0)).collect()
}

/// Between -1 and 1, of many magnitudes.
fn reals<T: Float>(len: usize, seed: u64) -> Vec<T> {
    let mut random = random(seed);
    let mut real = || random() as i64 as f64 / 2f64.powi(63 + (random() % 20) as i32);
    (0..len).map(|_| T::new(real())).collect()
}

/// All levels and strategies give the very integers of the naive loop. The matrices lie at
/// unreadable pages.
fn check_exact<T: Float>(m: usize, k: usize, n: usize, memory: &mut [Fenced<T>; 3]) {
    let (a, b) = (integers(m * k, 1), integers(k * n, 2));
    let mut expected = vec![T::default(); m * n];
    multiply_naive(&a, &b, &mut expected, m, k, n).unwrap();
    let [a_memory, b_memory, c_memory] = memory;
    let stale = vec![T::new(f64::NAN); m * n];
    each_isa(|isa| {
        for at_end in [true, false] {
            let (a, b) = (a_memory.copy(&a, at_end), b_memory.copy(&b, at_end));
            for (name, multiply) in strategies::<T>() {
                let c = c_memory.copy(&stale, at_end);
                multiply(a, b, c, m, k, n).unwrap();
                assert!(c == expected, "{isa:?} {name} {m} x {k} x {n}");
            }
        }
    });
}

/// All levels and strategies are within the bound that the documentation states, and the number of
/// threads does not matter.
fn check_bound<T: Float>(m: usize, k: usize, n: usize, seed: u64) {
    let (a, b): (Vec<T>, Vec<T>) = (reals(m * k, seed), reals(k * n, !seed));
    // The naive loop in more precision: `f64` for `f32`, and for `f64` within half of the bound.
    let (mut sums, mut absolute) = (vec![0.0; m * n], vec![0.0; m * n]);
    let wide: [Vec<f64>; 2] = [&a, &b].map(|x| x.iter().map(|x| (*x).into()).collect());
    let sizes: [Vec<f64>; 2] = [&wide[0], &wide[1]].map(|x| x.iter().map(|x| x.abs()).collect());
    multiply_naive(&wide[0], &wide[1], &mut sums, m, k, n).unwrap();
    multiply_naive(&sizes[0], &sizes[1], &mut absolute, m, k, n).unwrap();
    let slack = if size_of::<T>() == 8 { 1.5 } else { 1.0 };
    each_isa(|isa| {
        let mut one = vec![T::default(); m * n];
        for (name, multiply) in strategies::<T>() {
            let mut c = vec![T::default(); m * n];
            multiply(&a, &b, &mut c, m, k, n).unwrap();
            for ((c, sum), absolute) in c.iter().zip(&sums).zip(&absolute) {
                let error = ((*c).into() - sum).abs();
                let bound = slack * k as f64 * T::EPSILON * absolute;
                assert!(error <= bound, "{isa:?} {name} {m} x {k} x {n}: {error} > {bound}");
            }
            match name {
                "multiply" => one = c,
                "multiply_parallel" => assert!(c == one, "{isa:?} {m} x {k} x {n}: threads matter"),
                _ => {}
            }
        }
    });
}

fn memory<T: Copy>(elements: usize) -> [Fenced<T>; 3] {
    [Fenced::new(elements), Fenced::new(elements), Fenced::new(elements)]
}

#[test]
fn every_small_shape() {
    let (mut doubles, mut floats) = (memory(400), memory(400));
    for m in 0..=20 {
        for k in (0..=20).step_by(1 + m % 3) {
            for n in 0..=20 {
                if (m + k + n) % 2 == 0 {
                    check_exact::<f64>(m, k, n, &mut doubles);
                } else {
                    check_exact::<f32>(m, k, n, &mut floats);
                }
            }
        }
    }
}

#[test]
fn around_the_edges_of_panels_and_blocks() {
    let shapes = [
        [7, 9, 23],
        [8, 8, 24],
        [9, 7, 25],
        [16, 3, 47],
        [15, 17, 48],
        [17, 16, 49],
        [3, 5, 97],
        [33, 255, 26],
        [9, 256, 24],
        [8, 257, 25],
        [10, 513, 31],
        [260, 300, 5],
        [1, 700, 1],
        [300, 1, 300],
    ];
    let (mut doubles, mut floats) = (memory(100_000), memory(100_000));
    for [m, k, n] in shapes {
        check_exact::<f64>(m, k, n, &mut doubles);
        check_exact::<f32>(m, k, n, &mut floats);
    }
}

#[test]
fn the_error_is_within_its_bound() {
    for (seed, [m, k, n]) in
        [[1, 1, 1], [5, 40, 30], [20, 300, 50], [64, 64, 64]].iter().enumerate()
    {
        check_bound::<f64>(*m, *k, *n, seed as u64);
        check_bound::<f32>(*m, *k, *n, seed as u64);
    }
}

#[test]
fn what_is_not_a_number_goes_through() {
    // Panels are padded: infinities times that must not show.
    let a = [f64::INFINITY, 1.0, 0.0, f64::NAN];
    let b = [1.0, 0.0, 2.0, 1.0];
    each_isa(|isa| {
        let mut c = [0.0; 4];
        multiply(&a, &b, &mut c, 2, 2, 2).unwrap();
        assert!(c[0] == f64::INFINITY && c[1..].iter().all(|c| c.is_nan()), "{isa:?} {c:?}");
    });
}

type Transposition<T> = fn(&[T], &mut [T], usize, usize) -> Result<(), ShapeError>;

/// All levels and strategies; `to` lies at unreadable pages and begins `offset` elements in.
fn check_transpose<T: Element + Debug + PartialEq>(
    rows: usize,
    columns: usize,
    memory: &mut Fenced<T>,
    at_end: bool,
    offset: usize,
    value: impl Fn(u64) -> T,
) {
    let from: Vec<T> = (0..(rows * columns) as u64).map(&value).collect();
    let stale = vec![value(u64::MAX); rows * columns + offset];
    let strategies: [(&str, Transposition<T>); 4] = [
        ("transpose", transpose),
        ("transpose_parallel", transpose_parallel),
        ("transpose_recursive", transpose_recursive),
        ("transpose_naive", transpose_naive),
    ];
    each_isa(|isa| {
        for (name, transpose) in strategies {
            let to = &mut memory.copy(&stale, at_end)[offset..];
            transpose(&from, to, rows, columns).unwrap();
            let right = (0..columns).all(|column| {
                (0..rows).all(|row| to[column * rows + row] == from[row * columns + column])
            });
            assert!(right, "{isa:?} {name} {rows} x {columns}, {offset}");
        }
    });
}

#[test]
fn every_small_transpose() {
    let (mut words, mut halves) = (Fenced::new(1000), Fenced::new(1000));
    for rows in 0..=30 {
        for columns in 0..=30 {
            let at_end = (rows + columns) % 2 == 0;
            check_transpose(rows, columns, &mut words, at_end, 0, |x| x);
            check_transpose(rows, columns, &mut halves, at_end, 0, |x| x as i32);
        }
    }
}

#[test]
fn transposes_in_tiles_at_every_alignment() {
    let mut memory = Fenced::new(300_000);
    let shapes = [[181, 190], [190, 181], [17, 2100], [2100, 17], [128, 300], [300, 257]];
    for [rows, columns] in shapes {
        for offset in [0, 1, 3, 7] {
            check_transpose(rows, columns, &mut memory, offset % 2 == 0, offset, |x| x as f64);
        }
    }
    let mut memory = Fenced::new(300_000);
    for [rows, columns] in [[256, 260], [190, 350], [33, 4000], [400, 257]] {
        for offset in [0, 5, 15] {
            check_transpose(rows, columns, &mut memory, offset % 2 == 0, offset, |x| x as u32);
        }
    }
}

#[test]
fn transposes_past_the_caches() {
    check_transpose(1030, 1029, &mut Fenced::new(1_100_000), true, 3, |x| x);
    check_transpose(1500, 1421, &mut Fenced::new(2_200_000), true, 5, |x| x as u32);
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let error = |matrix, shape, elements| Err(ShapeError { matrix, shape, elements });
    let (a, b) = ([0.0; 6], [0.0; 12]);
    for (_, multiply) in
        strategies::<f64>().into_iter().chain([("", multiply_naive as Multiply<_>)])
    {
        assert_eq!(multiply(&a, &b, &mut [0.0; 8], 3, 3, 4), error("a", [3, 3], 6));
        assert_eq!(multiply(&a, &b, &mut [0.0; 8], 2, 3, 5), error("b", [3, 5], 12));
        assert_eq!(multiply(&a, &b, &mut [0.0; 9], 2, 3, 4), error("c", [2, 4], 9));
        let huge = usize::MAX / 2 + 1;
        assert_eq!(multiply(&[], &[], &mut [], huge, 2, 0), error("a", [huge, 2], 0));
    }
    let transposes: [Transposition<u32>; 4] =
        [transpose, transpose_parallel, transpose_recursive, transpose_naive];
    for transpose in transposes {
        assert_eq!(transpose(&[1; 6], &mut [0; 6], 2, 4), error("from", [2, 4], 6));
        assert_eq!(transpose(&[1; 6], &mut [0; 5], 2, 3), error("to", [3, 2], 5));
    }
    assert_eq!(
        ShapeError { matrix: "a", shape: [2, 3], elements: 5 }.to_string(),
        "a is 2 x 3, but has 5 elements"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_product(m in 1usize..70, k in 1usize..90, n in 1usize..120, seed: u64) {
        check_bound::<f64>(m, k, n, seed);
        check_bound::<f32>(m, k, n, seed);
    }
}
