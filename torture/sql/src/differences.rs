//! Where the engines differ by definition or by a known fault: `docs/query-differences.md` says
//! why of each.

use crate::answer::{Cell, Rows};

/// What to make of two answers that are not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    /// A difference that stands on the list.
    Listed(String),
    Finding,
}

/// What we refuse and DuckDB answers: a part of our message, and the name of the class.
const ONLY_WE_REFUSE: [(&str, &str); 4] = [
    ("Unary operator '-' only supports signed", "we refuse: a function of the length of a tag"),
    (
        "Schema contains duplicate unqualified field name",
        "we refuse: a column and a cast of it in one list",
    ),
    (
        "Projections require unique expression names",
        "we refuse: a column and a cast of it in one list",
    ),
    ("Unsupported data type Dictionary(", "we refuse: a function of the length of a tag"),
];

/// What a plan that contradicts itself says, or a statement that is none: a fault of ours, whatever
/// DuckDB has to say.
const FAULTS: [&str; 5] =
    ["PANIC", "should be the same as", "does not satisfy", "Internal error", "Syntax: "];

/// What DuckDB refuses and we answer: a part of its message, and the name of the class.
const ONLY_DUCKDB_REFUSES: [(&str, &str); 0] = [];

pub(crate) fn verdict(ours: &Result<Rows, String>, theirs: &Result<Rows, String>) -> Verdict {
    match (ours, theirs) {
        (Err(ours), _) if FAULTS.iter().any(|part| ours.contains(part)) => Verdict::Finding,
        (Err(ours), Err(theirs)) => {
            Verdict::Listed(format!("both refuse: {}, {}", kind(ours), kind(theirs)))
        }
        (Err(ours), Ok(theirs)) if ours.starts_with("Overflow: ") => {
            Verdict::Listed(overflow(theirs).to_owned())
        }
        (Err(ours), Ok(_)) => class(&ONLY_WE_REFUSE, ours),
        (Ok(_), Err(theirs)) => class(&ONLY_DUCKDB_REFUSES, theirs),
        (Ok(_), Ok(_)) => Verdict::Finding,
    }
}

/// Our sums of integers are 64 bits wide, DuckDB's 128.
fn overflow(theirs: &Rows) -> &'static str {
    let is_wide = |cell: &Cell| matches!(cell, Cell::Int(value) if i64::try_from(*value).is_err());
    match theirs.iter().flatten().any(is_wide) {
        true => "we refuse: a sum of integers beyond 64 bits",
        false => "we refuse: a sum of integers beyond 64 bits, which the answer does not show",
    }
}

/// Of what sort an error is: both engines say so first.
pub(crate) fn kind(error: &str) -> &str {
    error.split(':').next().unwrap_or_default()
}

fn class(classes: &[(&str, &'static str)], message: &str) -> Verdict {
    let found = classes.iter().find(|(part, _)| message.contains(part));
    found.map_or(Verdict::Finding, |(_, class)| Verdict::Listed((*class).to_owned()))
}
