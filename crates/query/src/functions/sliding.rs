use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Float64Type;
use datafusion::common::{Result, ScalarValue, not_impl_err};
use datafusion::logical_expr::Accumulator;

/// What a sliding window of floats is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Sum,
    Avg,
    /// The variance, divided by the count or by one less; or its root.
    Variance {
        of_sample: bool,
        is_root: bool,
    },
}

impl Moment {
    /// What DataFusion's function of this name gives.
    pub(super) fn of(function: &str) -> Option<Self> {
        let variance = |of_sample, is_root| Some(Self::Variance { of_sample, is_root });
        match function {
            "sum" => Some(Self::Sum),
            "avg" => Some(Self::Avg),
            "var" => variance(true, false),
            "var_pop" => variance(false, false),
            "stddev" => variance(true, true),
            "stddev_pop" => variance(false, true),
            _ => None,
        }
    }
}

/// Count, sum, mean and second moment of some values.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: u64,
    sum: f64,
    mean: f64,
    m2: f64,
}

impl Moments {
    fn of(value: f64) -> Self {
        // NaN of an infinity, which has no variance.
        Self { count: 1, sum: value, mean: value, m2: (value * 0.0).abs() }
    }

    /// Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    /// Variances" (1979).
    fn merge(self, later: Self) -> Self {
        if self.count == 0 || later.count == 0 {
            return if self.count == 0 { later } else { self };
        }
        let count = self.count + later.count;
        let distance = later.mean - self.mean;
        let part = later.count as f64 / count as f64;
        Self {
            count,
            sum: self.sum + later.sum,
            mean: self.mean + distance * part,
            m2: self.m2 + later.m2 + distance * distance * self.count as f64 * part,
        }
    }
}

/// Moments of a window that moves on: a queue of two stacks, so that nothing is ever subtracted.
///
/// DataFusion subtracts what leaves the window: one NaN or infinity makes every later answer NaN,
/// and after a great value small ones are lost.
#[derive(Debug)]
pub(super) struct SlidingMoments {
    wanted: Moment,
    /// The older values, the oldest last: of each and all that came after it in this stack.
    older: Vec<Moments>,
    /// The newer values, and all of them together.
    newer: Vec<f64>,
    newer_together: Moments,
}

impl SlidingMoments {
    pub(super) fn new(wanted: Moment) -> Self {
        Self { wanted, older: Vec::new(), newer: Vec::new(), newer_together: Moments::default() }
    }

    fn push(&mut self, value: f64) {
        self.newer.push(value);
        self.newer_together = self.newer_together.merge(Moments::of(value));
    }

    fn pop_oldest(&mut self) {
        if self.older.is_empty() {
            let mut together = Moments::default();
            for value in self.newer.drain(..).rev() {
                together = Moments::of(value).merge(together);
                self.older.push(together);
            }
            self.newer_together = Moments::default();
        }
        self.older.pop();
    }

    fn value(&self) -> Option<f64> {
        let all = self.older.last().copied().unwrap_or_default().merge(self.newer_together);
        let count = all.count as f64;
        match self.wanted {
            _ if all.count == 0 => None,
            Moment::Sum => Some(all.sum),
            Moment::Avg => Some(all.sum / count),
            Moment::Variance { of_sample: true, .. } if all.count == 1 => None,
            Moment::Variance { of_sample, is_root } => {
                let variance = all.m2 / if of_sample { count - 1.0 } else { count };
                Some(if is_root { variance.sqrt() } else { variance })
            }
        }
    }
}

impl Accumulator for SlidingMoments {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values.iter().flat_map(|values| values.as_primitive::<Float64Type>().iter());
        values.flatten().for_each(|value| self.push(value));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let count: usize = values.iter().map(|values| values.len() - values.null_count()).sum();
        (0..count).for_each(|_| self.pop_oldest());
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.value()))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        not_impl_err!("a part of a window")
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        not_impl_err!("a part of a window")
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + self.older.capacity() * size_of::<Moments>()
            + self.newer.capacity() * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Float64Array;

    use super::*;

    /// The answers over windows of up to `width` rows.
    fn slide(wanted: Moment, values: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
        let mut window = SlidingMoments::new(wanted);
        let one = |value| [Arc::new(Float64Array::from(vec![value])) as ArrayRef];
        let mut answers = Vec::new();
        for (row, value) in values.iter().enumerate() {
            if row >= width {
                window.retract_batch(&one(values[row - width])).unwrap();
            }
            window.update_batch(&one(*value)).unwrap();
            answers.push(window.value());
        }
        answers
    }

    #[test]
    fn what_left_the_window_leaves_nothing_behind() {
        let values = [
            Some(1.0),
            Some(f64::NAN),
            None,
            Some(2.0),
            Some(3.0),
            Some(1e300),
            Some(4.0),
            None,
            Some(0.5),
        ];
        let sums = slide(Moment::Sum, &values, 2);
        assert_eq!(sums[0], Some(1.0));
        assert!(sums[1].unwrap().is_nan() && sums[2].unwrap().is_nan());
        assert_eq!(sums[3..], [2.0, 5.0, 1e300, 1e300, 4.0, 0.5].map(Some));
    }

    #[test]
    fn moments_are_those_of_the_window() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].map(Some);
        let last = |wanted| slide(wanted, &[&[Some(1e9); 3][..], &values].concat(), 8)[10];
        assert_eq!(last(Moment::Avg), Some(5.0));
        assert_eq!(last(Moment::Variance { of_sample: false, is_root: true }), Some(2.0));
        assert_eq!(last(Moment::Variance { of_sample: true, is_root: false }), Some(32.0 / 7.0));
        let alone = Moment::Variance { of_sample: true, is_root: false };
        assert_eq!(slide(alone, &values, 1), [None; 8]);
    }
}
