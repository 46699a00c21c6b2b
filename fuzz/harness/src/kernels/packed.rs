//! `bitpack`, `bitstream` and `delta`.

use tidemill_kernels::bitpack::{self, VALUES};
use tidemill_kernels::elementwise::Comparison;
use tidemill_kernels::{bitstream, delta};

use super::{bitmap, each_level, placed};
use crate::codec::words;
use crate::input::Input;

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let width = input.below(65) as u32;
    let skip = input.below(8);
    let comparison = Comparison::ALL[input.below(6)];
    let base = input.word(0);
    let is_vector = input.flag();
    let mut values = words(&mut input, VALUES);
    let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
    if is_vector {
        let last = values.last().copied().unwrap_or(base);
        values.resize(VALUES, last);
        let mut vector = [0; VALUES];
        vector.copy_from_slice(&values);
        let low: Vec<u64> = values.iter().map(|value| value & mask).collect();
        let packed = vector_packed(&low, width as usize);
        let how = (width, skip, base, comparison);
        each_level(|isa| check_vector(&vector, &low, &packed, how, isa.name()));
    } else {
        let low: Vec<u64> = values.iter().map(|value| value & mask).collect();
        let packed = stream_packed(&low, width as usize);
        each_level(|isa| check_stream(&values, &low, &packed, (width, skip, base), isa.name()));
    }
    each_level(|isa| check_deltas(&values, base, isa.name()));
}

/// Value `i` is in lane `i % 16`, row `i / 16`; word `w` of lane `l` is word `16 w + l`.
fn vector_packed(low: &[u64], width: usize) -> Vec<u8> {
    let mut bytes = vec![0; VALUES * width / 8];
    for (index, value) in low.iter().enumerate() {
        for bit in 0..width {
            let place = index / 16 * width + bit;
            let byte = (place / 64 * 16 + index % 16) * 8 + place % 64 / 8;
            bytes[byte] |= ((value >> bit & 1) as u8) << (place % 8);
        }
    }
    bytes
}

/// One value behind the other, the low bits first.
fn stream_packed(low: &[u64], width: usize) -> Vec<u8> {
    let mut bytes = vec![0; (low.len() * width).div_ceil(8)];
    for (index, value) in low.iter().enumerate() {
        for bit in 0..width {
            let place = index * width + bit;
            bytes[place / 8] |= ((value >> bit & 1) as u8) << (place % 8);
        }
    }
    bytes
}

fn check_vector(
    values: &[u64; VALUES],
    low: &[u64],
    want: &[u8],
    (width, skip, base, comparison): (u32, usize, u64, Comparison),
    isa: &str,
) {
    let mut packed = placed(&[0u8; 0], skip);
    bitpack::pack(values, width, &mut packed);
    assert!(packed[skip..] == *want, "pack, {isa}");
    packed.shrink_to_fit();
    let packed = &packed[skip..];
    let mut out = [7; VALUES];
    bitpack::unpack(packed, width, base, &mut out);
    assert!(out.iter().eq(&low.iter().map(|v| v.wrapping_add(base)).collect::<Vec<_>>()), "{isa}");
    bitpack::unpack_delta(packed, width, base, 5, &mut out);
    let mut sum = 5u64;
    for (index, value) in low.iter().enumerate() {
        if index > 0 {
            sum = sum.wrapping_add(*value).wrapping_add(base);
        }
        assert_eq!(out[index], sum, "unpack_delta, {isa}");
    }
    let total: u128 = low.iter().map(|value| u128::from(*value)).sum();
    assert_eq!(bitpack::unpack_sum(packed, width), total, "{isa}");
    let extremes = (low.iter().min().copied(), low.iter().max().copied());
    let (least, greatest) = bitpack::unpack_min_max(packed, width);
    assert_eq!((Some(least), Some(greatest)), extremes, "{isa}");
    let mut mask = [7; VALUES / 64];
    bitpack::unpack_compare(packed, width, comparison, base, &mut mask);
    let want: Vec<bool> = low.iter().map(|value| comparison.holds(*value, base)).collect();
    assert_eq!(mask[..], bitmap(&want, false), "{comparison:?} {base}, {isa}");
}

fn check_stream(
    values: &[u64],
    low: &[u64],
    want: &[u8],
    (width, skip, base): (u32, usize, u64),
    isa: &str,
) {
    let mut packed = placed(&[0u8; 0], skip);
    bitstream::pack(values, width, &mut packed);
    packed.shrink_to_fit();
    let packed = &packed[skip..];
    assert_eq!(packed.len(), bitstream::packed_bytes(values.len(), width));
    assert!(*packed == *want, "pack, {isa}");
    let mut out = vec![7; values.len()];
    bitstream::unpack(packed, width, base, &mut out);
    for (index, (got, value)) in out.iter().zip(low).enumerate() {
        assert_eq!(*got, value.wrapping_add(base), "value {index}, {isa}");
    }
}

fn check_deltas(values: &[u64], first: u64, isa: &str) {
    let mut out = vec![7; values.len()];
    delta::deltas(values, first, &mut out);
    let mut last = first;
    for (index, value) in values.iter().enumerate() {
        assert_eq!(out[index], value.wrapping_sub(last), "delta {index}, {isa}");
        last = *value;
    }
    delta::prefix_sum(&mut out, first);
    assert_eq!(out, values, "prefix_sum, {isa}");
    delta::zigzag(&mut out);
    let zigzag = |value: &u64| ((*value as i64) << 1 ^ (*value as i64) >> 63) as u64;
    assert!(out.iter().copied().eq(values.iter().map(zigzag)), "zigzag, {isa}");
    delta::unzigzag(&mut out);
    assert_eq!(out, values, "unzigzag, {isa}");
}
