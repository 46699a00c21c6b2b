use super::Elementwise;

/// Codes that are checked, then looked up: few enough that they stay in the first-level cache, and
/// the table with them.
const BLOCK: usize = 1024;

macro_rules! functions {
    ($($ty:ty: $lookup:ident;)*) => {$(
        #[inline(always)]
        pub(crate) fn $lookup<S: Elementwise>(
            _: S,
            codes: &[$ty],
            table: &[u64],
            out: &mut [u64],
        ) -> bool {
            for (codes, out) in codes.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
                let mut greatest = 0;
                for code in codes {
                    greatest = greatest.max(*code);
                }
                if greatest as usize >= table.len() {
                    return false;
                }
                for (out, code) in out.iter_mut().zip(codes) {
                    // SAFETY: no code is greater than `greatest`, which is less than the length.
                    *out = unsafe { *table.get_unchecked(*code as usize) };
                }
            }
            true
        }
    )*};
}
functions! {
    u8: lookup_u8;
    u32: lookup_u32;
}

#[inline(always)]
pub(crate) fn translate<S: Elementwise>(simd: S, bytes: &mut [u8], table: &[u8; 256]) {
    let (chunks, rest) = bytes.as_chunks_mut::<64>();
    for chunk in chunks {
        simd.translate(chunk, table);
    }
    for byte in rest {
        *byte = table[usize::from(*byte)];
    }
}
