//! Numbers in memory, each of which can be had alone.

/// Numbers a block.
const BLOCK: usize = 256;

/// Many numbers that mostly lie near lines, in little memory.
///
/// Every 256 of them are a line and what each lies above it, in units of their greatest common divisor and as few
/// bits as the largest takes (frame of reference: Goldstein, Ramakrishnan and Shaft, 1998): numbers in steps
/// take a sixth of a byte each. All arithmetic wraps, so that any numbers fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Packed {
    blocks: Vec<Block>,
    /// Each block begins a word.
    words: Vec<u64>,
    /// The last numbers, of which the very last may still change: 256 at most, and one if there is any.
    tail: Vec<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    base: i64,
    step: i64,
    unit: u64,
    first_word: u32,
    width: u32,
}

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.blocks.len() * BLOCK + self.tail.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<i64> {
        let place = index % BLOCK;
        let Some(block) = self.blocks.get(index / BLOCK) else {
            return self.tail.get(index - self.blocks.len() * BLOCK).copied();
        };
        let above = self.bits(block.first_word as usize, block.width, place);
        let line = block.base.wrapping_add(block.step.wrapping_mul(place as i64));
        Some(line.wrapping_add(above.wrapping_mul(block.unit) as i64))
    }

    pub(super) fn last(&self) -> Option<i64> {
        self.tail.last().copied()
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut i64> {
        self.tail.last_mut()
    }

    pub(super) fn push(&mut self, number: i64) {
        if self.tail.len() == BLOCK {
            self.pack();
        }
        self.tail.push(number);
    }

    /// Gives back memory for numbers to come.
    pub(super) fn shrink_to_fit(&mut self) {
        self.blocks.shrink_to_fit();
        self.words.shrink_to_fit();
        self.tail.shrink_to_fit();
    }

    /// The first index whose number is not `before`, if those that are stand in front.
    pub(super) fn partition_point(&self, before: impl Fn(i64) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(&before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn bits(&self, first_word: usize, width: u32, place: usize) -> u64 {
        let bit = place * width as usize;
        let word = |word: usize| self.words.get(first_word + word).copied().unwrap_or_default();
        let both = u128::from(word(bit / 64)) | u128::from(word(bit / 64 + 1)) << 64;
        let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
        (both >> (bit % 64)) as u64 & mask
    }

    /// Makes a block of the tail.
    fn pack(&mut self) {
        let Self { blocks, words, tail } = self;
        let (first, last) = (i128::from(tail[0]), i128::from(tail[BLOCK - 1]));
        let step = ((last - first) / (BLOCK - 1) as i128) as i64;
        for (place, number) in tail.iter_mut().enumerate() {
            *number = number.wrapping_sub(step.wrapping_mul(place as i64));
        }
        let base = tail.iter().copied().min().unwrap_or_default();
        let above = tail.iter().map(|number| number.wrapping_sub(base) as u64);
        let unit = above.clone().fold(0, gcd).max(1);
        let most = above.clone().max().unwrap_or_default() / unit;
        let width = u64::BITS - most.leading_zeros();
        // 4 Mi rows are 16 Ki blocks of up to 256 words.
        let first_word = words.len() as u32;
        blocks.push(Block { base, step, unit, first_word, width });
        words.resize(words.len() + BLOCK / 64 * width as usize, 0);
        let words = &mut words[first_word as usize..];
        for (place, above) in above.enumerate() {
            let bit = place * width as usize;
            let shifted = u128::from(above / unit) << (bit % 64);
            if width > 0 {
                words[bit / 64] |= shifted as u64;
            }
            if let Some(next) = words.get_mut(bit / 64 + 1) {
                *next |= (shifted >> 64) as u64;
            }
        }
        tail.clear();
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl FromIterator<i64> for Packed {
    fn from_iter<I: IntoIterator<Item = i64>>(numbers: I) -> Self {
        let mut packed = Self::default();
        numbers.into_iter().for_each(|number| packed.push(number));
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(numbers: &[i64]) -> Packed {
        let mut packed: Packed = numbers.iter().copied().collect();
        packed.shrink_to_fit();
        assert_eq!(packed.len(), numbers.len());
        for (index, number) in numbers.iter().enumerate() {
            assert_eq!(packed.get(index), Some(*number), "{index} of {}", numbers.len());
        }
        assert_eq!((packed.get(numbers.len()), packed.get(numbers.len() + BLOCK)), (None, None));
        packed
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(
            start in prop_oneof![any::<i64>(), -5i64..5],
            step in prop_oneof![any::<i64>(), -3i64..3],
            noise in prop_oneof![Just(0u64), 1u64..10, any::<u64>()],
            unit in prop_oneof![Just(1i64), Just(1_000_000_000)],
            draws in prop::collection::vec(any::<u64>(), 0..1200),
        ) {
            let number = |(row, draw): (usize, &u64)| {
                let above = (draw % noise.saturating_add(1)) as i64;
                start.wrapping_add(step.wrapping_mul(row as i64)).wrapping_add(above.wrapping_mul(unit))
            };
            check(&draws.iter().enumerate().map(number).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_last_may_change_until_others_come() {
        for count in [1, 255, 256, 257, 512, 513] {
            let mut packed: Packed = (0..count).collect();
            *packed.last_mut().unwrap() += 1000;
            packed.push(7);
            assert_eq!(packed.last(), Some(7));
            assert_eq!(packed.get(count as usize - 1), Some(count - 1 + 1000));
            assert_eq!(packed.get(count as usize), Some(7));
        }
        assert_eq!((Packed::default().last_mut(), Packed::default().last()), (None, None));
    }

    #[test]
    fn lines_take_no_room_and_steps_few_bits() {
        let bytes = |packed: &Packed| packed.words.len() * 8 + size_of_val(&packed.blocks[..]);
        let rows = 256 * 100;
        let line = check(&(0..rows + 1).map(|row| 5 + row * 3).collect::<Vec<_>>());
        assert_eq!(bytes(&line), 100 * size_of::<Block>());
        let second = |row: i64| 1_451_606_400_000_000_000 + row % 3 * 10_000_000_000;
        let steps = check(&(0..rows + 1).map(second).collect::<Vec<_>>());
        assert!(bytes(&steps) < rows as usize / 2, "{}", bytes(&steps));
        check(&[[i64::MIN, i64::MAX].repeat(300), vec![0; 300]].concat());
    }

    #[test]
    fn places_are_found() {
        let packed: Packed = (0..1000).map(|row| row / 3 * 2).collect();
        for number in -1..700 {
            let wanted = (0..1000).filter(|row| row / 3 * 2 < number).count();
            assert_eq!(packed.partition_point(|other| other < number), wanted, "{number}");
        }
        assert_eq!(Packed::default().partition_point(|_| true), 0);
    }
}
