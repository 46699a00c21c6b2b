use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tidemill::query::output::{Format, write_stream};
use tidemill::query::{Matching, QueryStream};
use tidemill::{Compacted, Store};

use super::table::print_table;
use crate::args::ResultFormat;
use crate::outcome::usage;
use crate::output::Output;
use crate::stop::INTERRUPTED;

/// Runs a statement and writes its answer to a file, which appears when it is complete, or to
/// standard output. Returns how many values are null because the format has no form for them.
///
/// # Errors
/// When the statement is wrong or fails, or the answer cannot be written.
pub(crate) fn answer(
    store: &Store,
    sql: &str,
    format: ResultFormat,
    output: Option<&Path>,
) -> anyhow::Result<u64> {
    if output.is_none()
        && matches!(format, ResultFormat::Parquet | ResultFormat::Arrow)
        && std::io::IsTerminal::is_terminal(&std::io::stdout())
    {
        return Err(usage("this format is not for a terminal: name a file with --output"));
    }
    let started = Instant::now();
    let mut output = Output::create(output)?;
    if let Output::File(file, _) = &output {
        end_without(file.get_ref().path().to_owned())?;
    }
    let mut stream = store.sql_stream(sql)?;
    let nulled = match write(&mut stream, format, &mut output, Some(started)) {
        Err(_) if matches!(output, Output::Stdout(_, true)) => return Ok(0),
        result => result?,
    };
    output.finish()?;
    Ok(nulled)
}

/// Deletes the rows that a condition means.
///
/// # Errors
/// When the condition is wrong, or the disk fails.
pub(crate) fn delete(store: &Store, table: &str, condition: &str) -> anyhow::Result<Compacted> {
    Ok(store.delete(table, condition)?)
}

/// How many rows that would be.
///
/// # Errors
/// When the condition is wrong, or the store cannot be read.
pub(crate) fn count_matching(store: &Store, table: &str, condition: &str) -> anyhow::Result<u64> {
    let Matching { range, series } = store.sql_engine()?.matching(table, condition)?;
    let snapshot = store.snapshot();
    let Some(view) = snapshot.table(table) else { return Ok(0) };
    let (mut reader, mut pieces, mut rows) = (view.reader(), Vec::new(), 0);
    for id in series {
        reader.pieces(id, range, &mut pieces)?;
        for piece in &pieces {
            rows += reader.rows(piece)? as u64;
        }
    }
    Ok(rows)
}

/// Ends the process at once when it is asked to stop, without the file that is not complete: a
/// statement that runs looks at no flag.
fn end_without(file: PathBuf) -> anyhow::Result<()> {
    ctrlc::set_handler(move || {
        // The process is on its way out: what cannot be removed stays.
        let _ = std::fs::remove_file(&file);
        std::process::exit(INTERRUPTED);
    })?;
    Ok(())
}

/// Writes an answer; below a table, how long it took since `started`. Returns how many values are
/// null because the format has no form for them.
pub(super) fn write(
    stream: &mut QueryStream,
    format: ResultFormat,
    output: &mut Output,
    started: Option<Instant>,
) -> anyhow::Result<u64> {
    let format = match format {
        ResultFormat::Table => return print_table(stream, started, output).map(|()| 0),
        ResultFormat::Csv => Format::Csv,
        ResultFormat::Json => Format::Json,
        ResultFormat::Ndjson => Format::Ndjson,
        ResultFormat::Parquet => Format::Parquet,
        ResultFormat::Arrow => Format::Arrow,
    };
    let written = write_stream(stream, format, &mut *output)?;
    output.flush()?;
    Ok(written.nulled)
}
