use std::io::Write;
use std::time::Duration;

use crate::args::{DurabilityArg, RetentionArgs};
use crate::outcome::Outcome;
use crate::stores;

pub(crate) fn run(args: &RetentionArgs) -> anyhow::Result<Outcome> {
    let table = &args.table;
    let keep = match args.keep {
        None if !args.forever => stores::open_to_read(&args.store)?.inner().retention(table)?,
        keep => {
            let (dir, memory) = (&args.store.store, &args.store.memory);
            let store = stores::open_to_write(dir, memory, DurabilityArg::Fsync, false)?;
            let keep = keep.map(|span| span.0);
            store.inner().set_retention(table, keep)?;
            store.close()?;
            keep
        }
    };
    writeln!(std::io::stdout(), "{table}: rows are kept {}", in_words(keep))?;
    Ok(Outcome::Done)
}

/// A time as `--keep` takes it.
pub(super) fn in_words(keep: Option<Duration>) -> String {
    let Some(keep) = keep else { return "for ever".to_owned() };
    let nanoseconds = keep.as_nanos();
    let units = [(86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "m")];
    let units = units.into_iter().chain([(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")]);
    let mut whole = units.filter(|(unit, _)| nanoseconds % unit == 0);
    let (unit, name) = whole.next().unwrap_or((1, "ns"));
    format!("{}{name}", nanoseconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in ["30d", "36h", "90m", "1s", "1500ms", "7us", "1ns"] {
            let span: crate::args::Span = text.parse().unwrap();
            assert_eq!(in_words(Some(span.0)), text);
        }
        assert_eq!(in_words(None), "for ever");
    }
}
