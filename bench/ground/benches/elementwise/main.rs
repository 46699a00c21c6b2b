//! `elementwise` at each rung of the ladder: the loop with vectorisation off, what the compiler
//! makes of it, and instructions chosen by hand; and `reduce::moments_f64`, the statistics of an
//! array, beside their loops.

/// Makes the loop it stands in one that the compiler does not vectorise.
macro_rules! no_vectorisation {
    () => {
        // SAFETY: no instruction.
        unsafe { std::arch::asm!("", options(nomem, nostack, preserves_flags)) }
    };
}

mod ladder;
#[path = "../levels/mod.rs"]
mod levels;

use levels::{boxed, levels};
use std::hint::black_box;
use tidemill_ground::{Work, compare, random, size};
use tidemill_kernels::elementwise::{
    Comparison, compare_f64, count_ones, filter_into, lookup_u8, lookup_u32, prefix_sum_f64,
    set_bits, sum_where_f64, translate, words,
};
use tidemill_kernels::reduce;

/// A column that begins at a multiple of 64 bytes, as a store's pooled buffers do.
struct Column<T>(Vec<T>, usize);

impl<T: Copy + Default> Column<T> {
    fn new(values: impl ExactSizeIterator<Item = T>) -> Self {
        let mut buffer = vec![T::default(); values.len() + 64 / size_of::<T>()];
        let start = buffer.as_ptr().align_offset(64);
        buffer[start..].iter_mut().zip(values).for_each(|(to, value)| *to = value);
        let len = buffer.len() - 64 / size_of::<T>();
        buffer.truncate(start + len);
        Self(buffer, start)
    }
    fn get(&self) -> &[T] {
        &self.0[self.1..]
    }
    fn get_mut(&mut self) -> &mut [T] {
        &mut self.0[self.1..]
    }
}

/// Mean, variance and extremes of 16 KiB.
fn statistics() {
    let mut random = random(2);
    // Each value and its opposite, whole: the mean is 0 and the variance exact in any order.
    let half: Vec<f64> = (0..1024).map(|_| (random() % 1000) as f64).collect();
    let both: Vec<f64> = half.iter().flat_map(|value| [*value, -value]).collect();
    let values = Column::new(both.into_iter());
    let values = values.get();
    let answer = |mean: f64, variance: f64, min: f64, max: f64| {
        (variance + min * 1000.0 + max).to_bits() ^ (mean + 0.0).to_bits()
    };
    let mut strategies = vec![
        boxed("loop, vectorisation off", move || {
            let (mut sum, mut min, mut max) = (0.0, f64::INFINITY, f64::NEG_INFINITY);
            for value in black_box(values) {
                sum += value;
                min = if *value < min { *value } else { min };
                max = if *value > max { *value } else { max };
                no_vectorisation!();
            }
            let mean = sum / values.len() as f64;
            let mut squares = 0.0;
            for value in values {
                squares += (value - mean) * (value - mean);
                no_vectorisation!();
            }
            answer(mean, squares / values.len() as f64, min, max)
        }),
        boxed("iterators, a pass for each", move || {
            let values = black_box(values);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            let min = values.iter().copied().fold(f64::INFINITY, f64::min);
            let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            answer(mean, squares / values.len() as f64, min, max)
        }),
    ];
    strategies.extend(levels(|| {
        move || {
            let moments = reduce::moments_f64(black_box(values));
            let count = moments.count as f64;
            answer(moments.sum / count, moments.m2 / count, moments.min, moments.max)
        }
    }));
    compare(
        "statistics (mean, variance, min, max), f64, 16 KiB",
        Work::Bytes(16 << 10),
        &mut strategies,
    );
}

fn compare_to_mask() {
    let mut random = random(3);
    let values = Column::new((0..2048).map(|_| (random() % 1000) as f64));
    let mask = std::cell::RefCell::new(Column::new((0..words(2048)).map(|_| 0_u64)));
    let (values, mask) = (values.get(), &mask);
    let mut strategies = vec![boxed("loop, a bit at a time", move || {
        let mut mask = mask.borrow_mut();
        for (word, values) in mask.get_mut().iter_mut().zip(black_box(values).chunks(64)) {
            *word = 0;
            for (bit, value) in values.iter().enumerate() {
                *word |= u64::from(*value < 500.0) << bit;
            }
        }
        mask.get().iter().fold(0, |hash, word| hash ^ word)
    })];
    strategies.extend(levels(|| {
        move || {
            let mut mask = mask.borrow_mut();
            compare_f64(black_box(values), Comparison::Lt, 500.0, mask.get_mut());
            mask.get().iter().fold(0, |hash, word| hash ^ word)
        }
    }));
    compare("compare to mask, f64, 16 KiB", Work::Bytes(16 << 10), &mut strategies);
}

fn sum_where() {
    let mut random = random(4);
    let values = Column::new((0..2048).map(|_| (random() % 1000) as f64));
    let values = values.get();
    let mut strategies = vec![
        boxed("loop with a branch", move || {
            let mut sum = 0.0;
            for value in black_box(values) {
                if *value < 500.0 {
                    sum += value;
                    no_vectorisation!();
                }
            }
            sum as u64
        }),
        boxed("loop, branchless", move || {
            let mut sum = 0.0;
            for value in black_box(values) {
                sum += if *value < 500.0 { *value } else { 0.0 };
            }
            sum as u64
        }),
        boxed("iterator, filter and sum", move || {
            black_box(values).iter().filter(|value| **value < 500.0).sum::<f64>() as u64
        }),
    ];
    strategies.extend(levels(|| {
        move || sum_where_f64(black_box(values), Comparison::Lt, 500.0).sum as u64
    }));
    compare("sum where, f64, 16 KiB", Work::Bytes(16 << 10), &mut strategies);
}

/// `one_in` of 100 values at random, or runs of 300 in a row.
fn filter_case(name: &str, percent: u64, run: usize) {
    let mut random = random(5);
    // More than a branch predictor can learn by heart.
    let count = 65_536;
    let values = Column::new((0..count).map(|_| random()));
    let mut mask = vec![0_u64; words(count)];
    let mut is_selected = false;
    for index in 0..count {
        if index % run == 0 {
            is_selected = random() % 100 < percent;
        }
        mask[index / 64] |= u64::from(is_selected) << (index % 64);
    }
    let out = std::cell::RefCell::new(vec![0_u64; count]);
    let (values, mask, out) = (values.get(), &mask[..], &out);
    let hash = |values: &[u64]| values.iter().step_by(64).fold(values.len() as u64, |a, b| a ^ b);
    let mut strategies = vec![
        boxed("loop with a branch", move || {
            let mut out = out.borrow_mut();
            let mut kept = 0;
            for (index, value) in black_box(values).iter().enumerate() {
                if mask[index / 64] >> (index % 64) & 1 != 0 {
                    out[kept] = *value;
                    kept += 1;
                }
            }
            hash(&out[..kept])
        }),
        boxed("loop over set bits", move || {
            let mut out = out.borrow_mut();
            let mut kept = 0;
            for (word, values) in black_box(mask).iter().zip(values.chunks(64)) {
                let mut word = *word;
                while word != 0 {
                    out[kept] = values[word.trailing_zeros() as usize];
                    kept += 1;
                    word &= word - 1;
                }
            }
            hash(&out[..kept])
        }),
    ];
    strategies.extend(levels(|| {
        move || {
            let mut out = out.borrow_mut();
            let kept = filter_into(black_box(values), mask, &mut out);
            hash(&out[..kept])
        }
    }));
    compare(name, Work::Items(count as u64), &mut strategies);

    let numbers = std::cell::RefCell::new(Vec::with_capacity(count + 64));
    let numbers = &numbers;
    let mut strategies = vec![boxed("loop over set bits", move || {
        let mut numbers = numbers.borrow_mut();
        numbers.clear();
        for (index, word) in black_box(mask).iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                numbers.push(index as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
        numbers.last().copied().unwrap_or(0).into()
    })];
    strategies.extend(levels(|| {
        move || {
            let mut numbers = numbers.borrow_mut();
            numbers.clear();
            set_bits(black_box(mask), &mut numbers);
            numbers.last().copied().unwrap_or(0).into()
        }
    }));
    let name = name.replace("filter", "numbers of set bits");
    compare(&name, Work::Items(count as u64), &mut strategies);
}

fn tables() {
    let mut random = random(6);
    let table: Vec<f64> = (0..256).map(f64::from).collect();
    let bytes: Vec<u8> = (0..4096).map(|_| random() as u8).collect();
    let codes: Vec<u32> = bytes.iter().map(|code| u32::from(*code)).collect();
    let out = std::cell::RefCell::new(vec![0.0; bytes.len()]);
    let (out, table, codes, bytes) = (&out, &table[..], &codes[..], &bytes[..]);
    let mut strategies = vec![boxed("loop", move || {
        let mut out = out.borrow_mut();
        for (out, code) in out.iter_mut().zip(black_box(codes)) {
            *out = table[*code as usize];
        }
        out[2000].to_bits()
    })];
    strategies.extend(levels(|| {
        move || {
            let mut out = out.borrow_mut();
            lookup_u32(black_box(codes), table, &mut out);
            out[2000].to_bits()
        }
    }));
    strategies.push(boxed("tidemill, u8 codes", move || {
        let mut out = out.borrow_mut();
        lookup_u8(black_box(bytes), table, &mut out);
        out[2000].to_bits()
    }));
    compare("look up 4,096 codes in 256 f64", Work::Items(4096), &mut strategies);

    // A map that is its own inverse, so that it can be applied again and again.
    let map: [u8; 256] = std::array::from_fn(|byte| byte as u8 ^ 0x5A);
    let text = std::cell::RefCell::new(vec![7_u8; 16 << 10]);
    let text = &text;
    let mut strategies = vec![boxed("loop", move || {
        for byte in text.borrow_mut().iter_mut() {
            *byte = black_box(&map)[usize::from(*byte)];
        }
        0
    })];
    strategies.extend(levels(|| {
        move || {
            translate(&mut text.borrow_mut(), black_box(&map));
            0
        }
    }));
    compare("translate bytes, 16 KiB", Work::Bytes(16 << 10), &mut strategies);
}

fn running_sums_and_counts() {
    let values = std::cell::RefCell::new(vec![0.0; 2048]);
    let values = &values;
    let mut strategies = vec![boxed("loop", move || {
        let mut sum: f64 = 1.0;
        for value in black_box(values.borrow_mut().as_mut_slice()) {
            *value = black_box(*value) * 0.0;
            sum += *value;
            *value = sum;
        }
        sum.to_bits()
    })];
    strategies.extend(levels(|| {
        move || {
            let mut values = values.borrow_mut();
            values.fill(0.0);
            prefix_sum_f64(black_box(&mut values), 1.0);
            values[2047].to_bits()
        }
    }));
    compare("running sums, f64, 16 KiB", Work::Items(2048), &mut strategies);

    let mut random = random(7);
    let mask: Vec<u64> = (0..2048).map(|_| random()).collect();
    let mask = &mask[..];
    let mut strategies = vec![boxed("count_ones and sum (SSE2)", move || {
        black_box(mask).iter().map(|word| u64::from(word.count_ones())).sum()
    })];
    strategies.extend(levels(|| move || count_ones(black_box(mask))));
    compare("count bits, 16 KiB", Work::Bytes(16 << 10), &mut strategies);
}

fn main() {
    ladder::array_add(size(1 << 20, 1 << 10), "array add, 1 M f32 (12 MB a call)");
    ladder::array_add(4096, "array add, f32, 16 KiB a column");
    ladder::array_add(1024, "array add, f32, 4 KiB a column (first-level cache)");
    ladder::add_of_doubles();
    statistics();
    ladder::scale_add();
    compare_to_mask();
    sum_where();
    filter_case("filter, half of 65,536 u64 at random", 50, 1);
    filter_case("filter, 5 % of 65,536 u64 at random", 5, 1);
    filter_case("filter, half of 65,536 u64 in runs of 300", 50, 300);
    tables();
    running_sums_and_counts();
}
