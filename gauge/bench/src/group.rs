//! Benches that belong together, and their names.

use std::fmt::Display;
use std::marker::PhantomData;
use std::time::Duration;

use crate::bencher::Bencher;
use crate::criterion::Criterion;
use crate::measurement::WallTime;

/// Benches whose names begin alike.
#[derive(Debug)]
pub struct BenchmarkGroup<'a, M = WallTime> {
    criterion: &'a mut Criterion,
    name: String,
    throughput: Option<Throughput>,
    time: Option<Duration>,
    measurement: PhantomData<M>,
}

/// What one iteration goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throughput {
    /// Bits.
    Bits(u64),
    /// Bytes.
    Bytes(u64),
    /// Bytes.
    BytesDecimal(u64),
    /// Things: values, rows.
    Elements(u64),
    /// Both.
    ElementsAndBytes {
        /// Things.
        elements: u64,
        /// Bytes.
        bytes: u64,
    },
}

/// A setting of criterion's; means nothing here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SamplingMode {
    /// Criterion's choice.
    #[default]
    Auto,
    /// Samples that grow.
    Linear,
    /// Samples of one length.
    Flat,
}

/// The name of a bench within its group: of a function, a parameter, or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BenchmarkId {
    function: Option<String>,
    parameter: Option<String>,
}

impl BenchmarkId {
    /// `function/parameter`.
    pub fn new(function: impl Into<String>, parameter: impl Display) -> Self {
        Self { function: Some(function.into()), parameter: Some(parameter.to_string()) }
    }

    /// `parameter` alone.
    pub fn from_parameter(parameter: impl Display) -> Self {
        Self { function: None, parameter: Some(parameter.to_string()) }
    }

    pub(crate) fn name(self) -> String {
        [self.function, self.parameter].into_iter().flatten().collect::<Vec<_>>().join("/")
    }
}

/// What may stand for a [`BenchmarkId`].
pub trait IntoBenchmarkId {
    /// The name.
    fn into_benchmark_id(self) -> BenchmarkId;
}

impl IntoBenchmarkId for BenchmarkId {
    fn into_benchmark_id(self) -> BenchmarkId {
        self
    }
}

impl<S: Into<String>> IntoBenchmarkId for S {
    fn into_benchmark_id(self) -> BenchmarkId {
        BenchmarkId { function: Some(self.into()), parameter: None }
    }
}

impl<'a, M> BenchmarkGroup<'a, M> {
    pub(crate) fn new(criterion: &'a mut Criterion, name: String) -> Self {
        Self { criterion, name, throughput: None, time: None, measurement: PhantomData }
    }

    /// What one iteration of the benches that follow goes through.
    pub fn throughput(&mut self, throughput: Throughput) -> &mut Self {
        self.throughput = Some(throughput);
        self
    }

    /// How long to measure, unless the command line says.
    pub fn measurement_time(&mut self, time: Duration) -> &mut Self {
        self.time = Some(time);
        self
    }

    /// Means nothing: batches are found by their time.
    pub fn sample_size(&mut self, _: usize) -> &mut Self {
        self
    }

    /// Means nothing: a fifth of the time warms up.
    pub fn warm_up_time(&mut self, _: Duration) -> &mut Self {
        self
    }

    /// Means nothing.
    pub fn sampling_mode(&mut self, _: SamplingMode) -> &mut Self {
        self
    }

    /// Means nothing: `cargo gauge compare` has a least effect of its own.
    pub fn noise_threshold(&mut self, _: f64) -> &mut Self {
        self
    }

    /// Means nothing.
    pub fn significance_level(&mut self, _: f64) -> &mut Self {
        self
    }

    /// Means nothing.
    pub fn confidence_level(&mut self, _: f64) -> &mut Self {
        self
    }

    /// Means nothing.
    pub fn nresamples(&mut self, _: usize) -> &mut Self {
        self
    }

    /// Measures a bench.
    pub fn bench_function(
        &mut self,
        id: impl IntoBenchmarkId,
        mut bench: impl FnMut(&mut Bencher<'_, M>),
    ) -> &mut Self {
        let name = format!("{}/{}", self.name, id.into_benchmark_id().name());
        self.criterion.run(&name, self.throughput, self.time, &mut bench);
        self
    }

    /// Measures a bench of an input.
    pub fn bench_with_input<I: ?Sized>(
        &mut self,
        id: impl IntoBenchmarkId,
        input: &I,
        mut bench: impl FnMut(&mut Bencher<'_, M>, &I),
    ) -> &mut Self {
        self.bench_function(id, |bencher| bench(bencher, input))
    }

    /// Ends the group. Nothing happens: each bench was told of as it ran.
    pub fn finish(self) {}
}
