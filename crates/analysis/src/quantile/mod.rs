//! Quantiles of many numbers in bounded memory.
//!
//! A quantile is defined by linear interpolation between the two nearest ranks: of `n` sorted
//! numbers, that of share `p` stands at rank `(n - 1) · p` (type 7 of Hyndman and Fan, "Sample
//! Quantiles in Statistical Packages", 1996).

mod sketch;

use sketch::Sketch;
use tidemill_kernels::reduce;

/// Integers whose greatest and least are this far apart at most are counted one by one.
const MAX_COUNTED_RANGE: u64 = 1 << 16;

/// Collects numbers and gives their quantiles: exactly, as long as they are few or integers close
/// to each other, and otherwise to within [`Quantiles::relative_error`].
#[derive(Clone, Debug)]
pub struct Quantiles {
    max_exact_values: usize,
    state: State,
    /// Infinities, which have no place in a sketch: negative and positive ones.
    infinite: [u64; 2],
}

#[derive(Clone, Debug)]
enum State {
    Values(Vec<f64>),
    /// `counts[i]` integers equal to `base + i`.
    Counts {
        base: i128,
        counts: Vec<u64>,
    },
    Sketch(Box<Sketch>),
}

/// An integer type.
pub(crate) trait Integer: Copy + Into<i128> {
    /// `self - base`, which is not negative.
    fn offset(self, base: i128) -> usize;
    fn min_max(values: &[Self]) -> Option<(Self, Self)>;
}

impl Integer for i64 {
    fn offset(self, base: i128) -> usize {
        self.wrapping_sub(base as Self) as usize
    }
    fn min_max(values: &[Self]) -> Option<(Self, Self)> {
        reduce::min_max_i64(values)
    }
}

impl Integer for u64 {
    fn offset(self, base: i128) -> usize {
        self.wrapping_sub(base as Self) as usize
    }
    fn min_max(values: &[Self]) -> Option<(Self, Self)> {
        reduce::min_max_u64(values)
    }
}

impl Quantiles {
    /// No numbers yet. At most `max_exact_values` are kept (8 bytes each); beyond that a sketch of
    /// at most 2 MiB stands for them.
    #[must_use]
    pub fn new(max_exact_values: usize) -> Self {
        Self { max_exact_values, state: State::Values(Vec::new()), infinite: [0; 2] }
    }

    /// Adds floats; NaNs are left out.
    pub fn add_floats(&mut self, values: &[f64]) {
        for value in values.iter().filter(|value| value.is_infinite()) {
            self.infinite[usize::from(*value > 0.0)] += 1;
        }
        let finite = values.iter().copied().filter(|value| value.is_finite());
        match &mut self.state {
            State::Values(kept) if kept.len() + values.len() <= self.max_exact_values => {
                kept.extend(finite);
            }
            State::Sketch(sketch) => finite.for_each(|value| sketch.add(value, 1)),
            State::Values(_) | State::Counts { .. } => {
                let sketch = self.sketch();
                finite.for_each(|value| sketch.add(value, 1));
            }
        }
    }

    /// Adds integers.
    pub(crate) fn add_integers<T: Integer>(&mut self, values: &[T]) {
        let Some((least, greatest)) = T::min_max(values) else { return };
        if self.count_from(least.into(), greatest.into())
            && let State::Counts { base, counts } = &mut self.state
        {
            values.iter().for_each(|value| counts[value.offset(*base)] += 1);
            return;
        }
        let floats = |value: &T| -> f64 { (*value).into() as f64 };
        match &mut self.state {
            State::Values(kept) if kept.len() + values.len() <= self.max_exact_values => {
                kept.extend(values.iter().map(floats));
            }
            _ => {
                let sketch = self.sketch();
                values.iter().map(floats).for_each(|value| sketch.add(value, 1));
            }
        }
    }

    /// Makes `least..=greatest` countable, if it is (or was, and is still).
    fn count_from(&mut self, least: i128, greatest: i128) -> bool {
        let max = i128::from(MAX_COUNTED_RANGE);
        match &mut self.state {
            State::Values(kept) if kept.is_empty() && greatest - least < max => {
                let counts = vec![0; (greatest - least + 1) as usize];
                self.state = State::Counts { base: least, counts };
                true
            }
            State::Counts { base, counts } => {
                let low = least.min(*base);
                let high = greatest.max(*base + counts.len() as i128 - 1);
                if high - low >= max {
                    self.stop_counting();
                    return false;
                }
                let before = (*base - low) as usize;
                if before > 0 {
                    counts.splice(..0, std::iter::repeat_n(0, before));
                    *base = low;
                }
                counts.resize(((high - low + 1) as usize).max(counts.len()), 0);
                true
            }
            _ => false,
        }
    }

    /// Keeps the counted integers one by one, or sketches them.
    fn stop_counting(&mut self) {
        let total = self.count();
        let State::Counts { base, counts } = &self.state else { return };
        if total > self.max_exact_values as u64 {
            self.sketch();
            return;
        }
        let of = |(offset, count): (usize, &u64)| {
            std::iter::repeat_n((*base + offset as i128) as f64, *count as usize)
        };
        self.state = State::Values(counts.iter().enumerate().flat_map(of).collect());
    }

    /// From now on a sketch.
    fn sketch(&mut self) -> &mut Sketch {
        if !matches!(self.state, State::Sketch(_)) {
            let mut sketch = Box::new(Sketch::new());
            match &self.state {
                State::Values(values) => values.iter().for_each(|value| sketch.add(*value, 1)),
                State::Counts { base, counts } => {
                    for (offset, count) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
                        sketch.add((*base + offset as i128) as f64, *count);
                    }
                }
                State::Sketch(_) => {}
            }
            self.state = State::Sketch(sketch);
        }
        match &mut self.state {
            State::Sketch(sketch) => sketch,
            _ => unreachable!("made above"),
        }
    }

    /// Adds what another has collected.
    pub fn merge(&mut self, mut other: Self) {
        for (own, more) in self.infinite.iter_mut().zip(other.infinite) {
            *own += more;
        }
        if self.is_empty_of_finite() {
            self.state = other.state;
            return;
        }
        if let State::Counts { base, counts } = &other.state {
            let (low, high) = (*base, *base + counts.len() as i128 - 1);
            if self.count_from(low, high)
                && let State::Counts { base: own_base, counts: own } = &mut self.state
            {
                let own = &mut own[(low - *own_base) as usize..];
                own.iter_mut().zip(counts).for_each(|(own, more)| *own += more);
                return;
            }
            other.stop_counting();
        }
        self.stop_counting();
        match &other.state {
            State::Values(values) => self.add_floats(values),
            State::Sketch(sketch) => self.sketch().merge(sketch),
            State::Counts { .. } => {}
        }
    }

    fn is_empty_of_finite(&self) -> bool {
        matches!(&self.state, State::Values(values) if values.is_empty())
    }

    /// How many numbers there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        let finite = match &self.state {
            State::Values(values) => values.len() as u64,
            State::Counts { counts, .. } => counts.iter().sum(),
            State::Sketch(sketch) => sketch.count(),
        };
        finite + self.infinite.iter().sum::<u64>()
    }

    /// The quantile of a share between 0 and 1; `None` without numbers. It may reorder what is
    /// kept.
    #[must_use]
    pub fn quantile(&mut self, share: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let rank = last as f64 * share.clamp(0.0, 1.0);
        let (below, part) = (rank.floor(), rank.fract());
        let low = self.ranked(below as u64);
        if part == 0.0 {
            return Some(low);
        }
        let high = self.ranked((below as u64 + 1).min(last));
        // Equal infinities have no difference.
        Some(if low == high { low } else { low * (1.0 - part) + high * part })
    }

    /// What a quantile may be off by, as a share of itself: 0 when it is exact.
    #[must_use]
    pub fn relative_error(&self) -> f64 {
        match &self.state {
            State::Sketch(sketch) => sketch.relative_error(),
            State::Values(_) | State::Counts { .. } => 0.0,
        }
    }

    fn ranked(&mut self, rank: u64) -> f64 {
        let Some(rank) = rank.checked_sub(self.infinite[0]) else { return f64::NEG_INFINITY };
        match &mut self.state {
            State::Values(values) if (rank as usize) < values.len() => {
                *values.select_nth_unstable_by(rank as usize, f64::total_cmp).1
            }
            State::Values(_) => f64::INFINITY,
            State::Counts { base, counts } => {
                let mut before = 0;
                let reaches = |count: &u64| {
                    before += count;
                    before > rank
                };
                let offset = counts.iter().position(reaches);
                offset.map_or(f64::INFINITY, |offset| (*base + offset as i128) as f64)
            }
            State::Sketch(sketch) => {
                let value = sketch.value(rank);
                if value.is_nan() { f64::INFINITY } else { value }
            }
        }
    }
}

#[cfg(test)]
mod tests;
