//! Colours to gray, and convolution with a Gaussian: columns first, then rows.

mod blur;
mod gray;

pub(crate) use blur::{Convolve, blur_rgb};
pub(crate) use gray::{Gray, rgb_to_gray, rgba_to_gray};
