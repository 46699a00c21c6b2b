use std::io::Write;

use crate::args::CheckArgs;
use crate::outcome::{Outcome, say, unless_closed};
use crate::render::text;
use crate::stores;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Outcome> {
    let store = stores::open_to_read(&args.store)?;
    let check = store.inner().check()?;
    let printed = writeln!(
        std::io::stdout(),
        "{}, {}, {}, {}: {}",
        text::counted(check.segments as u64, "segment"),
        text::counted(check.blocks, "block"),
        text::counted(check.rows, "row"),
        text::bytes(check.bytes),
        match check.problems.len() {
            0 => "all sound".to_owned(),
            count => text::counted(count as u64, "problem"),
        }
    );
    unless_closed(printed.map_err(Into::into))?;
    for problem in &check.problems {
        say(&problem.to_string());
    }
    Ok(if check.problems.is_empty() { Outcome::Done } else { Outcome::Refused })
}
