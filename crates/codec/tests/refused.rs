//! Every request for memory refused in turn, while columns are encoded and decoded: an error, and nothing
//! lost. No harness: its threads would allocate meanwhile.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::alloc::System;

use common::{Random, float_shapes, int_shapes};
use gauge_probe::{Counters, Failing, Observed, Refusing, refuse_each};
use tidemill_codec::{
    Compression, Encoder, Error, TextScratch, TimeHeader, bits, floats, ints, texts, times,
};
use tidemill_model::{Bitmap, Text};

#[global_allocator]
static ALLOCATOR: Observed<Failing<System>, Counters> =
    Observed::with(Failing::new(System), Counters);

/// On either side of a vector's end; a whole block would only take longer.
const ROWS: [usize; 6] = [0, 1, 3, 300, 1025, 3000];

fn main() {
    let mut total = [0; 5];
    for rows in ROWS {
        for (name, values) in int_shapes(rows, 7) {
            total[0] += check(
                name,
                |encoder, out| encoder.try_ints(&values, out),
                |bytes, out: &mut Vec<i64>| ints(bytes, rows)?.decode(0..rows, out),
                |out| *out == values,
            );
            total[0] += check(
                name,
                |encoder, out| small(encoder).try_ints(&values, out),
                |bytes, out: &mut Vec<i64>| ints(bytes, rows)?.decode(0..rows, out),
                |out| *out == values,
            );
            // Runs of one series each, ascending or not.
            let starts: Vec<u32> = (0..rows as u32).step_by(1 + rows / 3).collect();
            total[1] += check(
                name,
                |encoder, out| encoder.try_times(&values, &starts, out),
                |bytes, out: &mut (TimeHeader, Vec<i64>)| {
                    out.1.clear();
                    times(bytes, rows, &starts, &mut out.0)?.decode(0..rows, &mut out.1)
                },
                |out| out.1 == values,
            );
        }
        for (name, values) in float_shapes(rows, 7) {
            let same = |out: &Vec<f64>| {
                out.iter().map(|value| value.to_bits()).eq(values.iter().map(|v| v.to_bits()))
            };
            total[2] += check(
                name,
                |encoder, out| encoder.try_floats(&values, out),
                |bytes, out: &mut Vec<f64>| floats(bytes, rows)?.decode(0..rows, out),
                same,
            );
        }
        for one_in in [1, 2, 50, 5000] {
            let mut random = Random(3);
            let values: Vec<bool> = (0..rows).map(|_| random.below(one_in) == 0).collect();
            total[3] += check(
                "booleans",
                |encoder, out| encoder.try_bools(&values, out),
                |bytes, out: &mut Vec<bool>| bits(bytes, rows)?.decode(0..rows, out),
                |out| *out == values,
            );
            let mut bitmap = Bitmap::default();
            values.iter().for_each(|value| bitmap.push(*value));
            total[3] += check(
                "validity",
                |encoder, out| encoder.try_validity(&bitmap, out),
                |bytes, out: &mut Bitmap| {
                    *out = bits(bytes, rows)?.decode_bitmap()?;
                    Ok(())
                },
                |out| *out == bitmap,
            );
        }
        for distinct in [1, 20, 1 << 40] {
            let mut random = Random(5);
            let values: Vec<String> =
                (0..rows).map(|_| format!("host_{:03}", random.below(distinct))).collect();
            total[4] += check(
                "texts",
                |encoder, out| encoder.try_texts(rows, |row| &values[row], out),
                |bytes, out: &mut (TextScratch, Text)| {
                    out.1.clear();
                    texts(bytes, rows, &mut out.0)?.decode(0..rows, &mut out.1)
                },
                |out| out.1.iter().eq(values.iter()),
            );
        }
    }
    for (name, total) in ["ints", "times", "floats", "bits", "texts"].iter().zip(total) {
        println!("{name}: {total} refusals");
        assert!(total > 100, "{name}: {total} refusals only");
    }
}

fn small(encoder: &mut Encoder) -> &mut Encoder {
    encoder.set_compression(Compression::Small);
    encoder
}

/// Encodes and decodes with every request refused, once and for ever. Says how many were.
fn check<O: Default>(
    name: &str,
    encode: impl Fn(&mut Encoder, &mut Vec<u8>) -> Result<(), Error>,
    decode: impl Fn(&[u8], &mut O) -> Result<(), Error>,
    is_right: impl Fn(&O) -> bool,
) -> u64 {
    let mut wanted = b"before".to_vec();
    encode(&mut Encoder::new(), &mut wanted).unwrap();
    // A kernel that is called for the first time is put on a list, which stays.
    decode(&wanted[6..], &mut O::default()).unwrap();
    let encoding = |gate: &mut Refusing| {
        let (mut encoder, mut out) = (Encoder::new(), b"before".to_vec());
        // Refused again perhaps, until it is no longer.
        for _ in 0..2 {
            match gate.run(|| encode(&mut encoder, &mut out)) {
                Ok(()) => break,
                Err(error) => {
                    assert!(error.is_out_of_memory() && out == b"before", "{name}: {error}")
                }
            }
        }
        if out == b"before" {
            encode(&mut encoder, &mut out).unwrap();
        }
        assert_eq!(out, wanted, "{name}");
    };
    let decoding = |gate: &mut Refusing| {
        let mut out = O::default();
        if let Err(error) = gate.run(|| decode(&wanted[6..], &mut out)) {
            assert!(error.is_out_of_memory(), "{name}: {error}");
            // What was used before is used again, where it may be.
            out = O::default();
            let _ = gate.run(|| decode(&wanted[6..], &mut out));
            out = O::default();
            decode(&wanted[6..], &mut out).unwrap();
        }
        assert!(is_right(&out), "{name}");
    };
    without_loss(name, encoding) + without_loss(name, decoding)
}

fn without_loss(name: &str, mut run: impl FnMut(&mut Refusing)) -> u64 {
    refuse_each(|gate| {
        let before = Counters::process().live_bytes();
        run(gate);
        assert_eq!(Counters::process().live_bytes(), before, "{name}: bytes were lost, {gate:?}");
    })
}
