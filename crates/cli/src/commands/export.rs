use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use tidemill::parse::line;
use tidemill::{Scan, Store, Value};

use crate::args::{ExportArgs, InputFormat, ResultFormat};
use crate::outcome::{Outcome, say, usage};
use crate::output::Output;
use crate::render::text;
use crate::{sql, stop, stores};

/// Lines of text collected before a write, in bytes.
const BUFFER_BYTES: usize = 256 << 10;

pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<Outcome> {
    let store = stores::open_to_read(&args.store)?;
    let is_table = store.snapshot().table(&args.what).is_some();
    if !is_table && !args.what.contains(char::is_whitespace) {
        let names: Vec<_> = store.snapshot().tables().iter().map(|t| t.name().to_owned()).collect();
        bail!("there is no table `{}` (there are: {})", args.what, names.join(", "));
    }
    let statement = || match is_table {
        true => format!("SELECT * FROM \"{}\"", args.what.replace('"', "\"\"")),
        false => args.what.clone(),
    };
    let format = match args.format {
        InputFormat::Lp if is_table => return lines(&store, args),
        InputFormat::Lp => {
            let what =
                "line protocol needs a table: the answer to a statement has no tags any more";
            return Err(usage(format!("{what}; write csv, ndjson or parquet")));
        }
        InputFormat::Csv => ResultFormat::Csv,
        InputFormat::Ndjson => ResultFormat::Ndjson,
        InputFormat::Parquet => ResultFormat::Parquet,
    };
    match sql::answer(&store, &statement(), format, args.output.as_deref())? {
        0 => Ok(Outcome::Done),
        nulled => {
            let count = text::counted(nulled, "value");
            say(&format!("{count} NaN or infinite, which JSON has no form for: null"));
            Ok(Outcome::Refused)
        }
    }
}

/// Writes a table as line protocol, series by series.
fn lines(store: &Store, args: &ExportArgs) -> anyhow::Result<Outcome> {
    let cancel = stop::flag()?;
    let mut output = Output::create(args.output.as_deref())?;
    let left_out = write_lines(store, &args.what, &mut output, &cancel)?;
    output.finish()?;
    if let Some((first, count)) = left_out {
        let count = text::count(count);
        say(&format!(
            "{count} values or rows have no form in line protocol and are left out: {first}"
        ));
        return Ok(Outcome::Refused);
    }
    Ok(Outcome::Done)
}

/// Returns what could not be written, first and how many.
fn write_lines(
    store: &Store,
    table: &str,
    output: &mut impl Write,
    cancel: &AtomicBool,
) -> anyhow::Result<Option<(String, u64)>> {
    let snapshot = store.snapshot();
    let names: Vec<String> = match snapshot.table(table) {
        Some(view) => view.schema().fields.iter().map(|field| field.name.clone()).collect(),
        None => Vec::new(),
    };
    let mut left_out: Option<(String, u64)> = None;
    let mut leave_out = |reason: String| left_out.get_or_insert((reason, 0)).1 += 1;
    let mut text = Vec::with_capacity(BUFFER_BYTES);
    let scan = Scan { fields: Some(names.clone()), ..Scan::default() };
    for rows in store.scan(table, &scan)? {
        let rows = rows?;
        if cancel.load(Ordering::Relaxed) {
            bail!("stopped; nothing is written");
        }
        let tags = || rows.tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (row, time) in rows.times.iter().enumerate() {
            let fields = names.iter().zip(&rows.columns);
            let fields =
                fields.filter_map(|(name, column)| Some((name.as_str(), column.get(row)?)));
            let (finite, others): (Vec<_>, Vec<_>) =
                fields.partition(|(_, value)| is_finite(value));
            others.iter().for_each(|(name, _)| leave_out(format!("`{name}` that is not finite")));
            if finite.is_empty() && !others.is_empty() {
                continue;
            }
            if let Err(error) = line::write_row(&mut text, table, tags(), finite, Some(*time)) {
                leave_out(error.to_string());
            }
            if text.len() >= BUFFER_BYTES {
                output.write_all(&text)?;
                text.clear();
            }
        }
    }
    output.write_all(&text)?;
    Ok(left_out)
}

fn is_finite(value: &Value<'_>) -> bool {
    match value {
        Value::Float(value) => value.is_finite(),
        _ => true,
    }
}
