//! The report as JSON: integers in full precision, `null` for what JSON has no number for.

use serde_json::{Number, Value, json};
use tidemill::analysis::Scalar;
use tidemill::analysis::report::{Anomaly, FieldReport, Report, Sum, TableReport};

use super::Run;

/// The whole report.
pub(crate) fn report(report: &Report, run: &Run) -> Value {
    json!({
        "rows": report.rows,
        "series": report.series,
        "tables": report.tables.iter().map(table).collect::<Vec<_>>(),
        "anomalies": report.anomalies.iter().map(anomaly).collect::<Vec<_>>(),
        "cost": cost(report, run),
    })
}

fn table(table: &TableReport) -> Value {
    json!({
        "name": table.name,
        "rows": table.rows,
        "series": table.series,
        "start": table.start,
        "end": table.end,
        "interval_ns": table.interval_ns,
        "gaps": table.gaps.count,
        "late": table.late,
        "duplicates": table.duplicates,
        "fields": table.fields.iter().map(field).collect::<Vec<_>>(),
    })
}

fn field(field: &FieldReport) -> Value {
    json!({
        "name": field.name,
        "type": field.ty.name(),
        "count": field.count,
        "missing": field.missing,
        "min": scalar(field.min.as_ref()),
        "max": scalar(field.max.as_ref()),
        "mean": float(field.mean),
        "stddev": float(field.stddev),
        "p50": float(field.p50),
        "p95": float(field.p95),
        "p99": float(field.p99),
        "first": scalar(field.first.as_ref()),
        "last": scalar(field.last.as_ref()),
        "sum": match field.sum {
            None => Value::Null,
            Some(Sum::Float(sum)) => float(Some(sum)),
            Some(Sum::Int(sum)) => Number::from_i128(sum).map_or(Value::Null, Value::Number),
        },
    })
}

fn anomaly(anomaly: &Anomaly) -> Value {
    let Anomaly { table, series, field, start, end, score, .. } = anomaly;
    let score = float(Some(*score));
    json!({
        "table": table, "series": series, "field": field, "start": start, "end": end, "score": score,
    })
}

fn cost(report: &Report, run: &Run) -> Value {
    let cost = &report.cost;
    let per_second = |what: f64| float(Some(what / cost.import_seconds.max(1e-9)));
    json!({
        "file_bytes": run.file_bytes,
        "read_bytes": cost.read_bytes,
        "import_seconds": float(Some(cost.import_seconds)),
        "report_seconds": float(Some(cost.report_seconds)),
        "seconds": float(Some(run.elapsed.as_secs_f64())),
        "rows_per_second": per_second(report.rows as f64),
        "mb_per_second": per_second(cost.read_bytes as f64 / 1e6),
        "peak_memory_bytes": cost.peak_memory_bytes,
        "values": cost.values,
        "stored_bytes": cost.stored_bytes,
        "stored_bytes_per_value": float(cost.stored_bytes_per_value()),
        "read_bytes_per_value": float(cost.read_bytes_per_value()),
    })
}

/// A number; `null` for NaN and infinities.
fn float(value: Option<f64>) -> Value {
    value.and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

fn scalar(value: Option<&Scalar>) -> Value {
    match value {
        None => Value::Null,
        Some(Scalar::Float(value)) => float(Some(*value)),
        Some(Scalar::Int(value)) => json!(value),
        Some(Scalar::UInt(value)) => json!(value),
        Some(Scalar::Bool(value)) => json!(value),
        Some(Scalar::Text(value)) => json!(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_all_their_digits() {
        let check = |value: Value, want: &str| assert_eq!(value.to_string(), want);
        check(scalar(Some(&Scalar::UInt(u64::MAX))), "18446744073709551615");
        check(scalar(Some(&Scalar::Int(i64::MIN))), "-9223372036854775808");
        check(scalar(Some(&Scalar::Float(0.1))), "0.1");
        check(scalar(Some(&Scalar::Float(f64::NAN))), "null");
        check(float(Some(f64::INFINITY)), "null");
        let sum = 2 * i128::from(u64::MAX);
        check(Number::from_i128(sum).map_or(Value::Null, Value::Number), "36893488147419103230");
    }
}
