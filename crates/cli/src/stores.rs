//! Opening stores as the options say.

use std::path::Path;

use tidemill::{Budget, Durability, Options, Recovery, Store};

use crate::args::{DurabilityArg, MemoryArgs, StoreArgs};
use crate::outcome::say;

impl MemoryArgs {
    fn options(&self) -> Options {
        let mut options = Options::default();
        if let Some(memory) = self.memory {
            options.budget = Budget::new(memory.0);
        }
        options
    }
}

impl From<DurabilityArg> for Durability {
    fn from(durability: DurabilityArg) -> Self {
        match durability {
            DurabilityArg::Fsync => Self::Fsync,
            DurabilityArg::Os => Self::Os,
            DurabilityArg::None => Self::None,
        }
    }
}

/// Opens a store beside whoever writes to it.
pub(crate) fn open_to_read(args: &StoreArgs) -> anyhow::Result<Store> {
    open(&args.store, Options { read_only: true, ..args.memory.options() })
}

/// Opens a store to change it; a new one is created if `create`.
pub(crate) fn open_to_write(
    dir: &Path,
    memory: &MemoryArgs,
    durability: DurabilityArg,
    create: bool,
) -> anyhow::Result<Store> {
    open(dir, Options { durability: durability.into(), create, ..memory.options() })
}

fn open(dir: &Path, options: Options) -> anyhow::Result<Store> {
    let store = Store::open(dir, options)?;
    let recovery = store.inner().recovery();
    recovery_notes(recovery).iter().for_each(|note| say(note));
    // A reader may be beside a writer, whose log is open.
    if let Some((path, bytes)) =
        recovery.unclosed_log.as_ref().filter(|_| !store.inner().is_read_only())
    {
        say(&format!(
            "note: the store was not closed; {} was read to its end, {bytes} bytes beyond what it \
             says was durable",
            path.display()
        ));
    }
    Ok(store)
}

/// What opening the store found to mend, in lines for people.
pub(crate) fn recovery_notes(recovery: &Recovery) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some((path, bytes)) = &recovery.torn_tail {
        notes.push(format!(
            "note: {} ended in {bytes} bytes of a write that was never acknowledged; they are left out",
            path.display()
        ));
    }
    for (path, offset) in &recovery.damaged_marks {
        notes.push(format!(
            "warning: a mark of {} at byte {offset} was damaged; the other one was read, and nothing is lost",
            path.display()
        ));
    }
    if !recovery.removed_files.is_empty() {
        notes.push(format!(
            "note: removed {} unfinished files of an interrupted write",
            recovery.removed_files.len()
        ));
    }
    notes
}
