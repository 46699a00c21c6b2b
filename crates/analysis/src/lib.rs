//! What there is to say about stored series, and the plans that answer common queries natively.
//!
//! * [`report`]: everything `tidemill analyze` says, as plain data: rows, series, sampling
//!   intervals, gaps, statistics and quantiles of every field, charts, anomalies, cost.
//! * [`anomaly`]: the stretches of a series that are unlike the rest of it, and the method.
//! * [`native`]: aggregates grouped by time and tags, and the newest row of each series, without
//!   SQL.
//! * [`Quantiles`]: exact while they fit, then a sketch with a bound.
//! * [`Points`], [`Cell`], [`ChartPoint`], [`downsample`]: a series on a regular grid, and what a
//!   chart shows of it.
//!
//! Everything reads through [`tidemill_store::Reader`]s, shares out its work over the process'
//! [workers](tidemill_store::workers), and draws the memory that grows with the data from a
//! [`tidemill_memory::Budget`].
#![forbid(unsafe_code)]

pub mod anomaly;
mod chart;
mod error;
mod interval;
pub mod native;
mod numeric;
mod points;
mod quantile;
pub mod report;
mod scalar;
#[cfg(test)]
mod testing;

pub use chart::{ChartPoint, downsample};
pub use error::{Error, ErrorKind};
pub use interval::{Gaps, SeriesTimes};
pub use points::{Cell, Points};
pub use quantile::Quantiles;
pub use scalar::Scalar;
