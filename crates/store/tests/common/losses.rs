//! What a repair may cost: nothing that is not said, and nothing is invented.

use std::collections::{BTreeMap, BTreeSet};

use tidemill_store::{Damage, Lost, Repaired, Report};

use super::{Fields, Row, Rows, Val};

/// Every value that was ever written to a row: of a value that is lost the one it replaced may be
/// back.
pub(crate) type WrittenValues = BTreeSet<(Key, String, Val)>;

pub(crate) fn note_written(rows: &[Row], written: &mut WrittenValues) {
    for row in rows {
        let key = (row.table.to_owned(), row.host.clone(), row.time);
        let value = |(name, val): &(&str, Val)| (key.clone(), (*name).to_owned(), val.clone());
        written.extend(row.fields.iter().map(value));
    }
}

type Key = (String, String, i64);

/// Rows that undamaged bytes hold, and the values that each of their fields may have. That "the
/// writes that stood there" are lost, which may be any, is no excuse for these.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    rows: BTreeMap<Key, BTreeMap<String, BTreeSet<Val>>>,
    opened: Option<Rows>,
}

impl Held {
    /// These rows are held, too.
    pub(crate) fn hold<'a>(&mut self, rows: impl IntoIterator<Item = (&'a Key, &'a Fields)>) {
        for (key, fields) in rows {
            let held = self.rows.entry(key.clone()).or_default();
            for (name, value) in fields {
                held.entry(name.clone()).or_default().insert(value.clone());
            }
        }
    }

    /// Rows that are held may have these values: writes that may be lost, or not, gave them.
    pub(crate) fn allow(&mut self, rows: &Rows) {
        for (key, held) in &mut self.rows {
            for (name, value) in rows.get(key).into_iter().flatten() {
                if let Some(values) = held.get_mut(name) {
                    values.insert(value.clone());
                }
            }
        }
    }

    /// What the damaged store holds when it is opened, where all else was behind the mark of its log and is
    /// reported as cut off: that is no damage.
    pub(crate) fn set_opened(&mut self, rows: Rows) {
        self.opened = Some(rows);
    }

    /// Whether a field of a row, or the row itself, is as the damaged store has it, or missing as there.
    fn is_as_opened(&self, got: &Rows, key: &Key, field: Option<&str>) -> bool {
        self.opened.as_ref().is_some_and(|opened| match field {
            None => opened.contains_key(key) == got.contains_key(key),
            Some(name) => {
                let value = |rows: &Rows| rows.get(key).and_then(|row| row.get(name)).cloned();
                value(opened) == value(got)
            }
        })
    }

    /// A row or a value that is not there, and of which no damage says that it may be it.
    fn missing(&self, got: &Rows, damages: &[Damage]) -> Option<String> {
        let losses: Vec<&Lost> =
            damages.iter().filter(|damage| is_bounded(damage)).map(|damage| &damage.lost).collect();
        let is_lost = |key: &Key, field| losses.iter().any(|lost| covers(lost, key, field));
        for (key, fields) in &self.rows {
            let found = got.get(key);
            if found.is_none() && is_lost(key, None) {
                continue;
            }
            for (name, values) in fields {
                let value = found.and_then(|found| found.get(name));
                if !value.is_some_and(|value| values.contains(value)) && !is_lost(key, Some(name)) {
                    return Some(format!("{key:?} {name} is {value:?}, not one of {values:?}"));
                }
            }
        }
        None
    }
}

/// Whether a damage says how much is lost by it, or at least that it is not in a log.
fn is_bounded(damage: &Damage) -> bool {
    let is_segment = |path: &std::path::Path| path.extension().is_some_and(|end| end == "seg");
    damage.lost.rows.is_some() || damage.error.path().is_some_and(is_segment)
}

fn covers(lost: &Lost, key: &Key, field: Option<&str>) -> bool {
    !lost.is_nothing()
        && lost.table.as_ref().is_none_or(|table| *table == key.0)
        && lost.range.is_none_or(|range| range.contains(key.2))
        && match (&lost.field, field) {
            (None, _) => true,
            // A field whose name is lost is called by its number.
            (Some(lost), Some(field)) => lost == field || lost.starts_with("number "),
            // A row that has lost its only value is named as such.
            (Some(_), None) => false,
        }
}

/// Compares what a repair made with what the store held (`rows`), what of it undamaged bytes hold
/// (`held`), what it was ever given (`written`), and with what a check had said before.
///
/// # Errors
/// What was invented, or is gone and nobody said so.
pub(crate) fn judge_repair(
    (rows, held): (&Rows, &Held),
    written: &WrittenValues,
    got: &Rows,
    checked: &Report,
    repaired: &Repaired,
) -> Result<(), String> {
    let said = (texts(&repaired.report), &repaired.report.notes);
    let losses: Vec<&Lost> = repaired.report.damages.iter().map(|damage| &damage.lost).collect();
    for (key, fields) in got {
        if !rows.contains_key(key) {
            return Err(format!("invented {key:?}; said: {said:#?}"));
        }
        for (name, value) in fields {
            if !written.contains(&(key.clone(), name.clone(), value.clone())) {
                return Err(format!("invented {key:?} {name} {value:?}; said: {said:#?}"));
            }
        }
    }
    if let Some(what) = held.missing(got, &repaired.report.damages) {
        return Err(format!("undamaged, and not saved: {what}; said: {said:#?}"));
    }
    let mut missing = 0;
    for (key, fields) in rows {
        let Some(found) = got.get(key) else {
            if held.is_as_opened(got, key, None) {
                continue;
            }
            missing += 1;
            if !losses.iter().any(|lost| covers(lost, key, None)) {
                return Err(format!("not said that {key:?} is lost; said: {said:#?}"));
            }
            continue;
        };
        for (name, value) in fields.iter().filter(|(name, value)| found.get(*name) != Some(value)) {
            let is_lost = losses.iter().any(|lost| covers(lost, key, Some(name)));
            if !is_lost && !held.is_as_opened(got, key, Some(name)) {
                return Err(format!(
                    "not said that {key:?} {name} {value:?} is lost; said: {said:#?}"
                ));
            }
        }
    }
    let rows_said = losses.iter().map(|lost| lost.rows).sum::<Option<u64>>();
    if rows_said.is_some_and(|rows| missing > rows) {
        return Err(format!("{missing} rows are missing; said: {said:#?}"));
    }
    if repaired.rows() != got.len() as u64 {
        return Err(format!("{} rows, not {}; said: {said:#?}", got.len(), repaired.rows()));
    }
    // What a repair says a check has said before, but for rows that have lost their last value.
    let checked = texts(checked);
    let is_unsaid = |text: &&String| !checked.contains(text) && !text.contains("no value is left");
    match said.0.iter().find(is_unsaid) {
        Some(text) => Err(format!("check did not say {text}, but {checked:#?}")),
        None => Ok(()),
    }
}

pub(crate) fn texts(report: &Report) -> Vec<String> {
    report.damages.iter().map(ToString::to_string).collect()
}
