//! The queries, as data: what is asked, with literals that are drawn anew each time.

use serde_json::{Map, Value, json};
use tidemill::workload::Random;

const MINUTE: u32 = 60;
/// Seconds of an hour.
pub const HOUR: u32 = 3600;
const SECOND_NS: i64 = 1_000_000_000;
/// 2016-01-01, where the data begins.
pub const BEGIN_NS: i64 = 1_451_606_400 * SECOND_NS;

/// How large the data is.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Hosts or trucks, with a row of each table every ten seconds.
    pub devices: u32,
    /// Hours.
    pub hours: u32,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Aggregates of metrics by bucket of time, and by tags if there are any.
    Buckets,
    /// The same, of the five newest buckets.
    LatestBuckets,
    /// Rows as they are.
    Rows,
    /// The newest row of each device.
    Last,
    /// Count, and smallest, greatest and mean of each metric.
    Statistics,
    /// A quantile by tag.
    Percentile,
    /// The mean of each row and those before it, by tag.
    MovingAverage,
    /// Devices with the greatest means.
    Top,
    /// Groups whose mean is below a number.
    Below,
}

impl Kind {
    /// As the peers know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Buckets => "buckets",
            Self::LatestBuckets => "latest buckets",
            Self::Rows => "rows",
            Self::Last => "last",
            Self::Statistics => "statistics",
            Self::Percentile => "percentile",
            Self::MovingAverage => "moving average",
            Self::Top => "top",
            Self::Below => "below",
        }
    }

    /// By which share numbers of two answers may differ: sums are added up in different orders.
    #[must_use]
    pub fn tolerance(self) -> f64 {
        match self {
            // DataFusion 55 interpolates in steps of a millionth, and so do we, to say the same.
            Self::Percentile => 1e-6,
            _ => 1e-9,
        }
    }

    /// Whether the order of the answer's rows is part of the question.
    #[must_use]
    pub fn is_ordered(self) -> bool {
        !matches!(self, Self::Rows | Self::Last | Self::MovingAverage | Self::Below)
    }
}

/// A query with its literals. What a kind does not use is empty.
#[derive(Clone, Debug)]
pub struct Query {
    /// The template it is of.
    pub name: &'static str,
    /// Of which table.
    pub table: &'static str,
    /// What is asked.
    pub kind: Kind,
    /// Of which metrics.
    pub metrics: &'static [&'static str],
    /// The aggregates, in SQL; `last` is the value of the newest row.
    pub functions: &'static [&'static str],
    /// The width of a bucket, in seconds.
    pub bucket: u32,
    /// The tags by which rows are grouped, or told apart.
    pub by: &'static [&'static str],
    /// Only rows whose tag has one of these values; all if there are none.
    pub among: (&'static str, Vec<String>),
    /// From this time on, in nanoseconds since 1970.
    pub from: Option<i64>,
    /// Before this time.
    pub to: Option<i64>,
    /// Only rows whose first metric is greater.
    pub above: Option<u32>,
    /// Only groups whose mean is less.
    pub below: Option<u32>,
    /// Only rows that have this field.
    pub has: Option<&'static str>,
    /// Rows of a moving average, or of the answer.
    pub rows: u32,
    /// The answer's columns, by name.
    pub columns: Vec<String>,
}

/// The quantile that is asked for.
pub const QUANTILE: f64 = 0.95;

impl Query {
    /// One without literals, groups and columns.
    #[must_use]
    pub fn new(
        name: &'static str,
        table: &'static str,
        kind: Kind,
        metrics: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            table,
            kind,
            metrics,
            functions: &[],
            bucket: MINUTE,
            by: &[],
            among: ("", Vec::new()),
            from: None,
            to: None,
            above: None,
            below: None,
            has: None,
            rows: 0,
            columns: Vec::new(),
        }
    }

    /// The same with the columns that its kind, groups and metrics make.
    #[must_use]
    pub fn with_columns(mut self) -> Self {
        let values = |functions: &[&str]| -> Vec<String> {
            let of =
                |name: &&str| functions.iter().map(|f| format!("{f}_{name}")).collect::<Vec<_>>();
            self.metrics.iter().flat_map(of).collect()
        };
        let with = |first: &[&str], by: &[&str], values: Vec<String>| -> Vec<String> {
            first.iter().chain(by).map(|name| (*name).to_owned()).chain(values).collect()
        };
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.columns = match self.kind {
            Kind::Buckets | Kind::LatestBuckets => {
                with(&["bucket"], self.by, values(self.functions))
            }
            Kind::Rows | Kind::Last => with(&["time"], self.by, own(self.metrics)),
            Kind::Statistics => with(&["rows"], &[], values(&["min", "max", "avg"])),
            Kind::Percentile | Kind::Top | Kind::Below => with(&[], self.by, own(&["value"])),
            Kind::MovingAverage => with(&["time"], self.by, own(&["value"])),
        };
        self
    }

    /// The same of a window of time.
    #[must_use]
    pub fn within(mut self, (from, to): (i64, i64)) -> Self {
        (self.from, self.to) = (Some(from), Some(to));
        self
    }

    /// As the peers read it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("name", self.name.into());
        put("table", self.table.into());
        put("kind", self.kind.name().into());
        put("metrics", json!(self.metrics));
        put("functions", json!(self.functions));
        put("bucket", self.bucket.into());
        put("by", json!(self.by));
        put("among", json!(self.among));
        put("from", json!(self.from));
        put("to", json!(self.to));
        put("above", json!(self.above));
        put("below", json!(self.below));
        put("has", json!(self.has));
        put("rows", self.rows.into());
        put("limit", self.rows.into());
        put("quantile", QUANTILE.into());
        put("columns", json!(self.columns));
        Value::Object(object)
    }
}

/// Draws a query of a name from data of a scale.
pub type Draw = fn(&'static str, Scale, &mut Random) -> Query;

/// A kind of query of which many are asked.
pub struct Template {
    /// Its name: TSBS's, where it has one.
    pub name: &'static str,
    /// How many times faster than the fastest peer it is to be.
    pub goal: f64,
    /// Draws one.
    pub draw: Draw,
}

impl Template {
    /// One of a name, to be so many times faster than the fastest peer.
    #[must_use]
    pub const fn new(name: &'static str, goal: f64, draw: Draw) -> Self {
        Self { name, goal, draw }
    }
}

/// A window of so many seconds, which begins at any nanosecond of the data.
pub fn window(scale: Scale, random: &mut Random, seconds: u32) -> (i64, i64) {
    let width = i64::from(seconds) * SECOND_NS;
    let all = i64::from(scale.hours) * i64::from(HOUR) * SECOND_NS;
    let from = BEGIN_NS + random.below((all - width).max(1).unsigned_abs()).cast_signed();
    (from, from + width)
}
