use std::io::Write;

use crate::args::BackupArgs;
use crate::outcome::{Outcome, unless_closed};
use crate::progress::Progress;
use crate::render::text;
use crate::stores;

pub(crate) fn run(args: &BackupArgs) -> anyhow::Result<Outcome> {
    let store = stores::open_to_read(&args.store)?;
    let bytes: u64 = store.snapshot().tables().iter().map(tidemill::TableView::stored_bytes).sum();
    let progress = Progress::new("copying", Some(bytes));
    let done = store.backup(&args.to, |bytes, rows| progress.set(bytes, rows))?;
    drop(progress);
    let printed = writeln!(
        std::io::stdout(),
        "{}, {}, {}, {} in {}",
        text::counted(done.tables as u64, "table"),
        text::counted(done.segments as u64, "segment"),
        text::counted(done.rows, "row"),
        text::bytes(done.bytes),
        args.to.display()
    );
    unless_closed(printed.map_err(Into::into))?;
    Ok(Outcome::Done)
}
