use std::path::Path;

use crate::args::{QueryArgs, ResultFormat};
use crate::outcome::Outcome;
use crate::{memory, sql, stores};

pub(crate) fn run(args: &QueryArgs) -> anyhow::Result<Outcome> {
    let profile = memory::Profile::start(args.profile_memory);
    let store = stores::open_to_read(&args.store)?;
    let format = args.format.unwrap_or_else(|| format_of(args.output.as_deref()));
    // What JSON has no form for is null in it, as the help says.
    sql::answer(&store, &args.sql, format, args.output.as_deref())?;
    // The store and its engine end with what is measured.
    drop(store);
    if let Some(profile) = profile {
        // The answer, on standard output, stays as it is.
        profile.print(&mut std::io::stderr().lock())?;
    }
    Ok(Outcome::Done)
}

/// The format that a file's name ends in.
fn format_of(path: Option<&Path>) -> ResultFormat {
    match path.and_then(Path::extension).and_then(|ending| ending.to_str()) {
        Some("csv") => ResultFormat::Csv,
        Some("json") => ResultFormat::Json,
        Some("ndjson" | "jsonl") => ResultFormat::Ndjson,
        Some("parquet") => ResultFormat::Parquet,
        Some("arrow") => ResultFormat::Arrow,
        _ => ResultFormat::Table,
    }
}
