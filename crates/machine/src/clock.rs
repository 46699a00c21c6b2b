//! Time in cycles, and what they are in nanoseconds.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use crate::cpu::{CpuFeatures, Feature};
use crate::{arch, counter};

/// How long [`CycleClock::shared`] measures.
const SHARED_WINDOW: Duration = Duration::from_millis(2);
/// Readings of both clocks at either end of a measurement; the tightest one counts.
const READINGS: usize = 16;
/// Pairs of `start` and `stop` from which the least is their own cost.
const PAIRS: usize = 64;
/// What a crystal may be off, in millionths: the error of the rate that CPUID says. If a measurement
/// is further from it than that and its own error, it is not believed: a hypervisor may scale the
/// counter and say nothing.
const CRYSTAL_PPM: f64 = 50.0;

/// A point in time: a reading of the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The reading itself.
    #[inline]
    #[must_use]
    pub fn count(self) -> u64 {
        self.0
    }

    /// Cycles since an earlier point; 0 if it was later (unfenced readings may come in any order, and
    /// old machines' processors disagree).
    #[inline]
    #[must_use]
    pub fn since(self, earlier: Self) -> Cycles {
        Cycles(self.0.saturating_sub(earlier.0))
    }
}

/// A span of time in cycles of the counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cycles(pub u64);

impl std::ops::Add for Cycles {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::AddAssign for Cycles {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl std::iter::Sum for Cycles {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self(0), |sum, one| sum + one)
    }
}

/// `42 cycles`.
impl fmt::Display for Cycles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cycles", self.0)
    }
}

/// Where the length of a cycle is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The processor says it (CPUID leaf 0x15), and a measurement agrees.
    Cpuid,
    /// It was measured against the system's clock.
    Measured,
}

/// A clock of the least cost: the processor's time-stamp counter, and how long its cycle is.
///
/// Two ways to use it:
/// * [`start`](Self::start) and [`stop`](Self::stop) for short stretches of code: fenced, their own cost
///   taken off;
/// * [`CycleClock::now`] and [`Tick::since`] for longer ones: nothing waits, and a reading may be off by as
///   many instructions as the processor has in flight (a few hundred).
///
/// The counter is that of a machine: readings of different threads compare on processors whose counter
/// is [invariant](Self::is_invariant). [`std::time::Instant`] is the better choice where 10 ns more a
/// reading do not matter.
#[derive(Clone, Debug)]
pub struct CycleClock {
    /// Nanoseconds a cycle, times 2^32.
    nanos_q32: u64,
    /// Cycles a nanosecond, times 2^32.
    cycles_q32: u64,
    hz: f64,
    error_ppm: f64,
    overhead: Cycles,
    source: Source,
    is_invariant: bool,
}

impl CycleClock {
    /// The process's clock: measured for 2 ms when it is first asked for, in a busy loop; the error is some
    /// ten millionths ([`error_ppm`](Self::error_ppm) says). Later calls are a load and a branch.
    #[inline]
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<CycleClock> = OnceLock::new();
        SHARED.get_or_init(|| Self::calibrate(SHARED_WINDOW))
    }

    /// A clock measured for so long, in a busy loop, against `CLOCK_MONOTONIC_RAW` (std's
    /// monotonic clock where there is none). Ten times the window is a tenth of the error.
    #[must_use]
    pub fn calibrate(window: Duration) -> Self {
        let first = Pair::read();
        let end = first.nanos + window.as_nanos() as u64;
        while monotonic_raw_nanos() < end {
            std::hint::spin_loop();
        }
        let last = Pair::read();
        let cycles = last.count.saturating_sub(first.count).max(1) as f64;
        let nanos = last.nanos.saturating_sub(first.nanos).max(1) as f64;
        let measured_hz = cycles / nanos * 1e9;
        // Either end is within its bracket, and the system's clock counts whole nanoseconds.
        let brackets = (first.bracket + last.bracket) as f64 / 2.0;
        let measured_ppm = (brackets / cycles + 2.0 / nanos) * 1e6;
        let said = CpuFeatures::get()
            .counter_hz()
            .map(|hz| hz as f64)
            .filter(|hz| (hz / measured_hz - 1.0).abs() * 1e6 < CRYSTAL_PPM + measured_ppm);
        let (hz, source, error_ppm) = match said {
            Some(hz) => (hz, Source::Cpuid, CRYSTAL_PPM),
            None => (measured_hz, Source::Measured, measured_ppm),
        };
        let mut clock = Self {
            nanos_q32: (1e9 / hz * Q32) as u64,
            cycles_q32: (hz / 1e9 * Q32) as u64,
            hz,
            error_ppm,
            overhead: Cycles(0),
            source,
            is_invariant: cfg!(not(target_arch = "x86_64"))
                || CpuFeatures::get().has(Feature::InvariantTsc),
        };
        clock.overhead = (0..PAIRS).map(|_| clock.stop(clock.start())).min().unwrap_or(Cycles(0));
        clock
    }

    /// The counter, unfenced. `rdtsc`.
    #[inline]
    #[must_use]
    pub fn now() -> Tick {
        Tick(counter::read())
    }

    /// The start of a stretch of code: nothing before it runs in it. `lfence; rdtsc; lfence`.
    #[inline]
    #[must_use]
    pub fn start(&self) -> Tick {
        Tick(counter::read_start())
    }

    /// What the stretch since `start` took, less [`overhead`](Self::overhead), at least 0: everything in it
    /// has been executed, nothing after it. `rdtscp; lfence`.
    #[inline]
    #[must_use]
    pub fn stop(&self, start: Tick) -> Cycles {
        let end = counter::read_end();
        Cycles(end.saturating_sub(start.0).saturating_sub(self.overhead.0))
    }

    /// What `start` and `stop` take themselves: the least of 64 pairs.
    #[must_use]
    pub fn overhead(&self) -> Cycles {
        self.overhead
    }

    /// Nanoseconds, rounded down. `u64::MAX` if they are more.
    #[inline]
    #[must_use]
    pub fn nanos(&self, cycles: Cycles) -> u64 {
        scaled(cycles.0, self.nanos_q32)
    }

    /// As a duration, rounded down to nanoseconds.
    #[inline]
    #[must_use]
    pub fn duration(&self, cycles: Cycles) -> Duration {
        Duration::from_nanos(self.nanos(cycles))
    }

    /// The cycles in so many nanoseconds, rounded down. `u64::MAX` if they are more.
    #[inline]
    #[must_use]
    pub fn cycles(&self, nanos: u64) -> Cycles {
        Cycles(scaled(nanos, self.cycles_q32))
    }

    /// Cycles a second.
    #[must_use]
    pub fn hz(&self) -> f64 {
        self.hz
    }

    /// How far [`hz`](Self::hz) may be off, in millionths: when measured, the time between which the
    /// clocks were read at both ends, over the whole; a bound, not an estimate.
    #[must_use]
    pub fn error_ppm(&self) -> f64 {
        self.error_ppm
    }

    /// Where the length of a cycle is known from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whether the counter runs at one rate on all processors and in all their states. If not, cycles are
    /// no measure of time, and `nanos` no more than a guess.
    #[must_use]
    pub fn is_invariant(&self) -> bool {
        self.is_invariant
    }
}

/// `2.596 GHz (measured, within 12.0 ppm), invariant, start and stop 40 cycles`.
impl fmt::Display for CycleClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Cpuid => "by CPUID",
            Source::Measured => "measured",
        };
        let invariant = if self.is_invariant { "invariant" } else { "NOT INVARIANT" };
        let (ghz, ppm, overhead) = (self.hz / 1e9, self.error_ppm, self.overhead);
        write!(f, "{ghz:.3} GHz ({source}, within {ppm:.1} ppm), {invariant}, ")?;
        write!(f, "start and stop {overhead}")
    }
}

const Q32: f64 = (1u64 << 32) as f64;

#[inline]
fn scaled(value: u64, factor_q32: u64) -> u64 {
    let product = (u128::from(value) * u128::from(factor_q32)) >> 32;
    u64::try_from(product).unwrap_or(u64::MAX)
}

/// Both clocks at one moment.
struct Pair {
    count: u64,
    nanos: u64,
    /// Cycles between the readings of the counter before and after that of the system's clock.
    bracket: u64,
}

impl Pair {
    fn read() -> Self {
        let one = || {
            let before = arch::counter::fenced();
            let nanos = monotonic_raw_nanos();
            let after = arch::counter::fenced();
            let bracket = after.saturating_sub(before);
            Self { count: before + bracket / 2, nanos, bracket }
        };
        let mut best = one();
        for _ in 1..READINGS {
            let next = one();
            if next.bracket < best.bracket {
                best = next;
            }
        }
        best
    }
}

/// Through libc, which asks the kernel's page in the process (vDSO) instead of the kernel.
#[cfg(unix)]
fn monotonic_raw_nanos() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_RAW;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is there to be written. The clock exists, so the call does not fail.
    unsafe { libc::clock_gettime(CLOCK, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(not(unix))]
fn monotonic_raw_nanos() -> u64 {
    use std::time::Instant;
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_goes_on() {
        let check = |read: fn() -> u64| {
            let mut last = read();
            for _ in 0..1000 {
                let next = read();
                assert!(next >= last, "{next} after {last}");
                last = next;
            }
        };
        check(counter::read_start);
        check(counter::read_end);
        check(|| counter::read_with_processor().0);
        let first = counter::read_start();
        while counter::read() <= first {}
    }

    #[test]
    fn agrees_with_the_monotonic_clock() {
        let clock = CycleClock::shared();
        // The counter is read inside of one stretch of the system's clock and outside of another, so
        // that it does not matter how long the test is put aside, or where.
        let outer_start = monotonic_raw_nanos();
        let start = counter::read_start();
        let inner_start = monotonic_raw_nanos();
        while monotonic_raw_nanos() - inner_start < 3_000_000 {}
        let inner = monotonic_raw_nanos() - inner_start;
        let end = counter::read_end();
        let outer = monotonic_raw_nanos() - outer_start;
        let nanos = clock.nanos(Cycles(end - start)) as f64;
        let error = 2.0 + nanos * clock.error_ppm() / 1e6;
        assert!(nanos + error >= inner as f64, "{nanos} ns, at least {inner}; {clock}");
        assert!(nanos - error <= outer as f64, "{nanos} ns, at most {outer}; {clock}");
        assert!(clock.error_ppm() > 0.0 && clock.hz() > 1e6, "{clock}");
    }

    #[test]
    fn there_and_back() {
        let clock = CycleClock::shared();
        for nanos in [0, 1, 1000, 1_000_000_007, 86_400_000_000_000, 1 << 60] {
            let back = clock.nanos(clock.cycles(nanos));
            // Two factors of 32 bits after the point, two roundings.
            let allowed = 3 + (nanos >> 28);
            assert!(nanos.abs_diff(back) <= allowed, "{nanos} came back as {back}, {clock}");
        }
        assert_eq!(clock.nanos(Cycles(0)), 0);
        assert_eq!(scaled(u64::MAX, 1 << 33), u64::MAX);
        assert_eq!(scaled(u64::MAX, 1 << 32), u64::MAX);
        assert_eq!(scaled(3, 1 << 31), 1);
    }

    #[test]
    fn nothing_takes_nearly_nothing() {
        let clock = CycleClock::shared();
        let least = (0..1000).map(|_| clock.stop(clock.start())).min();
        assert!(least.unwrap() <= clock.overhead(), "{least:?}, {clock}");
        let nothing = Tick(5).since(Tick(7));
        assert_eq!(nothing, Cycles(0));
        let sum: Cycles = [Cycles(1), Cycles(2)].into_iter().sum();
        assert_eq!(sum.to_string(), "3 cycles");
    }

    #[test]
    fn readings_of_two_threads_are_in_order() {
        let clock = CycleClock::shared();
        if !clock.is_invariant() {
            return;
        }
        let first = counter::read_end();
        let second = std::thread::spawn(counter::read_start).join().unwrap();
        let third = counter::read_start();
        assert!(first <= second && second <= third, "{first} {second} {third}");
    }
}
