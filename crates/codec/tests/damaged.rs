//! Bytes that no encoder makes are refused, each by the check that is there for it. (The tests of
//! random damage accept other values as well: most damage is no error to a column.)
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use tidemill_codec::{
    Compression, Encoder, Error, TextScratch, TimeHeader, bits, floats, ints, texts, times,
};
use tidemill_model::Text;

fn decode_bits(bytes: &[u8], rows: usize) -> Result<(), Error> {
    bits(bytes, rows)?.decode_bitmap().map(|_| ())
}

fn decode_ints(bytes: &[u8], rows: usize) -> Result<(), Error> {
    let column = ints(bytes, rows)?;
    let decoded = column.decode(0..rows, &mut Vec::<i64>::new());
    // What sums need not decode they look at as well.
    let mut vectors = 0..column.vectors();
    let summed = vectors.try_for_each(|vector| column.prefix_sums(vector, &[1], &mut [0]));
    assert_eq!(summed.is_err(), decoded.is_err(), "{summed:?}, {decoded:?}");
    decoded
}

fn decode_floats(bytes: &[u8], rows: usize) -> Result<(), Error> {
    floats(bytes, rows)?.decode(0..rows, &mut Vec::new())
}

fn decode_texts(bytes: &[u8], rows: usize) -> Result<(), Error> {
    let mut scratch = TextScratch::default();
    texts(bytes, rows, &mut scratch)?.decode(0..rows, &mut Text::default())
}

fn decode_times(bytes: &[u8], rows: usize, runs: &[u32]) -> Result<(), Error> {
    let mut scratch = TimeHeader::default();
    times(bytes, rows, runs, &mut scratch)?.decode(0..rows, &mut Vec::new())
}

#[track_caller]
fn refused(what: Result<(), Error>, reason: &str) {
    let error = what.unwrap_err();
    assert!(error.to_string().contains(reason), "{error}, not {reason}");
}

/// More rows than a block has.
const TOO_MANY: usize = 8193;

#[test]
fn bits_are_refused() {
    refused(decode_bits(&[0], TOO_MANY), "too many rows");
    refused(decode_bits(&[0, 0], 5), "left over");
    refused(decode_bits(&[2, 1, 3, 0, 0], 2), "more runs than rows");
    let rows = "runs that don't have the block's rows";
    refused(decode_bits(&[2, 1, 1, 0, 4], 5), rows);
    refused(decode_bits(&[2, 1, 1, 0, 0x80, 1], 64), rows);
    // Beyond the rows, and by wrapping back to them.
    let lengths = [&[2, 1, 2, 1, 0, 64, 0][..], &5u64.to_le_bytes(), &(-2i64).to_le_bytes()];
    refused(decode_bits(&lengths.concat(), 5), rows);
    refused(decode_bits(&[4], 5), "an unknown encoding of bits");
    let mut words = vec![7; 3];
    bits(&[3, 0xFF], 5).unwrap().decode_words(&mut words).unwrap();
    assert_eq!(words, [0b1_1111], "bits beyond the rows are zero");
}

#[test]
fn integers_are_refused() {
    refused(decode_ints(&[0, 4], TOO_MANY), "too many rows");
    refused(decode_ints(&[2, 1, 0, 0, 0, 0], 1), "a divisor that does not divide");
    refused(decode_ints(&[2, 0, 0, 0, 0, 0], 1), "a divisor that does not divide");
    let entries = [&[3, 0x81, 0x40, 1, 0][..], &[0; 8193], &[0, 0, 0]].concat();
    refused(decode_ints(&entries, 1), "a dictionary of too many entries");
    refused(decode_ints(&[3, 1, 3, 0, 1, 2, 3, 0, 0, 0], 1), "dictionary entries of an odd size");
    refused(decode_ints(&[3, 1, 1, 0, 7, 0, 0, 2], 1), "a code beyond the dictionary");
    // The same code, where it is one.
    decode_ints(&[3, 2, 1, 0, 7, 8, 0, 0, 2], 1).unwrap();
    refused(decode_ints(&[5, 0, 0, 0], 1), "an unknown encoding of integers");
    let varint = [&[0][..], &[0xFF; 9], &[2]].concat();
    refused(decode_ints(&varint, 1), "more than 64 bits");
}

/// In whole vectors, whose sums are had without decoding them.
#[test]
fn patches_beyond_are_refused() {
    let mut packed: Vec<i64> = (0..1024).map(|row| row * 7919 % 13).collect();
    packed[7] = 1 << 40;
    let mut walk = common::tsbs_walk(1024, 1);
    walk[7..].iter_mut().for_each(|value| *value += 1 << 40);
    for values in [packed, walk] {
        let mut bytes = Vec::new();
        Encoder::new().ints(&values, &mut bytes);
        decode_ints(&bytes, 1024).unwrap();
        // Its position, which is said in front of the high bits.
        let place = bytes.windows(2).rposition(|two| *two == [7, 0]).unwrap();
        bytes[place..place + 2].copy_from_slice(&1024u16.to_le_bytes());
        refused(decode_ints(&bytes, 1024), "beyond");
    }
}

#[test]
fn pages_are_refused() {
    refused(decode_ints(&[4, 0, 4, 0, 0, 0], 1), "pages of a constant");
    refused(decode_ints(&[4, 4, 0, 0], 1), "an unknown encoding of integers");
    refused(decode_ints(&[4, 1, 2, 0, 0], 1), "pages of an unknown order");
    // Token 5 in all of the 1,024 states; no bits but those of the first ones.
    let page = |header: &[u8]| [&[4, 1, 0, 0][..], header, &[0, 5, 0, 0, 0, 0, 0]].concat();
    let good = page(&[1, 5, 0x80, 8]);
    decode_ints(&good, 1).unwrap();
    decode_ints(&good, 1024).unwrap();
    refused(decode_ints(&page(&[0xA9, 2]), 1), "more tokens than there are");
    refused(decode_ints(&page(&[1, 0xA9, 2, 0x80, 8]), 1), "a token beyond the last");
    refused(decode_ints(&page(&[2, 0xA7, 2, 1, 1, 0x80, 8]), 1), "a token beyond the last");
    let wrapping = [&[2, 5, 0x80, 4][..], &[0xFF; 9], &[1, 0x80, 4]].concat();
    refused(decode_ints(&page(&wrapping), 1), "a token beyond the last");
    refused(decode_ints(&page(&[1, 5, 0x81, 8]), 1), "a frequency beyond the states");
    let order = "tokens that don't ascend or don't occur";
    refused(decode_ints(&page(&[2, 5, 0x80, 4, 0, 0x80, 4]), 1), order);
    refused(decode_ints(&page(&[2, 5, 0, 1, 0x80, 8]), 1), order);
    let sum = "frequencies of another sum";
    refused(decode_ints(&page(&[0]), 1), sum);
    refused(decode_ints(&page(&[1, 5, 0xFF, 7]), 1), sum);
    refused(decode_ints(&page(&[2, 5, 0x80, 8, 1, 1]), 1), sum);
    let rows = "a page that does not have its rows";
    // States that don't come to 0, a byte too few and one too many.
    let state = [&good[..9], &[5, 1, 0, 0, 0, 0]].concat();
    refused(decode_ints(&state, 1), rows);
    for size in [4, 6] {
        let page = [&good[..9], &[size], &vec![0; size.into()]].concat();
        refused(decode_ints(&page, 1), rows);
    }
    let long = [&good[..9], &[18], &[0; 18]].concat();
    refused(decode_ints(&long, 1), "a page of too many bytes");
    refused(decode_ints(&good[..14], 1), "ends too early");
    // Others than the rows that were coded, in the last of the pages.
    let mut encoder = Encoder::new();
    encoder.set_compression(Compression::Small);
    let (values, mut bytes) = (common::tsbs_walk(1500, 1), Vec::new());
    encoder.ints(&values, &mut bytes);
    assert_eq!(bytes[..2], [4, 1]);
    decode_ints(&bytes, 1500).unwrap();
    for rows in [1400, 1600, 2048] {
        refused(decode_ints(&bytes, rows), "a page that does not have its rows");
    }
    for rows in [1, 1024, 1025, 2049] {
        assert!(decode_ints(&bytes, rows).is_err());
    }
}

#[test]
fn vectors_are_refused() {
    refused(decode_ints(&[1, 2, 3, 0, 0, 0, 0], 2), "more runs than rows");
    let rows = "runs that don't have the vector's rows";
    refused(decode_ints(&[1, 2, 1, 0, 2, 0, 0], 3), rows);
    refused(decode_ints(&[1, 2, 1, 0, 0x80, 0x10, 0, 0], 1024), rows);
    refused(
        decode_ints(&[1, 0, 0xC0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 1),
        "too many bits",
    );
    refused(decode_ints(&[1, 3, 0, 0], 1), "an unknown kind of vector");
    for bytes in [0, 9] {
        let patch = [&[1, 0, 0x80, 0, 1, bytes][..], &[0; 11]].concat();
        refused(decode_ints(&patch, 1), "a patch of no bytes or more than eight");
    }
}

#[test]
fn times_are_refused() {
    let constant = [0, 0, 0, 0, 0];
    decode_times(&constant, 5, &[0]).unwrap();
    let runs: [(usize, &[u32]); 6] =
        [(TOO_MANY, &[0]), (5, &[1]), (5, &[0, 5]), (5, &[0, 3, 3]), (0, &[0]), (5, &[])];
    for (rows, runs) in runs {
        refused(decode_times(&constant, rows, runs), "runs that don't fit the rows");
    }
    refused(decode_times(&[0, 0, 0, 0, 1], 2, &[0]), "beyond the range of times");
    let last = [&[0, 0, 0xFE][..], &[0xFF; 8], &[1, 0, 2]].concat();
    refused(decode_times(&last, 2, &[0]), "beyond the range of times");
    decode_times(&last, 1, &[0]).unwrap();
    // A step of the most nanoseconds there are, twice.
    let step = [&[0, 0, 0, 0, 0xFE][..], &[0xFF; 8], &[1]].concat();
    refused(decode_times(&step, 3, &[0]), "beyond the range of times");
    decode_times(&step, 2, &[0]).unwrap();
    refused(decode_times(&[0, 0, 0, 0, 0, 0], 5, &[0]), "left over");
    refused(decode_times(&[2, 0, 0, 0, 0], 5, &[0]), "unknown encoding");
}

#[test]
fn floats_are_refused() {
    for low_bits in [0, 64] {
        refused(decode_floats(&[2, low_bits, 0, 0, 0, 0], 1), "a split outside the word");
    }
    decode_floats(&[2, 63, 0, 0, 0, 0], 1).unwrap();
    refused(decode_floats(&[1, 0, 0, 0], 1), "left over");
    refused(decode_floats(&[3, 0, 0], 1), "an unknown encoding of floats");
    let exceptions = [&[0, 0, 0, 2][..], &[0; 20], &[0, 0]].concat();
    refused(decode_floats(&exceptions, 1), "more exceptions than rows");
    let beyond = [&[0, 0, 0, 1, 5, 0][..], &[0; 8], &[0, 0]].concat();
    refused(decode_floats(&beyond, 2), "an exception beyond the rows");
    decode_floats(&beyond, 6).unwrap();
    for (exponent, factor) in [(19, 0), (1, 2), (255, 255)] {
        refused(decode_floats(&[0, exponent, factor, 0, 0, 0], 1), "a scale of too many digits");
    }
    decode_floats(&[0, 18, 18, 0, 0, 0], 1).unwrap();
}

#[test]
fn texts_are_refused() {
    let entries = [&[0, 0x81, 0x40, 0, 0, 0, 0, 0][..], &[0, 0]].concat();
    refused(decode_texts(&entries, 1), "a dictionary of too many entries");
    refused(decode_texts(&[1, 0, 0, 0, 0, 0, 0], 1), "left over");
    refused(decode_texts(&[1, 0, 0, 0, 2, 2, b'a', b'b'], 1), "the size of their bytes");
    refused(decode_texts(&[0, 1, 0, 0, 0, 2, 1, b'a', 0, 2], 1), "beyond the dictionary");
    refused(decode_texts(&[2, 0, 0, 0, 0, 0], 1), "an unknown encoding of texts");
    // A string of the first vector that is longer than all bytes, where only one of the second is read.
    let plain = |length: i64| {
        let mut lengths = vec![0; 1025];
        (lengths[7], lengths[1024]) = (length, 1);
        let mut out = vec![1, 0, 0];
        Encoder::new().ints(&lengths, &mut out);
        [&out[..], &[1, b'a']].concat()
    };
    let second = |bytes: &[u8]| {
        let mut scratch = TextScratch::default();
        texts(bytes, 1025, &mut scratch)?.decode(1024..1025, &mut Text::default())
    };
    second(&plain(0)).unwrap();
    refused(second(&plain(5)), "the size of their bytes");
    // Two strings, of which the second shares 255 and then 256 bytes with the first.
    let shares = |low: u8, high: u8| {
        let lengths = [0x2C, 0x01, 0];
        let shared = [0, low << 1, high];
        let columns = [&[1, 1, 0, 9, 0][..], &shared, &[1, 0, 9, 0], &lengths, &[0xAC, 2]];
        [&columns.concat()[..], &[b'a'; 300]].concat()
    };
    decode_texts(&shares(0xFF, 1), 2).unwrap();
    refused(decode_texts(&shares(0, 2), 2), "shares more");
    // What a vector begins with shares nothing, though one stands before it: 1,024 strings and one.
    let columns = [&[1][..], &[1, 0, 0, 0, 0, 0, 2], &[0, 2], &[0x81, 8]].concat();
    let shared = [&columns[..], &[b'a'; 1025]].concat();
    refused(decode_texts(&shared, 1025), "shares more");
}
