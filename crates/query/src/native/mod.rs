//! Native plans: the shapes people ask for most, recognised in the logical plan right after SQL
//! planning, before the optimiser, whose work they save.
//!
//! A [`NativeQuery`] (a plan, and which rows of its table) reads one table ([`Shape`]: aggregates by buckets of time and tags, or the
//! newest row by tags, or rows as they are, with sliding windows) and applies [`Step`]s to the few rows that come out: filters, projections,
//! order, limit. Plans are remembered by the form of their statements ([`PlanCache`]): another host, another hour
//! is another selection of the same plan. What is not recognised goes to DataFusion, whose answers are the same.

mod aggregate;
mod bucket;
mod cache;
mod ends;
mod form;
mod last;
mod plan;
mod recognise;
mod run;
mod sort;
mod steps;
mod windows;

pub(crate) use bucket::width_ns;
pub(crate) use cache::PlanCache;
pub(crate) use plan::{NativeQuery, Shape, Step};
pub(crate) use recognise::{matching, native_plan_of, recognise};
