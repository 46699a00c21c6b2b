//! What CSV and NDJSON share: rows of named cells that say neither which cell is the time, nor
//! which are tags, nor of what type the others are.
//!
//! A [`Plan`] says it. It is made from a sample of the file ([`crate::csv::survey`],
//! [`crate::ndjson::survey`]), which [`TabularOptions`] may overrule, and readers follow it. A
//! value deeper in the file that does not fit is refused with a [`Misfit`](crate::Misfit): whoever
//! can read the file again calls [`Plan::survey_types`] over all of it and reads it once more,
//! with a plan in which everything fits.

pub(crate) mod cell;
mod choose;
mod error;
mod kinds;
mod plan;
mod sample;
mod series_cache;
mod time_cell;

pub use choose::{TIME_NAMES, max_tag_values};
pub use error::PlanError;
pub use plan::{Plan, PlanColumn, Role, Syntax, TabularOptions};

pub(crate) use choose::is_time_name;
pub(crate) use error::excerpt;
pub(crate) use kinds::Kinds;
pub(crate) use sample::Sample;
pub(crate) use series_cache::{SeriesCache, take_part};
pub(crate) use time_cell::TimeCell;

/// The most columns of a file.
pub const MAX_COLUMNS: usize = 4096;

/// How much of a file a plan is made from, at least, if the file has as much.
pub const SAMPLE_BYTES: usize = 1 << 20;
