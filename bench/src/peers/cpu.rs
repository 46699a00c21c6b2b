//! What is asked of cpu-only: the queries of TSBS, and some that others ask.

use tidemill::workload::Random;

use super::spec::{HOUR, Kind, Query, Scale, Template, window};
use crate::METRICS;

const TABLE: &str = "cpu";
const HOST: &[&str] = &["hostname"];
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

/// All that are asked: those of TSBS first.
pub const TEMPLATES: [Template; 20] = [
    Template::new("single-groupby-1-1-1", 5.0, |n, s, r| single(n, s, r, (1, 1, 1))),
    Template::new("single-groupby-1-1-12", 5.0, |n, s, r| single(n, s, r, (1, 1, 12))),
    Template::new("single-groupby-1-8-1", 5.0, |n, s, r| single(n, s, r, (1, 8, 1))),
    Template::new("single-groupby-5-1-1", 5.0, |n, s, r| single(n, s, r, (5, 1, 1))),
    Template::new("single-groupby-5-1-12", 5.0, |n, s, r| single(n, s, r, (5, 1, 12))),
    Template::new("single-groupby-5-8-1", 5.0, |n, s, r| single(n, s, r, (5, 8, 1))),
    Template::new("cpu-max-all-1", 5.0, |n, s, r| max_all(n, s, r, 1)),
    Template::new("cpu-max-all-8", 5.0, |n, s, r| max_all(n, s, r, 8)),
    Template::new("double-groupby-1", 15.0, |n, s, r| double(n, s, r, 1)),
    Template::new("double-groupby-5", 15.0, |n, s, r| double(n, s, r, 5)),
    Template::new("double-groupby-all", 15.0, |n, s, r| double(n, s, r, 10)),
    Template::new("high-cpu-1", 5.0, |n, s, r| high(n, s, r, 1)),
    Template::new("high-cpu-all", 5.0, |n, s, r| high(n, s, r, 0)),
    Template::new("lastpoint", 15.0, |n, _, _| whole_rows(Query::new(n, TABLE, Kind::Last, &[]))),
    Template::new("groupby-orderby-limit", 15.0, latest),
    Template::new("statistics of all metrics", 50.0, |n, _, _| {
        Query::new(n, TABLE, Kind::Statistics, &METRICS).with_columns()
    }),
    Template::new("scan of a tenth", 5.0, scan),
    Template::new("moving average", 5.0, moving),
    Template::new("percentile by host", 5.0, |n, _, r| {
        by_host(n, Kind::Percentile, one(r)).with_columns()
    }),
    Template::new("top 5 hosts by average", 5.0, top),
];

/// One of the metrics.
fn one(random: &mut Random) -> &'static [&'static str] {
    let place = random.below(METRICS.len() as u64) as usize;
    &METRICS[place..=place]
}

/// Different hosts.
fn hosts(scale: Scale, random: &mut Random, count: usize) -> (&'static str, Vec<String>) {
    let mut numbers: Vec<u64> = Vec::new();
    while numbers.len() < count.min(scale.devices as usize) {
        let number = random.below(u64::from(scale.devices));
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    (HOST[0], numbers.iter().map(|number| format!("host_{number}")).collect())
}

fn hours(scale: Scale, random: &mut Random, hours: u32) -> (i64, i64) {
    window(scale, random, hours * HOUR)
}

fn by_host(name: &'static str, kind: Kind, metrics: &'static [&'static str]) -> Query {
    Query { by: HOST, ..Query::new(name, TABLE, kind, metrics) }
}

/// All columns of rows, by host.
fn whole_rows(mut query: Query) -> Query {
    query.by = HOST;
    query.columns = ["time"].into_iter().chain(TAGS).chain(METRICS).map(str::to_owned).collect();
    query
}

fn single(
    name: &'static str,
    scale: Scale,
    random: &mut Random,
    (metrics, count, width): (usize, usize, u32),
) -> Query {
    let mut query = Query::new(name, TABLE, Kind::Buckets, &METRICS[..metrics]);
    (query.functions, query.among) = (&["max"], hosts(scale, random, count));
    query.within(hours(scale, random, width)).with_columns()
}

fn max_all(name: &'static str, scale: Scale, random: &mut Random, count: usize) -> Query {
    let mut query = Query::new(name, TABLE, Kind::Buckets, &METRICS);
    (query.functions, query.bucket) = (&["max"], HOUR);
    query.among = hosts(scale, random, count);
    query.within(hours(scale, random, 8)).with_columns()
}

fn double(name: &'static str, scale: Scale, random: &mut Random, metrics: usize) -> Query {
    let mut query = by_host(name, Kind::Buckets, &METRICS[..metrics]);
    (query.functions, query.bucket) = (&["avg"], HOUR);
    query.within(hours(scale, random, 12)).with_columns()
}

fn high(name: &'static str, scale: Scale, random: &mut Random, count: usize) -> Query {
    let mut query = Query::new(name, TABLE, Kind::Rows, &METRICS[..1]);
    (query.above, query.among) = (Some(90), hosts(scale, random, count));
    whole_rows(query).within(hours(scale, random, 12))
}

fn latest(name: &'static str, scale: Scale, random: &mut Random) -> Query {
    let mut query = Query::new(name, TABLE, Kind::LatestBuckets, &METRICS[..1]);
    (query.functions, query.to) = (&["max"], Some(hours(scale, random, 1).1));
    query.with_columns()
}

fn scan(name: &'static str, _: Scale, random: &mut Random) -> Query {
    let mut query = by_host(name, Kind::Rows, one(random));
    query.above = Some(90);
    query.with_columns()
}

fn moving(name: &'static str, scale: Scale, random: &mut Random) -> Query {
    let mut query = by_host(name, Kind::MovingAverage, one(random));
    query.rows = 60;
    query.within(hours(scale, random, 12)).with_columns()
}

fn top(name: &'static str, _: Scale, random: &mut Random) -> Query {
    let mut query = by_host(name, Kind::Top, one(random));
    query.rows = 5;
    query.with_columns()
}
