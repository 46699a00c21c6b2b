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

use simd::Simd;

/// Hands the signatures of all kernels to `$level!`, which makes functions of them. `$given` goes
/// first.
macro_rules! for_each_kernel {
    ($level:ident!($($given:tt)*)) => {
        $level! {
            $($given)*
            mod bitpack {
                fn pack(values: &[u64; 1024], width: u32, packed: &mut [u8]);
                fn unpack(packed: &[u8], width: u32, base: u64, out: &mut [u64; 1024]);
                fn unpack_delta(packed: &[u8], width: u32, min_delta: u64, first: u64, out: &mut [u64; 1024]);
                fn unpack_sum(packed: &[u8], width: u32) -> u128;
                fn unpack_min_max(packed: &[u8], width: u32) -> (u64, u64);
            }
            mod delta {
                fn deltas(values: &[u64], first: u64, out: &mut [u64]);
                fn prefix_sum(values: &mut [u64], first: u64);
                fn zigzag(values: &mut [u64]);
                fn unzigzag(values: &mut [u64]);
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
                fn moments_i64(values: &[i64]) -> Moments<i64>;
                fn moments_u64(values: &[u64]) -> Moments<u64>;
                fn moments_f64_valid(values: &[f64], validity: &[u64], bit_offset: usize) -> Moments<f64>;
                fn moments_i64_valid(values: &[i64], validity: &[u64], bit_offset: usize) -> Moments<i64>;
                fn moments_u64_valid(values: &[u64], validity: &[u64], bit_offset: usize) -> Moments<u64>;
                fn sum_f64(values: &[f64]) -> f64;
                fn sum_i64(values: &[i64]) -> i128;
                fn sum_u64(values: &[u64]) -> i128;
                fn min_max_f64(values: &[f64]) -> Option<(f64, f64)>;
                fn min_max_i64(values: &[i64]) -> Option<(i64, i64)>;
                fn min_max_u64(values: &[u64]) -> Option<(u64, u64)>;
            }
            mod scan {
                fn csv(block: &[u8], delimiter: u8, inside_quotes: bool, ends: &mut Vec<u32>) -> u64;
            }
        }
    };
}
use for_each_kernel;
