use std::io::Write;

use tidemill::Repaired;

use super::check::say_damages;
use crate::args::RepairArgs;
use crate::outcome::{Outcome, unless_closed};
use crate::progress::Progress;
use crate::render::text;

pub(crate) fn run(args: &RepairArgs) -> anyhow::Result<Outcome> {
    let progress = Progress::new("repairing", None);
    let set = |bytes, rows| progress.set(bytes, rows);
    let repaired = tidemill::repair(&args.from, &args.to, args.memory.options(), set)?;
    drop(progress);
    unless_closed(print(&repaired))?;
    say_damages(&repaired.report);
    Ok(if repaired.report.is_sound() { Outcome::Done } else { Outcome::Refused })
}

fn print(repaired: &Repaired) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    for table in &repaired.tables {
        let duplicates = match table.duplicates {
            0 => String::new(),
            count => format!(", {} of the same series and time", text::counted(count, "duplicate")),
        };
        writeln!(stdout, "{}: {}{duplicates}", table.name, text::counted(table.rows, "row"))?;
    }
    writeln!(
        stdout,
        "{} salvaged; {}",
        text::counted(repaired.rows(), "row"),
        match repaired.report.damages.len() {
            0 => "nothing was left".to_owned(),
            count => format!("{}, listed below", text::counted(count as u64, "problem")),
        }
    )?;
    Ok(())
}
