//! Where the engines differ by definition: `docs/query-differences.md` says why of each.

use crate::answer::Rows;
use crate::query::Query;

/// What to make of two answers that are not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    /// A difference that stands on the list.
    Listed(&'static str),
    Finding,
}

pub(crate) fn verdict(_query: &Query, ours: &Result<Rows, String>, theirs: &Result<Rows, String>) -> Verdict {
    match (ours, theirs) {
        (Err(ours), _) if ours.starts_with("PANIC") => Verdict::Finding,
        (Err(_), Err(_)) => Verdict::Listed("both refuse"),
        (Err(ours), Ok(_)) if ours.starts_with("Overflow: ") => Verdict::Listed("a sum of integers beyond 64 bits"),
        _ => Verdict::Finding,
    }
}
