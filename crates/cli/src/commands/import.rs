use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tidemill::import::ImportOptions;

use crate::args::ImportArgs;
use crate::outcome::{Outcome, say, unless_closed};
use crate::render::text;
use crate::session::Imported;
use crate::{inputs, memory, session, stop, stores};

pub(crate) fn run(args: &ImportArgs) -> anyhow::Result<Outcome> {
    let profile = memory::Profile::start(args.profile_memory);
    let inputs = inputs::expand(&args.files)?;
    inputs::refuse_all_missing(&inputs)?;
    let cancel = stop::flag()?;
    let store =
        stores::open_to_write(&args.store.store, &args.store.memory, args.durability, true)?;
    let options = ImportOptions {
        duplicates: args.bad_rows.duplicates,
        is_strict: args.bad_rows.strict,
        commit_every: args.commit_every.0,
        ..args.read.options(cancel)
    };
    let imported = session::run(&store, inputs, &options, &args.bad_rows);
    let dir = store.inner().dir().to_owned();
    let closed = store.close();
    // What went wrong first says more.
    let imported = imported?;
    closed?;
    unless_closed(print(&imported, &dir))?;
    if let Some(profile) = profile {
        unless_closed(profile.print(&mut std::io::stdout().lock()).map_err(Into::into))?;
    }
    Ok(imported.outcome())
}

fn print(imported: &Imported, dir: &Path) -> anyhow::Result<()> {
    report(imported, &mut std::io::stdout().lock())?;
    if imported.failed == 0 && imported.total().bad_rows == 0 {
        writeln!(std::io::stdout(), "in {}", dir.display())?;
    } else {
        let (bad_rows, failed) = (imported.total().bad_rows, imported.failed as u64);
        let counts = [(bad_rows, "bad row"), (failed, "file")].into_iter();
        let counts = counts.filter(|(count, _)| *count > 0).map(|(n, what)| text::counted(n, what));
        let left_out = counts.collect::<Vec<_>>().join(" and ");
        let rest = match imported.total().rows {
            0 => "nothing came in".to_owned(),
            _ => format!("the rest is in {}", dir.display()),
        };
        say(&format!("{left_out} left out; {rest}"));
    }
    Ok(())
}

/// What became of each file, and of all.
pub(crate) fn report(imported: &Imported, out: &mut impl Write) -> anyhow::Result<()> {
    let mut table = text::table(&[
        "file",
        "rows",
        "bad",
        "duplicates",
        "late",
        "untimed",
        "bytes",
        "seconds",
        "MB/s",
    ]);
    let mut add = |name: &str, report: &tidemill::import::ImportReport, time: Duration| {
        let rate = report.text_bytes as f64 / 1e6 / time.as_secs_f64().max(1e-9);
        table.add_row([
            name.to_owned(),
            text::count(report.rows),
            text::count(report.bad_rows),
            text::count(report.duplicates),
            text::count(report.late),
            text::count(report.untimed),
            text::bytes(report.read_bytes),
            format!("{:.2}", time.as_secs_f64()),
            format!("{rate:.0}"),
        ]);
    };
    for (input, report, time) in &imported.files {
        add(&input.name(), report, *time);
    }
    if imported.files.len() > 1 {
        add("all", &imported.total(), imported.files.iter().map(|(_, _, time)| *time).sum());
    }
    writeln!(out, "{table}")?;
    if imported.total().untimed > 0 {
        writeln!(
            out,
            "{} rows had no time: they got the import's start plus their ordinal in nanoseconds",
            text::count(imported.total().untimed)
        )?;
    }
    Ok(())
}
