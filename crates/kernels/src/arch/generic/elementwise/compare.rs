use super::Elementwise;
use crate::elementwise::Comparison;

/// A type of value, by its registers.
pub(in crate::arch::generic) trait Value<S: Elementwise>:
    Copy + Default
{
    type Register: Copy;
    fn splat(simd: S, value: Self) -> Self::Register;
    fn load(simd: S, values: &[Self; 8]) -> Self::Register;
    fn lt(simd: S, a: Self::Register, b: Self::Register) -> S::Mask;
    fn le(simd: S, a: Self::Register, b: Self::Register) -> S::Mask;
    fn eq(simd: S, a: Self::Register, b: Self::Register) -> S::Mask;

    /// Up to eight values, zeros in the lanes that are left.
    #[inline(always)]
    fn load_part(simd: S, values: &[Self]) -> Self::Register {
        let mut array = [Self::default(); 8];
        for (to, value) in array.iter_mut().zip(values) {
            *to = *value;
        }
        Self::load(simd, &array)
    }
}

impl<S: Elementwise> Value<S> for f64 {
    type Register = S::F64s;
    #[inline(always)]
    fn splat(simd: S, value: f64) -> S::F64s {
        simd.splat_f64(value)
    }
    #[inline(always)]
    fn load(simd: S, values: &[f64; 8]) -> S::F64s {
        simd.load_f64(values)
    }
    #[inline(always)]
    fn lt(simd: S, a: S::F64s, b: S::F64s) -> S::Mask {
        simd.lt_f64(a, b)
    }
    #[inline(always)]
    fn le(simd: S, a: S::F64s, b: S::F64s) -> S::Mask {
        simd.le_f64(a, b)
    }
    #[inline(always)]
    fn eq(simd: S, a: S::F64s, b: S::F64s) -> S::Mask {
        simd.eq_f64(a, b)
    }
}

macro_rules! integer {
    ($($ty:ty: $load:ident $lt:ident;)*) => {$(
        impl<S: Elementwise> Value<S> for $ty {
            type Register = S::U64s;
            #[inline(always)]
            fn splat(simd: S, value: $ty) -> S::U64s {
                simd.splat(value as u64)
            }
            #[inline(always)]
            fn load(simd: S, values: &[$ty; 8]) -> S::U64s {
                simd.$load(values)
            }
            #[inline(always)]
            fn lt(simd: S, a: S::U64s, b: S::U64s) -> S::Mask {
                simd.$lt(a, b)
            }
            #[inline(always)]
            fn le(simd: S, a: S::U64s, b: S::U64s) -> S::Mask {
                simd.not(simd.$lt(b, a))
            }
            #[inline(always)]
            fn eq(simd: S, a: S::U64s, b: S::U64s) -> S::Mask {
                simd.eq_u64(a, b)
            }
        }
    )*};
}
integer! {
    i64: load_i64 lt_i64;
    u64: load lt_u64;
}

/// One of the comparisons, known when compiled: the processor's are.
pub(in crate::arch::generic) trait Test<S: Elementwise>: Copy {
    fn holds<T: Value<S>>(self, simd: S, a: T::Register, b: T::Register) -> S::Mask;
}

macro_rules! tests {
    ($($test:ident: $simd:ident $a:ident $b:ident => $holds:expr;)*) => {$(
        #[derive(Clone, Copy)]
        pub(in crate::arch::generic) struct $test;
        impl<S: Elementwise> Test<S> for $test {
            #[inline(always)]
            fn holds<T: Value<S>>(self, $simd: S, $a: T::Register, $b: T::Register) -> S::Mask {
                $holds
            }
        }
    )*};
}
tests! {
    Lt: simd a b => T::lt(simd, a, b);
    Le: simd a b => T::le(simd, a, b);
    Gt: simd a b => T::lt(simd, b, a);
    Ge: simd a b => T::le(simd, b, a);
    Eq: simd a b => T::eq(simd, a, b);
    Ne: simd a b => simd.not(T::eq(simd, a, b));
}

/// `$function($test, ...)` with the test of `$comparison`.
macro_rules! with_test {
    ($comparison:expr, $test:ident => $call:expr) => {
        match $comparison {
            Comparison::Lt => {
                let $test = Lt;
                $call
            }
            Comparison::Le => {
                let $test = Le;
                $call
            }
            Comparison::Gt => {
                let $test = Gt;
                $call
            }
            Comparison::Ge => {
                let $test = Ge;
                $call
            }
            Comparison::Eq => {
                let $test = Eq;
                $call
            }
            Comparison::Ne => {
                let $test = Ne;
                $call
            }
        }
    };
}
pub(in crate::arch::generic) use with_test;

#[inline(always)]
fn compare<S: Elementwise, T: Value<S>, P: Test<S>>(
    simd: S,
    test: P,
    values: &[T],
    constant: T,
    mask: &mut [u64],
) {
    let constant = T::splat(simd, constant);
    let (chunks, rest) = values.as_chunks::<64>();
    let mut words = mask.iter_mut();
    for (chunk, word) in chunks.iter().zip(&mut words) {
        let mut masks = [simd.mask(0); 8];
        for (mask, group) in masks.iter_mut().zip(chunk.as_chunks::<8>().0) {
            *mask = test.holds::<T>(simd, T::load(simd, group), constant);
        }
        *word = simd.word(masks);
    }
    if let Some(word) = words.next() {
        let mut masks = [simd.mask(0); 8];
        for (mask, group) in masks.iter_mut().zip(rest.chunks(8)) {
            *mask = test.holds::<T>(simd, T::load_part(simd, group), constant);
        }
        *word = simd.word(masks) & ((1 << rest.len()) - 1);
    }
}

#[inline(always)]
fn compare_columns<S: Elementwise, T: Value<S>, P: Test<S>>(
    simd: S,
    test: P,
    a: &[T],
    b: &[T],
    mask: &mut [u64],
) {
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<64>(), b.as_chunks::<64>());
    let mut words = mask.iter_mut();
    for ((a, b), word) in a_chunks.iter().zip(b_chunks).zip(&mut words) {
        let mut masks = [simd.mask(0); 8];
        let pairs = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
        for (mask, (a, b)) in masks.iter_mut().zip(pairs) {
            *mask = test.holds::<T>(simd, T::load(simd, a), T::load(simd, b));
        }
        *word = simd.word(masks);
    }
    if let Some(word) = words.next() {
        let mut masks = [simd.mask(0); 8];
        let pairs = a_rest.chunks(8).zip(b_rest.chunks(8));
        for (mask, (a, b)) in masks.iter_mut().zip(pairs) {
            *mask = test.holds::<T>(simd, T::load_part(simd, a), T::load_part(simd, b));
        }
        *word = simd.word(masks) & ((1 << a_rest.len()) - 1);
    }
}

macro_rules! functions {
    ($($ty:ty: $compare:ident $columns:ident;)*) => {$(
        #[inline(always)]
        pub(crate) fn $compare<S: Elementwise>(
            simd: S,
            values: &[$ty],
            comparison: Comparison,
            constant: $ty,
            mask: &mut [u64],
        ) {
            with_test!(comparison, test => compare(simd, test, values, constant, mask))
        }
        #[inline(always)]
        pub(crate) fn $columns<S: Elementwise>(
            simd: S,
            a: &[$ty],
            comparison: Comparison,
            b: &[$ty],
            mask: &mut [u64],
        ) {
            with_test!(comparison, test => compare_columns(simd, test, a, b, mask))
        }
    )*};
}
functions! {
    f64: compare_f64 compare_columns_f64;
    i64: compare_i64 compare_columns_i64;
    u64: compare_u64 compare_columns_u64;
}
