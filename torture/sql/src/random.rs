/// Random numbers that replay from a seed: SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of one place of a campaign: `path` says which.
    pub(crate) fn at(seed: u64, path: &[u64]) -> Self {
        let mut random = Self(seed);
        for step in path {
            random = Self(random.next() ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A number from `start` up to but not including `end`.
    pub(crate) fn between(&mut self, start: i64, end: i64) -> i64 {
        start + (self.next() % end.abs_diff(start)) as i64
    }

    /// Whether something happens that happens in `percent` of 100 cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Up to `most` of several, in a random order, at least `least`.
    pub(crate) fn some<T: Clone>(&mut self, all: &[T], least: usize, most: usize) -> Vec<T> {
        let mut all = all.to_vec();
        self.shuffle(&mut all);
        let most = most.min(all.len());
        let least = least.min(most);
        all.truncate(least + self.below(most - least + 1));
        all
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for place in (1..all.len()).rev() {
            all.swap(place, self.below(place + 1));
        }
    }
}
