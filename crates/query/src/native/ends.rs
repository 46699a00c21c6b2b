use datafusion::logical_expr::Expr;
use tidemill_analysis::native::Bucket;
use tidemill_model::TimeRange;

use super::aggregate::unalias;
use super::plan::{AggregateColumn, NativePlan, Shape, Step};

/// How much wider each look is, when there were too few buckets with rows; and the part of all that is looked at last
/// before all is.
const WIDER: i64 = 8;

/// The first rows that a statement wants of groups ordered by bucket: `ORDER BY bucket DESC LIMIT 5`. They are in
/// the latest buckets (or the earliest), and nothing else need be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    bucket: Bucket,
    is_latest: bool,
    /// Rows that are skipped, and wanted after these.
    skip: usize,
    pub(super) wanted: usize,
}

impl Ends {
    /// `None` where the statement orders otherwise, or wants all.
    pub(super) fn of(plan: &NativePlan) -> Option<Self> {
        let Shape::Aggregate { bucket: Some(bucket), columns, .. } = &plan.shape else {
            return None;
        };
        let sort = plan.steps.iter().position(|step| matches!(step, Step::Sort { .. }))?;
        let (before, from) = plan.steps.split_at(sort);
        let [
            Step::Sort { by, input, fetch: None },
            Step::Limit { skip, fetch: Some(wanted @ 1..) },
            after @ ..,
        ] = from
        else {
            return None;
        };
        // What comes after keeps the rows.
        if !after.iter().all(|step| matches!(step, Step::Project { .. })) {
            return None;
        }
        let first = by.first()?;
        let Expr::Column(column) = unalias(&first.expr) else { return None };
        let mut place = input.index_of_column(column).ok()?;
        for step in before.iter().rev() {
            match step {
                Step::Filter { .. } => {}
                Step::Project { columns, input, .. } => {
                    let Expr::Column(column) = unalias(columns.get(place)?) else { return None };
                    place = input.index_of_column(column).ok()?;
                }
                Step::Sort { .. } | Step::Limit { .. } => return None,
            }
        }
        let is_bucket = columns.get(place) == Some(&AggregateColumn::Bucket);
        let (bucket, is_latest) = (*bucket, !first.asc);
        is_bucket.then_some(Self { bucket, is_latest, skip: *skip, wanted: *wanted })
    }

    /// Ranges that end (or begin) where `all` does, each wider than the one before, of whole buckets, and much narrower than `all`.
    pub(super) fn ranges(self, all: TimeRange) -> impl Iterator<Item = TimeRange> {
        let buckets = i64::try_from(self.skip.saturating_add(self.wanted)).unwrap_or(i64::MAX);
        let first = self.bucket.width_ns.checked_mul(buckets);
        let widths = std::iter::successors(first, |width| width.checked_mul(WIDER));
        widths.map_while(move |width| self.range(all, width))
    }

    fn range(self, all: TimeRange, width: i64) -> Option<TimeRange> {
        let range = if self.is_latest {
            TimeRange::new(self.bucket.start(all.end.checked_sub(width)?).ok()?, all.end)
        } else {
            let last = self.bucket.start(all.start.checked_add(width)?).ok()?;
            TimeRange::new(all.start, last.checked_add(self.bucket.width_ns - 1)?)
        };
        let length = |range: TimeRange| range.end.abs_diff(range.start);
        let is_small = length(range) <= length(all) / WIDER.unsigned_abs();
        (all.covers(range) && is_small).then_some(range)
    }
}
