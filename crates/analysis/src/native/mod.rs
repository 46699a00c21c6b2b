//! The aggregates a query most often wants, computed on the store's own columns.

mod plan;

pub use plan::{AggregatePlan, Bucket, Call, Function, Groups, LastRows, PlanStats};
