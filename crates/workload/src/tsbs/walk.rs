use crate::Random;

/// How a quantity changes from one epoch to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    step: Step,
    min: f64,
    max: f64,
    start: Start,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Normal {
        mean: f64,
        deviation: f64,
    },
    /// The same without its sign.
    Growth {
        mean: f64,
        deviation: f64,
    },
    Uniform {
        low: f64,
        high: f64,
    },
}

#[derive(Clone, Copy, Debug)]
enum Start {
    At(f64),
    Below(f64),
}

impl Walk {
    /// A counter: grows by |N(mean, 1)| from zero.
    pub(super) const fn counter(mean: f64) -> Self {
        let step = Step::Growth { mean, deviation: 1.0 };
        Self { step, min: 0.0, max: f64::INFINITY, start: Start::At(0.0) }
    }

    /// A free walk of N(mean, 1) from zero.
    pub(super) const fn free(mean: f64) -> Self {
        let step = Step::Normal { mean, deviation: 1.0 };
        let (min, max) = (f64::NEG_INFINITY, f64::INFINITY);
        Self { step, min, max, start: Start::At(0.0) }
    }

    /// A walk of N(mean, deviation) from zero, held between 0 and `max`.
    pub(super) const fn bounded(mean: f64, deviation: f64, max: f64) -> Self {
        Self { step: Step::Normal { mean, deviation }, min: 0.0, max, start: Start::At(0.0) }
    }

    /// A walk of U(low, high) from zero, held between `min` and `max`.
    pub(super) const fn uniform(low: f64, high: f64, min: f64, max: f64) -> Self {
        Self { step: Step::Uniform { low, high }, min, max, start: Start::At(0.0) }
    }

    /// The same, beginning at `start`.
    pub(super) const fn starting_at(self, start: f64) -> Self {
        Self { start: Start::At(start), ..self }
    }

    /// The same, beginning anywhere from 0 to `end`.
    pub(super) const fn starting_below(self, end: f64) -> Self {
        Self { start: Start::Below(end), ..self }
    }

    pub(super) fn start(&self, random: &mut Random) -> f64 {
        match self.start {
            Start::At(start) => start,
            Start::Below(end) => random.between(0.0, end),
        }
    }

    #[inline]
    pub(super) fn next(&self, state: f64, random: &mut Random) -> f64 {
        let step = match self.step {
            Step::Normal { mean, deviation } => mean + deviation * random.normal(),
            Step::Growth { mean, deviation } => (mean + deviation * random.normal()).abs(),
            Step::Uniform { low, high } => random.between(low, high),
        };
        (state + step).clamp(self.min, self.max)
    }
}
