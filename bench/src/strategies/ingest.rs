use anyhow::{Context, Result};
use tidemill::parse::RowReader;
use tidemill::parse::line::{LineOptions, LineReader};
use tidemill::{Batch, Values};
use tidemill_memory::Arena;

use super::{Bench, chunks, lines};

/// What becomes of a chunk of text, and its digest.
type ChunkStrategy = Box<dyn FnMut(&[u8]) -> Result<i64>>;

/// A row that owns all it has.
struct OwnedRow {
    table: String,
    tags: Vec<(String, String)>,
    fields: Vec<(String, i64)>,
    time: i64,
}

/// A row whose parts are elsewhere.
struct BorrowedRow<'a> {
    table: &'a str,
    tags: &'a [(&'a str, &'a str)],
    fields: &'a [(&'a str, i64)],
    time: i64,
}

fn owned_rows<'t>(text: &'t [u8]) -> Result<impl Iterator<Item = Result<OwnedRow>> + 't> {
    let owned = |line: super::Line<'_>| OwnedRow {
        table: line.table.to_owned(),
        tags: line.tags().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        fields: line.fields().map(|(name, value)| (name.to_owned(), value)).collect(),
        time: line.time,
    };
    Ok(lines(text)?.map(move |line| line.map(owned)))
}

/// What is asked of the rows of a chunk, however they are kept.
fn digest(table: &str, tags: usize, values: i64, time: i64) -> i64 {
    values.wrapping_add(time).wrapping_add((table.len() + tags) as i64)
}

fn digest_owned(row: &OwnedRow) -> i64 {
    let bytes: usize = row.tags.iter().map(|(_, value)| value.len()).sum();
    digest(&row.table, bytes, row.fields.iter().map(|field| field.1).sum(), row.time)
}

fn digest_borrowed(row: &BorrowedRow<'_>) -> i64 {
    let bytes: usize = row.tags.iter().map(|(_, value)| value.len()).sum();
    digest(row.table, bytes, row.fields.iter().map(|field| field.1).sum(), row.time)
}

/// The rows of a chunk in an arena, with what they name copied into it or not.
fn in_arena(arena: &Arena, chunk: &[u8], copies: bool) -> Result<i64> {
    let mut rows: Vec<&BorrowedRow<'_>> = Vec::new();
    for line in lines(chunk)? {
        let line = line?;
        let row = if copies {
            let copy = |text: &str| -> &str { arena.alloc_str(text) };
            let tags = line.tags().map(|(name, value)| (copy(name), copy(value)));
            let fields = line.fields().map(|(name, value)| (copy(name), value));
            BorrowedRow {
                table: copy(line.table),
                tags: arena.alloc_slice_from_iter(tags),
                fields: arena.alloc_slice_from_iter(fields),
                time: line.time,
            }
        } else {
            BorrowedRow {
                table: line.table,
                tags: arena.alloc_slice_from_iter(line.tags()),
                fields: arena.alloc_slice_from_iter(line.fields()),
                time: line.time,
            }
        };
        rows.push(arena.alloc(row));
    }
    Ok(rows.iter().map(|row| digest_borrowed(row)).fold(0, i64::wrapping_add))
}

/// The same of the engine's columns.
fn in_columns(reader: &mut LineReader, batch: &mut Batch, chunk: &[u8]) -> Result<i64> {
    let mut errors = Vec::new();
    let taken = reader.read(chunk, true, batch, &mut errors);
    anyhow::ensure!(taken.bytes == chunk.len() && errors.is_empty(), "a chunk that does not fit");
    let mut sum = 0i64;
    for table in batch.tables() {
        let bytes: Vec<i64> = (0..table.series_keys().len() as u32)
            .map(|series| {
                let key = tidemill::SeriesKey(table.series_keys().bytes(series));
                key.tags().flatten().map(|(_, value)| value.len() as i64).sum()
            })
            .collect();
        let constant = table.name().len() as i64;
        let of_rows = table.row_series().iter().zip(table.times());
        let rows = of_rows.map(|(series, time)| time + bytes[*series as usize] + constant);
        sum = rows.fold(sum, i64::wrapping_add);
        for column in table.columns() {
            let Values::Int(values) = column.column.values() else { continue };
            sum = sum.wrapping_add(values.iter().sum());
        }
    }
    Ok(sum)
}

/// How the rows of a chunk of text are kept until they are written.
///
/// # Errors
/// When the text is not what the generator writes, or the answers differ.
pub fn ingest(bench: &Bench<'_>, text: &[u8], rows: usize) -> Result<()> {
    let each = |mut chunk_of: ChunkStrategy| {
        move || chunks(text).try_fold(0i64, |sum, chunk| Ok(sum.wrapping_add(chunk_of(chunk)?)))
    };
    let boxed = |chunk: &[u8]| {
        let rows = owned_rows(chunk)?.map(|row| row.map(Box::new));
        let rows = rows.collect::<Result<Vec<Box<OwnedRow>>>>()?;
        Ok(rows.iter().map(|row| digest_owned(row)).fold(0, i64::wrapping_add))
    };
    let in_vec = |chunk: &[u8]| {
        let rows = owned_rows(chunk)?.collect::<Result<Vec<OwnedRow>>>()?;
        Ok(rows.iter().map(digest_owned).fold(0, i64::wrapping_add))
    };
    let (mut copies, mut borrows) = (Arena::new(), Arena::new());
    let copied = move |chunk: &[u8]| {
        copies.reset();
        in_arena(&copies, chunk, true)
    };
    let borrowed = move |chunk: &[u8]| {
        borrows.reset();
        in_arena(&borrows, chunk, false)
    };
    let fresh = |chunk: &[u8]| {
        in_columns(&mut LineReader::new(LineOptions::default()), &mut Batch::new(), chunk)
    };
    let (mut reader, mut batch) = (LineReader::new(LineOptions::default()), Batch::new());
    let reused = move |chunk: &[u8]| {
        batch.clear_rows();
        in_columns(&mut reader, &mut batch, chunk)
    };
    bench
        .compare(
            "Rows of 4 MiB of text, until they are written",
            rows,
            &mut [
                ("a box a row, owned strings", Box::new(each(Box::new(boxed)))),
                ("a Vec of rows, owned strings", Box::new(each(Box::new(in_vec)))),
                ("an arena, strings copied into it", Box::new(each(Box::new(copied)))),
                ("an arena, strings borrowed from the text", Box::new(each(Box::new(borrowed)))),
                ("columns, a new batch each time", Box::new(each(Box::new(fresh)))),
                ("columns, the batch used again (the engine)", Box::new(each(Box::new(reused)))),
            ],
        )
        .context("ingestion")
}
