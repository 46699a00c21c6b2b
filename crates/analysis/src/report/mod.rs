//! What there is to say about the data of a store: the plain figures, which a command renders as
//! text, a page or JSON. Names are those of the JSON.

mod build;
mod field;
mod limits;
mod scan;

pub use limits::Limits;

use std::collections::BTreeMap;

use tidemill_model::FieldType;

use crate::{ChartPoint, Gaps, Scalar};

/// A report on all tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Rows of all tables.
    pub rows: u64,
    /// Series of all tables.
    pub series: u64,
    /// The tables, in the order they were created.
    pub tables: Vec<TableReport>,
    /// The most anomalous stretches of all series and numeric fields, the greatest score first.
    pub anomalies: Vec<Anomaly>,
    /// What it cost.
    pub cost: Cost,
}

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableReport {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its series.
    pub series: u64,
    /// The first time, in nanoseconds; `None` without rows.
    pub start: Option<i64>,
    /// The last time.
    pub end: Option<i64>,
    /// The usual distance of a series' rows: the median of the series' own, each as often as the
    /// series has rows.
    pub interval_ns: Option<i64>,
    /// Gaps of all series.
    pub gaps: Gaps,
    /// Rows that came after a later one of their series, as the import counted them.
    pub late: u64,
    /// Rows whose series and time were there already, as the import counted them.
    pub duplicates: u64,
    /// The fields, over all series.
    pub fields: Vec<FieldReport>,
    /// The first series one by one, up to [`Limits::max_series`].
    pub series_reports: Vec<SeriesReport>,
    /// In how many series anomalies were sought; see [`Limits::max_judged_cells`].
    pub judged_series: u64,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesReport {
    /// Its tags as `name=value`, separated by commas; empty for a series without tags.
    pub series: String,
    /// Its rows.
    pub rows: u64,
    /// The first time, in nanoseconds.
    pub start: i64,
    /// The last time.
    pub end: i64,
    /// The usual distance of its rows.
    pub interval_ns: Option<i64>,
    /// Where rows are missing.
    pub gaps: Gaps,
    /// Its fields.
    pub fields: Vec<FieldReport>,
}

/// One field of a table or of a series. What a type does not have, or no values give, is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldReport {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: FieldType,
    /// How many rows have a value, NaNs included.
    pub count: u64,
    /// How many rows have none.
    pub missing: u64,
    /// How many values are NaN; the statistics below leave them out.
    pub nan_count: u64,
    /// The least value; of text the first in the order of its bytes.
    pub min: Option<Scalar>,
    /// The greatest value.
    pub max: Option<Scalar>,
    /// The mean.
    pub mean: Option<f64>,
    /// The sample's standard deviation.
    pub stddev: Option<f64>,
    /// The median; quantiles are interpolated linearly between neighbouring ranks.
    pub p50: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// What quantiles may be off by, as a share of themselves; 0: they are exact.
    pub quantile_error: f64,
    /// The value of the earliest row that has one; of several that of the least series id.
    pub first: Option<Scalar>,
    /// The value of the latest row that has one.
    pub last: Option<Scalar>,
    /// The sum.
    pub sum: Option<Sum>,
    /// How many values of a bool are true.
    pub true_count: Option<u64>,
    /// How many different texts there are.
    pub distinct: Option<Distinct>,
    /// Numbers over the table's time range, at most [`Limits::sparkline_points`].
    pub sparkline: Vec<ChartPoint>,
    /// Numbers of a series over its own time range, at most [`Limits::chart_points`]; empty for a
    /// table.
    pub chart: Vec<ChartPoint>,
}

/// A sum: of integers exact, whatever it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sum {
    /// Of floats.
    Float(f64),
    /// Of integers.
    Int(i128),
}

/// A number of different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distinct {
    /// How many were told apart (by 64 bits of hash).
    pub count: u64,
    /// Whether these are all: false when there are more than [`Limits::max_distinct`].
    pub is_complete: bool,
}

/// A stretch of one series' field that is unlike the rest of it; see [`crate::anomaly`].
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// The table's name.
    pub table: String,
    /// The series' tags, as in [`SeriesReport::series`].
    pub series: String,
    /// The field's name.
    pub field: String,
    /// The first time, in nanoseconds.
    pub start: i64,
    /// The last time.
    pub end: i64,
    /// How many robust standard deviations its worst value is away from what is usual.
    pub score: f64,
    /// The whole series, at most [`Limits::chart_points`].
    pub chart: Vec<ChartPoint>,
}

/// What an import counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportCounts {
    /// Bytes of text that were read.
    pub read_bytes: u64,
    /// How long reading and storing took, in seconds.
    pub seconds: f64,
    /// By table.
    pub tables: BTreeMap<String, TableCounts>,
}

/// What an import counted of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableCounts {
    /// Rows that came after a later one of their series.
    pub late: u64,
    /// Rows whose series and time were there already.
    pub duplicates: u64,
}

/// What import and report cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Bytes of text that were read.
    pub read_bytes: u64,
    /// How long reading and storing took, in seconds.
    pub import_seconds: f64,
    /// How long this report took, in seconds.
    pub report_seconds: f64,
    /// Values stored, times and missing ones not counted.
    pub values: u64,
    /// Bytes of the tables on disk.
    pub stored_bytes: u64,
    /// The most memory the process held, in bytes; whoever asks the system fills it in.
    pub peak_memory_bytes: Option<u64>,
}

impl Cost {
    /// Bytes on disk for each value, times and tags included; `None` without values.
    #[must_use]
    pub fn stored_bytes_per_value(&self) -> Option<f64> {
        (self.values > 0).then(|| self.stored_bytes as f64 / self.values as f64)
    }

    /// Bytes of text for each value; `None` without values.
    #[must_use]
    pub fn read_bytes_per_value(&self) -> Option<f64> {
        (self.values > 0).then(|| self.read_bytes as f64 / self.values as f64)
    }
}

#[cfg(test)]
mod tests;
