use std::io::Write;

use tidemill::Compression;

use crate::args::{CompactArgs, DurabilityArg};
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::render::text;
use crate::stores;

pub(crate) fn run(args: &CompactArgs) -> anyhow::Result<Outcome> {
    let (dir, memory) = (&args.store.store, &args.store.memory);
    let store = stores::open_to_write(dir, memory, DurabilityArg::Fsync, false)?;
    let compression = if args.small { Compression::Small } else { Compression::Fast };
    let progress = Progress::new("compacting", None);
    let set = |bytes, rows| progress.set(bytes, rows);
    let compacted = store.inner().compact_with_progress(compression, set)?;
    drop(progress);
    store.close()?;
    let mut stdout = std::io::stdout();
    if compacted.segments_before == 0 {
        let done =
            if args.small { "nothing to merge or to make smaller" } else { "nothing to merge" };
        writeln!(stdout, "{done}")?;
        return Ok(Outcome::Done);
    }
    writeln!(
        stdout,
        "{} segments, {}  →  {} segments, {}; {} rows dropped that later ones replace or that are too old",
        text::count(compacted.segments_before as u64),
        text::bytes(compacted.bytes_before),
        text::count(compacted.segments_after as u64),
        text::bytes(compacted.bytes_after),
        text::count(compacted.dropped_rows),
    )?;
    Ok(Outcome::Done)
}
