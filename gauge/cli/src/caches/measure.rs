//! Measuring: latency by a chain of loads, bandwidth by going through lines in a row.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gauge_probe::ladder::{self, Chain, LINE_BYTES, Line, Memory, Pages};

use super::{Bandwidth, Ladder, Point, Work};
use crate::bench::pin::Processors;

/// The smallest working set.
const LEAST_BYTES: usize = 4096;

/// What is taken for the last cache where the kernel does not say.
pub const GUESSED_LAST: usize = 32 << 20;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Working sets an octave.
    pub per_octave: u32,
    /// Figures of each.
    pub passes: usize,
    /// How long each figure takes of a processor's time, at least.
    pub time: Duration,
    /// The largest working set.
    pub most_bytes: usize,
    /// The most memory that may be taken at one time.
    pub budget_bytes: usize,
}

impl Effort {
    /// The working sets, smallest first: whole multiples of 1 KiB, so that halves are whole lines.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = Vec::new();
        for step in 0.. {
            let factor = (f64::from(step) / f64::from(self.per_octave.max(1))).exp2();
            let bytes = (LEAST_BYTES as f64 * factor / 1024.0).round() as usize * 1024;
            if bytes > self.most_bytes.min(self.budget_bytes) {
                break;
            }
            sizes.push(bytes);
        }
        sizes
    }
}

/// Told what is done: how far of how much.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// Measures it all, one core pinned to the last processor that may be used, all cores each to its own.
///
/// # Errors
/// When memory or processors are refused.
pub fn ladder(effort: &Effort, progress: Progress<'_>) -> Result<Ladder> {
    let sizes = effort.sizes();
    let Some(most) = sizes.last().copied() else { bail!("there is no memory for 4 KiB") };
    let processors = Processors::observe()?;
    let all = processors.numbers.clone();
    let Some(one) = all.last().copied() else { bail!("there is no processor") };
    let mut done = 0;
    let works = Work::ALL.len();
    let total = sizes.len() * (2 + works * if all.len() > 1 { 2 } else { 1 });
    let mut step = || {
        done += 1;
        progress(done, total);
    };
    processors.use_only(&[one])?;
    let mut ladder = Ladder::default();
    for pages in [Pages::Small, Pages::Huge] {
        let mut memory = Memory::map(most, pages).context("cannot map memory")?;
        let is_huge = memory.huge_bytes().is_some_and(|huge| huge >= most / 2);
        let mut points = Vec::new();
        for bytes in &sizes {
            // Where there are no huge pages the same would be measured twice.
            if pages == Pages::Small || is_huge {
                points.push(latency(&mut memory, *bytes, effort));
            }
            step();
        }
        match pages {
            Pages::Small => ladder.small = points,
            Pages::Huge => ladder.huge = points,
        }
    }
    drop(processors);
    let mut groups = vec![vec![one]];
    if all.len() > 1 {
        groups.push(all);
    }
    for group in &groups {
        for work in Work::ALL {
            let mut points = Vec::new();
            for bytes in &sizes {
                if *bytes <= effort.budget_bytes / group.len() {
                    points.push(bandwidth(work, *bytes, group, effort)?);
                }
                step();
            }
            ladder.bandwidth.push(Bandwidth { work, cores: group.len(), points });
        }
    }
    Ok(ladder)
}

/// A stop-watch that stands while this thread waits for a processor. What it is measured beside takes its share of the
/// caches all the same.
struct Clock {
    busy: Duration,
    start: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { busy: Self::now(), start: Instant::now() }
    }

    fn elapsed(&self) -> Duration {
        Self::now().saturating_sub(self.busy)
    }

    /// Whether it ran for so long, or waited so often that it takes what it got.
    fn is_enough(&self, time: Duration) -> bool {
        self.elapsed() >= time || self.start.elapsed() >= 4 * time
    }

    fn now() -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
    }
}

/// Nanoseconds a dependent load in a working set.
fn latency(memory: &mut Memory, bytes: usize, effort: &Effort) -> Point {
    let mut chain = Chain::new(memory, bytes / LINE_BYTES, bytes as u64);
    // A lap, so that what fits is in.
    let start = Clock::start();
    let made = chain.walk(chain.lines());
    let guess = start.elapsed().as_secs_f64() / made as f64;
    // And again for the small ones, whose lap was the first loop of all.
    let start = Clock::start();
    let made = chain.walk((1e-3 / guess.max(1e-10)) as usize);
    let guess = start.elapsed().as_secs_f64() / made as f64;
    let steps = (effort.time.as_secs_f64() / 8.0 / guess.max(1e-10)) as usize;
    let mut pass = || {
        let (start, mut made) = (Clock::start(), 0);
        while !start.is_enough(effort.time) {
            made += chain.walk(steps);
        }
        start.elapsed().as_secs_f64() * 1e9 / made as f64
    };
    Point { bytes, passes: (0..effort.passes).map(|_| pass()).collect() }
}

/// Bytes a second in a working set a core, all of them at once.
fn bandwidth(work: Work, bytes: usize, processors: &[usize], effort: &Effort) -> Result<Point> {
    let gate = Barrier::new(processors.len());
    let rates: Vec<Result<Vec<f64>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = processors
            .iter()
            .map(|number| scope.spawn(|| one_core(work, bytes, *number, effort, &gate)))
            .collect();
        let died = |_| Err(anyhow::anyhow!("a thread that measured ended"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(died)).collect()
    });
    let rates = rates.into_iter().collect::<Result<Vec<_>>>()?;
    let pass = |pass: usize| rates.iter().map(|rate| rate[pass]).sum();
    Ok(Point { bytes, passes: (0..effort.passes).map(pass).collect() })
}

fn one_core(
    work: Work,
    bytes: usize,
    processor: usize,
    effort: &Effort,
    gate: &Barrier,
) -> Result<Vec<f64>> {
    let prepared = (|| {
        let processors = Processors::observe()?;
        processors.use_only(&[processor])?;
        Ok((processors, Memory::map(bytes, Pages::Huge).context("cannot map memory")?))
    })();
    let (_processors, mut memory) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            // The others wait for it at each pass.
            (0..effort.passes).for_each(|_| _ = gate.wait());
            return Err(error);
        }
    };
    // Enough rounds between two looks at the clock that the look does not count.
    let rounds = ((1 << 20) / bytes).max(1);
    once(work, memory.lines_mut());
    let mut rates = Vec::with_capacity(effort.passes);
    for _ in 0..effort.passes {
        gate.wait();
        let (start, mut moved) = (Clock::start(), 0);
        while !start.is_enough(effort.time) {
            (0..rounds).for_each(|_| moved += once(work, memory.lines_mut()));
        }
        let elapsed = start.elapsed();
        rates.push(moved as f64 / elapsed.as_secs_f64());
    }
    Ok(rates)
}

/// Goes through the lines once; the bytes loaded and stored.
fn once(work: Work, lines: &mut [Line]) -> usize {
    let bytes = size_of_val(lines);
    match work {
        Work::Read => _ = black_box(ladder::read(black_box(lines))),
        Work::Write => ladder::write(black_box(lines), black_box(7)),
        Work::Copy => {
            let (from, to) = lines.split_at_mut(lines.len() / 2);
            ladder::copy(black_box(from), black_box(to), black_box(7));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Effort = Effort {
        per_octave: 1,
        passes: 3,
        time: Duration::from_micros(50),
        most_bytes: 64 << 10,
        budget_bytes: 1 << 20,
    };

    #[test]
    fn working_sets_are_octaves_or_halves_and_bounded() {
        assert_eq!(SMALL.sizes(), [4, 8, 16, 32, 64].map(|kib| kib << 10));
        let halves = Effort { per_octave: 2, most_bytes: 16 << 10, ..SMALL };
        assert_eq!(halves.sizes(), [4096, 6 << 10, 8192, 11 << 10, 16 << 10]);
        assert_eq!(Effort { budget_bytes: 8192, ..SMALL }.sizes(), [4096, 8192]);
    }

    #[test]
    fn every_figure_is_there_and_above_nothing() {
        let mut last = (0, 0);
        let ladder = ladder(&SMALL, &mut |done, all| last = (done, all)).unwrap();
        assert_eq!(last.0, last.1);
        assert_eq!(ladder.small.len(), 5);
        assert!(ladder.huge.is_empty() || ladder.huge.len() == 5);
        let curves = ladder.bandwidth.iter().map(|bandwidth| &bandwidth.points);
        for point in curves.chain([&ladder.small, &ladder.huge]).flatten() {
            assert_eq!(point.passes.len(), 3);
            assert!(point.passes.iter().all(|pass| *pass > 0.0), "{point:?}");
        }
        let names: Vec<_> = ladder.bandwidth.iter().map(|b| (b.work.name(), b.cores)).collect();
        assert_eq!(names[..3], [("read", 1), ("write", 1), ("copy", 1)]);
    }

    #[test]
    fn a_pass_counts_the_bytes_it_moved() {
        let mut memory = Memory::map(8192, Pages::Small).unwrap();
        for work in Work::ALL {
            assert_eq!(once(work, memory.lines_mut()), 8192);
        }
        assert_eq!(memory.lines()[127], Line([0; 8]), "7 was written, and 7 xored with 7 copied");
    }
}
