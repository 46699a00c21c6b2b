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

/// Bits `from..from + count` of `words` as one word, of which the others are zero; at most 64.
fn bits_at(words: &[u64], from: usize, count: usize) -> u64 {
    let (first, shift) = (from / 64, from % 64);
    let next = words.get(first + 1).copied().unwrap_or_default();
    // `<< 1 << (63 - shift)` is `<< (64 - shift)`, but 0 where shift is 0.
    let bits = words[first] >> shift | next << 1 << (63 - shift);
    bits & u64::MAX >> (64 - count)
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
        self.len = 0;
        self.append(words, from, len);
    }

    /// Appends bits `from..from + len` of `words`.
    ///
    /// # Panics
    /// When `words` has fewer.
    pub fn append(&mut self, words: &[u64], from: usize, len: usize) {
        assert!(from + len <= words.len() * 64, "bits {from}..{} of words", from + len);
        let mut done = 0;
        while done < len {
            let shift = self.len % 64;
            let count = (len - done).min(64 - shift);
            let bits = bits_at(words, from + done, count);
            if shift == 0 {
                self.words.push(bits);
            } else if let Some(last) = self.words.last_mut() {
                *last |= bits << shift;
            }
            self.len += count;
            done += count;
        }
    }

    /// Replaces all bits by bits `rows` of another bitmap, in their order.
    ///
    /// # Panics
    /// When there is no such bit.
    pub fn take(&mut self, from: &Self, rows: &[u32]) {
        self.words.clear();
        self.len = rows.len();
        self.words.extend(rows.chunks(64).map(|rows| {
            let bit = |row: u32| from.words[row as usize / 64] >> (row % 64) & 1;
            rows.iter().rev().fold(0, |word, row| word << 1 | bit(*row))
        }));
    }

    /// The bits that are zero, ascending.
    pub fn zeros(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let len = (self.len - index * 64).min(64);
            let mut zeros = !word & u64::MAX >> (64 - len);
            std::iter::from_fn(move || {
                let bit = (zeros != 0).then(|| index * 64 + zeros.trailing_zeros() as usize)?;
                zeros &= zeros - 1;
                Some(bit)
            })
        })
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
            let zeros: Vec<_> = (0..model.len()).filter(|i| !model[*i]).collect();
            prop_assert_eq!(bitmap.zeros().collect::<Vec<_>>(), zeros);
            let rows: Vec<_> = (0..model.len() as u32).map(|i| i * 7 % model.len() as u32).collect();
            part.take(&bitmap, &rows);
            let taken = rows.iter().map(|row| model[*row as usize]);
            prop_assert_eq!(&part, &taken.fold(Bitmap::default(), |mut all, bit| { all.push(bit); all }));
            prop_assert_eq!(Bitmap::from_words(bitmap.words().to_vec(), model.len()), bitmap);
        }
    }
}
