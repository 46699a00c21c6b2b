use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context, bail};
use tidemill::Store;
use tidemill::analysis::report::{ImportCounts, Limits, Report, TableCounts};
use tidemill::import::ImportOptions;

use crate::args::{AnalyzeArgs, DurabilityArg};
use crate::outcome::{Outcome, usage};
use crate::output::Output;
use crate::render::{self, Run, text};
use crate::session::Imported;
use crate::{inputs, session, stop, stores};

/// Points of a chart of the page: about one for each two pixels of its width.
const CHART_POINTS: usize = 240;

pub(crate) fn run(args: &AnalyzeArgs) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let inputs = inputs::expand(&args.files)?;
    if let Some(path) = args.html.as_deref().filter(|path| inputs::are_with(&inputs, path)) {
        return Err(usage(format!("--html {} is one of the inputs", path.display())));
    }
    let cancel = stop::flag()?;
    // Removed when it is dropped, whatever happened.
    let dir = tempfile::Builder::new().prefix("tidemill-").tempdir();
    let dir = dir.context("no temporary directory could be made (TMPDIR says where)")?;
    let store = stores::open_to_write(dir.path(), &args.memory, DurabilityArg::None, true)?;
    let options = ImportOptions {
        duplicates: args.bad_rows.duplicates,
        is_strict: args.bad_rows.strict,
        ..args.read.options(Arc::clone(&cancel))
    };
    let names: Vec<String> = inputs.iter().map(tidemill::import::Input::name).collect();
    let imported = session::run(&store, inputs, &options, &args.bad_rows)?;
    let total = imported.total();
    if imported.files.is_empty() {
        bail!("there is nothing to report on");
    }
    let report = build(&store, &imported)?;
    if cancel.load(Ordering::Relaxed) {
        bail!("stopped");
    }
    let run = Run {
        files: names,
        file_bytes: total.read_bytes,
        elapsed: started.elapsed(),
        late: total.late,
        duplicates: total.duplicates,
    };
    if let Some(path) = &args.html {
        let mut page = Output::create(Some(path))?;
        page.write_all(render::html::page(&report, &run).as_bytes())?;
        page.finish()?;
    }
    let mut output = Output::create(None)?;
    if args.json {
        writeln!(output, "{}", render::json::report(&report, &run))?;
    } else {
        render::report::write(&report, &run, &mut output)?;
        write_imported(&imported, &mut output)?;
        if let Some(path) = &args.html {
            writeln!(output, "\nThe page is in {}", path.display())?;
        }
    }
    output.finish()?;
    Ok(imported.outcome())
}

fn build(store: &Store, imported: &Imported) -> anyhow::Result<Report> {
    let total = imported.total();
    let snapshot = store.snapshot();
    let counts = ImportCounts {
        // Parquet has no text.
        read_bytes: if total.text_bytes > 0 { total.text_bytes } else { total.read_bytes },
        seconds: imported.files.iter().map(|(_, _, time)| time.as_secs_f64()).sum(),
        tables: table_counts(imported),
    };
    let limits = Limits { sparkline_points: CHART_POINTS, ..Limits::default() };
    let mut report = Report::build(&snapshot, &limits, &counts, store.inner().budget())?;
    report.cost.peak_memory_bytes = peak_memory_bytes();
    Ok(report)
}

/// What the import counted by table.
fn table_counts(imported: &Imported) -> BTreeMap<String, TableCounts> {
    let mut tables: BTreeMap<String, TableCounts> = BTreeMap::new();
    for (name, counts) in imported.files.iter().flat_map(|(_, report, _)| &report.tables) {
        let table = tables.entry(name.clone()).or_default();
        table.late += counts.late;
        table.duplicates += counts.duplicates;
    }
    tables
}

/// The most memory this process held, as Linux counts it.
fn peak_memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What was wrong with the input, if anything was.
fn write_imported(imported: &Imported, out: &mut impl Write) -> anyhow::Result<()> {
    let total = imported.total();
    if total.bad_rows > 0 {
        writeln!(out, "\n{} bad rows were left out", text::count(total.bad_rows))?;
    }
    if total.untimed > 0 {
        let rows = text::count(total.untimed);
        writeln!(out, "\n{rows} rows had no time: they got the import's start plus their ordinal")?;
    }
    Ok(())
}
