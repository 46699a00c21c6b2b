use super::Elementwise;

/// Defines a function of two columns and its form that writes to the first of them, given what it
/// does to registers and to single values.
macro_rules! functions {
    ($(
        $name:ident $assign:ident($ty:ty; $lanes:literal $(; $scale:ident)?),
        $load:ident $store:ident,
        $simd:ident $a:ident $b:ident => $registers:expr, $alone:expr;
    )*) => {$(
        #[inline(always)]
        pub(crate) fn $name<S: Elementwise>(
            $simd: S,
            a: &[$ty],
            $($scale: f64,)?
            b: &[$ty],
            out: &mut [$ty],
        ) {
            let len = out.len().min(a.len()).min(b.len());
            let (a_groups, a_rest) = a[..len].as_chunks::<$lanes>();
            let (b_groups, b_rest) = b[..len].as_chunks::<$lanes>();
            let (out_groups, out_rest) = out[..len].as_chunks_mut::<$lanes>();
            for ((out, a), b) in out_groups.iter_mut().zip(a_groups).zip(b_groups) {
                let ($a, $b) = ($simd.$load(a), $simd.$load(b));
                $simd.$store($registers, out);
            }
            for ((out, a), b) in out_rest.iter_mut().zip(a_rest).zip(b_rest) {
                let ($a, $b) = (*a, *b);
                *out = $alone;
            }
        }

        #[inline(always)]
        pub(crate) fn $assign<S: Elementwise>(
            $simd: S,
            a: &mut [$ty],
            $($scale: f64,)?
            b: &[$ty],
        ) {
            let len = a.len().min(b.len());
            let (a_groups, a_rest) = a[..len].as_chunks_mut::<$lanes>();
            let (b_groups, b_rest) = b[..len].as_chunks::<$lanes>();
            for (to, b) in a_groups.iter_mut().zip(b_groups) {
                let ($a, $b) = ($simd.$load(to), $simd.$load(b));
                $simd.$store($registers, to);
            }
            for (to, b) in a_rest.iter_mut().zip(b_rest) {
                let ($a, $b) = (*to, *b);
                *to = $alone;
            }
        }
    )*};
}
functions! {
    add_f32 add_assign_f32(f32; 16), load_f32 store_f32,
        simd a b => simd.add_f32(a, b), a + b;
    add_f64 add_assign_f64(f64; 8), load_f64 store_f64,
        simd a b => simd.add_f64(a, b), a + b;
    add_i64 add_assign_i64(i64; 8), load_i64 store_i64,
        simd a b => simd.add(a, b), a.wrapping_add(b);
    scale_add_f64 scale_add_assign_f64(f64; 8; scale), load_f64 store_f64,
        simd a b => simd.add_f64(a, simd.mul_f64(simd.splat_f64(scale), b)), a + scale * b;
}

#[inline(always)]
pub(crate) fn prefix_sum_f64<S: Elementwise>(simd: S, values: &mut [f64], first: f64) {
    let (groups, rest) = values.as_chunks_mut::<8>();
    // Of −0 and 0, 0.
    let mut before = simd.splat_f64(first + 0.0);
    for group in groups {
        let sums = simd.prefix_sum_f64(simd.load_f64(group));
        simd.store_f64(simd.add_f64(before, sums), group);
        // One addition from group to group; all else is outside of this chain.
        before = simd.add_f64(before, simd.splat_last_f64(sums));
    }
    let mut sum = simd.to_array_f64(before)[0];
    for value in rest {
        sum += *value;
        *value = sum;
    }
}
