//! `bitpack` beside `fastlanes` 0.7, whose code the compiler vectorises: for SSE2, unless it is
//! built with `RUSTFLAGS=-Ctarget-cpu=native`, which gives its other column.

mod levels;

use fastlanes::{BitPacking, BitPackingCompare, Delta, FastLanes, FoR, Transpose};
use levels::{boxed, levels};
use std::cell::RefCell;
use std::hint::black_box;
use tidemill_ground::{Work, compare, random};
use tidemill_kernels::bitpack::{VALUES, pack, unpack, unpack_compare, unpack_delta, unpack_sum};
use tidemill_kernels::elementwise::{Comparison, compare_u64};

/// The bits of a value; their number is a constant for `fastlanes`.
const WIDTH: usize = 7;
const WORDS: usize = VALUES * WIDTH / 64;
/// At 7 bits, 224 KiB: in the second-level cache.
const VECTORS: usize = 256;

/// As the buffers of the engine are.
#[repr(align(64))]
struct Aligned([u64; VALUES]);

type Vector = [u64; VALUES];

fn vectors() -> Vec<Vector> {
    let mut random = random(1);
    (0..VECTORS).map(|_| std::array::from_fn(|_| random() >> (64 - WIDTH))).collect()
}

/// Packed by this crate, one vector behind the other.
fn packed(vectors: &[Vector]) -> Vec<u8> {
    let mut bytes = Vec::new();
    vectors.iter().for_each(|values| pack(values, WIDTH as u32, &mut bytes));
    bytes
}

/// Packed by `fastlanes`.
fn fast_packed(vectors: &[Vector]) -> Vec<[u64; WORDS]> {
    let pack = |values: &Vector| {
        let mut packed = [0; WORDS];
        <u64 as BitPacking>::pack::<WIDTH, WORDS>(values, &mut packed);
        packed
    };
    vectors.iter().map(pack).collect()
}

/// The sum of a vector, in the lanes of the layout, without writing the values anywhere.
#[inline(never)]
fn fast_sum(packed: &[u64; WORDS]) -> u64 {
    let mut sums = [0; u64::LANES];
    for (lane, sum) in sums.iter_mut().enumerate() {
        fastlanes::unpack!(u64, WIDTH, packed, lane, |$index, $value| {
            let _ = $index;
            *sum += $value;
        });
    }
    sums.iter().sum()
}

fn sums(vectors: &[Vector]) {
    let (bytes, fast) = (packed(vectors), fast_packed(vectors));
    let (bytes, fast) = (&bytes[..], &fast[..]);
    let out = RefCell::new(Aligned([0; VALUES]));
    let out = &out;
    let mut strategies = vec![
        boxed("fastlanes, unpack, then sum", move || {
            let mut out = out.borrow_mut();
            let mut sum = 0;
            for packed in black_box(fast) {
                u64::unpack::<WIDTH, WORDS>(packed, &mut out.0);
                sum += out.0.iter().sum::<u64>();
            }
            sum
        }),
        boxed("fastlanes, unpack! and sum in one loop", move || {
            black_box(fast).iter().map(fast_sum).sum()
        }),
    ];
    strategies.extend(levels(|| {
        move || {
            let vectors = black_box(bytes).chunks_exact(128 * WIDTH);
            vectors.map(|packed| unpack_sum(packed, WIDTH as u32) as u64).sum()
        }
    }));
    compare(
        "decode and sum, 7 bits, second-level cache",
        Work::Items((VECTORS * VALUES) as u64),
        &mut strategies,
    );
}

fn values(vectors: &[Vector]) {
    let (bytes, fast) = (packed(vectors), fast_packed(vectors));
    let (bytes, fast) = (&bytes[..], &fast[..]);
    let out = RefCell::new(Aligned([0; VALUES]));
    let out = &out;
    let mut strategies = vec![boxed("fastlanes, unfor_pack", move || {
        let mut out = out.borrow_mut();
        let mut hash = 0;
        for packed in black_box(fast) {
            u64::unfor_pack::<WIDTH, WORDS>(packed, 1000, &mut out.0);
            hash ^= out.0[99];
        }
        hash
    })];
    strategies.extend(levels(|| {
        move || {
            let mut out = out.borrow_mut();
            let mut hash = 0;
            for packed in black_box(bytes).chunks_exact(128 * WIDTH) {
                unpack(packed, WIDTH as u32, 1000, &mut out.0);
                hash ^= out.0[99];
            }
            hash
        }
    }));
    compare(
        "decode with a frame of reference, 7 bits",
        Work::Items((VECTORS * VALUES) as u64),
        &mut strategies,
    );
}

fn deltas(vectors: &[Vector]) {
    // Running sums that begin with the first value, which `fastlanes` takes lane by lane.
    let bytes = packed(vectors);
    let bytes = &bytes[..];
    let transposed: Vec<([u64; WORDS], [u64; 16])> = vectors
        .iter()
        .map(|deltas| {
            let mut values = *deltas;
            values[0] = 5;
            (1..VALUES).for_each(|index| values[index] += values[index - 1]);
            let (mut lanes, mut fast_deltas, mut packed) = ([0; VALUES], [0; VALUES], [0; WORDS]);
            u64::transpose(&values, &mut lanes);
            // A lane goes on where the one before ends; its first delta is packed like others.
            let base: [u64; 16] = std::array::from_fn(|lane| lanes[lane]);
            u64::delta::<16>(&lanes, &base, &mut fast_deltas);
            u64::pack::<WIDTH, WORDS>(&fast_deltas, &mut packed);
            (packed, base)
        })
        .collect();
    let transposed = &transposed[..];
    let out = RefCell::new((Aligned([0; VALUES]), Aligned([0; VALUES])));
    let out = &out;
    let mut strategies = vec![boxed("fastlanes, undelta_pack and untranspose", move || {
        let mut out = out.borrow_mut();
        let (lanes, values) = &mut *out;
        let mut hash = 0;
        for (packed, base) in black_box(transposed) {
            u64::undelta_pack::<16, WIDTH, WORDS>(packed, base, &mut lanes.0);
            u64::untranspose(&lanes.0, &mut values.0);
            hash ^= values.0[1000];
        }
        hash
    })];
    strategies.extend(levels(|| {
        move || {
            let mut out = out.borrow_mut();
            let mut hash = 0;
            for packed in black_box(bytes).chunks_exact(128 * WIDTH) {
                unpack_delta(packed, WIDTH as u32, 0, 5, &mut out.0.0);
                hash ^= out.0.0[1000];
            }
            hash
        }
    }));
    compare(
        "decode deltas, 7 bits, in natural order",
        Work::Items((VECTORS * VALUES) as u64),
        &mut strategies,
    );
}

fn comparisons(vectors: &[Vector]) {
    let (bytes, fast) = (packed(vectors), fast_packed(vectors));
    let (bytes, fast) = (&bytes[..], &fast[..]);
    let ones = |mask: &[u64; 16]| mask.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
    let out = RefCell::new(Aligned([0; VALUES]));
    let out = &out;
    let mut strategies = vec![
        boxed("fastlanes, unpack_cmp (bits in order of lanes)", move || {
            let mut count = 0;
            for packed in black_box(fast) {
                let mut mask = [0; 16];
                u64::unpack_cmp::<WIDTH, WORDS, u64, _>(packed, &mut mask, |a, b| a < b, 40);
                count += ones(&mask);
            }
            count
        }),
        boxed("fastlanes, unpack_cmp and transpose_bits", move || {
            let mut count = 0;
            for packed in black_box(fast) {
                let (mut lanes, mut mask) = ([0; 16], [0; 16]);
                u64::unpack_cmp::<WIDTH, WORDS, u64, _>(packed, &mut lanes, |a, b| a < b, 40);
                fastlanes::transpose_bits::<u64>(&lanes, &mut mask);
                count += ones(&mask);
            }
            count
        }),
        boxed("tidemill, best level, unpack, then compare_u64", move || {
            levels::best();
            let mut out = out.borrow_mut();
            let mut count = 0;
            for packed in black_box(bytes).chunks_exact(128 * WIDTH) {
                let mut mask = [0; 16];
                unpack(packed, WIDTH as u32, 0, &mut out.0);
                compare_u64(&out.0, Comparison::Lt, 40, &mut mask);
                count += ones(&mask);
            }
            count
        }),
    ];
    strategies.extend(levels(|| {
        move || {
            let mut count = 0;
            for packed in black_box(bytes).chunks_exact(128 * WIDTH) {
                let mut mask = [0; 16];
                unpack_compare(packed, WIDTH as u32, Comparison::Lt, 40, &mut mask);
                count += ones(&mask);
            }
            count
        }
    }));
    compare(
        "compare packed values, 7 bits",
        Work::Items((VECTORS * VALUES) as u64),
        &mut strategies,
    );
}

fn main() {
    let vectors = vectors();
    sums(&vectors);
    values(&vectors);
    deltas(&vectors);
    comparisons(&vectors);
}
