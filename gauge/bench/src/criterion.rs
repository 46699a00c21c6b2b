//! The entry: what a bench's function is handed.

use std::marker::PhantomData;
use std::time::Duration;

use crate::bencher::Bencher;
use crate::group::{BenchmarkGroup, BenchmarkId, IntoBenchmarkId, Throughput};
use crate::measure::DEFAULT_TIME;
use crate::measurement::WallTime;
use crate::options::{Mode, Options};
use crate::report;

/// Runs the benches that the command line asks for.
#[derive(Debug)]
pub struct Criterion {
    options: Options,
    time: Duration,
}

/// Runs each bench once, until [`configure_from_args`](Criterion::configure_from_args) says more.
impl Default for Criterion {
    fn default() -> Self {
        let options = Options { mode: Mode::Test, filter: None, is_exact: false, out: None };
        Self { options, time: DEFAULT_TIME }
    }
}

impl Criterion {
    /// Does what the program's arguments say.
    #[must_use]
    pub fn configure_from_args(mut self) -> Self {
        report::keep_marker();
        self.options = Options::parse(std::env::args().skip(1));
        self
    }

    /// How long to measure a bench, unless the command line says.
    #[must_use]
    pub fn measurement_time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Means nothing: batches are found by their time.
    #[must_use]
    pub fn sample_size(self, _: usize) -> Self {
        self
    }

    /// Means nothing: a fifth of the time warms up.
    #[must_use]
    pub fn warm_up_time(self, _: Duration) -> Self {
        self
    }

    /// Means nothing: there are no plots.
    #[must_use]
    pub fn without_plots(self) -> Self {
        self
    }

    /// Means nothing: there are no plots.
    #[must_use]
    pub fn with_plots(self) -> Self {
        self
    }

    /// Means nothing: `cargo gauge compare` has a least effect of its own.
    #[must_use]
    pub fn noise_threshold(self, _: f64) -> Self {
        self
    }

    /// Means nothing.
    #[must_use]
    pub fn significance_level(self, _: f64) -> Self {
        self
    }

    /// Means nothing.
    #[must_use]
    pub fn confidence_level(self, _: f64) -> Self {
        self
    }

    /// Means nothing.
    #[must_use]
    pub fn nresamples(self, _: usize) -> Self {
        self
    }

    /// A group: its benches are called `name/…`.
    pub fn benchmark_group(&mut self, name: impl Into<String>) -> BenchmarkGroup<'_, WallTime> {
        BenchmarkGroup::new(self, name.into())
    }

    /// Measures a bench.
    pub fn bench_function(
        &mut self,
        name: &str,
        mut bench: impl FnMut(&mut Bencher<'_, WallTime>),
    ) -> &mut Self {
        self.run(name, None, None, &mut bench);
        self
    }

    /// Measures a bench of an input.
    pub fn bench_with_input<I: ?Sized>(
        &mut self,
        id: BenchmarkId,
        input: &I,
        mut bench: impl FnMut(&mut Bencher<'_, WallTime>, &I),
    ) -> &mut Self {
        let name = id.into_benchmark_id().name();
        self.run(&name, None, None, &mut |bencher| bench(bencher, input));
        self
    }

    /// Ends the run. Nothing happens: each bench was told of as it ran.
    pub fn final_summary(&self) {}

    pub(crate) fn run<M>(
        &self,
        name: &str,
        throughput: Option<Throughput>,
        time: Option<Duration>,
        bench: &mut dyn FnMut(&mut Bencher<'_, M>),
    ) {
        if !self.options.is_wanted(name) {
            return;
        }
        if self.options.mode == Mode::List {
            println!("{name}: benchmark");
            return;
        }
        let mut bencher = Bencher {
            mode: self.options.mode,
            time: time.unwrap_or(self.time),
            is_called: false,
            reading: None,
            measurement: PhantomData,
        };
        bench(&mut bencher);
        assert!(bencher.is_called, "{name}: the bench calls no `iter`");
        if let Some(reading) = &bencher.reading {
            report::tell(name, throughput, reading, self.options.out.as_deref());
        }
    }
}
