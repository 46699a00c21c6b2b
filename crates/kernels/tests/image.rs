//! The battery of `image`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use tidemill_kernels::Isa;
use tidemill_kernels::image::{Blur, ImageError, MAX_RADIUS, rgb_to_gray, rgba_to_gray};

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut random = random(seed);
    (0..len).map(|_| random() as u8).collect()
}

/// The real luma, rounded: `f64` is exact enough to tell it from halves.
fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(f64::from);
    let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
    // What is a half but for the roundings of `f64` is one.
    (luma + 0.5 + 1e-9).floor() as u8
}

type Convert = fn(&[u8], &mut [u8]) -> Result<(), ImageError>;
const CONVERSIONS: [(Convert, usize); 2] = [(rgb_to_gray, 3), (rgba_to_gray, 4)];

/// Both conversions of `pixels`, into memory that ends or begins at an unreadable page.
fn check_gray(from: &[u8], convert: Convert, bytes: usize, out: &mut Fenced<u8>, at_end: bool) {
    let expected: Vec<u8> = from.chunks(bytes).map(luma).collect();
    each_isa(|isa| {
        let gray = out.copy(&vec![77; expected.len()], at_end);
        convert(from, gray).unwrap();
        assert_eq!(gray, expected, "{isa:?}, {} pixels of {bytes}", expected.len());
    });
}

#[test]
fn every_number_of_pixels_up_to_an_unreadable_page() {
    let (mut from, mut out) = (Fenced::new(1200), Fenced::new(300));
    for len in 0..=300 {
        for (convert, size) in CONVERSIONS {
            for at_end in [true, false] {
                let from = from.copy(&bytes(len * size, len as u64), at_end);
                check_gray(from, convert, size, &mut out, at_end);
            }
        }
    }
}

#[test]
fn every_alignment() {
    let (from, mut out) = (bytes(800, 1), Fenced::new(300));
    for start in 0..64 {
        for (convert, size) in CONVERSIONS {
            check_gray(&from[start..start + size * 150], convert, size, &mut out, start % 2 == 0);
        }
    }
}

#[test]
fn every_colour() {
    // Green and blue of a whole plane for each red, so that memory stays small.
    let mut plane = Vec::new();
    for green in 0..=255 {
        for blue in 0..=255 {
            plane.extend([0, green, blue]);
        }
    }
    let mut gray = vec![0; 1 << 16];
    for red in 0..=255 {
        plane.chunks_mut(3).for_each(|pixel| pixel[0] = red);
        let expected: Vec<u8> = plane.chunks(3).map(luma).collect();
        each_isa(|isa| {
            rgb_to_gray(&plane, &mut gray).unwrap();
            assert!(gray == expected, "{isa:?}: red of {red}");
        });
    }
}

#[test]
fn every_shade_of_rgba() {
    let from: Vec<u8> = (0..=255).flat_map(|x: u8| [x, x ^ 0x55, !x, x.rotate_left(3)]).collect();
    check_gray(&from, rgba_to_gray, 4, &mut Fenced::new(256), true);
}

/// Blurs at all levels, into memory that ends or begins at an unreadable page: the scalar level is
/// what the others are compared with, and it with the blur in two dimensions if `real`.
fn check_blur(
    from: &[u8],
    [width, height]: [usize; 2],
    blur: &Blur,
    real: bool,
    out: &mut Fenced<u8>,
) {
    let mut expected = vec![0; from.len()];
    each_isa(|isa| {
        if isa == Isa::Scalar {
            blur.rgb(from, width, height, &mut expected).unwrap();
        }
        for at_end in [true, false] {
            let to = out.copy(&vec![77; from.len()], at_end);
            blur.rgb(from, width, height, to).unwrap();
            assert!(to == expected, "{isa:?}, {width} x {height}, {blur:?}");
            let to = out.copy(&vec![77; from.len()], at_end);
            blur.rgb_parallel(from, width, height, to).unwrap();
            assert!(to == expected, "{isa:?}, {width} x {height}, {blur:?}, parallel");
        }
    });
    if real {
        let mut naive = vec![0; from.len()];
        blur.rgb_naive(from, width, height, &mut naive).unwrap();
        let worst = naive.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(1), "{width} x {height}, {blur:?}: off by {worst:?}");
    }
}

#[test]
fn every_width() {
    let (mut memory, mut out) = (Fenced::new(3 * 100 * 9), Fenced::new(3 * 100 * 9));
    for width in 0..=100 {
        for height in [0, 1, 2, 9] {
            let len = 3 * width * height;
            let blur = Blur::new(1 + width % 9).unwrap();
            memory.at_both_ends(&bytes(len, len as u64), |from| {
                check_blur(from, [width, height], &blur, width % 10 == 1, &mut out);
            });
        }
    }
}

#[test]
fn every_radius() {
    let mut out = Fenced::new(3 * 50 * 40);
    for radius in 0..=MAX_RADIUS {
        for [width, height] in [[50, 40], [1, 3], [12, 1], [11, 70]] {
            let from = bytes(3 * width * height, radius as u64);
            let blur = Blur::new(radius).unwrap();
            check_blur(&from, [width, height], &blur, radius % 4 == 3, &mut out);
        }
    }
}

#[test]
fn rows_longer_than_a_strip() {
    for width in [2047, 2048, 2049, 2060, 4096, 4099] {
        let from = bytes(3 * width * 3, 5);
        check_blur(&from, [width, 3], &Blur::new(7).unwrap(), false, &mut Fenced::new(from.len()));
    }
}

#[test]
fn the_brightest_image_stays_as_it_is() {
    let from = [255; 3 * 40 * 40];
    for radius in 0..=MAX_RADIUS {
        for sigma in [1e-300, 0.3, 3.0, 1e300] {
            let blur = Blur::with_sigma(radius, sigma).unwrap();
            let mut to = [0; 3 * 40 * 40];
            each_isa(|isa| {
                blur.rgb(&from, 40, 40, &mut to).unwrap();
                assert!(to == from, "{isa:?} {blur:?}");
            });
        }
    }
}

#[test]
fn what_cannot_be_is_an_error() {
    let gray = |bytes, pixels| rgb_to_gray(&vec![0; bytes], &mut vec![0; pixels]);
    let length = |slice, bytes, expected| Err(ImageError::Length { slice, bytes, expected });
    assert_eq!(gray(7, 2), length("rgb", 7, Some(6)));
    assert_eq!(rgba_to_gray(&[0; 6], &mut [0; 2]), length("rgba", 6, Some(8)));
    let blur = Blur::new(2).unwrap();
    assert_eq!(blur.rgb(&[0; 5], 2, 1, &mut [0; 6]), length("from", 5, Some(6)));
    assert_eq!(blur.rgb(&[0; 6], 2, 1, &mut [0; 7]), length("to", 7, Some(6)));
    assert_eq!(blur.rgb_parallel(&[], usize::MAX, 2, &mut []), length("from", 0, None));
    assert_eq!(blur.rgb_naive(&[], usize::MAX, 1, &mut []), length("from", 0, None));
    assert_eq!(Blur::new(MAX_RADIUS + 1), Err(ImageError::Radius(MAX_RADIUS + 1)));
    for sigma in [0.0, -1.0, f64::INFINITY] {
        assert_eq!(Blur::with_sigma(1, sigma), Err(ImageError::Sigma(sigma)));
    }
    assert!(Blur::with_sigma(1, f64::NAN).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_image(
        width in 1usize..60,
        height in 1usize..30,
        radius in 0..=MAX_RADIUS,
        sigma in 0.01f64..40.0,
        seed: u64,
    ) {
        let from = bytes(3 * width * height, seed);
        let blur = Blur::with_sigma(radius, sigma).unwrap();
        check_blur(&from, [width, height], &blur, false, &mut Fenced::new(from.len()));
    }
}
