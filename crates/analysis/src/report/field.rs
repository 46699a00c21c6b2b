use tidemill_model::{Aggregate, FieldSchema};

use super::scan::{Totals, total};
use super::{Distinct, FieldReport, Sum};
use crate::native::Bucket;
use crate::native::cells::{Cells, Ordered};
use crate::numeric::Numeric;
use crate::{ChartPoint, Scalar};

/// A field's report from its totals. `grid` are the stretches of the sparkline.
pub(super) fn field_report(
    field: &FieldSchema,
    mut totals: Totals,
    grid: Bucket,
    chart: Vec<ChartPoint>,
) -> FieldReport {
    let mut report = FieldReport {
        name: field.name.clone(),
        ty: field.ty,
        count: 0,
        missing: 0,
        nan_count: 0,
        min: None,
        max: None,
        mean: None,
        stddev: None,
        p50: totals.quantiles.quantile(0.5),
        p95: totals.quantiles.quantile(0.95),
        p99: totals.quantiles.quantile(0.99),
        quantile_error: totals.quantiles.relative_error(),
        first: None,
        last: None,
        sum: None,
        true_count: None,
        distinct: None,
        sparkline: Vec::new(),
        chart,
    };
    match &totals.stretches {
        Cells::Float(cells) => {
            report.set_numbers(cells, grid, Scalar::Float, Sum::Float);
        }
        Cells::Int(cells) => report.set_numbers(cells, grid, Scalar::Int, Sum::Int),
        Cells::UInt(cells) => report.set_numbers(cells, grid, Scalar::UInt, Sum::Int),
        Cells::Ordered(cells) => report.set_ordered(cells, &totals),
        Cells::Ends(_) | Cells::Values(_) => {}
    }
    report.missing = totals.rows - report.count;
    if let Cells::Ends(ends) = &totals.ends
        && let [ends] = &ends[..]
    {
        report.first = ends.first.as_ref().and_then(|end| end.value.clone());
        report.last = ends.last.as_ref().and_then(|end| end.value.clone());
    }
    report
}

impl FieldReport {
    fn set_numbers<T: Numeric>(
        &mut self,
        cells: &[Aggregate<T>],
        grid: Bucket,
        scalar: fn(T) -> Scalar,
        sum: fn(T::Sum) -> Sum,
    ) {
        let all = total(cells);
        self.count = all.count + all.nan_count;
        self.nan_count = all.nan_count;
        if all.count > 0 {
            (self.min, self.max) = (Some(scalar(all.min)), Some(scalar(all.max)));
            (self.mean, self.sum) = (Some(all.mean()), Some(sum(all.sum)));
        }
        self.stddev = all.sample_variance().map(f64::sqrt);
        let point = |(place, cell): (usize, &Aggregate<T>)| {
            let time = grid.origin_ns.saturating_add_unsigned(place as u64 * grid.width_ns as u64);
            let (min, max) = (cell.min.to_f64(), cell.max.to_f64());
            (cell.count > 0).then(|| ChartPoint { time, min, mean: cell.mean(), max })
        };
        self.sparkline = cells.iter().enumerate().filter_map(point).collect();
    }

    fn set_ordered(&mut self, cells: &[Ordered], totals: &Totals) {
        self.count = cells.iter().map(|cell| cell.count).sum();
        let min = cells.iter().filter_map(|cell| cell.min.as_ref());
        let max = cells.iter().filter_map(|cell| cell.max.as_ref());
        self.min = min.min_by(|a, b| order(a, b)).cloned();
        self.max = max.max_by(|a, b| order(a, b)).cloned();
        if self.ty == tidemill_model::FieldType::Bool {
            self.true_count = Some(totals.true_count);
        } else {
            let count = totals.texts.len().min(totals.max_texts) as u64;
            let is_complete = totals.texts.len() <= totals.max_texts;
            self.distinct = Some(Distinct { count, is_complete });
        }
    }
}

fn order(a: &Scalar, b: &Scalar) -> std::cmp::Ordering {
    crate::native::cells::order(a.value(), b.value())
}
