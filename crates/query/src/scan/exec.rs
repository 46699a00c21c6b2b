use std::fmt;
use std::sync::Arc;
use std::task::Poll;

use arrow::array::RecordBatch;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{ConstExpr, EquivalenceProperties, PhysicalSortExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions, StatisticsArgs,
};
use gauge_probe::{Section, Stretch};
use tidemill_memory::{Budget, Reservation};
use tidemill_store::{share, workers};

use super::rows::{Next, RowColumn, RowPlan, RowReader};
use crate::memory::batch_bytes;
use crate::schema::{ColumnKind, time_type};

/// A second partition pays off from this many rows on.
const MIN_ROWS_A_PARTITION: u64 = 100_000;

/// Where threads share out a partition they do so in parts, so that none is long idle at the end.
const UNITS_PER_PARTITION: usize = 4;

/// Rows in memory, and what they take of the budget.
pub(crate) type Rows = (Vec<RecordBatch>, Reservation);

/// Of so many rows one is taken to satisfy conditions, as DataFusion supposes of a filter that it knows nothing of.
const SELECTED: usize = 5;

/// Reads the rows of some series of a table in a stretch of time, series by series.
#[derive(Debug)]
pub(crate) struct SeriesScan {
    plan: Arc<RowPlan>,
    /// The series of each partition, in the order they are read.
    partitions: Vec<Arc<[u32]>>,
    /// Tags that rows are ordered by before `time`, if they are ordered.
    order: Option<Vec<usize>>,
    /// Whether no filter leaves out any row.
    whole: bool,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SeriesScan {
    pub(super) fn new(
        plan: RowPlan,
        series: Vec<u32>,
        order: Option<Vec<usize>>,
        whole: bool,
        max_partitions: usize,
    ) -> Result<Self> {
        let rows = estimated_rows(&plan, series.len());
        let worthwhile = (rows / MIN_ROWS_A_PARTITION).max(1) as usize;
        let count = max_partitions.min(worthwhile).min(series.len()).max(1);
        let partitions: Vec<Arc<[u32]>> = match series.len() {
            0 => vec![Arc::from([])],
            all => series.chunks(all.div_ceil(count)).map(Arc::from).collect(),
        };
        let properties = PlanProperties::new(
            equivalences(&plan, &series, order.as_deref())?,
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            plan: Arc::new(plan),
            partitions,
            order,
            whole,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// How many series it reads.
    pub(crate) fn series_count(&self) -> usize {
        self.partitions.iter().map(|series| series.len()).sum()
    }

    /// Reads all rows on this thread, and says how many they are.
    pub(crate) fn count_rows(&self, rows_a_batch: usize, budget: &Budget) -> crate::Result<usize> {
        let mut rows = 0;
        for series in &self.partitions {
            read(&self.plan, series, rows_a_batch, budget, |batch| {
                rows += batch.num_rows();
                Ok(())
            })?;
        }
        Ok(rows)
    }

    /// All rows, in order, read by this thread and the store's: without a stream there is no batch that one waits for and
    /// another wakes it.
    pub(crate) fn collect(&self, rows_a_batch: usize, budget: &Budget) -> crate::Result<Rows> {
        let section = Section::are_counting().then(|| Section::named(self.name()));
        let stretch = Stretch::new(section, None);
        let (plan, budget_of_all) = (Arc::clone(&self.plan), budget.clone());
        let collect = move |series: &Arc<[u32]>| {
            let (plan, budget) = (&plan, &budget_of_all);
            stretch.run(|| {
                let (mut batches, mut memory) = (Vec::new(), budget.empty());
                read(plan, series, rows_a_batch, budget, |batch| {
                    memory.try_grow(batch_bytes(&batch))?;
                    batches.push(batch);
                    Ok(())
                })?;
                Ok((batches, memory))
            })
        };
        if let [series] = &self.partitions[..] {
            return collect(series);
        }
        // Not more of them at a time than the statement may have threads.
        let all = workers().current_num_threads();
        let parts = if self.partitions.len() < all { 1 } else { UNITS_PER_PARTITION };
        let units = self
            .partitions
            .iter()
            .flat_map(|series| series.chunks(series.len().div_ceil(parts).max(1)).map(Arc::from));
        let units: Vec<Arc<[u32]>> = units.collect();
        let (mut all, mut memory) = (Vec::new(), budget.empty());
        for (batches, more) in Stretch::wait(|| share(units, collect))? {
            all.extend(batches);
            memory.absorb(more);
        }
        Ok((all, memory))
    }

    /// One stream of all rows, in whatever order they come.
    pub(crate) fn into_plan(self) -> Arc<dyn ExecutionPlan> {
        let (fetch, partitions) = (self.fetch(), self.partitions.len());
        let scan: Arc<dyn ExecutionPlan> = Arc::new(self);
        match partitions {
            0 | 1 => scan,
            _ => Arc::new(CoalescePartitionsExec::new(scan).with_fetch(fetch)),
        }
    }
}

/// Reads the rows of series, batch by batch.
fn read(
    plan: &Arc<RowPlan>,
    series: &Arc<[u32]>,
    rows_a_batch: usize,
    budget: &Budget,
    mut take: impl FnMut(RecordBatch) -> crate::Result<()>,
) -> crate::Result<()> {
    let mut memory = budget.empty();
    memory.try_grow(plan.memory_bytes(rows_a_batch))?;
    let mut reader = RowReader::new(Arc::clone(plan), Arc::clone(series), rows_a_batch);
    loop {
        match reader.next_batch()? {
            Next::Batch(batch) => take(batch)?,
            Next::Nothing => {}
            Next::End => return Ok(()),
        }
    }
}

/// Rows to expect, supposing that all series are alike.
fn estimated_rows(plan: &RowPlan, series: usize) -> u64 {
    let view = &plan.view;
    let (all, rows) = (view.series_count().max(1), view.max_rows());
    let (of_table, wanted) = (view.time_range(), view.time_range().intersect(plan.range));
    if wanted.is_empty() {
        return 0;
    }
    let length = |range: tidemill_model::TimeRange| range.end as f64 - range.start as f64 + 1.0;
    let share = series as f64 / f64::from(all) * length(wanted) / length(of_table);
    (rows as f64 * share) as u64
}

/// What is known of the rows of each partition: their order, and the tags of a single series.
fn equivalences(
    plan: &RowPlan,
    series: &[u32],
    order: Option<&[usize]>,
) -> Result<EquivalenceProperties> {
    let column = |kind: ColumnKind| -> Option<Arc<dyn PhysicalExpr>> {
        let stored = RowColumn::Stored(kind);
        let place = plan.projection.iter().position(|column| *column == stored)?;
        Some(Arc::new(Column::new(plan.schema.field(place).name(), place)))
    };
    // An order is only as long as its columns are there: what follows a missing one is not said.
    let ordering: Vec<PhysicalSortExpr> = order
        .into_iter()
        .flat_map(|tags| tags.iter().map(|tag| ColumnKind::Tag(*tag)).chain([ColumnKind::Time]))
        .map_while(&column)
        .map(|expr| PhysicalSortExpr::new_default(expr).asc().nulls_last())
        .collect();
    let schema = Arc::clone(&plan.schema);
    let mut properties = match ordering.is_empty() {
        true => EquivalenceProperties::new(schema),
        false => EquivalenceProperties::new_with_orderings(schema, [ordering]),
    };
    if series.len() == 1 {
        let tags = plan.projection.iter().filter_map(|column| match column {
            RowColumn::Stored(kind @ ColumnKind::Tag(_)) => Some(*kind),
            _ => None,
        });
        properties.add_constants(tags.filter_map(column).map(ConstExpr::from))?;
    }
    Ok(properties)
}

impl DisplayAs for SeriesScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.plan.schema.fields().iter().map(|f| f.name().as_str()).collect();
        let (table, series) = (self.plan.view.name(), self.series_count());
        let (partitions, all) = (self.partitions.len(), self.plan.view.series_count());
        write!(
            f,
            "SeriesScan: table={table}, columns=[{}], series={series}/{all}, partitions={partitions}",
            names.join(", ")
        )?;
        let range = self.plan.range;
        if range.start != i64::MIN {
            write!(f, ", from={}", display_time(range.start))?;
        }
        if range.end != i64::MAX {
            write!(f, ", to={}", display_time(range.end))?;
        }
        for condition in self.plan.conditions.iter() {
            write!(f, ", where {}", condition.describe(self.plan.view.schema()))?;
        }
        if let Some(limit) = self.plan.limit {
            write!(f, ", limit={limit}")?;
        }
        Ok(())
    }
}

/// A time as SQL shows it.
pub(crate) fn display_time(time: i64) -> String {
    match ScalarValue::TimestampNanosecond(Some(time), None)
        .cast_to(&arrow::datatypes::DataType::Utf8)
    {
        Ok(ScalarValue::Utf8(Some(text))) => text + "Z",
        _ => time.to_string(),
    }
}

impl ExecutionPlan for SeriesScan {
    fn name(&self) -> &str {
        "SeriesScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !children.is_empty() {
            return internal_err!("a scan has no children");
        }
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(series) = self.partitions.get(partition) else {
            return internal_err!("partition {partition} of {}", self.partitions.len());
        };
        let consumer = MemoryConsumer::new(format!("SeriesScan[{partition}]"));
        let reservation = consumer.register(context.memory_pool());
        let rows_a_batch = context.session_config().batch_size();
        reservation.try_grow(self.plan.memory_bytes(rows_a_batch))?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let mut rows = RowReader::new(Arc::clone(&self.plan), Arc::clone(series), rows_a_batch);
        let stream = futures::stream::poll_fn(move |context| {
            // The reservation lives as long as the stream.
            let _ = &reservation;
            let _timer = metrics.elapsed_compute().timer();
            let batch = match rows.next_batch() {
                Ok(Next::Batch(batch)) => Ok(batch),
                Ok(Next::End) => return Poll::Ready(None),
                Ok(Next::Nothing) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Err(error) => Err(error.into()),
            };
            if let Ok(batch) = &batch {
                metrics.output_rows().add(batch.num_rows());
            }
            Poll::Ready(Some(batch))
        });
        let schema = Arc::clone(&self.plan.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let plan = &self.plan;
        let mut statistics = Statistics::new_unknown(&plan.schema);
        if args.partition().is_some() {
            return Ok(Arc::new(statistics));
        }
        let mut rows = estimated_rows(plan, self.series_count()) as usize;
        if !plan.conditions.is_empty() {
            rows = rows.div_ceil(SELECTED);
        }
        let is_whole = self.whole && plan.limit.is_none();
        let exact_count = is_whole && plan.view.is_disjoint();
        statistics.num_rows = match exact_count {
            true => Precision::Exact(plan.view.max_rows() as usize),
            false => Precision::Inexact(plan.limit.map_or(rows, |limit| limit.min(rows))),
        };
        let time = RowColumn::Stored(ColumnKind::Time);
        let time = plan.projection.iter().position(|column| *column == time);
        let range = plan.view.time_range();
        if let Some(place) = time
            && is_whole
            && !range.is_empty()
        {
            let bound = |time: i64| {
                let bound = ScalarValue::TimestampNanosecond(Some(time), None);
                bound.cast_to(&time_type()).map(Precision::Exact)
            };
            statistics.column_statistics[place] = ColumnStatistics {
                null_count: Precision::Exact(0),
                min_value: bound(range.start)?,
                max_value: bound(range.end)?,
                ..ColumnStatistics::new_unknown()
            };
        }
        Ok(Arc::new(statistics))
    }

    // `supports_limit_pushdown` stays false: of a leaf it would say that a limit above it may be
    // taken away and put below.
    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(Self {
            plan: Arc::new(RowPlan { limit, ..RowPlan::clone(&self.plan) }),
            partitions: self.partitions.clone(),
            order: self.order.clone(),
            whole: self.whole,
            properties: Arc::clone(&self.properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    fn fetch(&self) -> Option<usize> {
        self.plan.limit
    }
}
