pub(crate) mod avx2;
pub(crate) mod avx512;
mod base64;
mod bitstream;
mod cache;
mod decimal;
mod elementwise;
mod image;
mod matrix;
mod reduce;
mod scan;
mod text;

/// 0, 1, 2, …: to be compressed by a mask to the places of its bits.
const NUMBERS: [u8; 64] = {
    let mut numbers = [0; 64];
    let mut number = 0;
    while number < 64 {
        numbers[number] = number as u8;
        number += 1;
    }
    numbers
};

/// Defines the methods of a `Simd` for a type that stands for `$instructions`.
macro_rules! methods {
    ($(fn $name:ident($self:ident $(, $argument:ident: $ty:ty)*) $(-> $output:ty)? $body:block)*) => {$(
        #[inline(always)]
        fn $name($self $(, $argument: $ty)*) $(-> $output)? {
            // SAFETY: a value of `Self` exists only where the processor has the instructions (see
            // `functions!`), and loads and stores go through references to as many bytes, through
            // slices no further than they are long, or to places that a type of ours keeps inside.
            unsafe { $body }
        }
    )*};
}
use methods;

/// Defines a function for each kernel that switches the instructions `$features` on.
macro_rules! functions {
    (
        $simd:ident $features:literal
        $(mod $family:ident {$(
            fn $name:ident($($argument:ident: $ty:ty),*) $(-> $output:ty)?;
        )*})*
    ) => {$(
        pub(crate) mod $family {
            #[allow(unused_imports, reason = "some families need it")]
            use super::*;
            $(
                #[target_feature(enable = $features)]
                pub(crate) fn $name($($argument: $ty),*) $(-> $output)? {
                    // The one place where the type is made: here the instructions are there.
                    crate::arch::generic::$family::$name($simd(()), $($argument),*)
                }
            )*
        }
    )*};
}
use functions;
