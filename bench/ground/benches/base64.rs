//! Base64 beside its peers, and the ladder of Chapter 25 from the naive loop up.

use base64::Engine as _;
use base64::engine::general_purpose::PAD;
use std::hint::black_box;
use tidemill_ground::{Strategy, Work, compare, measuring, random};
use tidemill_kernels::base64::STANDARD;

const SIZES: [(usize, &str); 8] = [
    (16, "16 B"),
    (32, "32 B"),
    (64, "64 B"),
    (256, "256 B"),
    (4 << 10, "4 KiB"),
    (64 << 10, "64 KiB"),
    (1_000_000, "1 MB"),
    (10_000_000, "10 MB"),
];

fn main() {
    for (bytes, size) in SIZES {
        if measuring() || bytes <= 4096 {
            encode(bytes, size);
            decode(bytes, size);
        }
    }
}

fn bytes(len: usize) -> Vec<u8> {
    let mut random = random(len as u64);
    (0..len).map(|_| random() as u8).collect()
}

type Into<'a> = (&'a str, &'a dyn Fn(&[u8], &mut [u8]) -> usize);

fn strategies<'a>(all: &'a [Into<'a>], from: &'a [u8], to_len: usize) -> Vec<Strategy<'a>> {
    let mut strategies: Vec<Strategy<'a>> = Vec::new();
    for (name, run) in all {
        let mut to = vec![0; to_len];
        strategies.push((name, Box::new(move || {
            let len = run(black_box(from), black_box(&mut to));
            black_box(&mut to);
            len as u64
        })));
    }
    strategies
}

fn encode(len: usize, size: &str) {
    let bytes = bytes(len);
    let simd = base64::engine::Simd::standard(PAD);
    let all: [Into<'_>; 7] = [
        ("tidemill", &|from, to| STANDARD.encode_into(from, to).unwrap()),
        ("base64 STANDARD", &|from, to| base64::engine::general_purpose::STANDARD.encode_slice(from, to).unwrap()),
        ("base64 Simd", &|from, to| simd.encode_slice(from, to).unwrap()),
        ("base64-simd", &|from, to| base64_simd::STANDARD.encode(from, base64_simd::Out::from_slice(to)).len()),
        ("base64-turbo", &|from, to| base64_turbo::STANDARD.encode_slice(from, to).unwrap()),
        ("data-encoding", &|from, to| { data_encoding::BASE64.encode_mut(from, to); to.len() }),
        ("tape-base64", &|from, to| tape_base64::encode(from, to).unwrap()),
    ];
    let mut all = strategies(&all, &bytes, STANDARD.encoded_len(len).unwrap());
    compare(&format!("encode {size}"), Work::Bytes(len as u64), &mut all);
}

fn decode(len: usize, size: &str) {
    let text = STANDARD.encode(bytes(len));
    let simd = base64::engine::Simd::standard(PAD);
    let all: [Into<'_>; 7] = [
        ("tidemill", &|from, to| STANDARD.decode_into(from, to).unwrap()),
        ("base64 STANDARD", &|from, to| base64::engine::general_purpose::STANDARD.decode_slice(from, to).unwrap()),
        ("base64 Simd", &|from, to| simd.decode_slice(from, to).unwrap()),
        ("base64-simd", &|from, to| base64_simd::STANDARD.decode(from, base64_simd::Out::from_slice(to)).unwrap().len()),
        ("base64-turbo", &|from, to| base64_turbo::STANDARD.decode_slice(from, to).unwrap()),
        ("data-encoding", &|from, to| data_encoding::BASE64.decode_mut(from, &mut to[..from.len()/4*3]).unwrap()),
        ("tape-base64", &|from, to| tape_base64::decode(from, to).unwrap()),
    ];
    // Some peers want room for whole groups.
    let mut all = strategies(&all, text.as_bytes(), text.len() / 4 * 3);
    compare(&format!("decode {size}"), Work::Bytes(text.len() as u64), &mut all);
}
