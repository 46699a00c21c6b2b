use anyhow::{Context, Result};
use tidemill_codec::{Encoder, MAX_BLOCK_ROWS, ints};
use tidemill_kernels::reduce;

use super::{Bench, lines};

/// A row as a struct: what most programs begin with.
#[derive(Clone, Default)]
struct Row {
    time: i64,
    fields: [i64; 10],
}

/// The mean of one field of ten, over rows, columns and compressed columns.
///
/// # Errors
/// When the text is not what the generator writes.
pub fn layout(bench: &Bench<'_>, text: &[u8], rows: usize) -> Result<()> {
    let mut by_row = Vec::with_capacity(rows);
    for line in lines(text)? {
        let line = line?;
        let mut row = Row { time: line.time, ..Row::default() };
        row.fields.iter_mut().zip(line.fields()).for_each(|(field, (_, value))| *field = value);
        by_row.push(row);
    }
    let boxed: Vec<Box<Row>> = by_row.iter().cloned().map(Box::new).collect();
    let times: Vec<i64> = by_row.iter().map(|row| row.time).collect();
    let column: Vec<i64> = by_row.iter().map(|row| row.fields[3]).collect();
    let mut encoder = Encoder::new();
    let blocks = column.chunks(MAX_BLOCK_ROWS).map(|values| {
        let mut bytes = Vec::new();
        encoder.ints(values, &mut bytes);
        (values.len(), bytes)
    });
    let blocks: Vec<(usize, Vec<u8>)> = blocks.collect();
    let compressed: usize = blocks.iter().map(|(_, bytes)| bytes.len()).sum();
    let last = *times.last().context("no rows")?;
    let size = |bytes: usize| bytes as f64 / 1e6;
    println!(
        "\nTen fields and a time of {rows} rows are {:.1} MB as rows; one field is {:.1} MB as a column and {:.2} MB compressed (the last time is {last}).",
        size(size_of_val(&by_row[..])),
        size(size_of_val(&column[..])),
        size(compressed),
    );
    let mut decoded = vec![0i64; MAX_BLOCK_ROWS];
    bench.compare(
        "The mean of one field",
        rows,
        &mut [
            ("a box a row", Box::new(|| Ok(boxed.iter().map(|row| row.fields[3]).sum()))),
            ("a Vec of rows", Box::new(|| Ok(by_row.iter().map(|row| row.fields[3]).sum()))),
            ("a column, plain loop", Box::new(|| Ok(column.iter().sum()))),
            ("a column, kernel", Box::new(|| Ok(reduce::sum_i64(&column) as i64))),
            (
                "compressed blocks, decoded into one buffer (the engine)",
                Box::new(|| {
                    let mut sum = 0;
                    for (rows, bytes) in &blocks {
                        let out = &mut decoded[..*rows];
                        ints(bytes, *rows)
                            .and_then(|column| column.decode_into(0..*rows, out))
                            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
                        sum += reduce::sum_i64(out) as i64;
                    }
                    Ok(sum)
                }),
            ),
        ],
    )
}
