//! What a repair may cost: nothing that is not said, and nothing is invented.

use std::collections::BTreeSet;

use tidemill_store::{Lost, Repaired, Report};

use super::{Row, Rows, Val};

/// Every value that was ever written to a row: of a value that is lost the one it replaced may be
/// back.
pub(crate) type WrittenValues = BTreeSet<((String, String, i64), String, Val)>;

pub(crate) fn note_written(rows: &[Row], written: &mut WrittenValues) {
    for row in rows {
        let key = (row.table.to_owned(), row.host.clone(), row.time);
        let value = |(name, val): &(&str, Val)| (key.clone(), (*name).to_owned(), val.clone());
        written.extend(row.fields.iter().map(value));
    }
}

fn covers(lost: &Lost, key: &(String, String, i64), field: Option<&str>) -> bool {
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

/// Compares what a repair made with what the store held (`rows`) and was ever given (`written`),
/// and with what a check had said before.
///
/// # Errors
/// What was invented, or is gone and nobody said so.
pub(crate) fn judge_repair(
    rows: &Rows,
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
    let mut missing = 0;
    for (key, fields) in rows {
        let Some(found) = got.get(key) else {
            missing += 1;
            if !losses.iter().any(|lost| covers(lost, key, None)) {
                return Err(format!("not said that {key:?} is lost; said: {said:#?}"));
            }
            continue;
        };
        for (name, value) in fields.iter().filter(|(name, value)| found.get(*name) != Some(value)) {
            if !losses.iter().any(|lost| covers(lost, key, Some(name))) {
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
