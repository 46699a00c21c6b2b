//! The queries, as data: what is asked, with literals that are drawn anew each time.

use serde_json::{Map, Value, json};
use tidemill::workload::Random;

use crate::METRICS;

const TAGS: [&str; 10] = [
    "hostname",
    "region",
    "datacenter",
    "rack",
    "os",
    "arch",
    "team",
    "service",
    "service_version",
    "service_environment",
];
const MINUTE: u32 = 60;
const HOUR: u32 = 3600;
const SECOND_NS: i64 = 1_000_000_000;
/// 2016-01-01, where the data begins.
const BEGIN_NS: i64 = 1_451_606_400 * SECOND_NS;

/// How large the data is.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Hosts, with a row every ten seconds each.
    pub hosts: u32,
    /// Hours.
    pub hours: u32,
}

impl Scale {
    /// The first and the last time, in nanoseconds since 1970.
    #[must_use]
    pub fn span(self) -> (i64, i64) {
        (BEGIN_NS, BEGIN_NS + (i64::from(self.hours) * i64::from(HOUR) - 10) * SECOND_NS)
    }

    /// Rows in all.
    #[must_use]
    pub fn rows(self) -> u64 {
        u64::from(self.hosts) * u64::from(self.hours) * 360
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An aggregate of metrics by bucket of time.
    Buckets,
    /// The same by host too.
    BucketsByHost,
    /// The same, of the five newest buckets.
    LatestBuckets,
    /// Rows as they are.
    Rows,
    /// The newest row of each host.
    Last,
    /// Count, and smallest, greatest and mean of each metric.
    Statistics,
    /// A quantile by host.
    Percentile,
    /// The mean of each row and those before it, by host.
    MovingAverage,
    /// Hosts with the greatest means.
    Top,
}

impl Kind {
    /// As the peers know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Buckets => "buckets",
            Self::BucketsByHost => "buckets by host",
            Self::LatestBuckets => "latest buckets",
            Self::Rows => "rows",
            Self::Last => "last",
            Self::Statistics => "statistics",
            Self::Percentile => "percentile",
            Self::MovingAverage => "moving average",
            Self::Top => "top",
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
        !matches!(self, Self::Rows | Self::Last | Self::MovingAverage)
    }
}

/// A query with its literals. What a kind does not use is empty.
#[derive(Clone, Debug)]
pub struct Query {
    /// The template it is of.
    pub name: &'static str,
    /// What is asked.
    pub kind: Kind,
    /// Of which metrics.
    pub metrics: &'static [&'static str],
    /// The aggregate, in SQL.
    pub function: &'static str,
    /// The width of a bucket, in seconds.
    pub bucket: u32,
    /// Of which hosts; all if there are none.
    pub hosts: Vec<String>,
    /// From this time on, in nanoseconds since 1970.
    pub from: Option<i64>,
    /// Before this time.
    pub to: Option<i64>,
    /// Only rows whose first metric is greater.
    pub above: Option<u32>,
    /// Rows of a moving average, or of the answer.
    pub rows: u32,
    /// The answer's columns, by name.
    pub columns: Vec<String>,
}

/// The quantile that is asked for.
pub const QUANTILE: f64 = 0.95;

impl Query {
    fn new(name: &'static str, kind: Kind, metrics: &'static [&'static str]) -> Self {
        let columns = Vec::new();
        let (function, bucket, hosts, rows) = ("", MINUTE, Vec::new(), 0);
        let (from, to, above) = (None, None, None);
        Self { name, kind, metrics, function, bucket, hosts, from, to, above, rows, columns }
            .with_columns()
    }

    fn with_columns(mut self) -> Self {
        let all = || ["time"].into_iter().chain(TAGS).chain(METRICS).map(str::to_owned).collect();
        let values = |functions: &[&str]| -> Vec<String> {
            let of =
                |name: &&str| functions.iter().map(|f| format!("{f}_{name}")).collect::<Vec<_>>();
            self.metrics.iter().flat_map(of).collect()
        };
        let with = |first: &[&str], values: Vec<String>| -> Vec<String> {
            first.iter().map(|name| (*name).to_owned()).chain(values).collect()
        };
        self.columns = match self.kind {
            Kind::Buckets | Kind::LatestBuckets => with(&["bucket"], values(&[self.function])),
            Kind::BucketsByHost => with(&["bucket", "hostname"], values(&[self.function])),
            Kind::Rows | Kind::Last => all(),
            Kind::Statistics => with(&["rows"], values(&["min", "max", "avg"])),
            Kind::Percentile | Kind::Top => with(&["hostname", "value"], Vec::new()),
            Kind::MovingAverage => with(&["time", "hostname", "value"], Vec::new()),
        };
        self
    }

    /// As the peers read it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("name", self.name.into());
        put("kind", self.kind.name().into());
        put("metrics", json!(self.metrics));
        put("function", self.function.into());
        put("bucket", self.bucket.into());
        put("hosts", json!(self.hosts));
        put("from", json!(self.from));
        put("to", json!(self.to));
        put("above", json!(self.above));
        put("rows", self.rows.into());
        put("limit", self.rows.into());
        put("quantile", QUANTILE.into());
        put("columns", json!(self.columns));
        Value::Object(object)
    }
}

/// A kind of query of which many are asked.
pub struct Template {
    /// Its name: TSBS's, where it has one.
    pub name: &'static str,
    /// How many times faster than the fastest peer it is to be.
    pub goal: f64,
    /// Draws one.
    pub draw: fn(&'static str, Scale, &mut Random) -> Query,
}

/// All that are asked of the cpu-only data: those of TSBS first.
pub const TEMPLATES: [Template; 20] = [
    Template {
        name: "single-groupby-1-1-1",
        goal: 5.0,
        draw: |n, s, r| single(n, s, r, (1, 1, 1)),
    },
    Template {
        name: "single-groupby-1-1-12",
        goal: 5.0,
        draw: |n, s, r| single(n, s, r, (1, 1, 12)),
    },
    Template {
        name: "single-groupby-1-8-1",
        goal: 5.0,
        draw: |n, s, r| single(n, s, r, (1, 8, 1)),
    },
    Template {
        name: "single-groupby-5-1-1",
        goal: 5.0,
        draw: |n, s, r| single(n, s, r, (5, 1, 1)),
    },
    Template {
        name: "single-groupby-5-1-12",
        goal: 5.0,
        draw: |n, s, r| single(n, s, r, (5, 1, 12)),
    },
    Template {
        name: "single-groupby-5-8-1",
        goal: 5.0,
        draw: |n, s, r| single(n, s, r, (5, 8, 1)),
    },
    Template { name: "cpu-max-all-1", goal: 5.0, draw: |n, s, r| max_all(n, s, r, 1) },
    Template { name: "cpu-max-all-8", goal: 5.0, draw: |n, s, r| max_all(n, s, r, 8) },
    Template { name: "double-groupby-1", goal: 15.0, draw: |n, s, r| double(n, s, r, 1) },
    Template { name: "double-groupby-5", goal: 15.0, draw: |n, s, r| double(n, s, r, 5) },
    Template { name: "double-groupby-all", goal: 15.0, draw: |n, s, r| double(n, s, r, 10) },
    Template { name: "high-cpu-1", goal: 5.0, draw: |n, s, r| high(n, s, r, 1) },
    Template { name: "high-cpu-all", goal: 5.0, draw: |n, s, r| high(n, s, r, 0) },
    Template { name: "lastpoint", goal: 15.0, draw: |n, _, _| Query::new(n, Kind::Last, &METRICS) },
    Template { name: "groupby-orderby-limit", goal: 15.0, draw: latest },
    Template {
        name: "statistics of all metrics",
        goal: 50.0,
        draw: |n, _, _| Query::new(n, Kind::Statistics, &METRICS),
    },
    Template { name: "scan of a tenth", goal: 5.0, draw: scan },
    Template { name: "moving average", goal: 5.0, draw: moving },
    Template {
        name: "percentile by host",
        goal: 5.0,
        draw: |n, _, r| Query::new(n, Kind::Percentile, one(r)),
    },
    Template { name: "top 5 hosts by average", goal: 5.0, draw: top },
];

/// One of the metrics.
fn one(random: &mut Random) -> &'static [&'static str] {
    let place = random.below(METRICS.len() as u64) as usize;
    &METRICS[place..=place]
}

/// Different hosts.
fn hosts(scale: Scale, random: &mut Random, count: usize) -> Vec<String> {
    let mut numbers: Vec<u64> = Vec::new();
    while numbers.len() < count.min(scale.hosts as usize) {
        let number = random.below(u64::from(scale.hosts));
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers.iter().map(|number| format!("host_{number}")).collect()
}

/// A window of so many hours, which begins at any nanosecond.
fn window(scale: Scale, random: &mut Random, hours: u32) -> (i64, i64) {
    let width = i64::from(hours) * i64::from(HOUR) * SECOND_NS;
    let all = i64::from(scale.hours) * i64::from(HOUR) * SECOND_NS;
    let from = BEGIN_NS + random.below((all - width).max(1).unsigned_abs()).cast_signed();
    (from, from + width)
}

fn in_window(mut query: Query, (from, to): (i64, i64)) -> Query {
    (query.from, query.to) = (Some(from), Some(to));
    query.with_columns()
}

fn single(
    name: &'static str,
    scale: Scale,
    random: &mut Random,
    (metrics, count, hours): (usize, usize, u32),
) -> Query {
    let mut query = Query::new(name, Kind::Buckets, &METRICS[..metrics]);
    (query.function, query.hosts) = ("max", hosts(scale, random, count));
    in_window(query, window(scale, random, hours))
}

fn max_all(name: &'static str, scale: Scale, random: &mut Random, count: usize) -> Query {
    let mut query = Query::new(name, Kind::Buckets, &METRICS);
    (query.function, query.bucket) = ("max", HOUR);
    query.hosts = hosts(scale, random, count);
    in_window(query, window(scale, random, 8))
}

fn double(name: &'static str, scale: Scale, random: &mut Random, metrics: usize) -> Query {
    let mut query = Query::new(name, Kind::BucketsByHost, &METRICS[..metrics]);
    (query.function, query.bucket) = ("avg", HOUR);
    in_window(query, window(scale, random, 12))
}

fn high(name: &'static str, scale: Scale, random: &mut Random, count: usize) -> Query {
    let mut query = Query::new(name, Kind::Rows, &METRICS[..1]);
    (query.above, query.hosts) = (Some(90), hosts(scale, random, count));
    in_window(query, window(scale, random, 12))
}

fn latest(name: &'static str, scale: Scale, random: &mut Random) -> Query {
    let mut query = Query::new(name, Kind::LatestBuckets, &METRICS[..1]);
    (query.function, query.to) = ("max", Some(window(scale, random, 1).1));
    query.with_columns()
}

fn scan(name: &'static str, _: Scale, random: &mut Random) -> Query {
    let mut query = Query::new(name, Kind::Rows, one(random));
    query.above = Some(90);
    query.columns = ["time", "hostname", query.metrics[0]].map(str::to_owned).into();
    query
}

fn moving(name: &'static str, scale: Scale, random: &mut Random) -> Query {
    let mut query = Query::new(name, Kind::MovingAverage, one(random));
    query.rows = 60;
    in_window(query, window(scale, random, 12))
}

fn top(name: &'static str, _: Scale, random: &mut Random) -> Query {
    let mut query = Query::new(name, Kind::Top, one(random));
    query.rows = 5;
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_drawn_within_the_data() {
        let scale = Scale { hosts: 5, hours: 24 };
        let end = BEGIN_NS + 24 * i64::from(HOUR) * SECOND_NS;
        let mut random = Random::new(1);
        for template in &TEMPLATES {
            let drawn: Vec<Query> =
                (0..20).map(|_| (template.draw)(template.name, scale, &mut random)).collect();
            for query in &drawn {
                let is_within =
                    |time: Option<i64>| time.is_none_or(|t| (BEGIN_NS..=end).contains(&t));
                assert!(is_within(query.from) && is_within(query.to), "{query:?}");
                assert!(!query.columns.is_empty() && query.hosts.len() <= 5, "{query:?}");
                assert_eq!(query.to_json()["name"], template.name);
            }
            let differ = drawn.windows(2).any(|two| two[0].to_json() != two[1].to_json());
            let has_literals = !matches!(drawn[0].kind, Kind::Last | Kind::Statistics);
            assert_eq!(differ, has_literals, "{}", template.name);
        }
    }
}
