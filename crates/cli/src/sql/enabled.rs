use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tidemill::Store;
use tidemill::query::QueryStream;
use tidemill::query::output::{Format, write_stream};

use super::table::print_table;
use crate::args::ResultFormat;
use crate::outcome::{Outcome, usage};
use crate::output::Output;
use crate::stop::INTERRUPTED;

/// Runs a statement and writes its answer to a file, which appears when it is complete, or to
/// standard output.
///
/// # Errors
/// When the statement is wrong or fails, or the answer cannot be written.
pub(crate) fn answer(
    store: &Store,
    sql: &str,
    format: ResultFormat,
    output: Option<&Path>,
) -> anyhow::Result<Outcome> {
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
    match write(&mut stream, format, &mut output, Some(started)) {
        Err(_) if matches!(output, Output::Stdout(_, true)) => return Ok(Outcome::Done),
        result => result?,
    }
    output.finish()?;
    Ok(Outcome::Done)
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

/// Writes an answer; below a table, how long it took since `started`.
pub(super) fn write(
    stream: &mut QueryStream,
    format: ResultFormat,
    output: &mut Output,
    started: Option<Instant>,
) -> anyhow::Result<()> {
    let format = match format {
        ResultFormat::Table => return print_table(stream, started, output),
        ResultFormat::Csv => Format::Csv,
        ResultFormat::Json => Format::Json,
        ResultFormat::Ndjson => Format::Ndjson,
        ResultFormat::Parquet => Format::Parquet,
        ResultFormat::Arrow => Format::Arrow,
    };
    write_stream(stream, format, &mut *output)?;
    Ok(output.flush()?)
}
