//! Who decides what a power cut keeps: chance, or all decisions in turn.

/// Makes the choices of a power cut.
#[derive(Debug)]
pub(super) enum Choices {
    Random(Random),
    All(Odometer),
}

/// What becomes of what is volatile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lost,
    Kept,
    Mixed,
}

impl Choices {
    /// All, nothing, or some: the first two are the likeliest ways to be wrong.
    pub(super) fn fate(&mut self) -> Fate {
        match self {
            Self::Random(random) => match random.below(5) {
                0 => Fate::Lost,
                1 => Fate::Kept,
                _ => Fate::Mixed,
            },
            // The others are among the mixed ones.
            Self::All(_) => Fate::Mixed,
        }
    }

    /// Goes on to the next sequence of choices, if it goes through all and there is one.
    pub(super) fn next(&mut self) -> bool {
        match self {
            Self::Random(_) => false,
            Self::All(odometer) => odometer.next(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        match self {
            Self::Random(random) => random.below(bound as u64) as usize,
            Self::All(odometer) => odometer.below(bound),
        }
    }
}

impl Fate {
    /// Which of so many states, from what was durable to what was written last.
    pub(super) fn pick(self, states: usize, choices: &mut Choices) -> usize {
        match self {
            Self::Lost => 0,
            Self::Kept => states - 1,
            Self::Mixed if states == 1 => 0,
            Self::Mixed => choices.below(states),
        }
    }
}

/// Goes through all sequences of choices, where each may depend on those before it: depth first,
/// over the bounds it was asked with.
#[derive(Debug, Default)]
pub(super) struct Odometer {
    /// Value and bound of each choice.
    choices: Vec<(usize, usize)>,
    at: usize,
}

impl Odometer {
    fn below(&mut self, bound: usize) -> usize {
        if self.at == self.choices.len() {
            self.choices.push((0, bound));
        }
        self.at += 1;
        self.choices[self.at - 1].0
    }

    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((value, bound)) = self.choices.pop() {
            if value + 1 < bound {
                self.choices.push((value + 1, bound));
                return true;
            }
        }
        false
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014): every seed gives a good sequence.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is far below 2^64.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odometer_shows_every_sequence_once() {
        let mut choices = Choices::All(Odometer::default());
        let mut seen = Vec::new();
        loop {
            let first = Fate::Mixed.pick(3, &mut choices);
            // How many choices follow depends on the first.
            seen.push((first, (0..first).map(|_| choices.below(2)).collect::<Vec<_>>()));
            if !choices.next() {
                break;
            }
        }
        assert_eq!(seen.len(), 1 + 2 + 4);
        assert!(seen.is_sorted() && seen.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
