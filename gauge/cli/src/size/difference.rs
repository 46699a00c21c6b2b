//! Two results of `size` against each other.

use std::collections::BTreeMap;

use crate::result::Row;

/// What changed between two results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `section`, `crate`, `function`, `data` or `total`.
    pub kind: String,
    /// What it is.
    pub name: String,
    /// Its bytes in the baseline; none where it was not there.
    pub before: Option<u64>,
    /// Its bytes now; none where it is gone.
    pub after: Option<u64>,
}

impl Change {
    /// By how many bytes it grew.
    pub fn bytes(&self) -> i64 {
        let bytes = |size: Option<u64>| i64::try_from(size.unwrap_or(0)).unwrap_or(i64::MAX);
        bytes(self.after) - bytes(self.before)
    }
}

/// What differs between the rows of two results, the largest change first.
pub fn changes(before: &[Row], after: &[Row]) -> Vec<Change> {
    let mut found: BTreeMap<(String, String), (Option<u64>, Option<u64>)> = BTreeMap::new();
    for (rows, is_before) in [(before, true), (after, false)] {
        for row in rows {
            let Some(kind) = kind(row) else { continue };
            let entry = found.entry((kind.to_owned(), row.name.clone())).or_default();
            let side = if is_before { &mut entry.0 } else { &mut entry.1 };
            // Statics in functions may have one name.
            *side = Some(side.unwrap_or(0) + row.value.unwrap_or(0.0) as u64);
        }
    }
    let changes = found.into_iter().filter(|(_, (before, after))| before != after);
    let mut changes: Vec<Change> = changes
        .map(|((kind, name), (before, after))| Change { kind, name, before, after })
        .collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.bytes().unsigned_abs()));
    changes
}

/// Whether rows are differences themselves, of a result that was compared with a baseline.
pub fn are_differences(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.details.contains_key("change"))
}

/// What a row is of.
pub fn kind(row: &Row) -> Option<&str> {
    row.details.get("kind").and_then(serde_json::Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Metric;

    fn row(kind: &str, name: &str, value: u32) -> Row {
        let mut row = Row::new(name, Metric::Size);
        row.value = Some(f64::from(value));
        row.details.insert("kind".to_owned(), kind.into());
        row
    }

    #[test]
    fn the_largest_change_comes_first() {
        let before = [
            row("crate", "a", 10),
            row("crate", "b", 50),
            row("crate", "c", 5),
            row("data", "a", 7),
        ];
        let after = [
            row("crate", "a", 14),
            row("crate", "c", 5),
            row("crate", "d", 9),
            row("data", "a", 3),
            row("data", "a", 4),
        ];
        let found = changes(&before, &after);
        let found: Vec<_> =
            found.iter().map(|c| (c.name.as_str(), c.before, c.after, c.bytes())).collect();
        assert_eq!(
            found,
            [("b", Some(50), None, -50), ("d", None, Some(9), 9), ("a", Some(10), Some(14), 4)]
        );
    }
}
