//! What no caller may ask for panics, and nothing of it is written or handed out.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use tidemill_codec::{
    Encoder, MAX_BLOCK_ROWS, TextScratch, TimeHeader, VECTOR_ROWS, bits, floats, ints, texts, times,
};
use tidemill_model::Text;

/// Panics with a message that holds `reason`.
#[track_caller]
fn refused(reason: &str, call: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or(panic.downcast_ref::<&str>().copied()).unwrap();
    assert!(message.contains(reason), "{message}, not {reason}");
}

#[test]
fn a_block_has_no_more_rows_than_it_may() {
    let rows = MAX_BLOCK_ROWS + 1;
    let reason = format!("a block of {rows} rows");
    let mut out = Vec::new();
    refused(&reason, || Encoder::new().ints(&vec![7; rows], &mut out));
    refused(&reason, || Encoder::new().floats(&vec![0.5; rows], &mut out));
    refused(&reason, || Encoder::new().times(&vec![7; rows], &[0], &mut out));
    refused(&reason, || Encoder::new().bools(&vec![true; rows], &mut out));
    refused(&reason, || Encoder::new().texts(rows, |_| "x", &mut out));
    assert!(out.is_empty());
}

#[test]
fn runs_start_at_the_first_row_and_ascend() {
    for starts in [&[1][..], &[0, 0], &[0, 2, 1], &[0, 3]] {
        refused("runs that don't fit", || {
            Encoder::new().times(&[1, 2, 3], starts, &mut Vec::new());
        });
    }
}

#[test]
fn rows_are_those_of_the_column() {
    let mut encoder = Encoder::new();
    let (mut i, mut f, mut t) = (Vec::new(), Vec::new(), Vec::new());
    let (mut b, mut s) = (Vec::new(), Vec::new());
    encoder.ints(&[7, 7, 7], &mut i);
    encoder.floats(&[0.5, 0.5, 0.5], &mut f);
    encoder.times(&[1, 2, 3], &[0], &mut t);
    encoder.bools(&[true; 3], &mut b);
    encoder.texts(3, |_| "x", &mut s);
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    for rows in [0..4, 3..4, 2..1] {
        let reason = format!("rows {rows:?} of 3");
        let mut scratch = TimeHeader::default();
        let mut room = vec![0_i64; rows.len()];
        refused(&reason, || ints(&i, 3).unwrap().decode_into(rows.clone(), &mut room).unwrap());
        let mut room = vec![0.0; rows.len()];
        refused(&reason, || floats(&f, 3).unwrap().decode_into(rows.clone(), &mut room).unwrap());
        let mut room = vec![0_i64; rows.len()];
        refused(&reason, || {
            let column = times(&t, 3, &[0], &mut scratch).unwrap();
            column.decode_into(rows.clone(), &mut room).unwrap();
        });
        refused(&reason, || bits(&b, 3).unwrap().decode(rows.clone(), &mut Vec::new()).unwrap());
        refused(&reason, || {
            let mut scratch = TextScratch::default();
            let column = texts(&s, 3, &mut scratch).unwrap();
            column.decode(rows.clone(), &mut Text::default()).unwrap();
        });
    }
    let mut vector = [0_i64; VECTOR_ROWS];
    refused("vector 1 of 1", || {
        ints(&i, 3).unwrap().decode_vector(1, &mut vector).unwrap();
    });
    let mut scratch = TimeHeader::default();
    let column = times(&t, 3, &[0], &mut scratch).unwrap();
    refused("vector 1 of 1", || {
        column.decode_vector(1, &mut vector).unwrap();
    });
    for (vector, ends, room, reason) in [
        (1, &[0][..], 1, "sums of vector 1 of 1"),
        (0, &[2, 1], 2, "ends that don't ascend to 3"),
        (0, &[1, 4], 2, "ends that don't ascend to 3"),
        (0, &[1, 2], 1, "2 ends, 1 sums"),
    ] {
        refused(reason, || {
            ints(&i, 3).unwrap().prefix_sums(vector, ends, &mut vec![0; room]).unwrap();
        });
    }
    refused("row 3 of 3", || {
        column.time_at(3).unwrap();
    });
    refused("no vector 1 of 1", || {
        let _ = column.anchor(1);
    });
    for room in [0, 1, 3] {
        let mut room = vec![0_i64; room];
        refused(&format!("2 rows into {}", room.len()), || {
            ints(&i, 3).unwrap().decode_into(0..2, &mut room).unwrap();
        });
    }
}
