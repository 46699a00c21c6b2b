//! The rungs of adding two arrays.

use crate::Column;
use crate::levels::{best, boxed, levels};
use std::hint::black_box;
use tidemill_ground::{Strategy, Work, compare, random};
use tidemill_kernels::elementwise::{add_f32, add_f64, scale_add_f64};

mod rungs {
    //! `out = a + b`, by hand.
    use std::arch::x86_64::*;

    #[inline(never)]
    pub fn loop_not_vectorised(a: &[f32], b: &[f32], out: &mut [f32]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a + b;
            no_vectorisation!();
        }
    }

    #[inline(never)]
    pub fn iterator(a: &[f32], b: &[f32], out: &mut [f32]) {
        out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = a + b);
    }

    #[target_feature(enable = "avx512f")]
    pub fn auto_vectorised_avx512(a: &[f32], b: &[f32], out: &mut [f32]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a + b;
        }
    }

    #[inline(never)]
    pub fn wide(a: &[f32], b: &[f32], out: &mut [f32]) {
        let groups = out.as_chunks_mut::<8>().0.iter_mut();
        for ((out, a), b) in groups.zip(a.as_chunks::<8>().0).zip(b.as_chunks::<8>().0) {
            *out = (wide::f32x8::from(*a) + wide::f32x8::from(*b)).to_array();
        }
    }

    macro_rules! by_hand {
        ($(
            $name:ident $feature:literal, $lanes:literal x $unrolled:literal:
            $load:ident $add:ident $store:ident;
        )*) => {$(
            #[target_feature(enable = $feature)]
            pub fn $name(a: &[f32], b: &[f32], out: &mut [f32]) {
                const VALUES: usize = $lanes * $unrolled;
                let groups = out.as_chunks_mut::<VALUES>().0.iter_mut();
                let (a, b) = (a.as_chunks::<VALUES>().0, b.as_chunks::<VALUES>().0);
                for ((out, a), b) in groups.zip(a).zip(b) {
                    for at in 0..$unrolled {
                        // SAFETY: `$lanes` values from each multiple of it on, of whole groups.
                        unsafe {
                            let (a, b) = (a.as_ptr().add(at * $lanes), b.as_ptr().add(at * $lanes));
                            $store(out.as_mut_ptr().add(at * $lanes), $add($load(a), $load(b)));
                        }
                    }
                }
            }
        )*};
    }
    by_hand! {
        sse2 "sse2", 4 x 1: _mm_loadu_ps _mm_add_ps _mm_storeu_ps;
        avx2 "avx2", 8 x 1: _mm256_loadu_ps _mm256_add_ps _mm256_storeu_ps;
        avx2_unrolled "avx2", 8 x 4: _mm256_loadu_ps _mm256_add_ps _mm256_storeu_ps;
        avx512 "avx512f", 16 x 1: _mm512_loadu_ps _mm512_add_ps _mm512_storeu_ps;
        avx512_unrolled "avx512f", 16 x 4: _mm512_loadu_ps _mm512_add_ps _mm512_storeu_ps;
    }
}

pub(crate) fn array_add(values: usize, name: &str) {
    let mut random = random(1);
    let mut column = || Column::new((0..values).map(|_| (random() % 1000) as f32));
    let (a, b) = (column(), column());
    let zeros = || Column::new((0..values).map(|_| 0.0_f32));
    type Add = unsafe fn(&[f32], &[f32], &mut [f32]);
    let mut rungs: Vec<(&str, Add)> = vec![
        ("loop, vectorisation off", rungs::loop_not_vectorised),
        ("iterator, auto-vectorised (SSE2)", rungs::iterator),
        ("wide 1.7, f32x8 (SSE2)", rungs::wide),
        ("SSE2", rungs::sse2),
    ];
    if is_x86_feature_detected!("avx2") {
        rungs.extend([("AVX2", rungs::avx2 as Add), ("AVX2, 4 x unrolled", rungs::avx2_unrolled)]);
    }
    if is_x86_feature_detected!("avx512f") {
        let auto: (&str, Add) = ("loop, auto-vectorised (AVX-512)", rungs::auto_vectorised_avx512);
        rungs.insert(2, auto);
        rungs.extend([
            ("AVX-512", rungs::avx512 as Add),
            ("AVX-512, 4 x unrolled", rungs::avx512_unrolled),
        ]);
    }
    let (a, b) = (a.get(), b.get());
    // One output for all: one of its own each would fill the third-level cache.
    let out = std::cell::RefCell::new(zeros());
    let mut strategies: Vec<Strategy<'_>> = Vec::new();
    for (name, add) in rungs {
        let out = &out;
        strategies.push(boxed(name, move || {
            let mut out = out.borrow_mut();
            // SAFETY: the processor has the instructions, as asked above.
            unsafe { add(black_box(a), black_box(b), out.get_mut()) };
            out.get()[values / 2].to_bits().into()
        }));
    }
    strategies.extend(levels(|| {
        let out = &out;
        move || {
            let mut out = out.borrow_mut();
            add_f32(black_box(a), black_box(b), out.get_mut());
            out.get()[values / 2].to_bits().into()
        }
    }));
    strategies.push(boxed("tidemill, a fresh buffer each time", move || {
        best();
        let mut out = vec![0.0; values];
        add_f32(black_box(a), black_box(b), &mut out);
        out[values / 2].to_bits().into()
    }));
    compare(name, Work::Bytes(12 * values as u64), &mut strategies);
}

pub(crate) fn add_of_doubles() {
    let values = 2048;
    let a = Column::new((0..values).map(|value| value as f64));
    let out = std::cell::RefCell::new(Column::new((0..values).map(|_| 0.0)));
    let (a, out) = (a.get(), &out);
    let mut strategies = vec![
        boxed("loop, vectorisation off", move || {
            let mut out = out.borrow_mut();
            for ((out, a), b) in out.get_mut().iter_mut().zip(black_box(a)).zip(black_box(a)) {
                *out = a + b;
                no_vectorisation!();
            }
            out.get()[values / 2].to_bits()
        }),
        boxed("loop, auto-vectorised (SSE2)", move || {
            let mut out = out.borrow_mut();
            for ((out, a), b) in out.get_mut().iter_mut().zip(black_box(a)).zip(black_box(a)) {
                *out = a + b;
            }
            out.get()[values / 2].to_bits()
        }),
    ];
    strategies.extend(levels(|| {
        move || {
            let mut out = out.borrow_mut();
            add_f64(black_box(a), black_box(a), out.get_mut());
            out.get()[values / 2].to_bits()
        }
    }));
    compare(
        "vector addition, f64, 16 KiB a column",
        Work::Bytes(24 * values as u64),
        &mut strategies,
    );
}

mod scaled {
    use std::arch::x86_64::*;

    /// One rounding.
    #[target_feature(enable = "avx512f")]
    pub fn fma(a: &[f64], scale: f64, b: &[f64], out: &mut [f64]) {
        let groups = out.as_chunks_mut::<8>().0.iter_mut();
        let scale = _mm512_set1_pd(scale);
        for ((out, a), b) in groups.zip(a.as_chunks::<8>().0).zip(b.as_chunks::<8>().0) {
            // SAFETY: eight values each.
            unsafe {
                let (a, b) = (_mm512_loadu_pd(a.as_ptr()), _mm512_loadu_pd(b.as_ptr()));
                _mm512_storeu_pd(out.as_mut_ptr(), _mm512_fmadd_pd(scale, b, a));
            }
        }
    }
}

pub(crate) fn scale_add() {
    let values = 1024;
    // Whole numbers, so that one rounding and two give the same.
    let a = Column::new((0..values).map(|value| value as f64));
    let out = std::cell::RefCell::new(Column::new((0..values).map(|_| 0.0)));
    let (a, out) = (a.get(), &out);
    let mut strategies = vec![
        boxed("loop, vectorisation off", move || {
            let mut out = out.borrow_mut();
            for ((out, a), b) in out.get_mut().iter_mut().zip(black_box(a)).zip(black_box(a)) {
                *out = a + 3.0 * b;
                no_vectorisation!();
            }
            out.get()[values / 2].to_bits()
        }),
        boxed("f64::mul_add (libm)", move || {
            let mut out = out.borrow_mut();
            for ((out, a), b) in out.get_mut().iter_mut().zip(black_box(a)).zip(black_box(a)) {
                *out = b.mul_add(3.0, *a);
            }
            out.get()[values / 2].to_bits()
        }),
    ];
    if is_x86_feature_detected!("avx512f") {
        strategies.push(boxed("AVX-512, FMA", move || {
            let mut out = out.borrow_mut();
            // SAFETY: the processor has the instructions.
            unsafe { scaled::fma(black_box(a), 3.0, black_box(a), out.get_mut()) };
            out.get()[values / 2].to_bits()
        }));
    }
    strategies.extend(levels(|| {
        move || {
            let mut out = out.borrow_mut();
            scale_add_f64(black_box(a), 3.0, black_box(a), out.get_mut());
            out.get()[values / 2].to_bits()
        }
    }));
    compare("scale-add, f64, 8 KiB a column", Work::Bytes(24 * values as u64), &mut strategies);
}
