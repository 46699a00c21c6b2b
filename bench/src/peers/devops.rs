//! What is asked of devops: of each of its nine tables, a field by host and hour.

use tidemill::workload::Random;

use super::spec::{Draw, HOUR, Kind, Query, Scale, Template, window};

/// Hours of a window.
const WINDOW: u32 = 12;

/// One for each table, of a field that changes.
pub const TEMPLATES: [Template; 9] = [
    of("by host and hour: cpu", |n, s, r| hourly(n, s, r, ("cpu", &["usage_user"]))),
    of("by host and hour: diskio", |n, s, r| hourly(n, s, r, ("diskio", &["reads"]))),
    of("by host and hour: disk", |n, s, r| hourly(n, s, r, ("disk", &["free"]))),
    of("by host and hour: kernel", |n, s, r| hourly(n, s, r, ("kernel", &["interrupts"]))),
    of("by host and hour: mem", |n, s, r| hourly(n, s, r, ("mem", &["used"]))),
    of("by host and hour: net", |n, s, r| hourly(n, s, r, ("net", &["bytes_sent"]))),
    of("by host and hour: nginx", |n, s, r| hourly(n, s, r, ("nginx", &["active"]))),
    of("by host and hour: postgresl", |n, s, r| hourly(n, s, r, ("postgresl", &["numbackends"]))),
    of("by host and hour: redis", |n, s, r| hourly(n, s, r, ("redis", &["used_memory"]))),
];

const fn of(name: &'static str, draw: Draw) -> Template {
    Template::new(name, 15.0, draw)
}

fn hourly(
    name: &'static str,
    scale: Scale,
    random: &mut Random,
    (table, metrics): (&'static str, &'static [&'static str]),
) -> Query {
    let mut query = Query::new(name, table, Kind::Buckets, metrics);
    (query.functions, query.bucket) = (&["count", "avg", "last"], HOUR);
    query.by = &["hostname"];
    query.within(window(scale, random, WINDOW * HOUR)).with_columns()
}
