use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::bail;
use tidemill::workload::{Format, Generator, Options};

use crate::args::{GenerateArgs, GenerateFormat};
use crate::outcome::{Outcome, usage};
use crate::output::Output;
use crate::progress::Progress;
use crate::stop;

/// Rows between two writes.
const ROWS: usize = 4096;
/// What a row takes, about, of each format: for the progress only.
const GUESSED_ROW_BYTES: u64 = 300;

pub(crate) fn run(args: &GenerateArgs) -> anyhow::Result<Outcome> {
    let duration = Duration::try_from_secs_f64(args.hours * 3600.0)
        .map_err(|_| usage(format!("--hours {} is no length of time", args.hours)))?;
    let options = Options {
        scale: args.scale,
        duration,
        interval: args.interval.0,
        seed: args.seed,
        format: match args.format {
            GenerateFormat::Lp => Format::LineProtocol,
            GenerateFormat::Csv => Format::Csv,
        },
        table: args.table.clone(),
        ..Options::new(args.use_case)
    };
    let mut generator = Generator::new(&options).map_err(|error| usage(error.to_string()))?;
    let cancel = stop::flag()?;
    let mut output = Output::create(args.output.as_deref())?;
    let progress = match args.output {
        Some(_) => Progress::new(
            args.use_case.name(),
            Some(generator.max_rows().saturating_mul(GUESSED_ROW_BYTES)),
        ),
        None => Progress::hidden(),
    };
    let (mut text, mut rows, mut bytes) = (Vec::new(), 0u64, 0u64);
    loop {
        if cancel.load(Ordering::Relaxed) {
            bail!("stopped after {rows} rows");
        }
        text.clear();
        let count = generator.write_rows(&mut text, ROWS);
        output.write_all(&text)?;
        rows += count as u64;
        bytes += text.len() as u64;
        progress.set(bytes, rows);
        if count < ROWS {
            break;
        }
    }
    output.finish()?;
    Ok(Outcome::Done)
}
