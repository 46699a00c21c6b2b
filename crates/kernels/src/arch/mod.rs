//! The implementations.
//!
//! `scalar` defines the answers. `generic` has the algorithms, each written once for any [`Simd`]:
//! eight 64-bit lanes, or 64 bytes, and what one can do with them. `portable` does that in plain
//! Rust, `x86_64` with AVX2 and with AVX-512; what an instruction set is better at than its fellows
//! is a method of its `Simd`.

mod generic;
pub(crate) mod portable;
pub(crate) mod scalar;
mod simd;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;

pub(crate) use generic::text::Words;
use simd::Simd;

/// Hands the signatures of all kernels to `$level!`, which makes functions of them. `$given` goes
/// first.
macro_rules! for_each_kernel {
    ($level:ident!($($given:tt)*)) => {
        $level! {
            $($given)*
            mod base64 {
                fn encode(bytes: &[u8], tables: &Tables, out: &mut [MaybeUninit<u8>]);
                fn encode_long(bytes: &[u8], tables: &Tables, out: &mut [MaybeUninit<u8>]);
                fn decode(text: &[u8], tables: &Tables, out: &mut [MaybeUninit<u8>]) -> usize;
                fn decode_long(text: &[u8], tables: &Tables, out: &mut [MaybeUninit<u8>]) -> usize;
                fn decode_spaced(text: &[u8], tables: &Tables, out: &mut [MaybeUninit<u8>]) -> (usize, usize);
                fn count_symbols(text: &[u8]) -> usize;
            }
            mod bitpack {
                fn pack(values: &[u64; 1024], width: u32, packed: &mut [u8]);
                fn unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64; 1024]);
                fn unpack_delta(packed: &[u8], width: u32, min_delta: u64, first: u64, out: &mut [u64; 1024]);
                fn unpack_sum(packed: &[u8], width: u32) -> u128;
                fn unpack_prefix_sums(packed: &[u8], width: u32, base: u64, ends: &[u16], sums: &mut [u64]);
                fn unpack_delta_prefix_sums(packed: &[u8], width: u32, min_delta: u64, first: u64, ends: &[u16], sums: &mut [u64]);
                fn unpack_min_max(packed: &[u8], width: u32) -> (u64, u64);
                fn unpack_compare(packed: &[u8], width: u32, comparison: crate::elementwise::Comparison, constant: u64, mask: &mut [u64; 16]);
            }
            mod bitstream {
                fn unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64]);
            }
            mod decimal {
                fn cells(text: &[u8; 64], delimiter: u8, max: usize, out: &mut [[u64; 8]]) -> crate::decimal::Cells;
            }
            mod delta {
                fn deltas(values: &[u64], first: u64, out: &mut [u64]);
                fn prefix_sum(values: &mut [u64], first: u64);
                fn zigzag(values: &mut [u64]);
                fn unzigzag(values: &mut [u64]);
            }
            mod elementwise {
                fn add_f32(a: &[f32], b: &[f32], out: &mut [f32]);
                fn add_f64(a: &[f64], b: &[f64], out: &mut [f64]);
                fn add_i64(a: &[i64], b: &[i64], out: &mut [i64]);
                fn add_assign_f32(a: &mut [f32], b: &[f32]);
                fn add_assign_f64(a: &mut [f64], b: &[f64]);
                fn add_assign_i64(a: &mut [i64], b: &[i64]);
                fn scale_add_f64(a: &[f64], scale: f64, b: &[f64], out: &mut [f64]);
                fn scale_add_assign_f64(a: &mut [f64], scale: f64, b: &[f64]);
                fn prefix_sum_f64(values: &mut [f64], first: f64);
                fn compare_f64(values: &[f64], comparison: crate::elementwise::Comparison, constant: f64, mask: &mut [u64]);
                fn compare_i64(values: &[i64], comparison: crate::elementwise::Comparison, constant: i64, mask: &mut [u64]);
                fn compare_u64(values: &[u64], comparison: crate::elementwise::Comparison, constant: u64, mask: &mut [u64]);
                fn compare_columns_f64(a: &[f64], comparison: crate::elementwise::Comparison, b: &[f64], mask: &mut [u64]);
                fn compare_columns_i64(a: &[i64], comparison: crate::elementwise::Comparison, b: &[i64], mask: &mut [u64]);
                fn compare_columns_u64(a: &[u64], comparison: crate::elementwise::Comparison, b: &[u64], mask: &mut [u64]);
                fn sum_where_f64(values: &[f64], comparison: crate::elementwise::Comparison, constant: f64) -> crate::elementwise::SumWhere<f64>;
                fn sum_where_i64(values: &[i64], comparison: crate::elementwise::Comparison, constant: i64) -> crate::elementwise::SumWhere<i64>;
                fn sum_where_u64(values: &[u64], comparison: crate::elementwise::Comparison, constant: u64) -> crate::elementwise::SumWhere<u64>;
                fn filter(values: &[u64], mask: &[u64], out: &mut [std::mem::MaybeUninit<u64>]) -> usize;
                fn set_bits(mask: &[u64], out: &mut Vec<u32>);
                fn and_assign(a: &mut [u64], b: &[u64]);
                fn or_assign(a: &mut [u64], b: &[u64]);
                fn and_not_assign(a: &mut [u64], b: &[u64]);
                fn not_assign(mask: &mut [u64]);
                fn count_ones(mask: &[u64]) -> u64;
                fn lookup_u8(codes: &[u8], table: &[u64], out: &mut [u64]) -> bool;
                fn lookup_u32(codes: &[u32], table: &[u64], out: &mut [u64]) -> bool;
                fn translate(bytes: &mut [u8], table: &[u8; 256]);
            }
            mod image {
                fn rgb_to_gray(rgb: &[u8], gray: &mut [u8]);
                fn rgba_to_gray(rgba: &[u8], gray: &mut [u8]);
                fn blur_rgb(from: &[u8], shape: [usize; 2], weights: &[u16], first_row: usize, to: &mut [u8]);
            }
            mod matrix {
                fn pack_left_f32(a: &[f32], stride: usize, rows: usize, depth: usize, packed: &mut [f32]);
                fn pack_left_f64(a: &[f64], stride: usize, rows: usize, depth: usize, packed: &mut [f64]);
                fn pack_right_f32(b: &[f32], stride: usize, depth: usize, columns: usize, packed: &mut [f32]);
                fn pack_right_f64(b: &[f64], stride: usize, depth: usize, columns: usize, packed: &mut [f64]);
                fn block_f32(a: &[f32], b: &[f32], shape: [usize; 3], c: &mut [f32], stride: usize, add: bool);
                fn block_f64(a: &[f64], b: &[f64], shape: [usize; 3], c: &mut [f64], stride: usize, add: bool);
                fn transpose_u32(from: &[u32], from_stride: usize, to: &mut [u32], to_stride: usize, shape: [usize; 2]);
                fn transpose_u64(from: &[u64], from_stride: usize, to: &mut [u64], to_stride: usize, shape: [usize; 2]);
            }
            mod reduce {
                fn moments_f64(values: &[f64]) -> Moments<f64>;
                fn moments_f64_valid(values: &[f64], validity: &[u64], bit_offset: usize) -> Moments<f64>;
                fn sum_f64(values: &[f64]) -> f64;
                fn sum_f64_valid(values: &[f64], validity: &[u64], bit_offset: usize) -> f64;
                fn min_max_f64(values: &[f64]) -> Option<(f64, f64)>;
                fn min_max_f64_valid(values: &[f64], validity: &[u64], bit_offset: usize) -> Option<(f64, f64)>;
                fn dot_f64(a: &[f64], b: &[f64]) -> f64;
                fn dot_f64_valid(a: &[f64], b: &[f64], validity: &[u64], bit_offset: usize) -> f64;
                fn moments_f32(values: &[f32]) -> Moments<f32>;
                fn moments_f32_valid(values: &[f32], validity: &[u64], bit_offset: usize) -> Moments<f32>;
                fn sum_f32(values: &[f32]) -> f32;
                fn sum_f32_valid(values: &[f32], validity: &[u64], bit_offset: usize) -> f32;
                fn min_max_f32(values: &[f32]) -> Option<(f32, f32)>;
                fn min_max_f32_valid(values: &[f32], validity: &[u64], bit_offset: usize) -> Option<(f32, f32)>;
                fn dot_f32(a: &[f32], b: &[f32]) -> f32;
                fn dot_f32_valid(a: &[f32], b: &[f32], validity: &[u64], bit_offset: usize) -> f32;
                fn moments_i64(values: &[i64]) -> Moments<i64>;
                fn moments_i64_valid(values: &[i64], validity: &[u64], bit_offset: usize) -> Moments<i64>;
                fn sum_i64(values: &[i64]) -> i128;
                fn sum_i64_valid(values: &[i64], validity: &[u64], bit_offset: usize) -> i128;
                fn min_max_i64(values: &[i64]) -> Option<(i64, i64)>;
                fn min_max_i64_valid(values: &[i64], validity: &[u64], bit_offset: usize) -> Option<(i64, i64)>;
                fn dot_i64(a: &[i64], b: &[i64]) -> i128;
                fn moments_u64(values: &[u64]) -> Moments<u64>;
                fn moments_u64_valid(values: &[u64], validity: &[u64], bit_offset: usize) -> Moments<u64>;
                fn sum_u64(values: &[u64]) -> i128;
                fn sum_u64_valid(values: &[u64], validity: &[u64], bit_offset: usize) -> i128;
                fn min_max_u64(values: &[u64]) -> Option<(u64, u64)>;
                fn min_max_u64_valid(values: &[u64], validity: &[u64], bit_offset: usize) -> Option<(u64, u64)>;
            }
            mod scan {
                fn csv(block: &[u8], delimiter: u8, inside_quotes: bool, ends: &mut Vec<u32>) -> u64;
                fn newlines(block: &[u8], ends: &mut Vec<u32>);
                fn count_newlines(block: &[u8]) -> usize;
                fn whitespace(block: &[u8], masks: &mut [u64]);
                fn line(block: &[u8], state: &mut crate::scan::line::LineState, found: &mut Vec<u32>);
                fn line_ends(block: &[u8], state: &mut crate::scan::line::LineState, ends: &mut Vec<u32>);
            }
            mod sieve {
                fn overlay(bytes: &mut [u8; crate::sieve::STRIDE], patterns: &[&[u8; crate::sieve::STRIDE]; crate::sieve::AT_ONCE]);
                fn count_ones(bytes: &[u8]) -> u64;
            }
            mod text {
                fn lines(text: &[u8]) -> u64;
                fn count(text: &[u8], in_word: bool) -> (u64, u64);
                fn tally(text: &[u8], range: std::ops::Range<usize>, table: &mut crate::text::Table<'_>) -> Result<(), crate::text::WordLimit>;
                fn merge(from: &crate::text::Table<'_>, into: &mut crate::text::Table<'_>) -> Result<(), crate::text::WordLimit>;
            }
        }
    };
}
use for_each_kernel;
