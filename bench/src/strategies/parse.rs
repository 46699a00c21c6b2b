use anyhow::{Result, ensure};
use tidemill::Batch;
use tidemill::parse::line::{LineOptions, LineReader, points};
use tidemill::parse::{PointValue, RowReader};

use super::{Bench, chunks, lines};

/// How text becomes values.
///
/// # Errors
/// When the text is not what the generator writes, or the answers differ.
pub fn parse(bench: &Bench<'_>, text: &[u8], rows: usize) -> Result<()> {
    let owned = || {
        let mut sum = 0i64;
        for line in lines(text)? {
            let line = line?;
            let tags: Vec<(String, String)> =
                line.tags().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let fields: Vec<(String, i64)> =
                line.fields().map(|(name, value)| (name.to_owned(), value)).collect();
            ensure!(tags.len() == 10, "{} tags", tags.len());
            sum = fields.iter().fold(sum.wrapping_add(line.time), |sum, field| sum + field.1);
        }
        Ok(sum)
    };
    let borrowed = || {
        let mut sum = 0i64;
        for point in points(text, true, &LineOptions::default()) {
            let point = point.map_err(|error| anyhow::anyhow!("{error:?}"))?;
            sum = sum.wrapping_add(point.time.unwrap_or_default());
            for (_, value) in &point.fields {
                if let PointValue::Int(value) = value {
                    sum += value;
                }
            }
        }
        Ok(sum)
    };
    let (mut reader, mut batch) = (LineReader::new(LineOptions::default()), Batch::new());
    let predicted = move || {
        let (mut sum, mut errors) = (0i64, Vec::new());
        for chunk in chunks(text) {
            batch.clear_rows();
            let taken = reader.read(chunk, true, &mut batch, &mut errors);
            ensure!(taken.bytes == chunk.len() && errors.is_empty(), "a chunk that does not fit");
            for table in batch.tables() {
                sum = table.times().iter().fold(sum, |sum, time| sum.wrapping_add(*time));
                for column in table.columns() {
                    if let tidemill::Values::Int(values) = column.column.values() {
                        sum = sum.wrapping_add(values.iter().sum());
                    }
                }
            }
        }
        Ok(sum)
    };
    bench.compare(
        "Text to values",
        rows,
        &mut [
            ("split, a String for every name", Box::new(owned)),
            ("a row at a time, borrowed from the text", Box::new(borrowed)),
            ("predicted rows into columns (the engine)", Box::new(predicted)),
        ],
    )
}
