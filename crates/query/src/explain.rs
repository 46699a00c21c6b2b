use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;
use gauge_probe::{Counters, Meter, Stretch, Watch};
use tidemill_machine::CycleClock;
use tidemill_memory::Budget;
use tidemill_store::Snapshot;

use crate::error::Result;
use crate::measure::{figures, stages};
use crate::native::{NativeQuery, Shape, Step};

/// As DataFusion has them.
const ROWS_A_BATCH: usize = 8192;

/// The plan that an `EXPLAIN` is about, and whether it is to be run.
pub(crate) fn explained(plan: &LogicalPlan) -> Option<(&LogicalPlan, bool)> {
    match plan {
        LogicalPlan::Explain(explain) => Some((&explain.plan, false)),
        LogicalPlan::Analyze(analyze) => Some((&analyze.input, true)),
        _ => None,
    }
}

/// The answer to `EXPLAIN [ANALYZE]` of a statement that runs natively, in the two columns that
/// DataFusion's has.
pub(crate) fn native(
    query: &NativeQuery,
    snapshot: &Snapshot,
    budget: &Budget,
    analyze: bool,
    schema: SchemaRef,
) -> Result<RecordBatch> {
    let mut lines = describe(query);
    if analyze {
        analyse(query, snapshot, budget, &mut lines)?;
    }
    let kind = if analyze { "native_plan_with_metrics" } else { "native_plan" };
    let kinds = StringArray::from(vec![kind]);
    let plans = StringArray::from(vec![lines.join("\n")]);
    Ok(RecordBatch::try_new(schema, vec![Arc::new(kinds), Arc::new(plans)])?)
}

/// Runs the plan, and adds what its parts took to their lines.
fn analyse(
    query: &NativeQuery,
    snapshot: &Snapshot,
    budget: &Budget,
    lines: &mut Vec<String>,
) -> Result<()> {
    // Measured once a process, in milliseconds; before the run, so as not to be part of it.
    let clock = CycleClock::shared();
    let _watch = Watch::start();
    let counts_allocations = Counters::are_counting();
    let meters: Vec<_> = (0..=query.plan.steps.len()).map(|_| Arc::new(Meter::new())).collect();
    let start = CycleClock::now();
    let done = match query.scan(snapshot, 1)? {
        Some(scan) => {
            let meter = meters.first().map(Arc::clone);
            let rows = Stretch::new(Some(&stages::NATIVE_ROWS), meter);
            let rows = rows.run(|| scan.count_rows(ROWS_A_BATCH, budget))?;
            format!("rows out: {rows}, series: {}", scan.series_count())
        }
        None => {
            let answer = query.run(snapshot, budget, &meters)?;
            let stats = answer.stats;
            format!(
                "rows out: {}, series: {}, rows in: {}, values from stored aggregates: {}, values \
                 decoded: {}",
                answer.batch.num_rows(),
                answer.series,
                stats.rows,
                stats.values_from_aggregates,
                stats.values_decoded,
            )
        }
    };
    let elapsed = CycleClock::now().since(start);
    // Steps stand above what they are given, the table below all.
    for (line, meter) in lines.iter_mut().zip(meters.iter().rev()) {
        line.push_str(&format!(", time={:?}", meter.own().duration()));
        for (name, number) in figures(meter, counts_allocations) {
            let number = number.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
            line.push_str(&format!(", {name}={number}"));
        }
    }
    lines.push(format!("{done}, time: {:?}", clock.duration(elapsed)));
    Ok(())
}

/// The plan, from the last step down to the table.
fn describe(query: &NativeQuery) -> Vec<String> {
    let plan = &query.plan;
    let mut lines: Vec<String> = plan.steps.iter().rev().map(step).collect();
    let stored = &plan.table.stored;
    let tags = |tags: &[usize]| {
        tags.iter().map(|tag| stored.tags[*tag].as_str()).collect::<Vec<_>>().join(", ")
    };
    lines.push(match &plan.shape {
        Shape::Aggregate { bucket, group_tags, calls, .. } => {
            let calls: Vec<String> = calls
                .iter()
                .map(|call| match stored.fields.get(call.field) {
                    Some(field) => format!("{:?}({})", call.function, field.name),
                    None => format!("{:?}", call.function),
                })
                .collect();
            let bucket = bucket.map(|bucket| {
                format!(", bucket={}ns from {}ns", bucket.width_ns, bucket.origin_ns)
            });
            let bucket = bucket.unwrap_or_default();
            format!(
                "NativeAggregate: [{}] by tags=[{}]{bucket}",
                calls.join(", "),
                tags(group_tags)
            )
        }
        Shape::Last { keys, columns, .. } => {
            format!("NativeLastRows: by tags=[{}], {} columns", tags(keys), columns.len())
        }
        Shape::Rows { columns, limit, partition } => {
            let windows = partition.as_ref().map(|by| format!(", windows by tags=[{}]", tags(by)));
            let windows = windows.unwrap_or_default();
            let limit = limit.map(|limit| format!(", limit={limit}")).unwrap_or_default();
            format!("NativeRows: {} columns{windows}{limit}", columns.len())
        }
    });
    let range = query.selection.range;
    let mut scan = format!("table={}", stored.name);
    if range.start != i64::MIN {
        scan.push_str(&format!(", from={}", crate::scan::display_time(range.start)));
    }
    if range.end != i64::MAX {
        scan.push_str(&format!(", to={}", crate::scan::display_time(range.end)));
    }
    for predicate in &query.selection.tags {
        scan.push_str(&format!(", where {}", predicate.describe(&stored.tags)));
    }
    for condition in &query.selection.fields {
        scan.push_str(&format!(", where {}", condition.describe(stored)));
    }
    lines.push(scan);
    lines.iter().enumerate().map(|(depth, line)| format!("{}{line}", "  ".repeat(depth))).collect()
}

fn step(step: &Step) -> String {
    match step {
        Step::Filter { condition, .. } => format!("Filter: {condition}"),
        Step::Project { columns, .. } => {
            let columns: Vec<_> = columns.iter().map(ToString::to_string).collect();
            format!("Project: {}", columns.join(", "))
        }
        Step::Sort { by, fetch, .. } => {
            let by: Vec<_> = by.iter().map(ToString::to_string).collect();
            let fetch = fetch.map(|fetch| format!(", fetch={fetch}")).unwrap_or_default();
            format!("Sort: {}{fetch}", by.join(", "))
        }
        Step::Limit { skip, fetch } => format!("Limit: skip={skip}, fetch={fetch:?}"),
    }
}
