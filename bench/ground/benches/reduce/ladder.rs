//! The rungs from a plain loop to AVX-512: sum and maximum of `f64`, dot product of `f32`.

use std::arch::asm;

/// Has the compiler take one value after the other: what it cannot look into, it cannot do four
/// at a time.
#[inline(always)]
fn one_at_a_time() {
    // SAFETY: no instruction.
    unsafe { asm!("", options(nomem, nostack, preserves_flags)) }
}

pub(crate) fn plain_sum(values: &[f64]) -> f64 {
    let mut sum = 0.0;
    for value in values {
        one_at_a_time();
        sum += *value;
    }
    sum
}

pub(crate) fn plain_max(values: &[f64]) -> f64 {
    let mut max = f64::NEG_INFINITY;
    for value in values {
        one_at_a_time();
        if *value > max {
            max = *value;
        }
    }
    max
}

pub(crate) fn plain_dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = 0.0;
    for (a, b) in a.iter().zip(b) {
        one_at_a_time();
        sum += a * b;
    }
    sum
}

/// Sixteen sums, which the compiler may hold in registers of any width.
pub(crate) fn auto_sum(values: &[f64]) -> f64 {
    let (rows, rest) = values.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for row in rows {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    sums.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

pub(crate) fn auto_max(values: &[f64]) -> f64 {
    let (rows, rest) = values.as_chunks::<16>();
    let mut maxs = [f64::NEG_INFINITY; 16];
    for row in rows {
        for (max, value) in maxs.iter_mut().zip(row) {
            *max = if *value > *max { *value } else { *max };
        }
    }
    maxs.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max)
}

pub(crate) fn auto_dot(a: &[f32], b: &[f32]) -> f32 {
    let ((rows_a, rest_a), (rows_b, rest_b)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let mut sums = [0.0; 32];
    for (a, b) in rows_a.iter().zip(rows_b) {
        for lane in 0..32 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>();
    sums.iter().sum::<f32>() + rest
}

pub(crate) fn wide_sum(values: &[f64]) -> f64 {
    let (rows, rest) = values.as_chunks::<16>();
    let mut sums = [wide::f64x8::ZERO; 2];
    for row in rows {
        let (groups, _) = row.as_chunks::<8>();
        sums[0] += wide::f64x8::from(groups[0]);
        sums[1] += wide::f64x8::from(groups[1]);
    }
    (sums[0] + sums[1]).reduce_add() + rest.iter().sum::<f64>()
}

pub(crate) fn wide_max(values: &[f64]) -> f64 {
    let (groups, rest) = values.as_chunks::<8>();
    let mut max = wide::f64x8::splat(f64::NEG_INFINITY);
    for group in groups {
        max = max.max(wide::f64x8::from(*group));
    }
    max.to_array().iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max)
}

pub(crate) fn wide_dot(a: &[f32], b: &[f32]) -> f32 {
    let ((rows_a, rest_a), (rows_b, rest_b)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [wide::f32x8::ZERO; 2];
    for (a, b) in rows_a.iter().zip(rows_b) {
        let ((a, _), (b, _)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
        sums[0] += wide::f32x8::from(a[0]) * wide::f32x8::from(b[0]);
        sums[1] += wide::f32x8::from(a[1]) * wide::f32x8::from(b[1]);
    }
    let rest = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>();
    (sums[0] + sums[1]).reduce_add() + rest
}

/// The rungs of one instruction set: eight accumulators of each kind.
#[cfg(target_arch = "x86_64")]
macro_rules! rung {
    (
        $name:ident $features:literal $doubles:literal $singles:literal $double:ty, $single:ty:
        $set_pd:ident $load_pd:ident $store_pd:ident $add_pd:ident $max_pd:ident
        $set_ps:ident $load_ps:ident $store_ps:ident $add_ps:ident $mul_ps:ident
    ) => {
        pub(crate) mod $name {
            use std::arch::x86_64::*;

            #[target_feature(enable = $features)]
            pub(crate) fn sum(values: &[f64]) -> f64 {
                let (rows, rest) = values.as_chunks::<{ 8 * $doubles }>();
                let mut sums = [$set_pd(0.0); 8];
                for row in rows {
                    let (groups, _) = row.as_chunks::<$doubles>();
                    for index in 0..8 {
                        // SAFETY: a group is as many values as are loaded.
                        let group = unsafe { $load_pd(groups[index].as_ptr()) };
                        sums[index] = $add_pd(sums[index], group);
                    }
                }
                lanes(sums).iter().sum::<f64>() + rest.iter().sum::<f64>()
            }

            #[target_feature(enable = $features)]
            pub(crate) fn max(values: &[f64]) -> f64 {
                let (rows, rest) = values.as_chunks::<{ 8 * $doubles }>();
                let mut maxs = [$set_pd(f64::NEG_INFINITY); 8];
                for row in rows {
                    let (groups, _) = row.as_chunks::<$doubles>();
                    for index in 0..8 {
                        // SAFETY: a group is as many values as are loaded.
                        let group = unsafe { $load_pd(groups[index].as_ptr()) };
                        maxs[index] = $max_pd(group, maxs[index]);
                    }
                }
                lanes(maxs).iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max)
            }

            #[target_feature(enable = $features)]
            fn lanes(registers: [$double; 8]) -> [f64; 8 * $doubles] {
                let mut lanes = [0.0; 8 * $doubles];
                let (groups, _) = lanes.as_chunks_mut::<$doubles>();
                for (group, register) in groups.iter_mut().zip(registers) {
                    // SAFETY: a group is as many values as are stored.
                    unsafe { $store_pd(group.as_mut_ptr(), register) };
                }
                lanes
            }

            #[target_feature(enable = $features)]
            pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
                let (rows_a, rest_a) = a.as_chunks::<{ 8 * $singles }>();
                let (rows_b, rest_b) = b.as_chunks::<{ 8 * $singles }>();
                let mut sums = [$set_ps(0.0); 8];
                for (a, b) in rows_a.iter().zip(rows_b) {
                    let ((a, _), (b, _)) = (a.as_chunks::<$singles>(), b.as_chunks::<$singles>());
                    for index in 0..8 {
                        let (a, b) = (a[index].as_ptr(), b[index].as_ptr());
                        // SAFETY: a group is as many values as are loaded.
                        let (a, b) = unsafe { ($load_ps(a), $load_ps(b)) };
                        sums[index] = $add_ps(sums[index], $mul_ps(a, b));
                    }
                }
                let mut lanes = [0.0; 8 * $singles];
                let (groups, _) = lanes.as_chunks_mut::<$singles>();
                for (group, register) in groups.iter_mut().zip(sums) {
                    // SAFETY: a group is as many values as are stored.
                    unsafe { $store_ps(group.as_mut_ptr(), register) };
                }
                let rest = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>();
                lanes.iter().sum::<f32>() + rest
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
rung! {
    sse2 "sse2" 2 4 __m128d, __m128:
    _mm_set1_pd _mm_loadu_pd _mm_storeu_pd _mm_add_pd _mm_max_pd
    _mm_set1_ps _mm_loadu_ps _mm_storeu_ps _mm_add_ps _mm_mul_ps
}
#[cfg(target_arch = "x86_64")]
rung! {
    avx2 "avx2" 4 8 __m256d, __m256:
    _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_add_pd _mm256_max_pd
    _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_mul_ps
}
#[cfg(target_arch = "x86_64")]
rung! {
    avx512 "avx512f" 8 16 __m512d, __m512:
    _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_add_pd _mm512_max_pd
    _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_mul_ps
}

/// The read roof: a sum that has sixteen registers of 512 bits to add to, and nothing else to do.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
pub(crate) fn roof(values: &[f64]) -> f64 {
    use std::arch::x86_64::*;
    let (rows, rest) = values.as_chunks::<128>();
    let mut sums = [_mm512_setzero_pd(); 16];
    for row in rows {
        let (groups, _) = row.as_chunks::<8>();
        for index in 0..16 {
            // SAFETY: a group is as many values as are loaded.
            let group = unsafe { _mm512_loadu_pd(groups[index].as_ptr()) };
            sums[index] = _mm512_add_pd(sums[index], group);
        }
    }
    let total = sums.into_iter().map(|sums| _mm512_reduce_add_pd(sums)).sum::<f64>();
    total + rest.iter().sum::<f64>()
}
