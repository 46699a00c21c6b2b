use std::path::Path;

use anyhow::bail;
use tidemill::{Compacted, Store};

use crate::args::ResultFormat;
use crate::outcome::Outcome;

const MISSING: &str = "this tidemill was built without SQL (the feature `sql`); of a table, \
                       `export TABLE --format lp` works without it";

/// Says that SQL is missing.
pub(crate) fn answer(
    _store: &Store,
    _sql: &str,
    _format: ResultFormat,
    _output: Option<&Path>,
) -> anyhow::Result<u64> {
    bail!(MISSING)
}

/// Says that SQL is missing, which conditions are written in.
pub(crate) fn delete(_store: &Store, _table: &str, _condition: &str) -> anyhow::Result<Compacted> {
    bail!(MISSING)
}

/// Says that SQL is missing, which conditions are written in.
pub(crate) fn count_matching(
    _store: &Store,
    _table: &str,
    _condition: &str,
) -> anyhow::Result<u64> {
    bail!(MISSING)
}

/// Says that SQL is missing.
pub(crate) fn shell(_store: &Store) -> anyhow::Result<Outcome> {
    bail!(MISSING)
}
