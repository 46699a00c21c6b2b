//! `reduce` beside its peers, its ladder, and the read roof beyond the last-level cache.
//!
//! All values are whole numbers and all sums exact, so that every strategy has the same answer.
//! All buffers begin at a page.

mod ladder;

use arrow_arith::aggregate;
use arrow_array::{Float64Array, Int64Array};
use numkong::{Dot, ReduceMinMax, ReduceMoments};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::hint::black_box;
use std::ops::{Deref, DerefMut};
use tidemill_ground::{Strategy, Work, compare, random, size};
use tidemill_kernels::Isa;
use tidemill_kernels::reduce::*;

/// Values on pages of 2 MiB, where the system has them.
struct Pages<T> {
    start: *mut T,
    len: usize,
    bytes: usize,
}

impl<T: Copy> Pages<T> {
    fn new(len: usize, mut make: impl FnMut(usize) -> T) -> Self {
        let bytes = (len * size_of::<T>()).next_multiple_of(2 << 20);
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a fresh mapping of `bytes`, whose `len` values are written before anything reads.
        let start = unsafe {
            let start = mmap_anonymous(std::ptr::null_mut(), bytes, protection, flags);
            let start = start.unwrap_or_else(|error| panic!("{bytes} bytes: {error}"));
            // Without huge pages the figures are those of small ones.
            _ = madvise(start, bytes, Advice::LinuxHugepage);
            start.cast::<T>()
        };
        for index in 0..len {
            // SAFETY: as above.
            unsafe { start.add(index).write(make(index)) };
        }
        Self { start, len, bytes }
    }
}

impl<T> Deref for Pages<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `new` wrote as many values.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl<T> DerefMut for Pages<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: `new` wrote as many values.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl<T> Drop for Pages<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`.
        _ = unsafe { munmap(self.start.cast(), self.bytes) };
    }
}

/// A strategy, whose answer is the bits of what `$run` gives.
macro_rules! strategy {
    ($name:expr, $run:expr) => {
        ($name, Box::new(move || f64::from($run).to_bits()) as Box<dyn FnMut() -> u64 + '_>)
    };
}

/// `run` at the levels this processor has.
fn levels<'a>(name: &'a [&'a str; 3], run: impl Fn() -> u64 + Copy + 'a) -> Vec<Strategy<'a>> {
    let levels = [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().zip(name);
    let available = levels.filter(|(isa, _)| isa.is_available());
    let at_level = |(isa, name): (Isa, &&'a str)| {
        let run = move || {
            if Isa::active() != isa && isa.force().is_err() {
                return 0;
            }
            run()
        };
        (*name, Box::new(run) as Box<dyn FnMut() -> u64 + 'a>)
    };
    available.map(at_level).collect()
}

fn floats(len: usize) -> Pages<f64> {
    let mut random = random(1);
    Pages::new(len, |_| (random() >> 44) as f64 - (1 << 19) as f64)
}

fn main() {
    in_cache();
    masked();
    integers();
    the_ladder();
    beyond_the_cache();
}

const MOMENTS: [&str; 3] =
    ["moments, 128 bits (portable)", "moments, 256 bits", "moments, 512 bits"];

/// All five statistics against one of each peer, and against as many of each peer.
fn in_cache() {
    for (label, len) in [("8 KiB", 1 << 10), ("64 KiB", 1 << 13), ("8 MiB", 1 << 20)] {
        let values = floats(size(len, 3000));
        let values = &*values;
        let arrow = Float64Array::from(values.to_vec());
        let arrow = &arrow;
        let array = ndarray::ArrayView1::from(values);
        let bytes = Work::Bytes(size_of_val(values) as u64);
        let mut sums = vec![strategy!("iter().sum(), the sum alone", {
            black_box(values).iter().sum::<f64>()
        })];
        sums.extend(levels(&MOMENTS, || moments_f64(black_box(values)).sum.to_bits()));
        sums.extend(levels(
            &["sum_f64, 128 bits (portable)", "sum_f64, 256 bits", "sum_f64, 512 bits"],
            || sum_f64(black_box(values)).to_bits(),
        ));
        sums.push(strategy!("arrow sum", aggregate::sum(black_box(arrow)).unwrap_or(0.0)));
        sums.push(strategy!("ndarray sum", black_box(array).sum()));
        sums.push(strategy!("numkong reduce_moments (2 of 5)", {
            f64::reduce_moments(black_box(values), 8).0
        }));
        compare(&format!("moments_f64 and sum_f64 {label}"), bytes, &mut sums);

        let max = min_max_f64(values).map_or(0.0, |(_, max)| max);
        let mut all = levels(&MOMENTS, || moments_f64(black_box(values)).max.to_bits());
        all.push(strategy!("arrow sum, min, max (3 of 5)", {
            black_box(aggregate::sum(black_box(arrow)));
            black_box(aggregate::min(black_box(arrow)));
            aggregate::max(black_box(arrow)).unwrap_or(0.0)
        }));
        all.push(strategy!("ndarray mean, std (2 of 5)", {
            black_box(black_box(array).mean());
            black_box(black_box(array).std(0.0));
            max
        }));
        all.push(strategy!("numkong reduce_moments, reduce_minmax", {
            black_box(f64::reduce_moments(black_box(values), 8));
            f64::reduce_minmax(black_box(values), 8).map_or(0.0, |(.., max, _)| max)
        }));
        compare(&format!("all of moments {label}"), bytes, &mut all);

        let mut extremes = levels(
            &["min_max_f64, 128 bits (portable)", "min_max_f64, 256 bits", "min_max_f64, 512 bits"],
            || min_max_f64(black_box(values)).map_or(0, |(_, max)| max.to_bits()),
        );
        extremes.push(strategy!("arrow min and max", {
            black_box(aggregate::min(black_box(arrow)));
            aggregate::max(black_box(arrow)).unwrap_or(0.0)
        }));
        extremes.push(strategy!("numkong reduce_minmax", {
            f64::reduce_minmax(black_box(values), 8).map_or(0.0, |(.., max, _)| max)
        }));
        compare(&format!("min_max_f64 {label}"), bytes, &mut extremes);
    }
}

/// An eighth of the values absent.
fn masked() {
    let values = floats(size(1 << 13, 3000));
    let values = &*values;
    let mut random = random(2);
    let bits: Vec<u64> = (0..=values.len() / 64).map(|_| random() | random() | random()).collect();
    let bits = &*bits;
    let is_valid = |index: usize| bits[index / 64] >> (index % 64) & 1 != 0;
    let arrow: Float64Array =
        values.iter().enumerate().map(|(index, value)| is_valid(index).then_some(*value)).collect();
    let arrow = &arrow;
    let mut all = vec![strategy!("plain loop, the sum alone", {
        let valid = black_box(values).iter().enumerate().filter(|(index, _)| is_valid(*index));
        valid.fold(0.0, |sum, (_, value)| sum + value)
    })];
    all.extend(levels(&MOMENTS, || moments_f64_valid(black_box(values), bits, 0).sum.to_bits()));
    all.push(strategy!("sum_f64_valid", sum_f64_valid(black_box(values), bits, 0)));
    all.push(strategy!("arrow sum", aggregate::sum(black_box(arrow)).unwrap_or(0.0)));
    compare("moments_f64_valid 64 KiB", Work::Bytes(size_of_val(values) as u64), &mut all);
}

fn integers() {
    let floats = floats(size(1 << 13, 3000));
    let values = Pages::new(floats.len(), |index| floats[index] as i64);
    let singles = Pages::new(floats.len(), |index| floats[index] as f32);
    let (values, singles) = (&*values, &*singles);
    let arrow = &Int64Array::from(values.to_vec());
    let bytes = Work::Bytes(size_of_val(values) as u64);
    let mut all: Vec<Strategy<'_>> = vec![(
        "iter().sum(), the sum alone",
        Box::new(|| black_box(values).iter().sum::<i64>() as u64),
    )];
    all.extend(levels(&MOMENTS, || moments_i64(black_box(values)).sum as u64));
    all.push((
        "arrow sum, the sum alone",
        Box::new(|| aggregate::sum(black_box(arrow)).unwrap_or(0) as u64),
    ));
    all.push((
        "numkong reduce_moments (2 of 5)",
        Box::new(|| i64::reduce_moments(black_box(values), 8).0 as u64),
    ));
    compare("moments_i64 64 KiB", bytes, &mut all);

    let mut all = levels(&MOMENTS, || moments_f32(black_box(singles)).max.to_bits().into());
    all.push((
        "numkong reduce_moments, reduce_minmax",
        Box::new(|| {
            black_box(f32::reduce_moments(black_box(singles), 4));
            let extremes = f32::reduce_minmax(black_box(singles), 4);
            extremes.map_or(0, |(.., max, _)| max.to_bits().into())
        }),
    ));
    compare("moments_f32 32 KiB", Work::Bytes(size_of_val(singles) as u64), &mut all);
}

#[cfg(target_arch = "x86_64")]
fn the_ladder() {
    let doubles = floats(size(1 << 11, 3000));
    let mut random = random(3);
    // So small that their products' sums are exact.
    let mut small = || Pages::new(size(1 << 11, 3000), |_| (random() >> 60) as f32 - 7.0);
    let (a, b) = (small(), small());
    let (doubles, a, b) = (&*doubles, &*a, &*b);
    macro_rules! ladder {
        (
            $case:literal, $bytes:expr, $level:ident, $plain:ident $iterator:expr, $auto:ident
            $wide:ident $ours:expr, $peer:literal $of_peer:expr, $($argument:ident)*
        ) => {{
            let mut rungs = vec![
                strategy!("plain loop, not vectorised", ladder::$plain($(black_box($argument)),*)),
                strategy!("iterator", $iterator),
                strategy!("lanes, vectorised by the compiler", {
                    ladder::$auto($(black_box($argument)),*)
                }),
                strategy!("portable (wide)", ladder::$wide($(black_box($argument)),*)),
                strategy!("SSE2", {
                    // SAFETY: every x86-64 has it.
                    unsafe { ladder::sse2::$level($(black_box($argument)),*) }
                }),
            ];
            if Isa::Avx2.is_available() {
                rungs.push(strategy!("AVX2", {
                    // SAFETY: the processor has it.
                    unsafe { ladder::avx2::$level($(black_box($argument)),*) }
                }));
            }
            if Isa::Avx512.is_available() {
                rungs.push(strategy!("AVX-512", {
                    // SAFETY: the processor has it.
                    unsafe { ladder::avx512::$level($(black_box($argument)),*) }
                }));
            }
            rungs.push(strategy!("this crate", $ours));
            rungs.push(strategy!($peer, $of_peer));
            compare($case, Work::Bytes($bytes as u64), &mut rungs);
        }};
    }
    ladder!(
        "ladder: sum f64 16 KiB", size_of_val(doubles), sum,
        plain_sum black_box(doubles).iter().sum::<f64>(), auto_sum
        wide_sum sum_f64(black_box(doubles)),
        "ndarray sum" ndarray::ArrayView1::from(black_box(doubles)).sum(), doubles
    );
    ladder!(
        "ladder: maximum f64 16 KiB", size_of_val(doubles), max,
        plain_max black_box(doubles).iter().copied().fold(f64::NEG_INFINITY, f64::max), auto_max
        wide_max min_max_f64(black_box(doubles)).map_or(0.0, |(_, max)| max),
        "numkong reduce_minmax"
        f64::reduce_minmax(black_box(doubles), 8).map_or(0.0, |(.., max, _)| max), doubles
    );
    ladder!(
        "ladder: dot product f32 2 x 8 KiB", 2 * size_of_val(a), dot,
        plain_dot black_box(a).iter().zip(black_box(b)).map(|(a, b)| a * b).sum::<f32>(), auto_dot
        wide_dot dot_f32(black_box(a), black_box(b)),
        "numkong dot" f32::dot(black_box(a), black_box(b)).unwrap_or(0.0) as f32, a b
    );
}

#[cfg(not(target_arch = "x86_64"))]
fn the_ladder() {}

/// One thread through 1 GiB, and two through the halves of it, beside the read roof.
#[cfg(target_arch = "x86_64")]
fn beyond_the_cache() {
    if !Isa::Avx512.is_available() {
        return;
    }
    let values = floats(size(1 << 27, 3000));
    let (left, right) = values.split_at(values.len() / 2);
    let values = &*values;
    let twice = move |run: fn(&[f64]) -> f64| {
        std::thread::scope(|scope| {
            let other = scope.spawn(move || run(black_box(right)));
            run(black_box(left)) + other.join().unwrap_or(f64::NAN)
        })
    };
    fn roof(values: &[f64]) -> f64 {
        // SAFETY: asked for above.
        unsafe { ladder::roof(values) }
    }
    fn of_moments(values: &[f64]) -> f64 {
        moments_f64(values).sum
    }
    fn of_dot(values: &[f64]) -> f64 {
        let (a, b) = values.split_at(values.len() / 2);
        black_box(dot_f64(a, &b[..a.len()]));
        0.0
    }
    fn of_extremes(values: &[f64]) -> f64 {
        black_box(min_max_f64(values));
        0.0
    }
    let sum = sum_f64(values);
    compare(
        "1 GiB, one thread",
        Work::Bytes(size_of_val(values) as u64),
        &mut [
            strategy!("read roof", roof(black_box(values))),
            strategy!("sum_f64", sum_f64(black_box(values))),
            strategy!("moments_f64", of_moments(black_box(values))),
            strategy!("min_max_f64", of_extremes(black_box(values)) + sum),
            strategy!("dot_f64 of the halves", of_dot(black_box(values)) + sum),
        ],
    );
    compare(
        "1 GiB, two threads",
        Work::Bytes(size_of_val(values) as u64),
        &mut [
            strategy!("read roof", twice(roof)),
            strategy!("sum_f64", twice(sum_f64)),
            strategy!("moments_f64", twice(of_moments)),
            strategy!("min_max_f64", twice(of_extremes) + sum),
            strategy!("dot_f64 of the halves", twice(of_dot) + sum),
        ],
    );
}

#[cfg(not(target_arch = "x86_64"))]
fn beyond_the_cache() {}
