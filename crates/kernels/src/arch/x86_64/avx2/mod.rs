pub(crate) mod bitpack;

macro_rules! shims {
    ($($shims:tt)*) => { $crate::arch::x86_64::shims!("avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq", $($shims)*); };
}
use shims;
