//! `elementwise`: comparisons, filters, bitmaps, lookups, sums.

use tidemill_kernels::elementwise::{
    Comparison, add_i64, and_assign, and_not_assign, compare_columns_f64, compare_columns_i64,
    compare_columns_u64, compare_f64, compare_i64, compare_u64, count_ones, filter, filter_into,
    lookup_u8, lookup_u32, not_assign, or_assign, set_bits, sum_where_f64, sum_where_i64,
    sum_where_u64, translate,
};

use super::{bitmap, each_level, placed};
use crate::codec::{most_rows, words};
use crate::input::Input;

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let comparison = Comparison::ALL[input.below(6)];
    let skip = input.below(8);
    let constant = input.word(0);
    let most = most_rows(&mut input);
    let other = words(&mut Input::new(input.take(24)), most);
    let values = placed(&words(&mut input, most), skip);
    let values = &values[skip..];
    let other: Vec<u64> = (0..values.len())
        .map(|row| other.get(row % other.len().max(1)).map_or(values[row], |word| *word))
        .collect();
    each_level(|isa| {
        compare(values, &other, comparison, constant, isa.name());
        select(values, &other, comparison, isa.name());
        look_up(values, constant, isa.name());
    });
}

macro_rules! compare {
    ($values:expr, $other:expr, $comparison:expr, $constant:expr, $isa:expr,
     $one:ident, $two:ident, $sum:ident, $total:ty) => {{
        let (values, other) = ($values, $other);
        let mut mask = vec![7; values.len().div_ceil(64)];
        $one(&values, $comparison, $constant, &mut mask);
        let want: Vec<bool> = values.iter().map(|v| $comparison.holds(*v, $constant)).collect();
        assert_eq!(mask, bitmap(&want, false), "{:?} {:?}, {}", $comparison, $constant, $isa);
        let sum = $sum(&values, $comparison, $constant);
        assert_eq!(sum.count, want.iter().filter(|bit| **bit).count() as u64, "{}", $isa);
        $two(&values, $comparison, &other, &mut mask);
        let both: Vec<bool> =
            values.iter().zip(&other).map(|(a, b)| $comparison.holds(*a, *b)).collect();
        assert_eq!(mask, bitmap(&both, false), "columns {:?}, {}", $comparison, $isa);
        let selected = values.iter().zip(&want).filter(|(_, bit)| **bit);
        (sum.sum, selected.map(|(value, _)| <$total>::from(*value)).sum::<$total>())
    }};
}

fn compare(values: &[u64], other: &[u64], comparison: Comparison, constant: u64, isa: &str) {
    let signed = |values: &[u64]| values.iter().map(|v| *v as i64).collect::<Vec<_>>();
    let floats = |values: &[u64]| values.iter().map(|v| f64::from_bits(*v)).collect::<Vec<_>>();
    let (got, want) = compare!(
        values.to_vec(),
        other.to_vec(),
        comparison,
        constant,
        isa,
        compare_u64,
        compare_columns_u64,
        sum_where_u64,
        i128
    );
    assert_eq!(got, want, "sum_where_u64, {isa}");
    let (got, want) = compare!(
        signed(values),
        signed(other),
        comparison,
        constant as i64,
        isa,
        compare_i64,
        compare_columns_i64,
        sum_where_i64,
        i128
    );
    assert_eq!(got, want, "sum_where_i64, {isa}");
    // Floats are added in another order: small integers are exact in any.
    let _ = compare!(
        floats(values),
        floats(other),
        comparison,
        f64::from_bits(constant),
        isa,
        compare_f64,
        compare_columns_f64,
        sum_where_f64,
        f64
    );
    let small = |values: &[u64]| {
        values.iter().map(|v| f64::from((*v % 2048) as i32 - 1024)).collect::<Vec<_>>()
    };
    let (got, want) = compare!(
        small(values),
        small(other),
        comparison,
        f64::from((constant % 2048) as i32 - 1024),
        isa,
        compare_f64,
        compare_columns_f64,
        sum_where_f64,
        f64
    );
    assert_eq!(got, want, "sum_where_f64, {isa}");
    let mut sum = vec![7; values.len()];
    add_i64(&signed(values), &signed(other), &mut sum);
    let pairs = || values.iter().zip(other);
    assert!(sum.iter().copied().eq(pairs().map(|(a, b)| a.wrapping_add(*b) as i64)), "{isa}");
}

fn select(values: &[u64], other: &[u64], comparison: Comparison, isa: &str) {
    let bits: Vec<bool> = values.iter().zip(other).map(|(a, b)| comparison.holds(a, b)).collect();
    let odd: Vec<bool> = values.iter().map(|value| value & 1 != 0).collect();
    let (mask, second) = (bitmap(&bits, true), bitmap(&odd, true));
    let kept: Vec<u64> = values.iter().zip(&bits).filter(|p| *p.1).map(|p| *p.0).collect();
    let mut out = vec![9];
    filter(values, &mask, &mut out);
    assert_eq!((out[0], &out[1..]), (9, &kept[..]), "filter, {isa}");
    let mut out = vec![9; kept.len()];
    assert_eq!(filter_into(values, &mask, &mut out), kept.len());
    assert_eq!(out, kept, "filter_into, {isa}");
    let clean = bitmap(&bits, false);
    let mut found = Vec::new();
    set_bits(&clean, &mut found);
    let set = (0..bits.len() as u32).filter(|row| bits[*row as usize]);
    assert!(found.iter().copied().eq(set), "set_bits, {isa}");
    assert_eq!(count_ones(&clean), kept.len() as u64, "{isa}");
    let both = |join: fn(&mut [u64], &[u64]), naive: fn(u64, u64) -> u64| {
        let mut joined = mask.clone();
        join(&mut joined, &second);
        assert!(joined.iter().copied().eq(mask.iter().zip(&second).map(|(a, b)| naive(*a, *b))));
    };
    both(and_assign, |a, b| a & b);
    both(or_assign, |a, b| a | b);
    both(and_not_assign, |a, b| a & !b);
    let mut not = mask.clone();
    not_assign(&mut not, bits.len());
    let flipped: Vec<bool> = bits.iter().map(|bit| !bit).collect();
    assert_eq!(not, bitmap(&flipped, false), "not_assign, {isa}");
}

fn look_up(values: &[u64], constant: u64, isa: &str) {
    let mut table: Vec<u64> = values.iter().map(|value| value ^ constant).collect();
    table.push(constant);
    let codes: Vec<u32> = values.iter().map(|v| (v % table.len() as u64) as u32).collect();
    let mut out = vec![7; codes.len()];
    lookup_u32(&codes, &table, &mut out);
    assert!(codes.iter().zip(&out).all(|(code, got)| table[*code as usize] == *got), "{isa}");
    let entries = table.len().min(256);
    let codes: Vec<u8> = values.iter().map(|v| (v % entries as u64) as u8).collect();
    lookup_u8(&codes, &table[..entries], &mut out);
    assert!(codes.iter().zip(&out).all(|(code, got)| table[usize::from(*code)] == *got), "{isa}");
    let mut map = [0; 256];
    (0..256).for_each(|byte| map[byte] = (byte as u64).wrapping_mul(constant | 1) as u8);
    let mut bytes: Vec<u8> = values.iter().map(|value| *value as u8).collect();
    let want: Vec<u8> = bytes.iter().map(|byte| map[usize::from(*byte)]).collect();
    translate(&mut bytes, &map);
    assert_eq!(bytes, want, "translate, {isa}");
}
