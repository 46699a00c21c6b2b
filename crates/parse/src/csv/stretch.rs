//! The tags of a row and the numbers between them, seen before and recognised as a whole.

use std::ops::Range;

use super::fast::Step;
use super::rows::Rows;

/// No longer stretch is remembered: so many bytes are compared at once, however many count.
const MAX_BYTES: usize = 128;
/// What one reader may use for all of them.
const MAX_REMEMBERED_BYTES: usize = 16 << 20;
/// After so many comparisons, those are counted that were in vain.
const TRIES: u32 = 256;

/// All from a row's first tag to its last one, as it stood in the last row of each series.
///
/// What names a thing also describes it: between the names of a host and of its service there may be
/// a number for its rack, which is a field and hardly ever changes. While it does not, the bytes of
/// the whole stretch are those of the series' row before, and its values are, too.
#[derive(Debug, Default)]
pub(super) struct Stretches {
    /// The steps that a stretch is, one behind the other; none: there are no stretches.
    pub(super) steps: Range<usize>,
    /// The numbers in it: the first and how many.
    first_number: usize,
    numbers: usize,
    texts: Vec<u8>,
    /// By the series' place in the cache of series.
    known: Vec<Known>,
    /// As many a series as there are numbers.
    words: Vec<u64>,
    tries: u32,
    hits: u32,
    /// Whether numbers change too often for it to pay.
    is_off: bool,
}

/// Where the text of a stretch is, and how much of it counts; 0: there is none yet.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    start: u32,
    len: u8,
    room: u8,
}

/// Ones for the bytes that count, and zeros behind.
static MASKS: [u8; 2 * MAX_BYTES] = {
    let mut masks = [0; 2 * MAX_BYTES];
    let mut at = 0;
    while 2 * at < masks.len() {
        masks[at] = u8::MAX;
        at += 1;
    }
    masks
};

impl Stretches {
    /// Those of rows with these steps; there are none if the time or a text is between the tags.
    pub(super) fn new(steps: &[Step]) -> Self {
        let is_tags = |step: &Step| matches!(step, Step::Tags(_));
        let first = steps.iter().position(is_tags).unwrap_or(0);
        let end = steps.iter().rposition(is_tags).map_or(0, |last| last + 1);
        let (mut first_number, mut numbers) = (None, 0);
        for step in &steps[first..end] {
            let (number, count) = match *step {
                Step::Time | Step::Text(_) => return Self::default(),
                Step::Tags(_) | Step::Empty => continue,
                Step::Number(number) => (number, 1),
                Step::Ints { first, count } => (first, count),
            };
            first_number.get_or_insert(number);
            numbers += count;
        }
        let first_number = first_number.unwrap_or(0);
        Self { steps: first..end, first_number, numbers, ..Self::default() }
    }

    /// Forgets all that was seen.
    pub(super) fn forget(&mut self) {
        self.texts.clear();
        self.known.clear();
        self.words.clear();
        (self.tries, self.hits, self.is_off) = (0, 0, false);
    }

    /// The length of the stretch of a series in its last row, if `rest` begins with it; the caller
    /// looks whether its last cell ends there.
    #[inline(always)]
    pub(super) fn len_of(&mut self, series: u32, rest: &[u8]) -> Option<usize> {
        let Known { start, len, .. } = *self.known.get(series as usize)?;
        if len == 0 || self.is_off {
            return None;
        }
        let text = rest.first_chunk::<MAX_BYTES>()?;
        let known = self.texts.get(start as usize..)?.first_chunk::<MAX_BYTES>()?;
        let mask = MASKS.get(MAX_BYTES - usize::from(len)..)?.first_chunk::<MAX_BYTES>()?;
        let is_same = is_same(text, known, mask);
        self.tries += 1;
        self.hits += u32::from(is_same);
        if self.tries == TRIES {
            self.is_off = 2 * self.hits < TRIES;
            (self.tries, self.hits) = (0, 0);
        }
        is_same.then_some(len.into())
    }

    /// The numbers in the stretch of a series, and the place of the first among those of a row.
    #[inline(always)]
    pub(super) fn numbers_of(&self, series: u32) -> (usize, &[u64]) {
        let words = self.words.get(series as usize * self.numbers..).unwrap_or_default();
        (self.first_number, words.get(..self.numbers).unwrap_or_default())
    }

    /// Remembers the stretch of a series, unless that does not pay, and its numbers, which the row
    /// being written has, unless one is missing.
    #[inline(never)]
    pub(super) fn learn(&mut self, series: u32, text: &[u8], rows: &Rows) {
        let numbers = self.first_number..self.first_number + self.numbers;
        if !self.is_off
            && let Some(words) = rows.values(numbers)
        {
            self.remember(series, text, words);
        }
    }

    fn remember(&mut self, series: u32, text: &[u8], words: &[u64]) {
        let series = series as usize;
        let bytes = self.texts.len() + (series + 1) * (size_of::<Known>() + words.len() * 8);
        if text.len() > MAX_BYTES || bytes > MAX_REMEMBERED_BYTES {
            return;
        }
        if self.known.len() <= series {
            self.known.resize(series + 1, Known::default());
            self.words.resize((series + 1) * self.numbers, 0);
        }
        let known = &mut self.known[series];
        if usize::from(known.room) < text.len() {
            // Behind the last one, there are always as many bytes as are compared.
            let start = self.texts.len().saturating_sub(MAX_BYTES);
            *known = Known { start: start as u32, len: 0, room: text.len() as u8 };
            self.texts.resize(start + text.len() + MAX_BYTES, 0);
        }
        known.len = text.len() as u8;
        self.texts[known.start as usize..][..text.len()].copy_from_slice(text);
        self.words[series * self.numbers..][..self.numbers].copy_from_slice(words);
    }
}

/// Whether texts agree in the bytes that count. Without a branch for the length, which changes from
/// row to row.
#[inline(always)]
fn is_same(a: &[u8; MAX_BYTES], b: &[u8; MAX_BYTES], mask: &[u8; MAX_BYTES]) -> bool {
    let mut differing = [0; 4];
    let words = |bytes: &[u8; 32], i: usize| {
        u64::from_le_bytes(bytes.as_chunks::<8>().0.get(i).copied().unwrap_or_default())
    };
    let parts = a.as_chunks::<32>().0.iter().zip(b.as_chunks::<32>().0).zip(mask.as_chunks().0);
    for ((a, b), mask) in parts {
        for (i, differing) in differing.iter_mut().enumerate() {
            *differing |= (words(a, i) ^ words(b, i)) & words(mask, i);
        }
    }
    differing == [0; 4]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches() -> Stretches {
        Stretches::new(&[
            Step::Time,
            Step::Tags(1),
            Step::Number(0),
            Step::Tags(2),
            Step::Number(1),
        ])
    }

    fn text(of: &str) -> Vec<u8> {
        [of.as_bytes(), &[b'x'; MAX_BYTES]].concat()
    }

    #[test]
    fn a_stretch_is_what_was_learned_last() {
        let mut stretches = stretches();
        assert_eq!((stretches.steps.clone(), stretches.numbers), (1..4, 1));
        for (series, of, word) in [(2, "a,5,b,c", 5), (0, "d,70,e,f", 70), (2, "a,500,b,c", 500)] {
            assert_eq!(stretches.len_of(series, &text(of)), None, "{of}");
            stretches.remember(series, of.as_bytes(), &[word]);
            assert_eq!(stretches.len_of(series, &text(of)), Some(of.len()));
            assert_eq!(stretches.numbers_of(series), (0, &[word][..]));
        }
        assert_eq!(stretches.len_of(0, &text("d,70,e,f")), Some(8));
        assert_eq!(stretches.len_of(0, &text("d,71,e,f")), None);
        assert_eq!(stretches.len_of(1, &text("")), None);
        // Every byte counts, and no more than these.
        let long = "y".repeat(MAX_BYTES);
        stretches.remember(7, long.as_bytes(), &[1]);
        for place in 0..MAX_BYTES {
            let mut other = text(&long);
            other[place] ^= 1;
            assert_eq!(stretches.len_of(7, &other), None, "{place}");
        }
        assert_eq!(stretches.len_of(7, &text(&long)), Some(MAX_BYTES));
        stretches.remember(8, "y".repeat(MAX_BYTES + 1).as_bytes(), &[1]);
        // As many as a byte counts, and five.
        stretches.remember(8, "y".repeat(261).as_bytes(), &[1]);
        assert_eq!(stretches.len_of(8, &text(&long)), None);
        stretches.forget();
        assert_eq!(stretches.len_of(7, &text(&long)), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut stretches = stretches();
        for series in 0..200_000 {
            stretches.remember(series, &[b'x'; MAX_BYTES], &[1]);
        }
        assert!(stretches.texts.len() <= MAX_REMEMBERED_BYTES + MAX_BYTES);
        assert!(stretches.len_of(199_999, &[b'x'; MAX_BYTES]).is_none());
        assert!(stretches.len_of(1, &[b'x'; MAX_BYTES]).is_some());
    }

    #[test]
    fn numbers_that_change_are_not_compared_for_ever() {
        let mut stretches = stretches();
        for row in 0..TRIES {
            assert!(!stretches.is_off);
            stretches.remember(0, format!("a,{row},b,c").as_bytes(), &[row.into()]);
            stretches.len_of(0, &text("a,x,b,c"));
        }
        assert!(stretches.is_off);
    }

    #[test]
    fn times_and_texts_are_in_no_stretch() {
        for step in [Step::Time, Step::Text(1)] {
            let stretches = Stretches::new(&[Step::Tags(1), step, Step::Tags(1)]);
            assert!(stretches.steps.is_empty());
        }
        assert!(Stretches::new(&[Step::Time, Step::Number(0)]).steps.is_empty());
        assert_eq!(Stretches::new(&[Step::Tags(2), Step::Text(0)]).steps, 0..1);
    }
}
