//! Rows that each have other fields: a batch ends before it is out of proportion to the text.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use tidemill_model::Batch;
use tidemill_parse::RowReader;
use tidemill_parse::line::{LineOptions, LineReader};
use tidemill_parse::ndjson;
use tidemill_parse::tabular::TabularOptions;

const FIELDS: usize = 1_000;
const ROWS: usize = 20_000;
/// Reads all of `text` twice into one batch; returns how many reads that took.
fn check(reader: &mut dyn RowReader, text: &str) -> usize {
    let mut batch = Batch::new();
    let mut reads = 0;
    // Cells that may fill a batch, and the row that does; a vector that grew holds as much again.
    let max_bytes = ((text.len() / 4).max(1 << 20) + FIELDS) * 8 * 5 / 2;
    for _ in 0..2 {
        let (mut at, mut next_row) = (0, 0);
        loop {
            let mut errors = Vec::new();
            let taken = reader.read(&text.as_bytes()[at..], true, &mut batch, &mut errors);
            assert_eq!(errors, []);
            let bytes: usize = batch.tables().iter().map(|table| table.memory_bytes()).sum();
            assert!(bytes < max_bytes, "{bytes} bytes");
            let mut times: Vec<i64> =
                batch.tables().iter().flat_map(|table| table.times().to_vec()).collect();
            times.sort_unstable();
            let end = next_row + times.len() as i64;
            assert!(times.iter().copied().eq(next_row..end), "rows are left out or come twice");
            // As a store does, which keeps what it takes.
            batch.tables_mut().iter_mut().for_each(|table| drop(table.take_rows()));
            (at, next_row, reads) = (at + taken.bytes, end, reads + 1);
            if !taken.is_full {
                break;
            }
        }
        assert_eq!((at, next_row), (text.len(), ROWS as i64));
    }
    reads
}

#[test]
fn a_batch_of_lines_is_bounded() {
    let reader = || LineReader::new(LineOptions::default());
    let sparse = |tables: usize| -> String {
        let row = |i: usize| format!("t{} f{}=1i {i}\n", i % tables, i / tables % FIELDS);
        (0..ROWS).map(row).collect()
    };
    assert!(check(&mut reader(), &sparse(1)) > 30);
    assert!(check(&mut reader(), &sparse(3)) > 10);
    // The same fields in all rows are as many cells as there are values.
    let fields: String = (0..200).map(|field| format!(",f{field}=1i")).collect();
    let dense: String = (0..ROWS).map(|i| format!("t {} {i}\n", &fields[1..])).collect();
    assert_eq!(check(&mut reader(), &dense), 2);
}

#[test]
fn a_batch_of_ndjson_is_bounded() {
    let row = |i: usize| format!("{{\"time\":{i},\"f{}\":1}}\n", i % FIELDS);
    let text: String = (0..ROWS).map(row).collect();
    let format = tidemill_parse::time_text::TimeFormat::Epoch(
        tidemill_parse::time_text::EpochUnit::Nanoseconds,
    );
    let options = TabularOptions { time_format: Some(format), ..TabularOptions::new("t") };
    let plan = ndjson::survey(text.as_bytes(), true, &options).unwrap();
    assert!(check(&mut *plan.reader(true), &text) > 30);
}
