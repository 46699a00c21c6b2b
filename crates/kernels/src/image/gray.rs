use super::{ImageError, check};
use crate::dispatch::dispatch;

/// Thousandths of red in luma: the weights of ITU-R BT.601.
pub(crate) const RED: u32 = 299;
/// Thousandths of green.
pub(crate) const GREEN: u32 = 587;
/// Thousandths of blue.
pub(crate) const BLUE: u32 = 114;
/// What rounds to nearest.
pub(crate) const HALF: u32 = 500;

/// The luma of a pixel.
#[inline(always)]
pub(crate) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let thousandths = RED * u32::from(red) + GREEN * u32::from(green) + BLUE * u32::from(blue);
    ((thousandths + HALF) / 1000) as u8
}

/// The luma of each pixel of red, green, blue: `(299 R + 587 G + 114 B + 500) / 1000`, which is
/// 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) rounded to the nearest integer, halves up, exactly,
/// for every colour.
///
/// ```
/// # use tidemill_kernels::image;
/// let mut gray = [0; 2];
/// image::rgb_to_gray(&[255, 255, 255, 255, 0, 0], &mut gray)?;
/// assert_eq!(gray, [255, 76]);
/// # Ok::<(), image::ImageError>(())
/// ```
///
/// # Errors
/// When `rgb` is not three times as long as `gray`; `gray` is then as it was.
pub fn rgb_to_gray(rgb: &[u8], gray: &mut [u8]) -> Result<(), ImageError> {
    check("rgb", rgb.len(), gray.len().checked_mul(3))?;
    dispatch!(image::rgb_to_gray(rgb: &[u8], gray: &mut [u8]));
    Ok(())
}

/// [`rgb_to_gray`] for pixels of red, green, blue and a fourth byte, which does not count.
///
/// # Errors
/// When `rgba` is not four times as long as `gray`; `gray` is then as it was.
pub fn rgba_to_gray(rgba: &[u8], gray: &mut [u8]) -> Result<(), ImageError> {
    check("rgba", rgba.len(), gray.len().checked_mul(4))?;
    dispatch!(image::rgba_to_gray(rgba: &[u8], gray: &mut [u8]));
    Ok(())
}
