//! Vectors of 1,024 integers of `width` bits each, 0 to 64.
//!
//! # Layout
//! Value `i` is in lane `i % 16`, row `i / 16`. A lane packs its 64 values, first row first, least
//! significant bit first, into `width` 64-bit words; word `w` of lane `l` is word `w * 16 + l` of
//! the packed vector, in little-endian bytes. So a vector takes exactly `128 * width` bytes, one
//! SIMD instruction treats 2, 4, 8 lanes alike, and unpacking yields the values in their natural
//! order. The interleaving is that of FastLanes (Afroozeh, Boncz: "The FastLanes Compression
//! Layout", VLDB 2023), with its lanes but without its reordering of rows.
//!
//! # Panics
//! All functions panic when `width > 64`; those that read, when `packed.len()` is not
//! [`packed_bytes`]`(width)`. Callers that read from disk check both first.

use crate::dispatch::dispatch;
use crate::elementwise::Comparison;

/// How many values a vector holds.
pub const VALUES: usize = 1024;

/// How many lanes the values are dealt to.
pub(crate) const LANES: usize = 16;

/// How many values a lane holds.
pub(crate) const ROWS: usize = VALUES / LANES;

/// The size of a vector whose values have `width` bits, in bytes.
#[must_use]
pub const fn packed_bytes(width: u32) -> usize {
    width as usize * (VALUES / 8)
}

/// The least width that holds `value`: 0 for 0, 64 from 2⁶³ on.
#[must_use]
pub const fn width_of(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Appends `values` at `width` bits each to `out`: [`packed_bytes`]`(width)` bytes. Higher bits
/// are cut off.
pub fn pack(values: &[u64; VALUES], width: u32, out: &mut Vec<u8>) {
    assert!(width <= 64, "a width of {width} bits");
    let start = out.len();
    out.resize(start + packed_bytes(width), 0);
    let packed = &mut out[start..];
    dispatch!(bitpack::pack(values: &[u64; VALUES], width: u32, packed: &mut [u8]))
}

/// Unpacks and adds `base` to each value, wrapping (frame of reference).
pub fn unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64; VALUES]) {
    check(packed, width);
    dispatch!(bitpack::unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64; VALUES]))
}

/// Unpacks what [`crate::bitpack::pack`] made of deltas, and sums them up:
/// `out[0] = first`, `out[i] = out[i - 1] + min_delta + packed value i`, all wrapping. The first
/// packed value is ignored.
pub fn unpack_delta(
    packed: &[u8],
    width: u32,
    min_delta: u64,
    first: u64,
    out: &mut [u64; VALUES],
) {
    check(packed, width);
    dispatch!(bitpack::unpack_delta(
        packed: &[u8],
        width: u32,
        min_delta: u64,
        first: u64,
        out: &mut [u64; VALUES],
    ))
}

/// The sums of the first `ends[i]` values that [`crate::bitpack::unpack`] gives, wrapping, over `sums`, without
/// writing the values anywhere.
///
/// # Panics
/// Also when `ends` don't ascend or are more than [`VALUES`], or `sums` is of another length.
pub fn unpack_prefix_sums(packed: &[u8], width: u32, base: u64, ends: &[u16], sums: &mut [u64]) {
    check(packed, width);
    check_ends(ends, sums);
    dispatch!(bitpack::unpack_prefix_sums(
        packed: &[u8],
        width: u32,
        base: u64,
        ends: &[u16],
        sums: &mut [u64],
    ))
}

/// The same of the values that [`crate::bitpack::unpack_delta`] gives.
///
/// # Panics
/// As [`crate::bitpack::unpack_prefix_sums`].
pub fn unpack_delta_prefix_sums(
    packed: &[u8],
    width: u32,
    min_delta: u64,
    first: u64,
    ends: &[u16],
    sums: &mut [u64],
) {
    check(packed, width);
    check_ends(ends, sums);
    dispatch!(bitpack::unpack_delta_prefix_sums(
        packed: &[u8],
        width: u32,
        min_delta: u64,
        first: u64,
        ends: &[u16],
        sums: &mut [u64],
    ))
}

/// The sum of the packed values, exactly: it takes up to 74 bits. With a frame of reference, add
/// `1024 * base`.
#[must_use]
pub fn unpack_sum(packed: &[u8], width: u32) -> u128 {
    check(packed, width);
    dispatch!(bitpack::unpack_sum(packed: &[u8], width: u32) -> u128)
}

/// The least and the greatest of the packed values.
#[must_use]
pub fn unpack_min_max(packed: &[u8], width: u32) -> (u64, u64) {
    check(packed, width);
    dispatch!(bitpack::unpack_min_max(packed: &[u8], width: u32) -> (u64, u64))
}

/// Sets bit `i % 64` of `mask[i / 64]` where `packed value i <comparison> constant` holds, and
/// clears all others, without writing the values anywhere. With a frame of reference, give
/// `constant - base` where it does not wrap; where it does, all values are on one side of it.
pub fn unpack_compare(
    packed: &[u8],
    width: u32,
    comparison: Comparison,
    constant: u64,
    mask: &mut [u64; VALUES / 64],
) {
    check(packed, width);
    dispatch!(bitpack::unpack_compare(
        packed: &[u8],
        width: u32,
        comparison: Comparison,
        constant: u64,
        mask: &mut [u64; 16],
    ))
}

fn check_ends(ends: &[u16], sums: &[u64]) {
    assert!(
        ends.is_sorted() && ends.last().is_none_or(|end| usize::from(*end) <= VALUES),
        "ends that don't ascend to {VALUES}: {ends:?}"
    );
    assert!(ends.len() == sums.len(), "{} ends, {} sums", ends.len(), sums.len());
}

fn check(packed: &[u8], width: u32) {
    assert!(width <= 64, "a width of {width} bits");
    assert!(
        packed.len() == packed_bytes(width),
        "{} bytes for a vector of {width} bits a value, not {}",
        packed.len(),
        packed_bytes(width),
    );
}
