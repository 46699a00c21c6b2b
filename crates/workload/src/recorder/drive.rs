use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Recorder;

/// The shortest interval [`record`] keeps: the kernel counts processor time in steps of 10 ms.
pub const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// How long a sleep may keep `should_stop` waiting.
const MAX_SLEEP: Duration = Duration::from_millis(100);

/// Samples `recorder` at every whole multiple of `interval` (counted from 1970-01-01T00:00:00Z,
/// so that the times of several machines meet) and hands each sample's lines to `sink`, until
/// `duration` has passed (`None`: for ever) or `should_stop` says so. Blocks the thread, and asks
/// `should_stop` at least ten times a second.
///
/// A tick that is missed, because the sink or the machine was too slow, is skipped. An interval
/// below [`MIN_INTERVAL`] is raised to it. Returns the number of samples.
///
/// # Errors
/// The first error of the sink, at once.
pub fn record<E>(
    recorder: &mut Recorder,
    interval: Duration,
    duration: Option<Duration>,
    should_stop: impl FnMut() -> bool,
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<u64, E> {
    let mut lines = Vec::new();
    drive(&mut SystemClock, interval, duration, should_stop, |time_ns| {
        lines.clear();
        recorder.sample(time_ns, &mut lines);
        sink(&lines)
    })
}

/// The time, and how to let it pass.
trait Clock {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    fn now_ns(&mut self) -> i64;
    fn sleep(&mut self, duration: Duration);
}

struct SystemClock;

impl Clock for SystemClock {
    fn now_ns(&mut self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        nanoseconds(since)
    }

    fn sleep(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Calls `tick` with each multiple of the interval as it comes.
fn drive<E>(
    clock: &mut impl Clock,
    interval: Duration,
    duration: Option<Duration>,
    mut should_stop: impl FnMut() -> bool,
    mut tick: impl FnMut(i64) -> Result<(), E>,
) -> Result<u64, E> {
    let interval_ns = nanoseconds(interval.max(MIN_INTERVAL));
    let start_ns = clock.now_ns();
    let end_ns = duration.map_or(i64::MAX, |d| start_ns.saturating_add(nanoseconds(d)));
    let mut last_ns = start_ns - start_ns.rem_euclid(interval_ns);
    let mut samples = 0;
    while !should_stop() {
        let now_ns = clock.now_ns();
        // Not the tick that was waited for but the one that is: a late one takes its true place.
        let tick_ns = now_ns - now_ns.rem_euclid(interval_ns);
        if tick_ns > last_ns {
            if tick_ns > end_ns {
                break;
            }
            tick(tick_ns)?;
            samples += 1;
            last_ns = tick_ns;
        } else {
            let wait_ns = interval_ns - now_ns.rem_euclid(interval_ns);
            // Past the end there is no tick to wait for.
            let wait_ns = wait_ns.min(end_ns.saturating_sub(now_ns).saturating_add(1));
            if now_ns > end_ns {
                break;
            }
            clock.sleep(Duration::from_nanos(wait_ns.unsigned_abs()).min(MAX_SLEEP));
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// A clock that stands still except while someone sleeps or works.
    struct TestClock(i64);

    impl Clock for std::rc::Rc<std::cell::RefCell<TestClock>> {
        fn now_ns(&mut self) -> i64 {
            self.borrow().0
        }

        fn sleep(&mut self, duration: Duration) {
            assert!(duration <= MAX_SLEEP);
            self.borrow_mut().0 += nanoseconds(duration);
        }
    }

    /// The ticks of a drive in which sample `i` takes `work[i]` tenths of a second.
    #[track_caller]
    fn check(start_ns: i64, seconds: u64, work: &[i64], expected_seconds: &[i64]) {
        let clock = std::rc::Rc::new(std::cell::RefCell::new(TestClock(start_ns)));
        let mut ticks = Vec::new();
        let duration = Some(Duration::from_secs(seconds));
        let samples = drive(
            &mut std::rc::Rc::clone(&clock),
            Duration::from_secs(1),
            duration,
            || false,
            |time_ns| {
                let work = work.get(ticks.len()).unwrap_or(&0);
                clock.borrow_mut().0 += work * SECOND / 10;
                ticks.push(time_ns);
                Ok::<_, ()>(())
            },
        );
        assert_eq!(samples, Ok(ticks.len() as u64));
        let expected: Vec<_> = expected_seconds.iter().map(|second| second * SECOND).collect();
        assert_eq!(ticks, expected);
    }

    #[test]
    fn ticks_are_whole_multiples_and_the_missed_are_skipped() {
        check(5 * SECOND + 300_000_000, 4, &[], &[6, 7, 8, 9]);
        check(5 * SECOND, 3, &[], &[6, 7, 8]);
        check(5 * SECOND, 0, &[], &[]);
        // The first sample runs half a second into the next tick: that one is late. The second
        // sees three pass.
        check(5 * SECOND, 9, &[15, 31], &[6, 7, 10, 11, 12, 13, 14]);
    }

    #[test]
    fn it_stops_when_told_and_at_the_first_error() {
        let clock = || std::rc::Rc::new(std::cell::RefCell::new(TestClock(0)));
        let mut asked = 0;
        let stop = || {
            asked += 1;
            asked > 25
        };
        let second = Duration::from_secs(1);
        assert_eq!(drive(&mut clock(), second, None, stop, |_| Ok::<_, ()>(())), Ok(2));
        let full = drive(&mut clock(), second, None, || false, |_| Err("disk full"));
        assert_eq!(full, Err("disk full"));
    }
}
