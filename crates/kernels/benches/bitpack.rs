//! `bitpack` at all levels, in the first-level cache. `GB/s` counts the unpacked values.

mod common;

use common::{Case, compare, criterion, random};
use std::hint::black_box;
use tidemill_kernels::bitpack::{VALUES, pack, unpack, unpack_delta, unpack_min_max, unpack_sum};

/// A store that crosses a cache line costs two; buffers of the engine are aligned.
#[repr(align(64))]
struct Aligned([u64; VALUES]);

fn main() {
    let mut criterion = criterion();
    for width in [1, 7, 12, 20, 33, 51, 64] {
        let mut random = random(1);
        let values: [u64; VALUES] = std::array::from_fn(|_| random() >> (64 - width));
        let mut packed = Vec::new();
        pack(&values, width, &mut packed);
        let Aligned(out) = &mut Aligned([0; VALUES]);
        let packed = packed.as_slice();
        let mut compare = |name: &str, run: &mut dyn FnMut() -> u64| {
            let name = format!("{name} {width} bits");
            let case = Case { name: &name, values: VALUES, bytes: 8 * VALUES };
            compare(&mut criterion, case, run, &mut []);
        };
        let mut buffer = Vec::with_capacity(8 * VALUES);
        compare("pack", &mut || {
            buffer.clear();
            pack(black_box(&values), width, &mut buffer);
            u64::from(buffer[100])
        });
        compare("unpack", &mut || {
            unpack(black_box(packed), width, 3, out);
            out[1000]
        });
        compare("unpack_delta", &mut || {
            unpack_delta(black_box(packed), width, 3, 4, out);
            out[1023]
        });
        compare("unpack_sum", &mut || unpack_sum(black_box(packed), width) as u64);
        compare("unpack_min_max", &mut || {
            let (min, max) = unpack_min_max(black_box(packed), width);
            min ^ max
        });
    }
    criterion.final_summary();
}
