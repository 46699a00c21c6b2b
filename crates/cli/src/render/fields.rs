//! A field's statistics as cells of a table.

use tidemill::FieldType;
use tidemill::analysis::Scalar;
use tidemill::analysis::report::{FieldReport, Sum};

use super::text;

/// The columns of a table of statistics.
pub(super) const COLUMNS: [&str; 14] = [
    "field", "type", "count", "missing", "min", "max", "mean", "stddev", "p50", "p95", "p99",
    "first", "last", "sum",
];
/// The first columns, which hold text.
pub(super) const TEXT_COLUMNS: usize = 2;
/// Characters of a text that are shown.
const MAX_TEXT_CHARACTERS: usize = 16;

/// One cell for each of [`COLUMNS`].
pub(super) fn cells(field: &FieldReport) -> [String; COLUMNS.len()] {
    let number = |value: Option<f64>| value.map(text::number).unwrap_or_default();
    [
        field.name.clone(),
        field.ty.name().to_owned(),
        text::count(field.count),
        text::count(field.missing),
        scalar(field.min.as_ref()),
        scalar(field.max.as_ref()),
        number(field.mean),
        number(field.stddev),
        number(field.p50),
        number(field.p95),
        number(field.p99),
        scalar(field.first.as_ref()),
        scalar(field.last.as_ref()),
        sum(field),
    ]
}

/// The least and the greatest value, for the head of a chart.
pub(super) fn summary(field: &FieldReport) -> String {
    match field.mean {
        None => String::new(),
        Some(mean) => format!(
            "{} … {}, mean {}",
            scalar(field.min.as_ref()),
            scalar(field.max.as_ref()),
            text::number(mean)
        ),
    }
}

/// Beside the statistics: what is not in them.
pub(super) fn remarks(field: &FieldReport) -> Vec<String> {
    let mut remarks = Vec::new();
    if field.nan_count > 0 {
        remarks.push(format!("{} of {} are NaN", text::count(field.nan_count), field.name));
    }
    if field.quantile_error > 0.0 && field.p50.is_some() {
        let percent = text::number(field.quantile_error * 100.0);
        remarks.push(format!("quantiles of {} are exact to {percent} %", field.name));
    }
    remarks
}

fn scalar(value: Option<&Scalar>) -> String {
    match value {
        None => String::new(),
        Some(Scalar::Float(value)) => text::number(*value),
        Some(Scalar::Int(value)) => value.to_string(),
        Some(Scalar::UInt(value)) => value.to_string(),
        Some(Scalar::Bool(value)) => value.to_string(),
        Some(Scalar::Text(value)) => short(value),
    }
}

fn short(value: &str) -> String {
    let shown = |c: char| if c.is_control() { '␣' } else { c };
    let mut short: String = value.chars().take(MAX_TEXT_CHARACTERS).map(shown).collect();
    if value.chars().nth(MAX_TEXT_CHARACTERS).is_some() {
        short.push('…');
    }
    short
}

fn sum(field: &FieldReport) -> String {
    match (field.ty, field.sum, field.true_count, field.distinct) {
        (FieldType::Bool, _, Some(count), _) => format!("{} true", text::count(count)),
        (FieldType::Text, _, _, Some(distinct)) => {
            let more = if distinct.is_complete { "" } else { "more than " };
            format!("{more}{} different", text::count(distinct.count))
        }
        (_, Some(Sum::Float(sum)), _, _) => text::number(sum),
        (_, Some(Sum::Int(sum)), _, _) => sum.to_string(),
        _ => String::new(),
    }
}
