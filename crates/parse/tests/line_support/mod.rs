//! What the tests of line protocol share: rows in one comparable form, and texts that are nearly
//! line protocol.
#![allow(dead_code, reason = "each test file uses a part")]

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::*;
use tidemill_model::{Batch, BatchColumn, SeriesKey, TableBatch, Value};
use tidemill_parse::line::{LineOptions, LineReader, points};
use tidemill_parse::{Point, PointValue, RowError, RowReader};

/// What a text holds: for each row where it starts and its JSON (tags and fields sorted by name),
/// and the errors. Places count from the start of the text.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) rows: Vec<(usize, String)>,
    pub(crate) errors: Vec<RowError>,
}

impl Outcome {
    fn push(&mut self, at: usize, mut point: Point<'_>) {
        point.tags.sort();
        point.fields.sort_by(|a, b| a.0.cmp(&b.0));
        let mut json = String::new();
        point.to_json(&mut json);
        self.rows.push((at, json));
    }

    fn push_error(&mut self, base: usize, error: RowError) {
        let (row_start, at) = (error.row_start + base, error.at + base);
        self.errors.push(RowError { row_start, at, ..error });
    }

    fn push_batch(&mut self, base: usize, batch: &Batch, stored: &Stored) {
        let first = self.rows.len();
        for table in batch.tables() {
            for row in 0..table.rows() {
                self.push(base + table.positions()[row] as usize, row_of(table, row, stored));
            }
        }
        self.rows[first..].sort();
    }
}

/// Keys of the series of tables that a store has, by id.
#[derive(Debug, Default)]
pub(crate) struct Stored(HashMap<String, Vec<Vec<u8>>>);

impl Stored {
    /// The id of a series, which is added when new.
    fn id(&mut self, table: &str, key: &[u8]) -> u32 {
        let keys = self.0.entry(table.to_owned()).or_default();
        let found = keys.iter().position(|known| known == key);
        found.unwrap_or_else(|| {
            keys.push(key.to_vec());
            keys.len() - 1
        }) as u32
    }
}

fn row_of<'a>(table: &'a TableBatch, row: usize, stored: &'a Stored) -> Point<'a> {
    let series = table.row_series()[row];
    let key = SeriesKey(match series & TableBatch::STORED {
        0 => table.series_keys().bytes(series),
        _ => &stored.0[table.name()][(series & !TableBatch::STORED) as usize],
    });
    let tags = key.tags().map(|tag| tag.unwrap_or(("damaged", "key")));
    let fields = table.columns().iter().filter_map(|column| {
        let value = match column.column.get(row)? {
            Value::Float(value) => PointValue::Float(value),
            Value::Int(value) => PointValue::Int(value),
            Value::UInt(value) => PointValue::UInt(value),
            Value::Bool(value) => PointValue::Bool(value),
            Value::Text(text) => PointValue::Text(text.into()),
        };
        Some((column.name.as_str().into(), value))
    });
    let is_timed = !table.untimed().contains(&(row as u32));
    Point {
        table: table.name().into(),
        tags: tags.map(|(name, value)| (name.into(), value.into())).collect(),
        fields: fields.collect(),
        time: is_timed.then(|| table.times()[row]),
    }
}

/// The outcome by the plain reader; `cuts` as in [`by_reader`].
pub(crate) fn by_points(text: &[u8], options: &LineOptions, cuts: &[usize]) -> Outcome {
    let mut outcome = Outcome::default();
    for_each_chunk(text, cuts, |start, chunk, is_last| {
        let mut points = points(chunk, is_last, options);
        while let Some(point) = points.next() {
            match point {
                Ok(point) => outcome.push(start + points.row_start(), point),
                Err(error) => outcome.push_error(start, error),
            }
        }
        points.consumed()
    });
    outcome
}

/// The outcome by a batch reader that gets `text` cut at `cuts`.
pub(crate) fn by_reader(
    reader: &mut LineReader,
    batch: &mut Batch,
    text: &[u8],
    cuts: &[usize],
) -> Outcome {
    let mut outcome = Outcome::default();
    for_each_chunk(text, cuts, |start, chunk, is_last| {
        let mut read_bytes = 0;
        loop {
            batch.clear_rows();
            let mut errors = Vec::new();
            let taken = reader.read(&chunk[read_bytes..], is_last, batch, &mut errors);
            for table in batch.tables() {
                let is_finished = |c: &BatchColumn| c.column.len() == table.rows();
                assert!(table.columns().iter().all(is_finished), "unfinished");
            }
            outcome.push_batch(start + read_bytes, batch, &Stored::default());
            errors.into_iter().for_each(|error| outcome.push_error(start + read_bytes, error));
            read_bytes += taken.bytes;
            if !taken.is_full {
                return read_bytes;
            }
        }
    });
    outcome
}

/// The outcome by readers that share what they know, and get the chunks in turn. A store takes the rows of each
/// chunk before the next is read, or that of the one before it: as a pipeline has it. It refuses some series.
pub(crate) fn by_sharing(
    lanes: &mut [(LineReader, Batch)],
    stored: &mut Stored,
    text: &[u8],
    cuts: &[usize],
) -> Outcome {
    let (mut outcome, mut turn) = (Outcome::default(), 0);
    let mut waiting: Option<usize> = None;
    for_each_chunk(text, cuts, |start, chunk, is_last| {
        let lane = turn % lanes.len();
        turn += 1;
        if let Some(before) = waiting.take_if(|before| *before == lane) {
            share(&mut lanes[before], stored);
        }
        let (reader, batch) = &mut lanes[lane];
        let mut read_bytes = 0;
        loop {
            batch.clear_rows();
            let mut errors = Vec::new();
            let taken = reader.read(&chunk[read_bytes..], is_last, batch, &mut errors);
            outcome.push_batch(start + read_bytes, batch, stored);
            errors.into_iter().for_each(|error| outcome.push_error(start + read_bytes, error));
            read_bytes += taken.bytes;
            if !taken.is_full {
                break;
            }
        }
        if let Some(before) = waiting.replace(lane) {
            share(&mut lanes[before], stored);
        }
        read_bytes
    });
    if let Some(before) = waiting {
        share(&mut lanes[before], stored);
    }
    outcome
}

fn share((reader, batch): &mut (LineReader, Batch), stored: &mut Stored) {
    let keys: Vec<(String, Vec<Vec<u8>>)> = batch
        .tables()
        .iter()
        .map(|table| {
            let keys = table.series_keys().iter().map(<[u8]>::to_vec).collect();
            (table.name().to_owned(), keys)
        })
        .collect();
    let stored = RefCell::new(stored);
    let id = batch.id();
    reader.share(batch, &|table, number| {
        let (table, keys) = &keys[table];
        let key = &keys[number as usize];
        let is_refused = key.len() % 5 == 4;
        (!is_refused).then(|| stored.borrow_mut().id(table, key))
    });
    assert!(batch.id() != id && batch.tables().iter().all(|table| table.series_keys().is_empty()));
}

/// Cuts `text` and gives `read` the chunks: where each starts, its bytes, and whether it is the
/// last. What `read` does not take is put before what follows.
fn for_each_chunk(text: &[u8], cuts: &[usize], mut read: impl FnMut(usize, &[u8], bool) -> usize) {
    let mut start = 0;
    for &end in cuts.iter().filter(|&&cut| cut < text.len()).chain([&text.len()]) {
        let chunk = &text[start..end.max(start)];
        let is_last = end == text.len();
        let consumed = read(start, chunk, is_last);
        assert!(consumed <= chunk.len() && (!is_last || consumed == chunk.len()));
        start += consumed;
    }
}

/// A reader that remembers nothing: every row goes through the grammar.
pub(crate) fn forgetful() -> LineReader {
    LineReader::new(LineOptions { max_remembered_bytes: 0, ..LineOptions::default() })
}

/// Lines that repeat series and fields, in every spelling, and some that are wrong.
pub(crate) fn texts() -> impl Strategy<Value = Vec<u8>> {
    let table = prop::sample::select(vec!["m", "cpu", r"a\ b", r"c\,d\=e\f", "é", "#", ""]);
    let tag = prop::sample::select(vec![
        ",host=a",
        ",host=b",
        ",host=a,os=x",
        ",os=x,host=a",
        r",h\ o=a\,b\=\c",
        ",t=é",
        ",a=",
        ",a=1,a=2",
    ]);
    let key = (table, prop::option::weighted(0.8, tag));
    let name =
        prop::sample::select(vec!["u", "v", "C)", "usage_guest_nice", r"w\ \=x", "n", "é", "time"]);
    let longer = prop::sample::select(vec![
        "a_name_that_is_longer_than_a_comparison_by_words",
        "a_name_that_is_longer_than_a_comparison_by_bytes",
    ]);
    let name = prop_oneof![9 => name, 1 => longer];
    let value = prop_oneof![
        4 => (-200i64..200).prop_map(|value| format!("{value}i")),
        2 => any::<i64>().prop_map(|value| format!("{value}i")),
        2 => any::<u64>().prop_map(|value| format!("{value}u")),
        3 => "-?[0-9]{1,4}[.][0-9]{1,4}",
        2 => "-?[0-9]{0,18}[.]?[0-9]{0,18}([eE][+-]?[0-9]{1,3})?",
        1 => prop::sample::select(vec!["-0", "-0.0", "t", "F", "true", "False", "TRUE", "tru", "NaN", "+1", "1x", ""])
            .prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            r#""""#, r#""text""#, r#""a\"b\\c\d""#, "\"two\nlines, é=\"", "\"open", r#""x"y"#,
        ]).prop_map(str::to_owned),
    ];
    let field = (name, value).prop_map(|(name, value)| format!("{name}={value}"));
    let fields = prop::collection::vec(field, 0..6).prop_map(|fields| fields.join(","));
    let time = prop_oneof![
        4 => (0i64..9).prop_map(|i| format!(" {}", 1_451_606_400_000_000_000 + i)),
        1 => any::<i64>().prop_map(|time| format!(" {time}")),
        1 => "[ ]{0,2}[0-9]{0,20}[ ]{0,2}",
        1 => Just(String::new()),
    ];
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r\n", "\n\n", "\n# c\"\n", "\n  \t"]);
    let space = prop_oneof![9 => Just(" "), 1 => Just("  ")];
    let line = (key, space, fields, time, end).prop_map(|(key, space, fields, time, end)| {
        format!("{}{}{space}{fields}{time}{end}", key.0, key.1.unwrap_or_default())
    });
    let edit = (
        any::<prop::sample::Index>(),
        0u8..3,
        prop::sample::select(b" ,=\"\\\n\r#i1.\xff-".to_vec()),
    );
    let edits = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(edit, 1..4)];
    (prop::collection::vec(line, 0..30), edits).prop_map(|(lines, edits)| {
        let mut text = lines.concat().into_bytes();
        for (index, kind, byte) in edits {
            if text.is_empty() {
                break;
            }
            let at = index.index(text.len());
            match kind {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
        }
        text
    })
}
