//! What a store holds, as this process finds it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tidemill_store::{Options, Store};

use super::workload::Profile;
use crate::common::{Rows, Val, dump};

/// The same for the same rows, in every process of one build.
pub(crate) fn digest(rows: &Rows) -> u64 {
    let mut hasher = DefaultHasher::new();
    rows.len().hash(&mut hasher);
    for (key, fields) in rows {
        key.hash(&mut hasher);
        fields.len().hash(&mut hasher);
        for (name, value) in fields {
            name.hash(&mut hasher);
            match value {
                Val::Float(bits) => (0u8, bits).hash(&mut hasher),
                Val::Int(value) => (1u8, value).hash(&mut hasher),
                Val::UInt(value) => (2u8, value).hash(&mut hasher),
                Val::Bool(value) => (3u8, value).hash(&mut hasher),
                Val::Text(text) => (4u8, text).hash(&mut hasher),
            }
        }
    }
    hasher.finish()
}

/// How the parent looks into a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As a reader: the next writer has everything to recover.
    Read,
    /// As the next writer.
    Write,
}

/// What an inspection found.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    pub(crate) rows: Rows,
    pub(crate) replayed_rows: u64,
    pub(crate) has_torn_tail: bool,
    pub(crate) removed_files: u64,
}

/// Opens a store, reads all of it, and checks it.
///
/// # Errors
/// When it cannot be opened or read, or is damaged, or reading it panics.
pub(crate) fn inspect(dir: &Path, profile: &Profile, way: Way) -> Result<Inspected, String> {
    let options = Options { read_only: way == Way::Read, ..profile.options() };
    let look = || -> Result<Inspected, String> {
        let store = Store::open(dir, options).map_err(|error| error.to_string())?;
        let rows = dump(&store.snapshot());
        let check = store.check().map_err(|error| error.to_string())?;
        if let Some(problem) = check.problems.first() {
            return Err(format!("the check found {} problems: {problem}", check.problems.len()));
        }
        let recovery = store.recovery();
        Ok(Inspected {
            rows,
            replayed_rows: recovery.replayed_rows,
            has_torn_tail: recovery.torn_tail.is_some(),
            removed_files: recovery.removed_files.len() as u64,
        })
    };
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    })
}
