use std::fmt;

use tidemill_model::{Column, TimeRange};

/// Equal stretches of time, each named by its first nanosecond: time `t` falls into the bucket
/// `floor((t - origin) / width) * width + origin`, which is what SQL's `date_bin` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Any time at which a bucket starts.
    pub origin_ns: i64,
    /// The length, which is positive.
    pub width_ns: i64,
}

/// What to compute of a group's rows.
///
/// All as SQL has it, and as DataFusion computes it: missing values are left out, and a group
/// without values gives a missing one (0 for the counts). NaN is greater than every other number:
/// `Max` is NaN if any value is, `Min` only if all are, and sums, means and deviations with a NaN
/// are NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// Rows, whatever they hold.
    CountRows,
    /// Values that are present.
    Count,
    /// The sum, of the field's type. That of integers is exact, and an error when it does not fit.
    Sum,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The mean, a float.
    Avg,
    /// The sample's standard deviation, a float; missing for a single value.
    Stddev,
    /// The value of the row with the least time, which may be missing; of several such rows that
    /// of the least series id.
    First,
    /// The value of the row with the greatest time, which may be missing; of several such rows
    /// that of the least series id.
    Last,
    /// The value below which so large a share of the values lies, as a float: between two of them it is interpolated, as
    /// SQL's `percentile_cont` does.
    Quantile(Share),
}

/// A share of a whole, from 0 to 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share(u64);

impl Share {
    /// `None` when it is less than 0, more than 1, or no number.
    #[must_use]
    pub const fn new(share: f64) -> Option<Self> {
        match share >= 0.0 && share <= 1.0 {
            // Of the two zeros the positive one.
            true => Some(Self((share + 0.0).to_bits())),
            false => None,
        }
    }

    /// The share.
    #[must_use]
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.get())
    }
}

impl Function {
    /// Whether it is of numbers only.
    #[must_use]
    pub fn needs_number(self) -> bool {
        matches!(self, Self::Sum | Self::Avg | Self::Stddev | Self::Quantile(_))
    }

    /// Its name in SQL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CountRows => "count(*)",
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Stddev => "stddev",
            Self::First => "first_value",
            Self::Last => "last_value",
            Self::Quantile(_) => "percentile_cont",
        }
    }
}

/// One column of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// What to compute.
    pub function: Function,
    /// Of which field, by its index in the table's schema; ignored for [`Function::CountRows`].
    pub field: usize,
}

/// Aggregates over rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregatePlan {
    /// The series whose rows count, ascending: what is left after the filters on tags.
    pub series: Vec<u32>,
    /// The times of the rows that count.
    pub range: TimeRange,
    /// Group by stretches of time.
    pub bucket: Option<Bucket>,
    /// Group by tags, by their index in the table's schema.
    pub group_tags: Vec<usize>,
    /// What to compute for each group.
    pub calls: Vec<Call>,
}

/// The answer to an [`AggregatePlan`]: one row a group that has rows, or exactly one row where
/// the plan groups by nothing.
///
/// Rows are ordered by the values of the group tags, in the plan's order (as bytes; a series that
/// lacks the tag comes last), then by bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Groups {
    /// How many rows there are.
    pub len: usize,
    /// The first time of each row's bucket; empty where the plan has none.
    pub buckets: Vec<i64>,
    /// For each group tag its codes by row; 0 where the series lack the tag.
    pub tags: Vec<Vec<u32>>,
    /// For each call its values by row: ints for counts, floats for means and deviations, the
    /// field's type for all others.
    pub values: Vec<Column>,
    /// How the answer was found.
    pub stats: PlanStats,
}

/// How much work an answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanStats {
    /// Rows inside the plan's series and range.
    pub rows: u64,
    /// Values whose stored aggregates were used instead of them.
    pub values_from_aggregates: u64,
    /// Values that were decoded, or added up as they are encoded.
    pub values_decoded: u64,
}

/// The newest row of each series that has one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LastRows {
    /// Their series, ascending.
    pub series: Vec<u32>,
    /// Their times.
    pub times: Vec<i64>,
    /// One column for each field asked for.
    pub columns: Vec<Column>,
}
