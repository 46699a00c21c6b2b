use super::{Element, check_same};
use crate::dispatch::dispatch;

macro_rules! functions {
    ($($ty:ty: $lookup:ident, $what:literal;)*) => {$(
        #[doc = concat!("`out[i] = table[codes[i]]`, for codes of ", $what, ".")]
        ///
        /// The codes are checked first, a block at a time, so that the loads need no check each.
        ///
        /// # Panics
        /// When `codes` and `out` differ in length, or a code is not less than `table.len()`; then
        /// `out` holds the values of some codes.
        pub fn $lookup<T: Element>(codes: &[$ty], table: &[T], out: &mut [T]) {
            check_same(codes.len(), out.len(), "places for them");
            let entries = table.len();
            let (table, out) = (T::bits(table), T::bits_mut(out));
            let in_bounds = dispatch!(elementwise::$lookup(
                codes: &[$ty],
                table: &[u64],
                out: &mut [u64],
            ) -> bool);
            assert!(in_bounds, "a code beyond a table of {entries}");
        }
    )*};
}
functions! {
    u8: lookup_u8, "8 bits";
    u32: lookup_u32, "32 bits";
}

/// `bytes[i] = table[bytes[i]]`: upper case, character classes, any map of bytes.
pub fn translate(bytes: &mut [u8], table: &[u8; 256]) {
    dispatch!(elementwise::translate(bytes: &mut [u8], table: &[u8; 256]))
}
