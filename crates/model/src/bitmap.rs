/// How many of these bits are one: bit `i` is bit `i % 64` of word `i / 64`.
///
/// # Panics
/// When there are no such words.
#[must_use]
pub fn count_ones(words: &[u64], bits: std::ops::Range<usize>) -> usize {
    if bits.is_empty() {
        return 0;
    }
    let (first, last) = (bits.start / 64, (bits.end - 1) / 64);
    let head = words[first] & (u64::MAX << (bits.start % 64));
    let tail_mask = u64::MAX >> (63 - (bits.end - 1) % 64);
    if first == last {
        return (head & tail_mask).count_ones() as usize;
    }
    let between: usize = words[first + 1..last].iter().map(|word| word.count_ones() as usize).sum();
    between + (head.count_ones() + (words[last] & tail_mask).count_ones()) as usize
}

/// A growable bitmap: bit `i` is bit `i % 64` of word `i / 64`. Bits beyond `len` are zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
    len: usize,
}

impl Bitmap {
    /// `len` bits, all `value`.
    #[must_use]
    pub fn filled(len: usize, value: bool) -> Self {
        let mut bitmap = Self::default();
        bitmap.extend(len, value);
        bitmap
    }

    /// A bitmap of these words; bits at and beyond `len` are cleared.
    #[must_use]
    pub fn from_words(mut words: Vec<u64>, len: usize) -> Self {
        words.resize(len.div_ceil(64), 0);
        let mut bitmap = Self { words, len };
        bitmap.clear_tail();
        bitmap
    }

    /// The number of bits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The words, `len.div_ceil(64)` of them.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words, to be used again.
    #[must_use]
    pub fn into_words(self) -> Vec<u64> {
        self.words
    }

    /// Bit `index`; `false` beyond the end.
    #[must_use]
    pub fn get(&self, index: usize) -> bool {
        self.words.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Sets bit `index`.
    ///
    /// # Panics
    /// When `index >= len`.
    pub fn set(&mut self, index: usize, value: bool) {
        assert!(index < self.len, "bit {index} of {}", self.len);
        let mask = 1 << (index % 64);
        if value {
            self.words[index / 64] |= mask;
        } else {
            self.words[index / 64] &= !mask;
        }
    }

    /// Appends one bit.
    pub fn push(&mut self, value: bool) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        self.len += 1;
        if value {
            self.words[(self.len - 1) / 64] |= 1 << ((self.len - 1) % 64);
        }
    }

    /// Appends `count` bits of the same value.
    pub fn extend(&mut self, count: usize, value: bool) {
        let start = self.len;
        self.len += count;
        self.words.resize(self.len.div_ceil(64), if value { u64::MAX } else { 0 });
        if value && !start.is_multiple_of(64) && count > 0 {
            self.words[start / 64] |= u64::MAX << (start % 64);
        }
        self.clear_tail();
    }

    /// Keeps the first `len` bits.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            self.words.truncate(len.div_ceil(64));
            self.clear_tail();
        }
    }

    /// How many bits are one.
    #[must_use]
    pub fn count_ones(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// How many of the bits `start..end` are one.
    ///
    /// # Panics
    /// When the range is not inside the bitmap.
    #[must_use]
    pub fn count_ones_in(&self, start: usize, end: usize) -> usize {
        assert!(start <= end && end <= self.len, "bits {start}..{end} of {}", self.len);
        count_ones(&self.words, start..end)
    }

    /// Replaces all bits by bits `from..from + len` of `words`.
    ///
    /// # Panics
    /// When `words` has fewer.
    pub fn assign(&mut self, words: &[u64], from: usize, len: usize) {
        self.words.clear();
        self.len = len;
        let (first, shift) = (from / 64, from % 64);
        let words = &words[first..(from + len).div_ceil(64)];
        self.words.extend((0..len.div_ceil(64)).map(|index| {
            let next = words.get(index + 1).copied().unwrap_or_default();
            // `<< 1 << (63 - shift)` is `<< (64 - shift)`, but 0 where shift is 0.
            words[index] >> shift | next << 1 << (63 - shift)
        }));
        self.clear_tail();
    }

    /// Appends bits `from..from + len` of `words`.
    ///
    /// # Panics
    /// When `words` has fewer.
    pub fn append(&mut self, words: &[u64], from: usize, len: usize) {
        let shift = self.len % 64;
        if shift == 0 {
            let mut other = Self::default();
            other.assign(words, from, len);
            self.words.extend_from_slice(&other.words);
            self.len += len;
            return;
        }
        // As many as the last word has room for, and then whole words.
        let first = len.min(64 - shift);
        for bit in from..from + first {
            self.push(words[bit / 64] >> (bit % 64) & 1 == 1);
        }
        if first < len {
            self.append(words, from + first, len - first);
        }
    }

    fn clear_tail(&mut self) {
        if !self.len.is_multiple_of(64)
            && let Some(last) = self.words.last_mut()
        {
            *last &= u64::MAX >> (64 - self.len % 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Op {
        Push(bool),
        Extend(usize, bool),
        Truncate(usize),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            any::<bool>().prop_map(Op::Push),
            (0..150usize, any::<bool>()).prop_map(|(n, v)| Op::Extend(n, v)),
            (0..300usize).prop_map(Op::Truncate),
        ]
    }

    proptest! {
        #[test]
        fn behaves_as_a_vector_of_bools(ops in prop::collection::vec(op(), 0..30), cut in (0.0..1.0, 0.0..1.0)) {
            let (mut bitmap, mut model) = (Bitmap::default(), Vec::new());
            for op in ops {
                match op {
                    Op::Push(v) => { bitmap.push(v); model.push(v); }
                    Op::Extend(n, v) => { bitmap.extend(n, v); model.resize(model.len() + n, v); }
                    Op::Truncate(n) => { bitmap.truncate(n); model.truncate(n); }
                }
            }
            prop_assert_eq!(bitmap.len(), model.len());
            for (i, v) in model.iter().enumerate() { prop_assert_eq!(bitmap.get(i), *v); }
            prop_assert_eq!(bitmap.count_ones(), model.iter().filter(|v| **v).count());
            let a = (cut.0 * model.len() as f64) as usize;
            let b = a + (cut.1 * (model.len() - a) as f64) as usize;
            prop_assert_eq!(bitmap.count_ones_in(a, b), model[a..b].iter().filter(|v| **v).count());
            let mut part = Bitmap::filled(7, true);
            part.assign(bitmap.words(), a, b - a);
            prop_assert_eq!((0..part.len()).map(|i| part.get(i)).collect::<Vec<_>>(), &model[a..b]);
            prop_assert_eq!(part.count_ones(), bitmap.count_ones_in(a, b));
            let whole = [&model[a..b], &model[a..], &model[..]].concat();
            part.append(bitmap.words(), a, model.len() - a);
            part.append(bitmap.words(), 0, model.len());
            prop_assert_eq!(&part, &whole.iter().fold(Bitmap::default(), |mut all, bit| { all.push(*bit); all }));
            prop_assert_eq!(Bitmap::from_words(bitmap.words().to_vec(), model.len()), bitmap);
        }
    }
}
