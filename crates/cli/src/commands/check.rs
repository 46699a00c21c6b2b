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
        "{} segments, {} blocks, {} rows, {}: {}",
        text::count(check.segments as u64),
        text::count(check.blocks),
        text::count(check.rows),
        text::bytes(check.bytes),
        match check.problems.len() {
            0 => "all sound".to_owned(),
            count => format!("{count} problems"),
        }
    )?;
    for problem in &check.problems {
        say(&problem.to_string());
    }
    Ok(if check.problems.is_empty() { Outcome::Done } else { Outcome::Refused })
}
