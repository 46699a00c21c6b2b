use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::{Expr, SortExpr};
use gauge_probe::Section;
use tidemill_analysis::native::{Bucket, Call};

use crate::filter::Selection;
use crate::measure::stages;
use crate::scan::RowColumn;
use crate::schema::TableColumns;

/// A statement that runs without DataFusion.
#[derive(Clone, Debug)]
pub(crate) struct NativeQuery {
    /// What to do.
    pub(crate) plan: Arc<NativePlan>,
    /// With which rows of its table.
    pub(crate) selection: Selection,
}

/// What statements of one form have in common: plain data.
#[derive(Debug)]
pub(crate) struct NativePlan {
    /// The table, as it was when the statement was recognised.
    pub(crate) table: Arc<TableColumns>,
    /// The conditions on its times, tags and fields, joined by `AND`.
    pub(crate) conditions: Vec<Expr>,
    /// What to make of them.
    pub(crate) shape: Shape,
    /// Names and types of what the shape gives.
    pub(crate) shape_schema: SchemaRef,
    /// What to do with that, in this order.
    pub(crate) steps: Vec<Step>,
    /// Names and types of the answer.
    pub(crate) schema: SchemaRef,
}

/// What is made of the rows of a table.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// One row a group.
    Aggregate {
        bucket: Option<Bucket>,
        /// Tags to group by.
        group_tags: Vec<usize>,
        calls: Vec<Call>,
        /// The columns that come out.
        columns: Vec<AggregateColumn>,
    },
    /// The newest row of each set of series that agree in some tags.
    Last {
        /// These tags.
        keys: Vec<usize>,
        /// The columns that come out.
        columns: Vec<LastColumn>,
        /// Ordered by these keys (places in `keys`).
        order: Vec<(usize, SortOptions)>,
    },
    /// Rows as they are, in no order.
    Rows {
        /// The columns that come out.
        columns: Vec<RowColumn>,
        /// The tags by which rows are told apart that a window may have together; they are to be one series.
        partition: Option<Vec<usize>>,
        /// How many rows at most.
        limit: Option<usize>,
    },
}

/// One column of [`Shape::Aggregate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AggregateColumn {
    /// The first time of the bucket.
    Bucket,
    /// The group tag at this place.
    Tag(usize),
    /// The answer of the call at this place.
    Call(usize),
}

/// One column of [`Shape::Last`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastColumn {
    /// The time of the row.
    Time,
    /// A tag of its series.
    Tag(usize),
    /// One of its fields.
    Field(usize),
    /// The row's number counted from the newest: 1.
    Rank,
}

/// What is done with the rows of a shape, by expressions over columns named as in `input`.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Keep the rows for which the condition is true.
    Filter { condition: Expr, input: DFSchemaRef },
    /// Compute columns.
    Project { columns: Vec<Expr>, input: DFSchemaRef, output: SchemaRef },
    /// Order the rows, and keep the first `fetch`.
    Sort { by: Vec<SortExpr>, input: DFSchemaRef, fetch: Option<usize> },
    /// Skip rows, then keep `fetch`.
    Limit { skip: usize, fetch: Option<usize> },
}

impl NativePlan {
    /// Whether another plan does the same with the rows that are left.
    pub(super) fn is_same_but_for_conditions(&self, other: &Self) -> bool {
        let Self { table, conditions: _, shape, shape_schema, steps, schema } = self;
        let shown = |plan: &Self| format!("{:?} {:?}", plan.shape, plan.steps);
        Arc::ptr_eq(&table.stored, &other.table.stored)
            && (shape_schema, schema) == (&other.shape_schema, &other.schema)
            && format!("{shape:?} {steps:?}") == shown(other)
    }
}

impl NativeQuery {
    /// The plan under these conditions, if they can be said exactly.
    pub(super) fn new(plan: &Arc<NativePlan>, conditions: &[Expr]) -> Option<Self> {
        let selection = Selection::of(conditions, &plan.table)?;
        let selection = match plan.shape {
            Shape::Rows { partition: None, .. } | Shape::Last { .. } => selection,
            Shape::Rows { partition: Some(_), .. } | Shape::Aggregate { .. } => {
                selection.by_times_and_tags()?
            }
        };
        Some(Self { plan: Arc::clone(plan), selection })
    }
}

impl Shape {
    /// What its work counts for.
    pub(super) fn section(&self) -> &'static Section {
        match self {
            Self::Aggregate { .. } => &stages::NATIVE_AGGREGATE,
            Self::Last { .. } => &stages::NATIVE_LAST_ROWS,
            Self::Rows { .. } => &stages::NATIVE_ROWS,
        }
    }
}

impl Step {
    /// What its work counts for.
    pub(super) fn section(&self) -> &'static Section {
        match self {
            Self::Filter { .. } => &stages::FILTER,
            Self::Project { .. } => &stages::PROJECT,
            Self::Sort { .. } => &stages::SORT,
            Self::Limit { .. } => &stages::LIMIT,
        }
    }
}
