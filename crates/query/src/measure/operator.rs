use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{
    ChildStats, ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr,
    PlanProperties, ReplaceChildrenOptions, StatisticsArgs,
};
use futures::Stream;
use gauge_probe::{Counters, Meter, Section, Stretch, Watch};

use super::figure::metrics;
use super::task::follow_tasks;

/// The same plan, measured if anybody wants to know: each operator by its name while sections count, and on its own
/// beneath `EXPLAIN ANALYZE`. Allocations are counted as long as the watch lives.
pub(crate) fn measured(
    plan: Arc<dyn ExecutionPlan>,
) -> Result<(Arc<dyn ExecutionPlan>, Option<Watch>)> {
    let (by_name, each) = (Section::are_counting(), plan.is::<AnalyzeExec>());
    if !by_name && !each {
        return Ok((plan, None));
    }
    follow_tasks();
    let watch = each.then(Watch::start);
    let counts_allocations = each && Counters::are_counting();
    let wrap = |node: Arc<dyn ExecutionPlan>| {
        if node.is::<AnalyzeExec>() {
            return Ok(Transformed::no(node));
        }
        let section = by_name.then(|| Section::named(node.name()));
        let meter = each.then(|| Arc::new(Meter::new()));
        let stretch = Stretch::new(section, meter);
        let node: Arc<dyn ExecutionPlan> =
            Arc::new(Operator { inner: node, stretch, counts_allocations });
        Ok(Transformed::yes(node))
    };
    Ok((plan.transform_up(wrap).data()?, watch))
}

/// An operator that is measured: to all others it is the operator.
#[derive(Debug)]
struct Operator {
    inner: Arc<dyn ExecutionPlan>,
    stretch: Stretch,
    counts_allocations: bool,
}

impl Operator {
    /// Another form of the operator, which counts for the same.
    fn with(&self, inner: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let (stretch, counts_allocations) = (self.stretch.clone(), self.counts_allocations);
        Arc::new(Self { inner, stretch, counts_allocations })
    }
}

impl DisplayAs for Operator {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_as(kind, f)
    }
}

// What only the optimiser asks keeps its default: it has done its work.
impl ExecutionPlan for Operator {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(&*self.inner)
    }

    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.inner.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inner.children()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.inner.maintains_input_order()
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(visit)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.with(Arc::clone(&self.inner).replace_children(children, options)?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.with(Arc::clone(&self.inner).reset_state()?))
    }

    fn with_new_state(&self, state: Arc<dyn Any + Send + Sync>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(self.with(self.inner.with_new_state(state)?))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let inner = self.stretch.run(|| self.inner.execute(partition, context))?;
        Ok(Box::pin(Batches {
            inner: Some(inner),
            schema: self.schema(),
            stretch: self.stretch.clone(),
        }))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        let Some(meter) = self.stretch.meter() else { return self.inner.metrics() };
        let mut all = self.inner.metrics().unwrap_or_default();
        all.extend(metrics(meter, self.counts_allocations));
        Some(all)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.inner.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.inner.statistics_from_inputs(inputs, args)
    }
}

/// A partition of what a measured operator gives.
struct Batches {
    /// Until it is dropped, which is work, too.
    inner: Option<SendableRecordBatchStream>,
    schema: SchemaRef,
    stretch: Stretch,
}

impl Stream for Batches {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { inner, stretch, .. } = &mut *self;
        let Some(inner) = inner else { return Poll::Ready(None) };
        stretch.run(|| inner.as_mut().poll_next(context))
    }
}

impl RecordBatchStream for Batches {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        let inner = self.inner.take();
        self.stretch.run(|| drop(inner));
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Schema;
    use datafusion::physical_plan::empty::EmptyExec;

    use super::*;

    #[test]
    fn a_plan_is_left_as_it_is_unless_somebody_asks() {
        let empty: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(Arc::new(Schema::empty())));
        let (same, watch) = measured(Arc::clone(&empty)).unwrap();
        assert!(Arc::ptr_eq(&empty, &same) && watch.is_none());
        let schema = empty.schema();
        let analyze: Arc<dyn ExecutionPlan> =
            Arc::new(AnalyzeExec::builder(false, false, Arc::clone(&empty), schema).build());
        let (other, watch) = measured(analyze).unwrap();
        assert!(!Arc::ptr_eq(&empty, other.children()[0]) && watch.is_some());
    }
}
