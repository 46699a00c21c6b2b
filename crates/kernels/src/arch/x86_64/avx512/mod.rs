pub(crate) mod bitpack;
pub(crate) mod delta;
pub(crate) mod reduce;
pub(crate) mod scan;

macro_rules! shims {
    ($($shims:tt)*) => {
        $crate::arch::x86_64::shims!(
            "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2",
            $($shims)*
        );
    };
}
use shims;
