//! Base64 beside its peers, and the ladder of Chapter 25 from the naive loop up.
//!
//! Outputs are allocated before. Each strategy has its own, all of them checked once against one
//! another, byte by byte; what is timed is a call and nothing else. `memcpy`, of the bytes into the
//! text's place or back, is no strategy but the roof.

#[cfg(target_arch = "x86_64")]
#[path = "base64/ladder.rs"]
mod ladder;

use base64::Engine as _;
use base64::engine::general_purpose::{self, PAD};
use base64_simd::Out;
use std::hint::black_box;
use tidemill_ground::{Strategy, Work, compare, measuring, random};
use tidemill_kernels::Isa;
use tidemill_kernels::base64::{Base64, STANDARD};

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
    // A test is content with the small ones.
    let sizes = SIZES.into_iter().filter(|(len, _)| measuring() || *len <= 4096);
    for (len, size) in sizes {
        encode(len, size);
        decode(len, size);
        if len >= 4096 {
            levels(len, size);
            decode_lines(len, size);
        }
    }
}

fn bytes(len: usize) -> Vec<u8> {
    let mut random = random(len as u64);
    (0..len).map(|_| random() as u8).collect()
}

/// Its name, and what writes to the front of a buffer and says how much.
type Writer<'a> = (&'a str, Box<dyn Fn(&[u8], &mut [u8]) -> usize + 'a>);

/// Compares what makes `expected` of `from`. The roof, a name that begins with "memcpy", may make
/// something else of it.
fn compare_writers(case: &str, from: &[u8], expected: &[u8], work: usize, writers: &[Writer<'_>]) {
    let mut strategies: Vec<Strategy<'_>> = Vec::new();
    for (name, write) in writers {
        // Some peers want room for whole groups, or for white space.
        let mut to = vec![0; from.len().max(expected.len()) + 3];
        let exact = if name.starts_with("base64") || from.len() > expected.len() {
            to.len() - 3
        } else {
            expected.len()
        };
        let len = write(from, &mut to[..exact]);
        if !name.starts_with("memcpy") {
            assert!(to[..len] == *expected, "{case}: {name} is wrong");
        }
        strategies.push((
            name,
            Box::new(move || {
                black_box(write(black_box(from), black_box(&mut to[..exact])));
                0
            }),
        ));
    }
    compare(case, Work::Bytes(work as u64), &mut strategies);
}

fn memcpy(len: usize) -> Writer<'static> {
    let copy = move |from: &[u8], to: &mut [u8]| {
        let len = len.min(from.len()).min(to.len());
        to[..len].copy_from_slice(&from[..len]);
        len
    };
    ("memcpy", Box::new(copy))
}

fn encode(len: usize, size: &str) {
    let bytes = bytes(len);
    let text = STANDARD.encode(&bytes);
    let simd = base64::engine::Simd::standard(PAD);
    let writers: [Writer<'_>; 9] = [
        ("tidemill", Box::new(|from, to| STANDARD.encode_into(from, to).unwrap())),
        (
            "base64 STANDARD",
            Box::new(|from, to| general_purpose::STANDARD.encode_slice(from, to).unwrap()),
        ),
        ("base64 Simd", Box::new(|from, to| simd.encode_slice(from, to).unwrap())),
        (
            "base64-simd",
            Box::new(|from, to| base64_simd::STANDARD.encode(from, Out::from_slice(to)).len()),
        ),
        (
            "base64-turbo",
            Box::new(|from, to| base64_turbo::STANDARD.encode_slice(from, to).unwrap()),
        ),
        (
            "data-encoding",
            Box::new(|from, to| {
                let len = data_encoding::BASE64.encode_len(from.len());
                data_encoding::BASE64.encode_mut(from, &mut to[..len]);
                len
            }),
        ),
        ("simdutf", Box::new(simdutf_encode)),
        ("tape-base64", Box::new(|from, to| tape_base64::encode(from, to).unwrap())),
        memcpy(len),
    ];
    compare_writers(&format!("encode {size}"), &bytes, text.as_bytes(), len, &writers);
}

fn decode(len: usize, size: &str) {
    let bytes = bytes(len);
    let text = STANDARD.encode(&bytes);
    let simd = base64::engine::Simd::standard(PAD);
    let writers: [Writer<'_>; 9] = [
        ("tidemill", Box::new(|from, to| STANDARD.decode_into(from, to).unwrap())),
        (
            "base64 STANDARD",
            Box::new(|from, to| general_purpose::STANDARD.decode_slice(from, to).unwrap()),
        ),
        ("base64 Simd", Box::new(|from, to| simd.decode_slice(from, to).unwrap())),
        (
            "base64-simd",
            Box::new(|from, to| {
                base64_simd::STANDARD.decode(from, Out::from_slice(to)).unwrap().len()
            }),
        ),
        (
            "base64-turbo",
            Box::new(|from, to| base64_turbo::STANDARD.decode_slice(from, to).unwrap()),
        ),
        (
            "data-encoding",
            Box::new(|from, to| {
                let len = data_encoding::BASE64.decode_len(from.len()).unwrap();
                data_encoding::BASE64.decode_mut(from, &mut to[..len]).unwrap()
            }),
        ),
        ("simdutf", Box::new(simdutf_decode)),
        ("tape-base64", Box::new(|from, to| tape_base64::decode(from, to).unwrap())),
        memcpy(len),
    ];
    compare_writers(&format!("decode {size}"), text.as_bytes(), &bytes, text.len(), &writers);
}

/// Lines of 76 symbols that end in CR LF: MIME.
fn decode_lines(len: usize, size: &str) {
    let bytes = bytes(len);
    let text = STANDARD.encode(&bytes);
    let lines: Vec<u8> =
        text.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect();
    let lenient = STANDARD.skip_whitespace(true);
    let one_by_one = |from: &[u8], to: &mut [u8]| {
        let symbols: Vec<u8> =
            from.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        general_purpose::STANDARD.decode_slice(symbols, to).unwrap()
    };
    let writers: [Writer<'_>; 4] = [
        ("tidemill", Box::new(|from, to| lenient.decode_into(from, to).unwrap())),
        ("filter, then base64 STANDARD", Box::new(one_by_one)),
        ("simdutf", Box::new(simdutf_decode)),
        memcpy(len),
    ];
    compare_writers(&format!("decode lines {size}"), &lines, &bytes, lines.len(), &writers);
    compare_writers(
        &format!("levels: decode lines {size}"),
        &lines,
        &bytes,
        lines.len(),
        &each_level(|from, to| lenient.decode_into(from, to).unwrap()),
    );
}

/// `write` at each level of the crate, the naive one first.
fn each_level<'a>(write: impl Fn(&[u8], &mut [u8]) -> usize + Copy + 'a) -> Vec<Writer<'a>> {
    let at = |isa: Isa| -> Writer<'a> {
        let write = move |from: &[u8], to: &mut [u8]| {
            if Isa::active() != isa {
                isa.force().unwrap();
            }
            write(from, to)
        };
        (isa.name(), Box::new(write))
    };
    Isa::available().map(at).collect()
}

/// All ways of our own: 256 bits (AVX2) beside 512 (AVX-512), and the ladder below and beside them.
fn levels(len: usize, size: &str) {
    let bytes = bytes(len);
    let text = STANDARD.encode(&bytes);
    let encode =
        |form: Base64| move |from: &[u8], to: &mut [u8]| form.encode_into(from, to).unwrap();
    let mut writers = rungs();
    writers.extend(each_level(encode(STANDARD)));
    compare_writers(&format!("ladder: encode {size}"), &bytes, text.as_bytes(), len, &writers);
    let writers = each_level(|from, to| STANDARD.decode_into(from, to).unwrap());
    compare_writers(
        &format!("levels: decode {size}"),
        text.as_bytes(),
        &bytes,
        text.len(),
        &writers,
    );
    // As it was.
    if let Some(best) = Isa::available().last() {
        best.force().unwrap();
    }
}

#[cfg(target_arch = "x86_64")]
fn rungs() -> Vec<Writer<'static>> {
    type Rung = fn(&[u8], &mut ladder::Room<'_>);
    let rung = |name: &'static str, encode: Rung| -> Writer<'static> {
        let write = move |from: &[u8], to: &mut [u8]| {
            let mut room = ladder::Room::new(to);
            encode(from, &mut room);
            room.len()
        };
        (name, Box::new(write))
    };
    vec![
        rung("naive", ladder::naive),
        rung("table", ladder::table),
        rung("SSSE3", ladder::ssse3),
        rung("VBMI, 256 bits", ladder::vbmi_256),
        rung("inline assembly", ladder::assembly),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn rungs() -> Vec<Writer<'static>> {
    Vec::new()
}

fn simdutf_encode(from: &[u8], to: &mut [u8]) -> usize {
    let options = simdutf::Base64Options::Default;
    assert!(simdutf::base64_length_from_binary(from.len(), options) <= to.len());
    // SAFETY: there is room for the text.
    unsafe { simdutf::binary_to_base64(from.as_ptr(), from.len(), to.as_mut_ptr(), options) }
}

fn simdutf_decode(from: &[u8], to: &mut [u8]) -> usize {
    // SAFETY: there is room for the most that a text of this length decodes to.
    let result = unsafe {
        assert!(simdutf::maximal_binary_length_from_base64(from.as_ptr(), from.len()) <= to.len());
        let (options, last) =
            (simdutf::Base64Options::Default, simdutf::LastChunkHandlingOptions::Loose);
        simdutf::base64_to_binary(from.as_ptr(), from.len(), to.as_mut_ptr(), options, last)
    };
    assert!(result.error == simdutf::ErrorCode::Success);
    result.count
}
