use crate::elementwise::{Comparison, SumWhere};
use crate::reduce::Number;
use std::mem::MaybeUninit;

macro_rules! add {
    ($($ty:ty: $add:ident $add_assign:ident, $a:ident $b:ident $sum:expr;)*) => {$(
        pub(crate) fn $add(a: &[$ty], b: &[$ty], out: &mut [$ty]) {
            for ((out, $a), $b) in out.iter_mut().zip(a).zip(b) {
                *out = $sum;
            }
        }
        pub(crate) fn $add_assign(a: &mut [$ty], b: &[$ty]) {
            for ($a, $b) in a.iter_mut().zip(b) {
                *$a = $sum;
            }
        }
    )*};
}
add! {
    f32: add_f32 add_assign_f32, a b *a + *b;
    f64: add_f64 add_assign_f64, a b *a + *b;
    i64: add_i64 add_assign_i64, a b a.wrapping_add(*b);
}

pub(crate) fn scale_add_f64(a: &[f64], scale: f64, b: &[f64], out: &mut [f64]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = *a + scale * *b;
    }
}

pub(crate) fn scale_add_assign_f64(a: &mut [f64], scale: f64, b: &[f64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += scale * *b;
    }
}

pub(crate) fn prefix_sum_f64(values: &mut [f64], first: f64) {
    let mut sum = first + 0.0;
    for value in values {
        sum += *value;
        *value = sum;
    }
}

fn compare<T: Copy + PartialOrd>(
    pairs: impl Iterator<Item = (T, T)>,
    comparison: Comparison,
    mask: &mut [u64],
) {
    mask.fill(0);
    for (index, (a, b)) in pairs.enumerate() {
        mask[index / 64] |= u64::from(comparison.holds(a, b)) << (index % 64);
    }
}

fn sum_where<T: Number>(
    values: &[T],
    comparison: Comparison,
    constant: T,
    add: impl Fn(T::Sum, T) -> T::Sum,
) -> SumWhere<T> {
    let mut result = SumWhere::default();
    for value in values.iter().filter(|value| comparison.holds(**value, constant)) {
        result.count += 1;
        result.sum = add(result.sum, *value);
    }
    result
}

macro_rules! compare {
    ($($ty:ty: $compare:ident $columns:ident $sum_where:ident, $sum:ident $value:ident $add:expr;)*) => {$(
        pub(crate) fn $compare(
            values: &[$ty],
            comparison: Comparison,
            constant: $ty,
            mask: &mut [u64],
        ) {
            compare(values.iter().map(|value| (*value, constant)), comparison, mask)
        }
        pub(crate) fn $columns(a: &[$ty], comparison: Comparison, b: &[$ty], mask: &mut [u64]) {
            compare(a.iter().copied().zip(b.iter().copied()), comparison, mask)
        }
        pub(crate) fn $sum_where(
            values: &[$ty],
            comparison: Comparison,
            constant: $ty,
        ) -> SumWhere<$ty> {
            sum_where(values, comparison, constant, |$sum, $value| $add)
        }
    )*};
}
compare! {
    f64: compare_f64 compare_columns_f64 sum_where_f64, sum value sum + value;
    i64: compare_i64 compare_columns_i64 sum_where_i64, sum value sum + i128::from(value);
    u64: compare_u64 compare_columns_u64 sum_where_u64, sum value sum + i128::from(value);
}

pub(crate) fn filter(values: &[u64], mask: &[u64], out: &mut [MaybeUninit<u64>]) -> usize {
    let mut count = 0;
    for (index, value) in values.iter().enumerate() {
        if mask[index / 64] >> (index % 64) & 1 != 0 {
            out[count].write(*value);
            count += 1;
        }
    }
    count
}

pub(crate) fn set_bits(mask: &[u64], out: &mut Vec<u32>) {
    for (index, word) in mask.iter().enumerate() {
        out.extend((0..64).filter(|bit| word >> bit & 1 != 0).map(|bit| index as u32 * 64 + bit));
    }
}

pub(crate) fn and_assign(a: &mut [u64], b: &[u64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a &= b);
}

pub(crate) fn or_assign(a: &mut [u64], b: &[u64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a |= b);
}

pub(crate) fn and_not_assign(a: &mut [u64], b: &[u64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a &= !b);
}

pub(crate) fn not_assign(mask: &mut [u64]) {
    mask.iter_mut().for_each(|word| *word = !*word);
}

pub(crate) fn count_ones(mask: &[u64]) -> u64 {
    mask.iter().map(|word| u64::from(word.count_ones())).sum()
}

fn lookup(codes: impl Iterator<Item = usize>, table: &[u64], out: &mut [u64]) -> bool {
    for (out, code) in out.iter_mut().zip(codes) {
        let Some(value) = table.get(code) else { return false };
        *out = *value;
    }
    true
}

pub(crate) fn lookup_u8(codes: &[u8], table: &[u64], out: &mut [u64]) -> bool {
    lookup(codes.iter().map(|code| usize::from(*code)), table, out)
}

pub(crate) fn lookup_u32(codes: &[u32], table: &[u64], out: &mut [u64]) -> bool {
    lookup(codes.iter().map(|code| *code as usize), table, out)
}

pub(crate) fn translate(bytes: &mut [u8], table: &[u8; 256]) {
    for byte in bytes {
        *byte = table[usize::from(*byte)];
    }
}
