//! Native plans: the shapes people ask for most, recognised in the logical plan right after SQL
//! planning, before the optimiser, whose work they save.
//!
//! A [`NativeQuery`] reads one table ([`Shape`]: aggregates by buckets of time and tags, or the
//! newest row by tags) and applies [`Step`]s to the few rows that come out: filters, projections,
//! order, limit. What is not recognised goes to DataFusion, whose answers are the same.

mod aggregate;
mod bucket;
mod cache;
mod last;
mod plan;
mod recognise;
mod run;
mod steps;

pub(crate) use bucket::width_ns;
pub(crate) use cache::PlanCache;
pub(crate) use plan::{NativeQuery, Shape, Step};
pub(crate) use recognise::{is_repeatable, matching, recognise};
