use std::io::Write;

use crate::args::{DeleteArgs, DurabilityArg};
use crate::outcome::Outcome;
use crate::render::text;
use crate::{sql, stores};

pub(crate) fn run(args: &DeleteArgs) -> anyhow::Result<Outcome> {
    let (table, condition) = (&args.table, &args.condition);
    let mut stdout = std::io::stdout();
    if args.dry_run {
        let store = stores::open_to_read(&args.store)?;
        let rows = sql::count_matching(&store, table, condition)?;
        writeln!(stdout, "would delete {} rows of {table}", text::count(rows))?;
        return Ok(Outcome::Done);
    }
    let (dir, memory) = (&args.store.store, &args.store.memory);
    let store = stores::open_to_write(dir, memory, DurabilityArg::Fsync, false)?;
    let deleted = sql::delete(&store, table, condition)?;
    store.close()?;
    writeln!(
        stdout,
        "deleted {} rows of {table}; {} became {}",
        text::count(deleted.dropped_rows),
        text::bytes(deleted.bytes_before),
        text::bytes(deleted.bytes_after),
    )?;
    Ok(Outcome::Done)
}
