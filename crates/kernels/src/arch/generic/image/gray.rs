use crate::arch::Simd;
use crate::arch::portable::Portable;
use crate::image::luma;

/// What gray needs beyond `Simd`.
pub(crate) trait Gray: Simd {
    /// The luma of 64 pixels of red, green, blue.
    fn gray_rgb(self, rgb: &[u8; 192], gray: &mut [u8; 64]);
    /// The luma of 64 pixels of red, green, blue, and a fourth byte that does not count.
    fn gray_rgba(self, rgba: &[u8; 256], gray: &mut [u8; 64]);
}

macro_rules! plain {
    ($name:ident, $bytes:literal) => {
        #[inline(always)]
        fn $name(self, pixels: &[u8; 64 * $bytes], gray: &mut [u8; 64]) {
            for (gray, pixel) in gray.iter_mut().zip(pixels.as_chunks::<$bytes>().0) {
                *gray = luma(pixel[0], pixel[1], pixel[2]);
            }
        }
    };
}

impl Gray for Portable {
    plain!(gray_rgb, 3);
    plain!(gray_rgba, 4);
}

macro_rules! gray {
    ($name:ident, $method:ident, $bytes:literal) => {
        #[inline(always)]
        pub(crate) fn $name<S: Gray>(simd: S, pixels: &[u8], gray: &mut [u8]) {
            let (blocks, rest) = pixels.as_chunks::<{ 64 * $bytes }>();
            let (grays, gray_rest) = gray.as_chunks_mut::<64>();
            for (pixels, gray) in blocks.iter().zip(grays) {
                simd.$method(pixels, gray);
            }
            if !rest.is_empty() {
                let (mut pixels, mut gray) = ([0; 64 * $bytes], [0; 64]);
                pixels[..rest.len()].copy_from_slice(rest);
                simd.$method(&pixels, &mut gray);
                gray_rest.copy_from_slice(&gray[..gray_rest.len()]);
            }
        }
    };
}
gray!(rgb_to_gray, gray_rgb, 3);
gray!(rgba_to_gray, gray_rgba, 4);
