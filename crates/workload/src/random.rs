use std::sync::LazyLock;

use crate::elementary::{exp, ln};

/// Random numbers from a seed: the same seed gives the same numbers on every machine.
///
/// xoshiro256++ by Blackman and Vigna ("Scrambled linear pseudorandom number generators", 2021),
/// seeded with splitmix64 as its authors advise. Not for secrets.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
    ziggurat: &'static Ziggurat,
}

impl Random {
    /// The generator of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut sum = seed;
        let state = std::array::from_fn(|_| {
            sum = sum.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = sum;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        });
        Self { state, ziggurat: &ZIGGURAT }
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number from 0 to 1, without 1: a multiple of 2⁻⁵³.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A number from `low` to `high`.
    #[inline]
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// An integer from 0 to `end`, without `end`; 0 for an `end` of 0. The bias is below
    /// `end / 2⁶⁴`.
    #[inline]
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// When there are none.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Whether an event of this probability happens.
    #[inline]
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A number of the standard normal distribution.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        loop {
            let bits = self.bits();
            let layer = bits as usize % LAYERS;
            // The upper 53 bits: independent of the layer's, a number from -1 to 1.
            let x = ((bits >> 11) as f64 * (1.0 / (1u64 << 52) as f64) - 1.0)
                * self.ziggurat.edge[layer];
            // The rectangle below the next layer lies wholly under the curve: 98.8 % end here.
            if x.abs() < self.ziggurat.edge[layer + 1] {
                return x;
            }
            if let Some(x) = self.normal_at_the_edge(layer, x) {
                return x;
            }
        }
    }

    #[cold]
    fn normal_at_the_edge(&mut self, layer: usize, x: f64) -> Option<f64> {
        if layer == 0 {
            return Some(self.normal_tail().copysign(x));
        }
        let [low, high] = [self.ziggurat.height[layer], self.ziggurat.height[layer + 1]];
        (low + self.unit() * (high - low) < exp(-0.5 * x * x)).then_some(x)
    }

    /// Beyond the last edge: Marsaglia, "Generating a variable from the tail of the normal
    /// distribution", 1964.
    fn normal_tail(&mut self) -> f64 {
        loop {
            // From 2⁻⁵³ to 1: a logarithm of zero there is not.
            let x = -ln(1.0 - self.unit()) / TAIL;
            let y = -ln(1.0 - self.unit());
            if y + y > x * x {
                return TAIL + x;
            }
        }
    }
}

const LAYERS: usize = 256;
/// Where the tail begins, and the area of each layer, for 256 layers.
const TAIL: f64 = 3.654_152_885_361_009;
const AREA: f64 = 0.004_928_673_233_974_655;

/// The layers of equal area of Marsaglia and Tsang, "The ziggurat method for generating random
/// variables", 2000: `edge` is the half width of each, `height` the curve there.
#[derive(Debug)]
struct Ziggurat {
    edge: [f64; LAYERS + 1],
    height: [f64; LAYERS + 1],
}

static ZIGGURAT: LazyLock<Ziggurat> = LazyLock::new(|| {
    let curve = |x: f64| exp(-0.5 * x * x);
    let mut edge = [0.0; LAYERS + 1];
    // The lowest layer has the tail in it: as wide as a rectangle of its area would be.
    edge[0] = AREA / curve(TAIL);
    edge[1] = TAIL;
    for layer in 2..LAYERS {
        let below = edge[layer - 1];
        edge[layer] = (-2.0 * ln(AREA / below + curve(below))).sqrt();
    }
    Ziggurat { edge, height: edge.map(curve) }
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs of the authors' xoshiro256plusplus.c from the state 1, 2, 3, 4.
        let mut random = Random { state: [1, 2, 3, 4], ..Random::new(0) };
        let expected = [41_943_041, 58_720_359, 3_588_806_011_781_223];
        assert_eq!(expected.map(|_| random.bits()), expected);
    }

    #[test]
    fn uniform_numbers_fill_their_range_evenly() {
        let mut random = Random::new(1);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[random.below(10) as usize] += 1;
            assert!((2.0..5.0).contains(&random.between(2.0, 5.0)));
        }
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn normal_numbers_have_the_moments_and_quantiles_of_the_distribution() {
        const COUNT: u32 = 2_000_000;
        let mut random = Random::new(2);
        let mut moments = [0.0; 4];
        // P(|x| > k) for k = 1, 2, 3, and beyond the tail's edge.
        let bounds = [1.0, 2.0, 3.0, TAIL];
        let shares = [0.317_310_5, 0.045_500_3, 0.002_699_8, 0.000_258_0];
        let mut beyond = [0u32; 4];
        for _ in 0..COUNT {
            let x = random.normal();
            for (power, moment) in (1..).zip(&mut moments) {
                *moment += x.powi(power) / f64::from(COUNT);
            }
            for (bound, count) in bounds.iter().zip(&mut beyond) {
                *count += u32::from(x.abs() > *bound);
            }
        }
        for (moment, (expected, slack)) in
            moments.iter().zip([(0.0, 0.004), (1.0, 0.006), (0.0, 0.015), (3.0, 0.04)])
        {
            assert!((moment - expected).abs() < slack, "{moments:?}");
        }
        for (count, share) in beyond.iter().zip(shares) {
            let mean = share * f64::from(COUNT);
            assert!((f64::from(*count) - mean).abs() < 5.0 * mean.sqrt(), "{beyond:?}");
        }
    }

    #[test]
    fn the_layers_meet_at_the_top() {
        // Each layer's area follows from the one below: a wrong constant shows at the top.
        let top = ZIGGURAT.edge[LAYERS - 1];
        let area = top * (1.0 - ZIGGURAT.height[LAYERS - 1]);
        assert!((area / AREA - 1.0).abs() < 1e-9, "{area}");
    }
}
