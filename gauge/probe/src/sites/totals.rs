//! What all threads have done together: how often, how much, the peak, and how it went over time.
//!
//! Threads count for themselves and publish now and then, so that an event seldom touches what others
//! touch. With one thread all of it is exact; with more, what they have not published is missing, which
//! is bounded.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tidemill_machine::counter;

use crate::lock::Lock;
#[cfg(feature = "preload")]
use crate::lock::RawLock;

/// A thread publishes after so many events..
pub(super) const PUBLISH_EVENTS: u64 = 64;
/// ..or when what it has live has changed by so much.
pub(super) const PUBLISH_BYTES: i64 = 1 << 20;

/// Moments that are kept: when there are as many, every second one goes, and the interval doubles.
const MOMENTS: usize = 512;

pub(super) struct Totals {
    pub(super) allocations: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) live: AtomicI64,
    /// The most that was live at one time, as far as something was freed after it.
    pub(super) peak: AtomicI64,
    /// The number of the allocation before it.
    pub(super) peak_at: AtomicU64,
    /// Its number: it changes when the peak does.
    pub(super) epoch: AtomicU64,
    marking: Lock<()>,
    /// When the next moment is due.
    due: AtomicU64,
    moments: Lock<Moments>,
}

/// What had been done at one time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    /// Cycles of the counter.
    pub(super) at: u64,
    pub(super) allocations: u64,
    pub(super) bytes: u64,
    pub(super) live: i64,
}

pub(super) struct Moments {
    interval: u64,
    count: usize,
    list: [Moment; MOMENTS],
}

impl Totals {
    pub(super) const fn new() -> Self {
        const NOTHING: Moment = Moment { at: 0, allocations: 0, bytes: 0, live: 0 };
        Self {
            allocations: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            live: AtomicI64::new(0),
            peak: AtomicI64::new(0),
            peak_at: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            marking: Lock::new(()),
            due: AtomicU64::new(0),
            moments: Lock::new(Moments { interval: 0, count: 0, list: [NOTHING; MOMENTS] }),
        }
    }

    /// The first moment is now; the next ones come in such cycles.
    pub(super) fn start(&self, interval: u64) {
        let mut moments = self.moments.lock();
        if moments.count == 0 {
            moments.interval = interval.max(1);
            self.take(&mut moments, counter::read());
        }
    }

    /// When something is freed and `live` is more than ever: this is a peak.
    pub(super) fn mark_peak(&self) {
        let _marking = self.marking.lock();
        let live = self.live.load(Ordering::Relaxed);
        if live > self.peak.load(Ordering::Relaxed) {
            self.peak.store(live, Ordering::Relaxed);
            self.peak_at.store(self.allocations.load(Ordering::Relaxed), Ordering::Relaxed);
            self.epoch.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps a moment, if one is due.
    #[inline]
    pub(super) fn tick(&self) {
        let now = counter::read();
        if now >= self.due.load(Ordering::Relaxed)
            && let Some(mut moments) = self.moments.try_lock()
            && now >= self.due.load(Ordering::Relaxed)
        {
            self.take(&mut moments, now);
        }
    }

    fn take(&self, moments: &mut Moments, at: u64) {
        if moments.count == MOMENTS {
            for kept in 0..MOMENTS / 2 {
                moments.list[kept] = moments.list[2 * kept];
            }
            moments.count = MOMENTS / 2;
            moments.interval *= 2;
        }
        let count = moments.count;
        moments.list[count] = self.now(at);
        moments.count += 1;
        self.due.store(at.saturating_add(moments.interval), Ordering::Relaxed);
    }

    /// What was published.
    pub(super) fn now(&self, at: u64) -> Moment {
        Moment {
            at,
            allocations: self.allocations.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            live: self.live.load(Ordering::Relaxed),
        }
    }

    /// Moment after moment; `None` behind the last, and when the lock is not given back: a signal's
    /// handler may have interrupted who has it.
    pub(super) fn moment(&self, at: usize) -> Option<Moment> {
        let moments = self.moments.lock_soon()?;
        moments.list[..moments.count].get(at).copied()
    }

    /// Its locks.
    #[cfg(feature = "preload")]
    pub(super) fn locks(&self) -> [&RawLock; 2] {
        [self.marking.raw(), self.moments.raw()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_thin_out() {
        static TOTALS: Totals = Totals::new();
        TOTALS.start(0);
        for number in 1..=2000u64 {
            TOTALS.allocations.store(number, Ordering::Relaxed);
            TOTALS.due.store(0, Ordering::Relaxed);
            TOTALS.tick();
        }
        let kept: Vec<Moment> = (0..).map_while(|at| TOTALS.moment(at)).collect();
        assert!((MOMENTS / 2..=MOMENTS).contains(&kept.len()), "{}", kept.len());
        assert_eq!((kept[0].allocations, kept[kept.len() - 1].allocations), (0, 2000));
        assert!(kept.is_sorted_by(|a, b| a.at <= b.at && a.allocations < b.allocations));
        assert!(TOTALS.moments.lock().interval > 1);
    }

    #[test]
    fn a_peak_is_higher_than_those_before() {
        let totals = Totals::new();
        for (live, peak, epoch) in [(5, 5, 1), (5, 5, 1), (3, 5, 1), (6, 6, 2)] {
            totals.live.store(live, Ordering::Relaxed);
            totals.mark_peak();
            let got = (totals.peak.load(Ordering::Relaxed), totals.epoch.load(Ordering::Relaxed));
            assert_eq!(got, (peak, epoch));
        }
    }
}
