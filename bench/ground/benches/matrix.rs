//! Products and transposes beside `matrixmultiply`, `gemm`, `faer`, `transpose`, and a copy.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::cell::RefCell;
use tidemill_ground::{Pages, Strategy, Work, compare, random, size};
use tidemill_kernels::{Isa, matrix};

fn main() {
    for n in [size(1024, 40), size(1000, 33), size(256, 24), size(64, 10), size(16, 5)] {
        product(n);
    }
    textbook(size(512, 30));
    parallel(size(2048, 50));
    for n in [size(4096, 96), size(4095, 95), size(1024, 40)] {
        for huge in [true, false] {
            transposed(n, huge);
        }
    }
}

/// What tells an answer: its bits, mixed with their places.
fn digest(values: &[f64]) -> u64 {
    values.iter().fold(0, |sum: u64, value| sum.rotate_left(5) ^ value.to_bits())
}

/// Small integers, whose products are exact in any order.
fn numbers(len: usize, seed: u64) -> Vec<f64> {
    let mut random = random(seed);
    (0..len).map(|_| (random() % 17) as f64 - 8.0).collect()
}

/// The strategies of a case: each is run, and its answer looked at the first time only.
struct Case<'a> {
    out: &'a RefCell<Vec<f64>>,
    strategies: Vec<Strategy<'a>>,
}

impl<'a> Case<'a> {
    fn add(&mut self, name: &'a str, mut run: impl FnMut(&mut [f64]) + 'a) {
        let out = self.out;
        let mut answer = None;
        self.strategies.push((
            name,
            Box::new(move || {
                let out = &mut *out.borrow_mut();
                run(out);
                clean();
                *answer.get_or_insert_with(|| digest(out))
            }),
        ));
    }

    /// One for each level of instructions.
    fn levels(&mut self, run: impl Fn(&mut [f64]) + Copy + 'a) {
        for (isa, name) in [
            (Isa::Portable, "tidemill, portable"),
            (Isa::Avx2, "tidemill, AVX2 (256 bits)"),
            (Isa::Avx512, "tidemill, AVX-512 (512 bits)"),
        ] {
            if isa.is_available() {
                self.add(name, move |c| {
                    isa.force().unwrap();
                    run(c);
                });
            }
        }
    }
}

/// Clears the upper halves of the registers: peers leave something in them, and then the next
/// strategy's instructions of 128 bits would merge with it, three times as slow.
fn clean() {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx") {
        // SAFETY: AVX is there, as just detected.
        unsafe { std::arch::x86_64::_mm256_zeroupper() }
    }
}

fn flops(n: usize) -> Work {
    Work::Flops(2 * (n as u64).pow(3))
}

fn product(n: usize) {
    let (a, b) = (&numbers(n * n, 1), &numbers(n * n, 2));
    let out = RefCell::new(vec![0.0; n * n]);
    let mut case = Case { out: &out, strategies: Vec::new() };
    case.add("matrixmultiply", |c| by_matrixmultiply(a, b, c, n));
    case.add("gemm", |c| by_gemm(a, b, c, n, gemm::Parallelism::None));
    case.add("faer", |c| by_faer(a, b, c, n, faer::Par::Seq));
    case.levels(|c| matrix::multiply(a, b, c, n, n, n).unwrap());
    compare(&format!("DGEMM {n}^3, one thread"), flops(n), &mut case.strategies);
}

fn textbook(n: usize) {
    let (a, b) = (&numbers(n * n, 1), &numbers(n * n, 2));
    let out = RefCell::new(vec![0.0; n * n]);
    let mut case = Case { out: &out, strategies: Vec::new() };
    case.add("naive", |c| matrix::multiply_naive(a, b, c, n, n, n).unwrap());
    case.add("blocked", |c| matrix::multiply_blocked(a, b, c, n, n, n).unwrap());
    case.levels(|c| matrix::multiply(a, b, c, n, n, n).unwrap());
    compare(&format!("DGEMM {n}^3, the textbook's"), flops(n), &mut case.strategies);
}

fn parallel(n: usize) {
    let (a, b) = (&numbers(n * n, 1), &numbers(n * n, 2));
    let out = RefCell::new(vec![0.0; n * n]);
    let mut case = Case { out: &out, strategies: Vec::new() };
    Isa::available().last().unwrap().force().unwrap();
    case.add("one thread", |c| matrix::multiply(a, b, c, n, n, n).unwrap());
    case.add("all threads", |c| matrix::multiply_parallel(a, b, c, n, n, n).unwrap());
    case.add("faer, all threads", |c| by_faer(a, b, c, n, faer::Par::rayon(0)));
    compare(&format!("DGEMM {n}^3, threads"), flops(n), &mut case.strategies);
}

fn by_matrixmultiply(a: &[f64], b: &[f64], c: &mut [f64], n: usize) {
    let stride = n as isize;
    assert!([a.len(), b.len(), c.len()] == [n * n; 3]);
    // SAFETY: three matrices of n x n, as just checked.
    unsafe {
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        matrixmultiply::dgemm(n, n, n, 1.0, a, stride, 1, b, stride, 1, 0.0, c, stride, 1);
    }
}

fn by_gemm(a: &[f64], b: &[f64], c: &mut [f64], n: usize, threads: gemm::Parallelism) {
    let stride = n as isize;
    assert!([a.len(), b.len(), c.len()] == [n * n; 3]);
    // SAFETY: three matrices of n x n, as just checked.
    unsafe {
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        gemm::gemm(
            n, n, n, c, 1, stride, false, a, 1, stride, b, 1, stride, 0.0, 1.0, false, false,
            false, threads,
        );
    }
}

fn by_faer(a: &[f64], b: &[f64], c: &mut [f64], n: usize, threads: faer::Par) {
    let a = faer::MatRef::from_row_major_slice(a, n, n);
    let b = faer::MatRef::from_row_major_slice(b, n, n);
    let c = faer::MatMut::from_row_major_slice_mut(c, n, n);
    faer::linalg::matmul::matmul(c, faer::Accum::Replace, a, b, 1.0, threads);
}

/// A call reads and writes as many bytes.
fn transposed(n: usize, huge: bool) {
    let mut from = Pages::new(n * n, huge);
    from.copy_from_slice(&(0..n * n).map(|i| i as f64).collect::<Vec<_>>());
    let from = &from;
    let to = &RefCell::new(Pages::new(n * n, huge));
    let pages = if huge { "2 MiB" } else { "4 KiB" };
    let mut strategies: Vec<Strategy<'_>> = Vec::new();
    let mut copied = vec![0.0; n * n];
    matrix::transpose_naive(from, &mut copied, n, n).unwrap();
    let answer = digest(&copied);
    drop(copied);
    let mut add = |name: &'static str, run: fn(&[f64], &mut [f64], usize)| {
        let mut checked = name == "copy";
        strategies.push((
            name,
            Box::new(move || {
                let to = &mut *to.borrow_mut();
                run(from, to, n);
                if !checked {
                    checked = true;
                    return digest(to);
                }
                answer
            }),
        ));
    };
    add("copy", |from, to, _| to.copy_from_slice(from));
    add("naive", |from, to, n| matrix::transpose_naive(from, to, n, n).unwrap());
    add("transpose", |from, to, n| transpose::transpose(from, to, n, n));
    add("tidemill, recursive", |from, to, n| {
        matrix::transpose_recursive(from, to, n, n).unwrap();
    });
    add("tidemill, portable", |from, to, n| level(Isa::Portable, from, to, n));
    add("tidemill, AVX2 (256 bits)", |from, to, n| level(Isa::Avx2, from, to, n));
    add("tidemill, AVX-512 (512 bits)", |from, to, n| level(Isa::Avx512, from, to, n));
    add("tidemill, all threads", |from, to, n| matrix::transpose_parallel(from, to, n, n).unwrap());
    let case = format!("transpose {n}^2, pages of {pages}");
    compare(&case, Work::Bytes(8 * (n * n) as u64), &mut strategies);
}

/// By this level, or the best below it that there is.
fn level(isa: Isa, from: &[f64], to: &mut [f64], n: usize) {
    Isa::available().filter(|other| *other <= isa).last().unwrap().force().unwrap();
    matrix::transpose(from, to, n, n).unwrap();
}
