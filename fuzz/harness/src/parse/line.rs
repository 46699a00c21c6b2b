//! Line protocol: however the text is cut, the reader that remembers, the one that does not and the
//! plain one give the same rows and errors; what was read can be written and read again.

use std::cell::RefCell;

use tidemill_model::Batch;
use tidemill_parse::line::{LineOptions, LineReader, Precision, points, write_row};
use tidemill_parse::{Compression, Format};

use super::{Outcome, Row, by_reader, cuts, for_each_piece};
use crate::input::Input;

thread_local! {
    /// A reader that has seen earlier inputs, as one in service has, and what those were: without
    /// them nobody sees again what it found.
    static KNOWING: RefCell<(LineReader, Batch, Vec<Vec<u8>>)> = RefCell::new(knowing());
}

const MAX_SEEN: usize = 64;

fn knowing() -> (LineReader, Batch, Vec<Vec<u8>>) {
    let (reader, batch) = reader(1 << 16, 0);
    (reader, batch, Vec::new())
}

fn options(max_remembered_bytes: usize, precision: usize) -> LineOptions {
    LineOptions { precision: Precision::ALL[precision], max_remembered_bytes }
}

fn reader(max_remembered_bytes: usize, precision: usize) -> (LineReader, Batch) {
    (LineReader::new(options(max_remembered_bytes, precision)), Batch::new())
}

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let precision = input.below(8).saturating_sub(2);
    let cuts = cuts(&mut input);
    let text = input.bytes;
    let cuts = cuts(text.len());
    let want = by_points(text, precision, &[text.len()]);
    let check = |got: &Outcome<'_>, by: &str| assert_eq!(*got, want, "{by}, cut at {cuts:?}");
    check(&by_points(text, precision, &cuts), "the plain reader");
    let (mut forgetful, mut batch) = reader(0, precision);
    check(&by_reader(&mut forgetful, &mut batch, text, &cuts), "the forgetful reader");
    let (mut learning, mut batch) = reader(1 << 16, precision);
    check(&by_reader(&mut learning, &mut batch, text, &cuts), "the reader that learns");
    check(&by_reader(&mut learning, &mut batch, text, &cuts), "the reader that has learnt");
    if precision == 0 {
        KNOWING.with_borrow_mut(|knowing| know(knowing, text, &cuts, &want));
    }
    write_and_read(text, precision);
    let (_, _) = (Compression::detect(text), Format::detect(text));
}

fn know(
    (reader, batch, seen): &mut (LineReader, Batch, Vec<Vec<u8>>),
    text: &[u8],
    cuts: &[usize],
    want: &Outcome<'_>,
) {
    if seen.len() == MAX_SEEN {
        (*reader, *batch, *seen) = knowing();
    }
    let got = by_reader(reader, batch, text, cuts);
    let before = || seen.iter().map(|text| text.escape_ascii().to_string()).collect::<Vec<_>>();
    assert_eq!(got, *want, "cut at {cuts:?}, by a reader that knows {:?}", before());
    seen.push(text.to_vec());
}

fn by_points<'a>(text: &'a [u8], precision: usize, cuts: &[usize]) -> Outcome<'a> {
    let mut outcome = Outcome::default();
    for_each_piece(text, cuts, |start, piece, is_last| {
        // The same bytes, borrowed for as long as the text.
        let piece = &text[start..start + piece.len()];
        let mut points = points(piece, is_last, &options(0, precision));
        while let Some(point) = points.next() {
            match point {
                Ok(point) => outcome.rows.push((start + points.row_start(), Row::of(point))),
                Err(error) => outcome.push_error(start, error),
            }
        }
        points.consumed()
    });
    outcome
}

fn write_and_read(text: &[u8], precision: usize) {
    let mut line = Vec::new();
    for point in points(text, true, &options(0, precision)).flatten() {
        line.clear();
        let tags = point.tags.iter().map(|(name, value)| (&**name, &**value));
        let fields = point.fields.iter().map(|(name, value)| (&**name, value.as_value()));
        if write_row(&mut line, &point.table, tags, fields, point.time).is_err() {
            continue;
        }
        let nanoseconds = LineOptions { max_remembered_bytes: 0, ..LineOptions::default() };
        let again: Vec<_> = points(&line, true, &nanoseconds).collect();
        assert_eq!(again.len(), 1, "{:?}", line.escape_ascii().to_string());
        let again = again.into_iter().flatten().next().unwrap_or_default();
        assert_eq!(Row::of(again), Row::of(point));
    }
}
