//! What a statement consists of beside the operators that it runs.

use gauge_probe::Section;

/// Threads and sessions are made, once.
pub(crate) static ENGINE: Section = Section::new("engine");
/// Text becomes a statement.
pub(crate) static PARSE: Section = Section::new("parse");
/// A statement becomes a logical plan, with names and types; a native one if it is of that kind.
pub(crate) static PLAN: Section = Section::new("plan");
/// DataFusion's optimiser, and its physical plan.
pub(crate) static OPTIMISE: Section = Section::new("optimise");
/// An answer becomes bytes of a format.
pub(crate) static FORMAT: Section = Section::new("format");

/// Rows of a table by groups.
pub(crate) static NATIVE_AGGREGATE: Section = Section::new("NativeAggregate");
/// Newest rows.
pub(crate) static NATIVE_LAST_ROWS: Section = Section::new("NativeLastRows");
/// Rows as they are.
pub(crate) static NATIVE_ROWS: Section = Section::new("NativeRows");
/// Steps after one of the first two.
pub(crate) static FILTER: Section = Section::new("Filter");
pub(crate) static PROJECT: Section = Section::new("Project");
pub(crate) static SORT: Section = Section::new("Sort");
pub(crate) static LIMIT: Section = Section::new("Limit");
