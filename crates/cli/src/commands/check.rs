use std::io::Write;

use tidemill::Report;

use crate::args::CheckArgs;
use crate::outcome::{Outcome, say, unless_closed};
use crate::progress::Progress;
use crate::render::text;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Outcome> {
    let dir = args.dir.as_ref().unwrap_or(&args.store.store);
    let progress = Progress::new("checking", None);
    let set = |bytes, rows| progress.set(bytes, rows);
    let report = tidemill::check(dir, &args.store.memory.options(), set)?;
    drop(progress);
    unless_closed(print(&report))?;
    say_damages(&report);
    Ok(if report.is_sound() { Outcome::Done } else { Outcome::Refused })
}

fn print(report: &Report) -> anyhow::Result<()> {
    writeln!(
        std::io::stdout(),
        "{}, {}, {}, {}, {}, {}: {}",
        text::counted(report.segments as u64, "segment"),
        text::counted(report.blocks, "block"),
        text::counted(report.logs as u64, "log"),
        text::counted(report.writes, "write"),
        text::counted(report.rows, "row"),
        text::bytes(report.bytes),
        match report.damages.len() {
            0 => "all sound".to_owned(),
            count => text::counted(count as u64, "problem"),
        }
    )?;
    Ok(())
}

/// What is wrong, and what is worth to know, a line each.
pub(super) fn say_damages(report: &Report) {
    for damage in &report.damages {
        say(&format!("{}; lost: {}", damage.error, damage.lost.text(&text::time)));
    }
    report.notes.iter().for_each(|note| say(&format!("note: {note}")));
    for path in &report.superfluous {
        say(&format!(
            "note: {} is no part of the store: being written, or left by an interrupted write",
            path.display()
        ));
    }
}
