//! Gray and Gaussian blur beside `image`, `imageproc`, `libblur`, and a copy.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use image::imageops::{self, GaussianBlurParameters};
use libblur::{BlurImage, BlurImageMut, ConvolutionMode, EdgeMode, EdgeMode2D, FastBlurChannels};
use libblur::{GaussianBlurParams, ThreadingPolicy};
use std::cell::RefCell;
use tidemill_ground::{Strategy, Work, compare, random, size};
use tidemill_kernels::Isa;
use tidemill_kernels::image::{Blur, rgb_to_gray, rgba_to_gray};

const RADIUS: usize = 7;
/// Of the blurs but that of `imageproc`, whose radius is twice the standard deviation.
const SIGMA: f64 = 2.6;

fn main() {
    // 12 million pixels, and so few that they stay in the second-level cache.
    for [width, height] in [[size(4000, 67), size(3000, 50)], [size(500, 31), size(300, 20)]] {
        gray(width, height);
        gray_of_rgba(width, height);
        blur(width, height);
    }
    naive(size(1000, 40), size(1000, 30));
}

/// Waves with some noise.
fn picture(width: usize, height: usize, channels: usize) -> Vec<u8> {
    let mut random = random(1);
    let mut pixels = Vec::with_capacity(width * height * channels);
    for y in 0..height {
        for x in 0..width * channels {
            let wave = 100.0 + 60.0 * ((x as f64) / 50.0).sin() + 50.0 * ((y as f64) / 9.0).cos();
            pixels.push(wave as u8 + (random() % 40) as u8);
        }
    }
    pixels
}

/// The strategies of a case. Each one's answer is looked at the first time: may it be off from
/// `expected` by `tolerance`?
struct Case<'a> {
    expected: Vec<u8>,
    out: &'a RefCell<Vec<u8>>,
    strategies: Vec<Strategy<'a>>,
}

impl<'a> Case<'a> {
    fn add(&mut self, name: &'a str, tolerance: u8, mut run: impl FnMut(&mut Vec<u8>) + 'a) {
        let (out, expected) = (self.out, self.expected.clone());
        let mut checked = false;
        self.strategies.push((
            name,
            Box::new(move || {
                let out = &mut *out.borrow_mut();
                run(out);
                if !checked {
                    checked = true;
                    assert_eq!(out.len(), expected.len());
                    let worst = out.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
                    assert!(worst <= Some(tolerance), "{name} is off by {worst:?}");
                }
                1
            }),
        ));
    }

    fn levels(&mut self, run: impl Fn(&mut [u8]) + Copy + 'a) {
        for (isa, name) in [
            (Isa::Scalar, "tidemill, scalar"),
            (Isa::Portable, "tidemill, portable"),
            (Isa::Avx2, "tidemill, AVX2 (256 bits)"),
            (Isa::Avx512, "tidemill, AVX-512 (512 bits)"),
        ] {
            if isa.is_available() {
                self.add(name, 0, move |out| {
                    isa.force().unwrap();
                    run(out);
                });
            }
        }
    }
}

fn gray(width: usize, height: usize) {
    let rgb = &picture(width, height, 3);
    let out = RefCell::new(vec![0; width * height]);
    let mut expected = vec![0; width * height];
    rgb_to_gray(rgb, &mut expected).unwrap();
    let mut case = Case { expected, out: &out, strategies: Vec::new() };
    // As in Chapter 50, but for its `as u8`, which rounds down.
    case.add("f32", 1, |out| {
        for (gray, pixel) in out.iter_mut().zip(rgb.chunks_exact(3)) {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
            *gray = (0.299 * r + 0.587 * g + 0.114 * b).round() as u8;
        }
    });
    let image = image::RgbImage::from_raw(width as u32, height as u32, rgb.clone()).unwrap();
    // It has other weights, those of BT.709.
    case.add("image, grayscale", 40, move |out| *out = imageops::grayscale(&image).into_raw());
    case.levels(|out| rgb_to_gray(rgb, out).unwrap());
    case.add("copy of the gray bytes", 255, |out| out.copy_from_slice(&rgb[..width * height]));
    let work = Work::Bytes((4 * width * height) as u64);
    compare(&format!("gray of {width} x {height} RGB"), work, &mut case.strategies);
}

fn gray_of_rgba(width: usize, height: usize) {
    let rgba = &picture(width, height, 4);
    let out = RefCell::new(vec![0; width * height]);
    let mut expected = vec![0; width * height];
    rgba_to_gray(rgba, &mut expected).unwrap();
    let mut case = Case { expected, out: &out, strategies: Vec::new() };
    case.levels(|out| rgba_to_gray(rgba, out).unwrap());
    let work = Work::Bytes((5 * width * height) as u64);
    compare(&format!("gray of {width} x {height} RGBA"), work, &mut case.strategies);
}

fn blur(width: usize, height: usize) {
    let rgb = &picture(width, height, 3);
    let out = RefCell::new(vec![0; rgb.len()]);
    let blur = &Blur::with_sigma(RADIUS, SIGMA).unwrap();
    let image = image::RgbImage::from_raw(width as u32, height as u32, rgb.clone()).unwrap();
    let image = &image;
    let mut expected = vec![0; rgb.len()];
    blur.rgb(rgb, width, height, &mut expected).unwrap();
    let mut case = Case { expected, out: &out, strategies: Vec::new() };
    for (name, mode, threads, tolerance) in [
        ("libblur, exact", ConvolutionMode::Exact, ThreadingPolicy::Single, 1),
        ("libblur, fixed point", ConvolutionMode::FixedPoint, ThreadingPolicy::Single, 3),
        ("libblur, all threads", ConvolutionMode::FixedPoint, ThreadingPolicy::Adaptive, 3),
    ] {
        case.add(name, tolerance, move |out| {
            by_libblur(rgb, [width, height], out, mode, threads);
        });
    }
    case.add("image, blur of 15", 1, move |out| {
        let parameters = GaussianBlurParameters::new_from_kernel_size(15.0);
        *out = imageops::blur_advanced(image, parameters).into_raw();
    });
    case.add("image, fast_blur", 30, move |out| {
        *out = imageops::fast_blur(image, SIGMA as f32).into_raw();
    });
    // The same 15 taps; more weight at the ends.
    case.add("imageproc, gaussian_blur_f32", 30, move |out| {
        *out = imageproc::filter::gaussian_blur_f32(image, RADIUS as f32 / 2.0).into_raw();
    });
    case.levels(|out| blur.rgb(rgb, width, height, out).unwrap());
    case.add("tidemill, all threads", 0, |out| blur.rgb_parallel(rgb, width, height, out).unwrap());
    let case_name = format!("blur of {width} x {height} RGB, radius {RADIUS}");
    compare(&case_name, Work::Items((width * height) as u64), &mut case.strategies);
}

fn by_libblur(
    rgb: &[u8],
    [width, height]: [usize; 2],
    out: &mut [u8],
    mode: ConvolutionMode,
    threads: ThreadingPolicy,
) {
    let channels = FastBlurChannels::Channels3;
    let from = BlurImage::borrow(rgb, width as u32, height as u32, channels);
    let mut to = BlurImageMut::borrow(out, width as u32, height as u32, channels);
    let parameters = GaussianBlurParams::new(2 * RADIUS as u32 + 1, SIGMA);
    let edges = EdgeMode2D::new(EdgeMode::Clamp);
    libblur::gaussian_blur(&from, &mut to, parameters, edges, threads, mode).unwrap();
}

/// Beside two dimensions at once, which take too long for millions of pixels.
fn naive(width: usize, height: usize) {
    let rgb = &picture(width, height, 3);
    let out = RefCell::new(vec![0; rgb.len()]);
    let blur = &Blur::with_sigma(RADIUS, SIGMA).unwrap();
    let mut expected = vec![0; rgb.len()];
    blur.rgb(rgb, width, height, &mut expected).unwrap();
    let mut case = Case { expected, out: &out, strategies: Vec::new() };
    case.add("two dimensions at once, f64", 1, |out| {
        blur.rgb_naive(rgb, width, height, out).unwrap();
    });
    case.levels(|out| blur.rgb(rgb, width, height, out).unwrap());
    case.add("tidemill, all threads", 0, |out| blur.rgb_parallel(rgb, width, height, out).unwrap());
    let case_name = format!("naive blur of {width} x {height} RGB, radius {RADIUS}");
    compare(&case_name, Work::Items((width * height) as u64), &mut case.strategies);
}
