use std::io::Write;

use crate::args::CheckArgs;
use crate::outcome::{Outcome, say};
use crate::render::text;
use crate::stores;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Outcome> {
    let store = stores::open_to_read(&args.store)?;
    let check = store.inner().check()?;
    writeln!(
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
    )?;
    for problem in &check.problems {
        say(&problem.to_string());
    }
    Ok(if check.problems.is_empty() { Outcome::Done } else { Outcome::Refused })
}
