//! What a report says, and the native plans behind common queries.
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
