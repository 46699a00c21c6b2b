//! The functions SQL has here beside DataFusion's own.
//!
//! * `sum` of integers is exact and an error when it does not fit, where DataFusion's wraps.
//! * `min` and `max` of floats take NaN as the greatest value, as PostgreSQL and sorting do;
//!   DataFusion's answer depends on the order of the rows once there are groups.
//! * `sum`, `avg`, `var`, `stddev` of floats over a window that moves on add up what is in it;
//!   DataFusion's subtract what leaves it, and a NaN does not go away by that.
//! * `first(x, time)` and `last(x, time)` are `first_value(x ORDER BY time)` and
//!   `last_value(x ORDER BY time)`.
//! * `date_bin` has an answer however far the origin is; `time_bucket` is another name of it.

mod by_time;
mod date_bin;
mod mapped;
mod sliding;

use std::sync::Arc;

use datafusion::functions_aggregate::{average, min_max, percentile_cont, stddev, sum, variance};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub(crate) use by_time::{FIRST, LAST};

/// The aggregate functions that replace or join DataFusion's.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let mapped = [
        sum::sum_udaf(),
        min_max::min_udaf(),
        min_max::max_udaf(),
        average::avg_udaf(),
        variance::var_samp_udaf(),
        variance::var_pop_udaf(),
        stddev::stddev_udaf(),
        stddev::stddev_pop_udaf(),
        percentile_cont::percentile_cont_udaf(),
    ];
    let mapped = mapped.map(|inner| Arc::new(AggregateUDF::from(mapped::Mapped::new(inner))));
    mapped.into_iter().chain(by_time::functions()).collect()
}

/// The scalar functions that replace or join DataFusion's.
pub(crate) fn scalars() -> Vec<Arc<ScalarUDF>> {
    vec![date_bin::function()]
}
