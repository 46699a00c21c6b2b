use crate::image::{COLUMN_SHIFT, ROW_SHIFT, clamped, luma};

pub(crate) fn rgb_to_gray(rgb: &[u8], gray: &mut [u8]) {
    for (gray, pixel) in gray.iter_mut().zip(rgb.as_chunks::<3>().0) {
        *gray = luma(pixel[0], pixel[1], pixel[2]);
    }
}

pub(crate) fn rgba_to_gray(rgba: &[u8], gray: &mut [u8]) {
    for (gray, pixel) in gray.iter_mut().zip(rgba.as_chunks::<4>().0) {
        *gray = luma(pixel[0], pixel[1], pixel[2]);
    }
}

/// The sums of `value(distance)` by their weights, both sides of each distance, rounded.
fn weighted(weights: &[u16], shift: u32, value: impl Fn(usize) -> [u32; 2]) -> u32 {
    let mut sum = 1 << (shift - 1);
    for (distance, weight) in weights.iter().enumerate() {
        let [before, behind] = value(distance);
        let both = if distance == 0 { before } else { before + behind };
        sum += both * u32::from(*weight);
    }
    sum >> shift
}

pub(crate) fn blur_rgb(
    from: &[u8],
    [width, height]: [usize; 2],
    weights: &[u16],
    first_row: usize,
    to: &mut [u8],
) {
    let mut line = vec![0; width * 3];
    for (y, to) in (first_row..).zip(to.chunks_exact_mut(width * 3)) {
        for (at, sum) in line.iter_mut().enumerate() {
            *sum = weighted(weights, COLUMN_SHIFT, |distance| {
                clamped(y, distance, height).map(|y| from[y * width * 3 + at].into())
            });
        }
        for (at, to) in to.iter_mut().enumerate() {
            let (x, channel) = (at / 3, at % 3);
            *to = weighted(weights, ROW_SHIFT, |distance| {
                clamped(x, distance, width).map(|x| line[x * 3 + channel])
            }) as u8;
        }
    }
}
