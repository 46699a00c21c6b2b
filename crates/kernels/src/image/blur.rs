use super::{ImageError, check};
use crate::dispatch::dispatch;
use rayon::prelude::*;

/// The largest radius, pixels: 65 rows and columns have a part in each pixel. What has to be
/// blurred more is better made smaller first.
pub const MAX_RADIUS: usize = 32;

/// Weights are parts of `2^14`: a word that is not negative holds even the whole.
const ONE: f64 = 16_384.0;
/// From the sum of a column, in `2^-14`, to what the rows go on with, in `2^-6`: two of that fit
/// into a word that is not negative, since pixels at the same distance share a weight and are added
/// first.
pub(crate) const COLUMN_SHIFT: u32 = 8;
/// From the sum of a row, in `2^-20`, to pixels.
pub(crate) const ROW_SHIFT: u32 = 20;

/// What is `distance` before and behind `at`, or the first and the last of `len`.
#[inline(always)]
pub(crate) fn clamped(at: usize, distance: usize, len: usize) -> [usize; 2] {
    [at.saturating_sub(distance), (at + distance).min(len - 1)]
}

/// Gaussian blur of a given radius: what lies beyond an edge is as the pixel at the edge.
///
/// The weight of a distance `d` up to the radius is that of `exp(-d^2 / 2 sigma^2)`, scaled to a
/// sum of 1, rounded to a multiple of `2^-14`; the middle takes what is then missing from 1, so that
/// an even image stays as it is. The columns are summed first, and rounded to multiples of `2^-6`,
/// then the rows, and rounded to integers: both to nearest, halves up. All that is exact but for
/// the roundings, hence the bytes are the same at every level and on any number of threads. They
/// differ from the real Gaussian of this radius by less than `0.51 + radius / 32`: half from the
/// last rounding, the rest at worst from that of the weights.
///
/// ```
/// # use tidemill_kernels::image::Blur;
/// let (from, mut to) = ([0, 0, 0, 80, 160, 240, 0, 0, 0], [0; 9]); // three pixels side by side
/// Blur::new(1)?.rgb(&from, 3, 1, &mut to)?;
/// assert_eq!(to, [19, 38, 57, 42, 84, 125, 19, 38, 57]);
/// # Ok::<(), tidemill_kernels::image::ImageError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Blur {
    /// By distance, from 0 to the radius.
    weights: Vec<u16>,
    sigma: f64,
}

impl Blur {
    /// A blur that reaches `radius` pixels, with a standard deviation of `0.3 (radius - 1) + 0.8`
    /// pixels, as OpenCV's `getGaussianKernel` has it. A radius of 0 copies.
    ///
    /// # Errors
    /// When the radius is above [`MAX_RADIUS`].
    pub fn new(radius: usize) -> Result<Self, ImageError> {
        Self::with_sigma(radius, 0.3 * (radius as f64 - 1.0) + 0.8)
    }

    /// The same with a standard deviation of `sigma` pixels.
    ///
    /// # Errors
    /// When the radius is above [`MAX_RADIUS`], or `sigma` is not a positive number.
    pub fn with_sigma(radius: usize, sigma: f64) -> Result<Self, ImageError> {
        if radius > MAX_RADIUS {
            return Err(ImageError::Radius(radius));
        }
        if !(sigma > 0.0 && sigma.is_finite()) {
            return Err(ImageError::Sigma(sigma));
        }
        let gaussian = gaussian(radius, sigma);
        let mut weights: Vec<u16> =
            gaussian.iter().map(|weight| (weight * ONE).round() as u16).collect();
        let others: u16 = weights[1..].iter().sum();
        weights[0] = ONE as u16 - 2 * others;
        Ok(Self { weights, sigma })
    }

    /// How far it reaches, pixels.
    #[must_use]
    pub fn radius(&self) -> usize {
        self.weights.len() - 1
    }

    /// Blurs `from`, `width` x `height` pixels of red, green, blue, to `to`, on this thread.
    ///
    /// Takes about `2 radius` multiplications a byte. Needs no memory but 13 KiB of the stack
    /// (the scalar level: a row).
    ///
    /// # Errors
    /// When a slice does not have `3 * width * height` bytes; `to` is then as it was.
    pub fn rgb(
        &self,
        from: &[u8],
        width: usize,
        height: usize,
        to: &mut [u8],
    ) -> Result<(), ImageError> {
        check_both(from, width, height, to)?;
        if !to.is_empty() {
            self.rows(from, [width, height], 0, to);
        }
        Ok(())
    }

    /// [`Blur::rgb`] on all threads of the `rayon` pool of the caller, to the same bytes.
    ///
    /// # Errors
    /// As [`Blur::rgb`].
    pub fn rgb_parallel(
        &self,
        from: &[u8],
        width: usize,
        height: usize,
        to: &mut [u8],
    ) -> Result<(), ImageError> {
        check_both(from, width, height, to)?;
        if to.is_empty() {
            return Ok(());
        }
        // Some pieces for each thread, so that one that is held up does not hold up all.
        let rows = height.div_ceil(8 * rayon::current_num_threads());
        to.par_chunks_mut(rows * width * 3).enumerate().for_each(|(piece, to)| {
            self.rows(from, [width, height], piece * rows, to);
        });
        Ok(())
    }

    /// What blurring means, in two dimensions at once and in `f64`: `(2 radius + 1)^2`
    /// multiplications a byte. To compare with.
    ///
    /// # Errors
    /// As [`Blur::rgb`].
    pub fn rgb_naive(
        &self,
        from: &[u8],
        width: usize,
        height: usize,
        to: &mut [u8],
    ) -> Result<(), ImageError> {
        check_both(from, width, height, to)?;
        let radius = self.radius();
        let weights = gaussian(radius, self.sigma);
        for (at, to) in to.iter_mut().enumerate() {
            let (x, y, channel) = (at / 3 % width, at / 3 / width, at % 3);
            let mut sum = 0.0;
            for j in 0..=2 * radius {
                let row = (y + j).saturating_sub(radius).min(height - 1) * width;
                for i in 0..=2 * radius {
                    let column = (x + i).saturating_sub(radius).min(width - 1);
                    let weight = weights[j.abs_diff(radius)] * weights[i.abs_diff(radius)];
                    sum += weight * f64::from(from[(row + column) * 3 + channel]);
                }
            }
            *to = sum.round() as u8;
        }
        Ok(())
    }

    /// Rows `first_row..`, as many as `to` has.
    fn rows(&self, from: &[u8], shape: [usize; 2], first_row: usize, to: &mut [u8]) {
        let weights = &self.weights[..];
        if self.radius() == 0 {
            return to.copy_from_slice(&from[first_row * shape[0] * 3..][..to.len()]);
        }
        dispatch!(image::blur_rgb(
            from: &[u8],
            shape: [usize; 2],
            weights: &[u16],
            first_row: usize,
            to: &mut [u8],
        ));
    }
}

/// The real weights of the distances 0 to `radius`.
fn gaussian(radius: usize, sigma: f64) -> Vec<f64> {
    let exponent = |distance: usize| (distance as f64 / sigma).powi(2) / -2.0;
    let weights: Vec<f64> = (0..=radius).map(|distance| exponent(distance).exp()).collect();
    let sum = 2.0 * weights.iter().sum::<f64>() - weights[0];
    weights.iter().map(|weight| weight / sum).collect()
}

fn check_both(from: &[u8], width: usize, height: usize, to: &[u8]) -> Result<(), ImageError> {
    let bytes = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(3));
    check("from", from.len(), bytes)?;
    check("to", to.len(), bytes)
}
