use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::physical_plan::metrics::{
    CustomMetricValue, Metric, MetricCategory, MetricType, MetricValue,
};
use gauge_probe::{Meter, Spent};

/// What an operator took, by name; a number is `None` where it is not known.
pub(crate) fn figures(meter: &Meter, counts_allocations: bool) -> [(&'static str, Option<u64>); 3] {
    let Spent { cycles, allocations, bytes } = meter.own();
    [
        ("cycles", Some(cycles)),
        ("allocations", counts_allocations.then_some(allocations)),
        ("allocated_bytes", counts_allocations.then_some(bytes)),
    ]
}

/// As DataFusion's metrics.
pub(super) fn metrics(meter: &Meter, counts_allocations: bool) -> [Arc<Metric>; 3] {
    figures(meter, counts_allocations).map(|(name, number)| {
        let value = Arc::new(Figure(AtomicU64::new(number.unwrap_or(UNKNOWN))));
        let category = match name {
            "cycles" => MetricCategory::Timing,
            _ => MetricCategory::Bytes,
        };
        let metric = Metric::new(MetricValue::Custom { name: name.into(), value }, None);
        Arc::new(metric.with_type(MetricType::Summary).with_category(category))
    })
}

/// A number in full, or `unknown`.
#[derive(Debug)]
struct Figure(AtomicU64);

const UNKNOWN: u64 = u64::MAX;

impl Figure {
    fn number(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|number| *number != UNKNOWN)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(number) => number.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

impl CustomMetricValue for Figure {
    fn new_empty(&self) -> Arc<dyn CustomMetricValue> {
        Arc::new(Self(AtomicU64::new(0)))
    }

    /// What is unknown of one is unknown of both.
    fn aggregate(&self, other: Arc<dyn CustomMetricValue>) {
        let other = other.as_any().downcast_ref::<Self>().and_then(Self::number);
        let sum = self.number().zip(other).map(|(one, other)| one.saturating_add(other));
        self.0.store(sum.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_usize(&self) -> usize {
        self.number().unwrap_or(0) as usize
    }

    fn is_eq(&self, other: &Arc<dyn CustomMetricValue>) -> bool {
        let other = other.as_any().downcast_ref::<Self>();
        other.is_some_and(|other| other.number() == self.number())
    }
}
