//! What is asked of iot, whose rows come late, and lack tags and fields.

use tidemill::workload::Random;

use super::spec::{HOUR, Kind, Query, Scale, Template, window};

const TEN_MINUTES: u32 = 600;

/// All that are asked.
pub const TEMPLATES: [Template; 3] = [
    Template::new("last-loc", 5.0, |n, _, _| last_location(n)),
    Template::new("avg-load", 5.0, |n, _, _| average_load(n)),
    Template::new("stationary-trucks", 5.0, stationary),
];

/// Of each truck, the newest row that has a latitude; it may have no longitude and no driver.
fn last_location(name: &'static str) -> Query {
    let mut query = Query::new(name, "readings", Kind::Last, &["latitude", "longitude"]);
    (query.by, query.has) = (&["name"], Some("latitude"));
    query.columns = ["time", "name", "driver", "latitude", "longitude"].map(str::to_owned).into();
    query
}

/// By day and fleet; trucks that lack their fleet at times are a fleet too, then.
fn average_load(name: &'static str) -> Query {
    let mut query = Query::new(name, "diagnostics", Kind::Buckets, &["current_load"]);
    (query.functions, query.bucket, query.by) = (&["avg"], 24 * HOUR, &["fleet"]);
    query.with_columns()
}

fn stationary(name: &'static str, scale: Scale, random: &mut Random) -> Query {
    let mut query = Query::new(name, "readings", Kind::Below, &["velocity"]);
    (query.by, query.below) = (&["name", "driver"], Some(1));
    query.within(window(scale, random, TEN_MINUTES)).with_columns()
}
