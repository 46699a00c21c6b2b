//! What the tests of CSV and NDJSON share: rows as plain data, and reading in pieces.
#![allow(dead_code, reason = "each test file uses a part")]

use tidemill_model::{Batch, SeriesKey};
use tidemill_parse::tabular::{Plan, TabularOptions};
use tidemill_parse::{Point, RowError, RowReader, Taken};

/// One row, with values as they print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) start: usize,
    pub(crate) time: i64,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) fields: Vec<(String, String)>,
}

/// The options of a table `t` with these tags.
pub(crate) fn options(time: Option<&str>, tags: Option<&[&str]>) -> TabularOptions {
    TabularOptions {
        time: time.map(str::to_owned),
        tags: tags.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        ..TabularOptions::new("t")
    }
}

/// Reads a text cut at these places; what is left of a piece is joined with the next.
pub(crate) fn read_pieces(
    reader: &mut dyn RowReader,
    batch: &mut Batch,
    text: &[u8],
    cuts: &[usize],
) -> (Vec<Row>, Vec<RowError>) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(text.len());
    let (mut rows, mut errors, mut start) = (Vec::new(), Vec::new(), 0);
    for (index, cut) in cuts.iter().enumerate() {
        let is_last = index == cuts.len() - 1;
        let mut refused = Vec::new();
        let Taken { bytes: taken, is_full } =
            reader.read(&text[start..*cut], is_last, batch, &mut refused);
        assert!(!is_full);
        rows.extend(rows_of(batch, start));
        batch.clear_rows();
        errors.extend(refused.into_iter().map(|error| RowError {
            row_start: error.row_start + start,
            at: error.at + start,
            ..error
        }));
        start += taken;
        assert!(start <= *cut && (!is_last || start == text.len()), "{taken} bytes taken");
    }
    (rows, errors)
}

/// Reads the whole text at once.
pub(crate) fn read(plan: &Plan, text: &[u8]) -> (Vec<Row>, Vec<RowError>) {
    read_pieces(&mut *plan.reader(true), &mut Batch::new(), text, &[])
}

fn rows_of(batch: &Batch, base: usize) -> Vec<Row> {
    let Some(table) = batch.tables().first() else { return Vec::new() };
    assert_eq!(table.name(), "t");
    let row = |row: usize| {
        let key = SeriesKey(table.series_keys().bytes(table.row_series()[row]));
        let tags = key.tags().map(|tag| tag.map(|(k, v)| (k.to_owned(), v.to_owned())).unwrap());
        let fields = table.columns().iter().filter_map(|column| {
            assert_eq!(column.column.len(), table.rows(), "finished");
            Some((column.name.clone(), format!("{:?}", column.column.get(row)?)))
        });
        let mut fields: Vec<_> = fields.collect();
        fields.sort();
        Row {
            start: table.positions()[row] as usize + base,
            time: table.times()[row],
            tags: tags.collect(),
            fields,
        }
    };
    (0..table.rows()).map(row).collect()
}

/// A point as a row.
pub(crate) fn row_of(point: &Point<'_>, start: usize) -> Row {
    assert_eq!(point.table, "t");
    let tags = point.tags.iter().map(|(name, text)| (name.to_string(), text.to_string()));
    let fields = point
        .fields
        .iter()
        .map(|(name, value)| (name.to_string(), format!("{:?}", value.as_value())));
    let (mut tags, mut fields): (Vec<_>, Vec<_>) = (tags.collect(), fields.collect());
    tags.sort();
    fields.sort();
    Row { start, time: point.time.unwrap(), tags, fields }
}

/// `host=a i=Int(5) @7` for each row.
pub(crate) fn lines(rows: &[Row]) -> Vec<String> {
    let line = |row: &Row| {
        let pairs = row.tags.iter().chain(&row.fields);
        let pairs: Vec<_> = pairs.map(|(name, value)| format!("{name}={value} ")).collect();
        format!("{}@{}", pairs.concat(), row.time)
    };
    rows.iter().map(line).collect()
}

/// `17: reason` for each error, with the byte it is at.
pub(crate) fn reasons(errors: &[RowError]) -> Vec<String> {
    errors.iter().map(|error| format!("{}: {}", error.at, error.reason)).collect()
}

/// Seconds with a fraction as nanoseconds.
pub(crate) fn naive_seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    if digits.is_empty() || !is_number(digits) || !is_number(fraction) {
        return None;
    }
    format!("{whole}{:0<9.9}", fraction).parse().ok()
}
