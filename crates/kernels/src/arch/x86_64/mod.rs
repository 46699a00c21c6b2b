pub(crate) mod avx2;
pub(crate) mod avx512;

/// Defines functions that are those of `arch::generic`, compiled with the instructions of a level.
macro_rules! shims {
    ($features:literal, $family:ident: $(fn $name:ident($($argument:ident: $ty:ty),* $(,)?) $(-> $output:ty)?;)*) => {$(
        #[target_feature(enable = $features)]
        pub(crate) fn $name($($argument: $ty),*) $(-> $output)? {
            $crate::arch::generic::$family::$name($($argument),*)
        }
    )*};
}
use shims;
