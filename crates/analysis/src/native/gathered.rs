use std::mem;
use std::ops::Range;

use tidemill_kernels::reduce::{min_max_i64, min_max_u64};
use tidemill_store::{ColumnSlice, SliceValues};

/// Integers further apart than this are not counted.
const MAX_BINS: usize = 4096;
/// Fewer values than this for a bin take less memory as they are.
const MIN_VALUES_A_BIN: usize = 8;

/// Counters of each integer: they take as much as the values they stand for, at the most.
const COUNTERS: usize = MIN_VALUES_A_BIN;

/// All values of a group, in no order.
#[derive(Clone, Debug)]
pub(crate) enum Gathered {
    /// As they are.
    Values(Vec<f64>),
    /// Integers close to one another.
    Counts(Counts),
}

/// How often each integer from `least` on was there: several counters, because neighbours are often
/// equal and counting with one would wait for itself.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    least: i64,
    bins: Vec<[u64; COUNTERS]>,
    len: usize,
}

impl Default for Gathered {
    fn default() -> Self {
        Self::Values(Vec::new())
    }
}

impl Gathered {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Counts(counts) => counts.len,
        }
    }

    /// How many numbers stand for them.
    pub(super) fn kept(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Counts(counts) => counts.bins.len() * COUNTERS,
        }
    }

    /// Adds the values of some rows, those that are there.
    pub(super) fn add(&mut self, column: &ColumnSlice<'_>, rows: &Range<usize>) {
        let is_complete = column.all_valid();
        let present = |row: &usize| is_complete || column.is_valid(*row);
        macro_rules! each {
            ($values:ident) => {
                rows.clone().filter(present).map(|row| $values[row] as f64)
            };
        }
        match column.values() {
            SliceValues::Float(values) => match is_complete {
                true => self.values().extend_from_slice(&values[rows.clone()]),
                false => self.values().extend(each!(values)),
            },
            SliceValues::Int(values) if is_complete => {
                let values = &values[rows.clone()];
                let bin = |value: i64, least: i64| value.wrapping_sub(least) as usize;
                self.add_integers(values, min_max_i64(values), bin, |value| value as f64);
            }
            SliceValues::UInt(values) if is_complete => {
                let values = &values[rows.clone()];
                let signed = |value| i64::try_from(value).ok();
                let range = min_max_u64(values).and_then(|(a, b)| signed(a).zip(signed(b)));
                let bin = |value: u64, least: i64| value.wrapping_sub(least as u64) as usize;
                self.add_integers(values, range, bin, |value| value as f64);
            }
            SliceValues::Int(values) => self.values().extend(each!(values)),
            SliceValues::UInt(values) => self.values().extend(each!(values)),
            SliceValues::Bool(_) | SliceValues::Text(_) | SliceValues::Missing => {}
        }
    }

    /// Counts integers whose least and greatest are known, or keeps them.
    fn add_integers<T: Copy>(
        &mut self,
        values: &[T],
        range: Option<(i64, i64)>,
        bin: impl Fn(T, i64) -> usize,
        float: impl Fn(T) -> f64,
    ) {
        match range.and_then(|range| self.counts(range, values.len())) {
            Some(counts) => counts.add(values, bin),
            None => self.values().extend(values.iter().map(|value| float(*value))),
        }
    }

    /// Counters for `more` integers between these two as well, where counting takes less memory.
    fn counts(&mut self, (least, greatest): (i64, i64), more: usize) -> Option<&mut Counts> {
        let (least, greatest) = match self {
            Self::Values(values) if !values.is_empty() => return None,
            Self::Values(_) => (least, greatest),
            Self::Counts(counts) => (least.min(counts.least), greatest.max(counts.greatest())),
        };
        let bins = greatest.checked_sub(least).and_then(|range| usize::try_from(range).ok())?;
        let bins = bins.saturating_add(1);
        if bins > MAX_BINS || (self.len() + more) / bins < MIN_VALUES_A_BIN {
            return None;
        }
        if let Self::Values(_) = self {
            *self = Self::Counts(Counts { least, bins: Vec::new(), len: 0 });
        }
        let Self::Counts(counts) = self else { return None };
        counts.widen(least, bins);
        Some(counts)
    }

    /// As they are, from now on.
    fn values(&mut self) -> &mut Vec<f64> {
        if let Self::Counts(counts) = self {
            *self = Self::Values(
                counts
                    .iter()
                    .flat_map(|(value, count)| {
                        std::iter::repeat_n(value, usize::try_from(count).unwrap_or(usize::MAX))
                    })
                    .collect(),
            );
        }
        match self {
            Self::Values(values) => values,
            Self::Counts(_) => unreachable!("they were just replaced"),
        }
    }

    /// Adds those of another part of the group.
    pub(super) fn merge(&mut self, later: Self) {
        let later = match later {
            Self::Values(later) => later,
            Self::Counts(later) => {
                let range = (later.least, later.greatest());
                if let Some(counts) = self.counts(range, later.len) {
                    return counts.merge(&later);
                }
                mem::take(Self::Counts(later).values())
            }
        };
        match self {
            Self::Values(values) if values.is_empty() => *values = later,
            _ => self.values().extend(later),
        }
    }
}

impl Counts {
    fn greatest(&self) -> i64 {
        self.least + (self.bins.len() as i64 - 1)
    }

    /// Makes room for `bins` integers from `least` on, which hold those that were counted.
    fn widen(&mut self, least: i64, bins: usize) {
        if bins == self.bins.len() {
            return;
        }
        let mut wider = vec![[0; COUNTERS]; bins];
        if !self.bins.is_empty() {
            let before = (self.least - least) as usize;
            wider[before..before + self.bins.len()].copy_from_slice(&self.bins);
        }
        (self.least, self.bins) = (least, wider);
    }

    fn add<T: Copy>(&mut self, values: &[T], bin: impl Fn(T, i64) -> usize) {
        let (least, bins) = (self.least, &mut self.bins[..]);
        let (stretches, rest) = values.as_chunks::<COUNTERS>();
        for stretch in stretches {
            for (counter, value) in stretch.iter().enumerate() {
                bins[bin(*value, least)][counter] += 1;
            }
        }
        rest.iter().for_each(|value| bins[bin(*value, least)][0] += 1);
        self.len += values.len();
    }

    fn merge(&mut self, other: &Self) {
        let before = (other.least - self.least) as usize;
        for (bin, more) in self.bins[before..].iter_mut().zip(&other.bins) {
            (0..COUNTERS).for_each(|counter| bin[counter] += more[counter]);
        }
        self.len += other.len;
    }

    /// The integers that were there and how often, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, u64)> {
        let counted = self.bins.iter().map(|bin| bin.iter().sum::<u64>()).enumerate();
        let all = counted.filter(|(_, count)| *count > 0);
        all.map(|(bin, count)| ((self.least + bin as i64) as f64, count))
    }
}

#[cfg(test)]
impl Gathered {
    /// Of integers, counted even if they are few.
    pub(super) fn counted(values: &[i64]) -> Self {
        let (least, greatest) = min_max_i64(values).unwrap_or((0, 0));
        let mut counts = Counts { least, bins: Vec::new(), len: 0 };
        counts.widen(least, (greatest - least + 1) as usize);
        counts.add(values, |value, least| (value - least) as usize);
        Self::Counts(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn add(gathered: &mut Gathered, values: &[i64]) {
        let bin = |value: i64, least: i64| (value - least) as usize;
        gathered.add_integers(values, min_max_i64(values), bin, |value| value as f64);
    }

    fn all(gathered: &Gathered) -> Vec<f64> {
        let mut values = match gathered {
            Gathered::Values(values) => values.clone(),
            Gathered::Counts(counts) => {
                counts.iter().flat_map(|(value, count)| vec![value; count as usize]).collect()
            }
        };
        assert_eq!(values.len(), gathered.len());
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn what_is_counted_and_what_is_not() {
        let is_counted = |parts: &[&[i64]]| {
            let mut gathered = Gathered::default();
            parts.iter().for_each(|part| add(&mut gathered, part));
            matches!(gathered, Gathered::Counts(_))
        };
        assert!(is_counted(&[&[5; 100], &[-5; 100]]));
        assert!(!is_counted(&[&[5; 7]]), "few values");
        assert!(!is_counted(&[&[5; 100], &[50; 100]]), "too far apart for so few");
        assert!(!is_counted(&[&[0; 100_000], &[4096; 1]]), "too far apart");
        assert!(is_counted(&[&[0; 100_000], &[4095; 1]]));
        assert!(!is_counted(&[&[i64::MIN; 1000], &[i64::MAX; 1000]]));
        assert!(is_counted(&[&[i64::MAX; 1000], &[i64::MAX - 5; 1000]]));
    }

    proptest! {
        #[test]
        fn nothing_is_lost(
            parts in prop::collection::vec(
                prop_oneof![
                    9 => prop::collection::vec(-5i64..20, 0..200),
                    1 => prop::collection::vec(-9000i64..9000, 0..20),
                ], 0..6),
            cut in 0usize..6,
        ) {
            let (mut first, mut later) = (Gathered::default(), Gathered::default());
            for (at, part) in parts.iter().enumerate() {
                add(if at < cut { &mut first } else { &mut later }, part);
            }
            let mut wanted: Vec<f64> = parts.concat().iter().map(|value| *value as f64).collect();
            wanted.sort_by(f64::total_cmp);
            first.merge(later);
            prop_assert_eq!(all(&first), wanted);
        }
    }
}
