//! What a bench's closure is handed.

use std::hint::black_box;
use std::marker::PhantomData;
use std::time::Duration;

use crate::measure::{self, Lap, Reading, Watch};
use crate::measurement::WallTime;
use crate::options::Mode;

/// Runs a routine as often as the measurement needs, with all preparation outside done once.
#[derive(Debug)]
pub struct Bencher<'a, M = WallTime> {
    pub(crate) mode: Mode,
    pub(crate) time: Duration,
    pub(crate) is_called: bool,
    pub(crate) reading: Option<Reading>,
    pub(crate) measurement: PhantomData<&'a M>,
}

/// How many inputs stand ready at one time in `iter_batched`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSize {
    /// Inputs are small: a batch is a tenth of the iterations.
    SmallInput,
    /// Inputs are large: a batch is a thousandth of the iterations.
    LargeInput,
    /// One at a time. Each is timed by itself, which costs as much as reading the clock twice.
    PerIteration,
    /// So many batches.
    NumBatches(u64),
    /// So many iterations a batch.
    NumIterations(u64),
}

impl BatchSize {
    fn iterations(self, all: u64) -> u64 {
        match self {
            Self::SmallInput => all.div_ceil(10),
            Self::LargeInput => all.div_ceil(1000),
            Self::PerIteration => 1,
            Self::NumBatches(batches) => all.div_ceil(batches.max(1)),
            Self::NumIterations(iterations) => iterations.max(1),
        }
        .max(1)
    }
}

impl<M> Bencher<'_, M> {
    /// Times `routine`, dropping its result included.
    #[inline(never)]
    pub fn iter<O>(&mut self, mut routine: impl FnMut() -> O) {
        self.run(&mut |iterations, is_counting| {
            let watch = Watch::start(is_counting);
            for _ in 0..iterations {
                black_box(routine());
            }
            watch.stop()
        });
    }

    /// As [`iter`](Self::iter), but dropping the results is not timed; they are all kept until then.
    #[inline(never)]
    pub fn iter_with_large_drop<O>(&mut self, mut routine: impl FnMut() -> O) {
        self.iter_batched(|| (), |()| routine(), BatchSize::SmallInput);
    }

    /// Times `routine` on inputs that `setup` makes, which is not timed.
    #[inline(never)]
    pub fn iter_with_setup<I, O>(&mut self, setup: impl FnMut() -> I, routine: impl FnMut(I) -> O) {
        self.iter_batched(setup, routine, BatchSize::PerIteration);
    }

    /// Times `routine` on inputs that `setup` makes; neither that nor dropping the results is timed.
    #[inline(never)]
    pub fn iter_batched<I, O>(
        &mut self,
        mut setup: impl FnMut() -> I,
        mut routine: impl FnMut(I) -> O,
        size: BatchSize,
    ) {
        self.in_batches(size, &mut |count, is_counting| {
            let inputs: Vec<I> = black_box((0..count).map(|_| setup()).collect());
            let mut outputs = Vec::with_capacity(inputs.len());
            let watch = Watch::start(is_counting);
            outputs.extend(inputs.into_iter().map(&mut routine));
            let lap = watch.stop();
            drop(black_box(outputs));
            lap
        });
    }

    /// As [`iter_batched`](Self::iter_batched), with the input by reference; dropping it is not timed.
    #[inline(never)]
    pub fn iter_batched_ref<I, O>(
        &mut self,
        mut setup: impl FnMut() -> I,
        mut routine: impl FnMut(&mut I) -> O,
        size: BatchSize,
    ) {
        self.in_batches(size, &mut |count, is_counting| {
            let mut inputs: Vec<I> = black_box((0..count).map(|_| setup()).collect());
            let mut outputs = Vec::with_capacity(inputs.len());
            let watch = Watch::start(is_counting);
            outputs.extend(inputs.iter_mut().map(&mut routine));
            let lap = watch.stop();
            drop(black_box(outputs));
            drop(black_box(inputs));
            lap
        });
    }

    /// Takes the time that `routine` says its so many iterations took.
    #[inline(never)]
    pub fn iter_custom(&mut self, mut routine: impl FnMut(u64) -> Duration) {
        self.run(&mut |iterations, is_counting| {
            let watch = Watch::start(is_counting);
            let time = routine(iterations);
            let lap = watch.stop();
            // Its cycles are those of the whole call: in proportion, those of the time it names.
            let share = time.as_secs_f64() / lap.time.as_secs_f64().max(1e-9);
            Lap { time, cycles: (lap.cycles as f64 * share) as u64, ..lap }
        });
    }

    fn in_batches(&mut self, size: BatchSize, batch: &mut dyn FnMut(u64, bool) -> Lap) {
        self.run(&mut |iterations, is_counting| {
            let (each, mut left, mut sum) =
                (size.iterations(iterations), iterations, Lap::default());
            while left > 0 {
                let count = each.min(left);
                sum += batch(count, is_counting);
                left -= count;
            }
            sum
        });
    }

    fn run(&mut self, routine: measure::Routine<'_>) {
        self.is_called = true;
        self.reading = measure::run(self.mode, self.time, routine);
    }
}
