//! The reader of CSV against a naive one, however the text is cut.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod tabular_support;

use proptest::prelude::*;
use tabular_support::{Row, naive_seconds, options, read_pieces, row_of};
use tidemill_model::Batch;
use tidemill_parse::RowError;
use tidemill_parse::csv::{points, survey};
use tidemill_parse::tabular::Plan;

/// Three tags, the time and one field of every type.
const NAMES: [&str; 9] = ["a", "b", "time", "i", "f", "s", "u", "ok", "c"];

/// The plan of a file with these columns in this order.
fn plan(order: &[usize]) -> Plan {
    let cells = ["x", "y", "5", "1", "1.5", "w", "18446744073709551615", "true", "z"];
    let row = |of: &[&str]| order.iter().map(|i| of[*i]).collect::<Vec<_>>().join(",");
    let sample = format!("{}\n{}\n", row(&NAMES), row(&cells));
    survey(sample.as_bytes(), true, &options(None, Some(&["a", "b", "c"]))).unwrap()
}

/// The cells of every row, `None` where it makes no sense, with its place.
fn naive_rows(text: &[u8]) -> Vec<(usize, Option<Vec<Vec<u8>>>)> {
    let mut rows = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let (cells, next) = naive_row(text, start);
        let is_blank = matches!(&text[start..next], b"\n" | b"\r\n" | b"\r");
        if !is_blank {
            rows.push((start, cells));
        }
        at = next;
    }
    rows
}

fn naive_row(text: &[u8], mut at: usize) -> (Option<Vec<Vec<u8>>>, usize) {
    let line_after =
        |at: usize| (at..text.len()).find(|i| text[*i] == b'\n').map_or(text.len(), |i| i + 1);
    let mut cells = Vec::new();
    loop {
        let mut cell = Vec::new();
        if text.get(at) == Some(&b'"') {
            let opening = at;
            at += 1;
            loop {
                match (text.get(at), text.get(at + 1)) {
                    (Some(b'"'), Some(b'"')) => {
                        cell.push(b'"');
                        at += 2;
                    }
                    (Some(b'"'), _) => break,
                    (Some(byte), _) => {
                        cell.push(*byte);
                        at += 1;
                    }
                    (None, _) => return (None, line_after(opening)),
                }
            }
            at += 1;
        } else {
            while at < text.len() && text[at] != b',' && !is_row_end(&text[at..]) {
                cell.push(text[at]);
                at += 1;
            }
        }
        cells.push(cell);
        if is_row_end(&text[at..]) {
            return (Some(cells), line_after(at));
        }
        if text[at] != b',' {
            return (None, line_after(at));
        }
        at += 1;
    }
}

fn is_row_end(rest: &[u8]) -> bool {
    rest.is_empty() || rest == b"\r" || rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
}

fn naive_value(start: usize, cells: &[Vec<u8>], order: &[usize]) -> Option<Row> {
    let place = |column: usize| order.iter().position(|i| *i == column).unwrap();
    let text = |i: usize| String::from_utf8(cells[place(i)].clone()).ok();
    let word = |i: usize| text(i).map(|text| text.trim_ascii().to_owned());
    if cells.len() != 9 {
        return None;
    }
    let mut row = Row { start, time: 0, tags: Vec::new(), fields: Vec::new() };
    row.time = naive_seconds(&word(2)?)?;
    for (i, name) in [(0, "a"), (1, "b"), (8, "c")] {
        if !text(i)?.is_empty() {
            row.tags.push((name.into(), text(i)?));
        }
    }
    let mut field = |name: &str, value: String| row.fields.push((name.into(), value));
    if !word(4)?.is_empty() {
        field("f", format!("Float({:?})", word(4)?.parse::<f64>().ok()?));
    }
    if !word(3)?.is_empty() {
        field("i", format!("Int({})", word(3)?.parse::<i64>().ok()?));
    }
    if !word(7)?.is_empty() {
        field("ok", format!("Bool({})", word(7)?.to_lowercase().parse::<bool>().ok()?));
    }
    if !text(5)?.is_empty() {
        field("s", format!("Text({:?})", text(5)?));
    }
    if !word(6)?.is_empty() {
        field("u", format!("UInt({})", word(6)?.parse::<u64>().ok()?));
    }
    Some(row)
}

fn naive_read(text: &[u8], order: &[usize]) -> (Vec<Row>, Vec<usize>) {
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    for (start, cells) in naive_rows(text) {
        match cells.and_then(|cells| naive_value(start, &cells, order)) {
            Some(row) => rows.push(row),
            None => bad.push(start),
        }
    }
    (rows, bad)
}

fn tag() -> impl Strategy<Value = Vec<u8>> {
    const TEXTS: [&str; 9] =
        ["host_1", "host_2", "", "x,y", "a\"b", "Zürich", " p", "two\nlines", "\u{ff}\r"];
    let good = prop::sample::select(&TEXTS).prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![40 => good, 1 => Just(b"\xff".to_vec())]
}

fn number() -> impl Strategy<Value = Vec<u8>> {
    const ODD: [&str; 19] = [
        "",
        "7",
        "-7",
        "+7",
        "007",
        "12345678",
        "1234567890123456",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        " 5 ",
        "1.5",
        "-0.0",
        "2e3",
        "nan",
        "x",
        "true",
        "FALSE",
        "-",
    ];
    prop_oneof![
        3 => (0u32..100).prop_map(|number| number.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        2 => prop::sample::select(&ODD).prop_map(|text| text.as_bytes().to_vec()),
    ]
}

/// Cells of which most fit their columns, so that most rows are good.
fn cells() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let time = prop_oneof![8 => (0i64..50).prop_map(|t| t.to_string().into_bytes()), 1 => number()];
    let int =
        prop_oneof![8 => (-9i64..200).prop_map(|t| t.to_string().into_bytes()), 1 => number()];
    let float =
        prop_oneof![8 => any::<f32>().prop_map(|f| format!("{f:?}").into_bytes()), 1 => number()];
    let uint =
        prop_oneof![8 => any::<u64>().prop_map(|u| u.to_string().into_bytes()), 1 => number()];
    let truth =
        prop_oneof![8 => any::<bool>().prop_map(|b| b.to_string().into_bytes()), 1 => number()];
    (tag(), tag(), time, int, float, tag(), uint, truth, tag())
        .prop_map(|(a, b, time, i, f, s, u, ok, c)| vec![a, b, time, i, f, s, u, ok, c])
}

fn written(cell: &[u8], quote: bool) -> Vec<u8> {
    let needs_quotes = cell.iter().any(|byte| b",\"\n\r".contains(byte));
    if !quote && !needs_quotes {
        return cell.to_vec();
    }
    let text: Vec<u8> =
        cell.iter().flat_map(|b| if *b == b'"' { vec![b'"'; 2] } else { vec![*b] }).collect();
    [b"\"", &text[..], b"\""].concat()
}

/// The columns in any order.
fn order() -> impl Strategy<Value = Vec<usize>> {
    Just((0..NAMES.len()).collect::<Vec<_>>()).prop_shuffle()
}

prop_compose! {
    /// A row, with or without needless quotes; now and then it is damaged.
    fn row(order: Vec<usize>)(
        cells in cells(),
        quotes in prop_oneof![4 => Just(0u16), 1 => any::<u16>()],
        newline in prop::sample::select(&["\n", "\n", "\r\n", "\n\n"]),
        damage in prop_oneof![6 => Just(None), 1 => any::<(u16, u8)>().prop_map(Some)],
        byte in prop::sample::select(b",\"\n\r \xc3x"),
    ) -> Vec<u8> {
        let cells = order.iter().map(|column| &cells[*column]).enumerate();
        let cells = cells.map(|(i, cell)| written(cell, quotes >> i & 1 == 1));
        let mut text = cells.collect::<Vec<_>>().join(&b","[..]);
        text.extend(newline.bytes());
        if let Some((place, kind)) = damage {
            let place = place as usize % text.len();
            match kind % 3 {
                0 => text[place] = byte,
                1 => text.insert(place, byte),
                _ => { text.remove(place); }
            }
        }
        text
    }
}

fn check(order: &[usize], text: &[u8], cuts: &[usize]) -> Result<(), TestCaseError> {
    let plan = &plan(order);
    let mut reader = plan.reader(false);
    let mut batch = Batch::new();
    let whole = read_pieces(&mut *reader, &mut batch, text, &[]);
    let (want, bad) = naive_read(text, order);
    prop_assert_eq!(&whole.0, &want);
    prop_assert_eq!(whole.1.iter().map(|error| error.row_start).collect::<Vec<_>>(), bad);
    // The same reader again: now it knows the series.
    prop_assert_eq!(&read_pieces(&mut *reader, &mut batch, text, cuts), &whole);
    // A new batch: what the reader remembers means nothing in it.
    prop_assert_eq!(&read_pieces(&mut *reader, &mut Batch::new(), text, cuts), &whole);
    let mut found = points(text, false, true, plan);
    let (mut rows, mut errors): (Vec<Row>, Vec<RowError>) = Default::default();
    while let Some(item) = found.next() {
        match item {
            Ok(point) => rows.push(row_of(&point, found.row_start())),
            Err(error) => errors.push(error),
        }
    }
    prop_assert_eq!(found.consumed(), text.len());
    prop_assert_eq!((rows, errors), whole);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn reads_what_the_naive_reader_reads(
        (order, rows) in order().prop_flat_map(|order| {
            (Just(order.clone()), prop::collection::vec(row(order), 0..12))
        }),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
        tail in 0usize..40,
    ) {
        // The end may be missing, even of the last newline.
        let mut text = rows.concat();
        text.truncate(text.len().saturating_sub(tail));
        check(&order, &text, &cuts)?;
    }

    #[test]
    fn no_text_is_a_panic(
        order in order(),
        text in prop::collection::vec(prop::sample::select(b",,\"\n\r51.x\xff"), 0..200),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        check(&order, &text, &cuts)?;
    }
}
