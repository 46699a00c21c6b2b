/// A range of times in nanoseconds since the Unix epoch, **both ends included**, so that every
/// `i64` can be inside one. `start > end` is the empty range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First time inside.
    pub start: i64,
    /// Last time inside.
    pub end: i64,
}

impl TimeRange {
    /// Every time there is.
    pub const ALL: Self = Self { start: i64::MIN, end: i64::MAX };
    /// No time at all; the identity of [`TimeRange::union`].
    pub const EMPTY: Self = Self { start: i64::MAX, end: i64::MIN };

    /// `start..=end`.
    #[must_use]
    pub fn new(start: i64, end: i64) -> Self {
        Self { start, end }
    }

    /// Whether no time is inside.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start > self.end
    }

    /// Whether `time` is inside.
    #[must_use]
    pub fn contains(self, time: i64) -> bool {
        self.start <= time && time <= self.end
    }

    /// Whether all of `other` is inside; the empty range is inside every range.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        other.is_empty() || (self.start <= other.start && other.end <= self.end)
    }

    /// Whether some time is inside both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        !self.intersect(other).is_empty()
    }

    /// The times inside both.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The smallest range that holds this one and `time`.
    #[must_use]
    pub fn including(self, time: i64) -> Self {
        self.union(Self::new(time, time))
    }
}

#[cfg(test)]
mod tests {
    use super::TimeRange;

    #[test]
    fn set_operations() {
        let a = TimeRange::new(1, 5);
        let b = TimeRange::new(5, 9);
        assert_eq!(a.intersect(b), TimeRange::new(5, 5));
        assert_eq!(a.union(b), TimeRange::new(1, 9));
        assert!(a.overlaps(b) && !a.overlaps(TimeRange::new(6, 9)));
        assert!(TimeRange::EMPTY.is_empty() && !TimeRange::EMPTY.overlaps(TimeRange::ALL));
        assert_eq!(TimeRange::EMPTY.including(7), TimeRange::new(7, 7));
        assert!(TimeRange::ALL.covers(a) && !a.covers(b) && a.covers(TimeRange::EMPTY));
    }
}
