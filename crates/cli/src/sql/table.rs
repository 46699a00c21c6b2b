//! Answers as tables.

use std::io::Write;
use std::time::Instant;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{CellAlignment, Table};
use gauge_probe::Section;
use tidemill::query::QueryStream;

use crate::render::text;

/// An answer becomes a table.
static FORMAT: Section = Section::new("format");

/// Rows of a table that are shown: more than anyone reads, and few enough to be held.
const MAX_SHOWN_ROWS: usize = 1000;
/// Characters of a cell that are shown.
const MAX_CELL_CHARACTERS: usize = 200;

/// Writes the answer as a table, how many rows it has, and how long it took.
///
/// # Errors
/// When the statement fails on the way, or the output.
pub(super) fn print_table(
    stream: &mut QueryStream,
    started: Option<Instant>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if is_plan(&stream.schema()) {
        return print_plan(stream, out);
    }
    let executed_by = stream.executed_by();
    let mut table = empty_table(&stream.schema());
    let (mut rows, mut shown) = (0, 0);
    while let Some(batch) = stream.next_batch()? {
        let _formatting = FORMAT.enter();
        rows += batch.num_rows() as u64;
        let more = batch.num_rows().min(MAX_SHOWN_ROWS - shown);
        add_rows(&mut table, &batch.slice(0, more))?;
        shown += more;
    }
    let elapsed = started.map(|started| started.elapsed());
    let _formatting = FORMAT.enter();
    if shown > 0 || table.header().is_some() {
        writeln!(out, "{table}")?;
    }
    if rows > shown as u64 {
        writeln!(
            out,
            "the first {} rows are shown; --format csv or ndjson gives all",
            text::count(shown as u64)
        )?;
    }
    write!(out, "{}", text::counted(rows, "row"))?;
    if let Some(elapsed) = elapsed {
        write!(out, " in {} ({executed_by})", text::span(elapsed.as_nanos() as u64))?;
    }
    writeln!(out)?;
    Ok(())
}

/// Whether it is the answer to `EXPLAIN`, of texts with many lines.
fn is_plan(schema: &Schema) -> bool {
    schema.fields().iter().map(|field| field.name().as_str()).eq(["plan_type", "plan"])
}

fn print_plan(stream: &mut QueryStream, out: &mut impl Write) -> anyhow::Result<()> {
    let options = FormatOptions::default();
    while let Some(batch) = stream.next_batch()? {
        let _formatting = FORMAT.enter();
        let column = |index: usize| ArrayFormatter::try_new(batch.column(index), &options);
        let (kinds, plans) = (column(0)?, column(1)?);
        for row in 0..batch.num_rows() {
            writeln!(out, "{}", fit(&kinds.value(row).try_to_string()?))?;
            for line in plans.value(row).try_to_string()?.lines() {
                writeln!(out, "  {}", line.chars().flat_map(shown).collect::<String>())?;
            }
        }
    }
    Ok(())
}

fn empty_table(schema: &Schema) -> Table {
    let mut table = text::empty_table();
    table.set_header(schema.fields().iter().map(|field| field.name().clone()));
    for (column, field) in table.column_iter_mut().zip(schema.fields()) {
        if is_number(field.data_type()) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn is_number(ty: &DataType) -> bool {
    match ty {
        DataType::Dictionary(_, value) => value.is_numeric(),
        ty => ty.is_numeric(),
    }
}

fn add_rows(table: &mut Table, batch: &RecordBatch) -> anyhow::Result<()> {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch.columns().iter();
    let columns = columns
        .map(|column| ArrayFormatter::try_new(column.as_ref() as &dyn Array, &options))
        .collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        let cells = columns.iter().map(|column| column.value(row).try_to_string());
        let cells = cells.map(|cell| cell.map(|text| fit(&text)));
        table.add_row(cells.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(())
}

fn shown(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

/// A cell's text on one line, without what a terminal would obey, and not too long.
fn fit(text: &str) -> String {
    let mut fitted: String = text.chars().take(MAX_CELL_CHARACTERS).flat_map(shown).collect();
    if text.chars().nth(MAX_CELL_CHARACTERS).is_some() {
        fitted.push('…');
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn a_cell_stays_on_its_line() {
        assert_eq!(fit("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(fit(&"x".repeat(300)).chars().count(), 201);
        assert_eq!(fit("é"), "é");
    }
}
