//! A hash table of words and how often each was seen.
//!
//! Entries stand in a vector in the order of their first appearance; an index of buckets, a line of
//! cache each, leads to them. A look-up reads one bucket, compares its eight tags at once, and
//! reads the entry whose tag is the word's: words of up to 16 bytes stand in the entry itself.

use super::WordLimit;
use crate::arch::Words;
use crate::arch::portable::Portable;
use std::hash::{BuildHasher, RandomState};

/// A word as the table knows it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Word {
    /// The bytes of a short word and zeros; of a long one the offset and the length, as eight
    /// little-endian bytes each.
    key: [u8; SHORT_BYTES],
    /// The lowest byte is the length of a short word and [`LONG`] for a long one.
    hash: u64,
}

const SHORT_BYTES: usize = 16;
const LONG: u64 = 0xFF;

/// `MASKS[16 - len..]` keeps the first `len` bytes.
const MASKS: [u8; 2 * SHORT_BYTES] = {
    let mut masks = [0; 2 * SHORT_BYTES];
    let mut byte = 0;
    while byte < SHORT_BYTES {
        masks[byte] = 0xFF;
        byte += 1;
    }
    masks
};

impl Word {
    pub(crate) const NONE: Self = Self { key: [0; SHORT_BYTES], hash: 0 };

    #[inline(always)]
    fn is_long(&self) -> bool {
        self.hash & LONG == LONG
    }

    /// Offset and length of a long word.
    #[inline(always)]
    fn range(&self) -> (usize, usize) {
        let [offset, len] = numbers(&self.key);
        (offset as usize, len as usize)
    }

    #[inline(always)]
    fn long(offset: usize, len: usize, hash: u64) -> Self {
        Self { key: bytes([offset as u64, len as u64]), hash: hash | LONG }
    }
}

/// A word and how often it was seen.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) word: Word,
    pub(crate) count: u64,
}

/// Tags of eight words and the numbers of their entries. They are filled from the front.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    /// The upper half of the hash with its lowest bit set; 0 where nothing is.
    tags: [u32; 8],
    entries: [u32; 8],
}

impl Bucket {
    const EMPTY: Self = Self { tags: [0; 8], entries: [0; 8] };
    /// More than this on average, and there are twice as many buckets.
    const MAX_FILL: usize = 5;
}

/// Where the bytes of long words are.
#[derive(Clone, Debug)]
pub(crate) enum Text<'t> {
    /// In the text that is counted.
    Borrowed(&'t [u8]),
    /// Copied, one after the other.
    Owned(Vec<u8>),
}

impl Text<'_> {
    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        match self {
            Text::Borrowed(text) => text,
            Text::Owned(text) => text,
        }
    }

    /// Bytes of memory it has.
    fn capacity(&self) -> usize {
        match self {
            Text::Borrowed(_) => 0,
            Text::Owned(text) => text.capacity(),
        }
    }

    fn reserve(&mut self, more: usize) {
        if let Text::Owned(text) = self {
            text.reserve_exact(more);
        }
    }

    fn append(&mut self, word: &[u8]) {
        if let Text::Owned(text) = self {
            text.extend_from_slice(word);
        }
    }
}

#[derive(Clone)]
pub(crate) struct Table<'t> {
    buckets: Vec<Bucket>,
    entries: Vec<Entry>,
    text: Text<'t>,
    /// Random, so that nobody can choose words that all meet in one bucket.
    seeds: [u64; 4],
    max_bytes: usize,
}

impl<'t> Table<'t> {
    /// So many distinct words a table takes at most.
    pub(crate) const MAX_WORDS: usize = 1 << 28;
    const FIRST_BUCKETS: usize = 64;

    pub(crate) fn new(text: Text<'t>, max_bytes: usize) -> Self {
        let random = RandomState::new();
        let seeds = [1u64, 2, 3, 4].map(|number| random.hash_one(number));
        Self { buckets: Vec::new(), entries: Vec::new(), text, seeds, max_bytes }
    }

    /// From now on at most so many bytes; what there is stays.
    pub(crate) fn set_max_bytes(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
    }

    /// An empty table that hashes as this one does.
    pub(crate) fn fellow(&self) -> Self {
        let text = match &self.text {
            Text::Borrowed(text) => Text::Borrowed(text),
            Text::Owned(_) => Text::Owned(Vec::new()),
        };
        let Self { seeds, max_bytes, .. } = *self;
        Self { buckets: Vec::new(), entries: Vec::new(), text, seeds, max_bytes }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the offsets of long words count from.
    pub(crate) fn text(&self) -> &[u8] {
        self.text.bytes()
    }

    pub(crate) fn bytes_of<'a>(&'a self, word: &'a Word) -> &'a [u8] {
        if word.is_long() {
            let (offset, len) = word.range();
            return &self.text.bytes()[offset..offset + len];
        }
        &word.key[..(word.hash & LONG) as usize]
    }

    /// Bytes of memory it has, the room it grows into included, a borrowed text not.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.text.capacity()
    }

    /// The word that `text[start..end]` is, one byte or more.
    #[inline(always)]
    pub(crate) fn word(&self, text: &[u8], start: usize, end: usize) -> Word {
        let len = end - start;
        if len > SHORT_BYTES {
            return Word::long(start, len, self.hash_of_long(&text[start..end]));
        }
        let key = match text[start..].first_chunk::<SHORT_BYTES>() {
            Some(bytes) => *bytes,
            None => {
                let mut bytes = [0; SHORT_BYTES];
                bytes[..len].copy_from_slice(&text[start..end]);
                bytes
            }
        };
        let [low, high] = numbers(&key);
        let mask = MASKS[SHORT_BYTES - len..].first_chunk::<SHORT_BYTES>().map_or([0; 2], numbers);
        let (low, high) = (low & mask[0], high & mask[1]);
        let hash = folded(low ^ self.seeds[0], high ^ self.seeds[1]) & !LONG | len as u64;
        Word { key: bytes([low, high]), hash }
    }

    /// Of 17 bytes and more: 32 at a time, the last of which may overlap those before.
    #[inline(always)]
    fn hash_of_long(&self, bytes: &[u8]) -> u64 {
        let [mut a, mut b, c, d] = self.seeds;
        let mut rest = bytes;
        while let Some((block, behind)) = rest.split_first_chunk::<32>()
            && !behind.is_empty()
        {
            let (halves, _) = block.as_chunks::<16>();
            let ([w, x], [y, z]) = (numbers(&halves[0]), numbers(&halves[1]));
            a = folded(a ^ w, c ^ x);
            b = folded(b ^ y, d ^ z);
            rest = behind;
        }
        // The last 32 bytes, or the first 16 and the last 16, whatever of them was read before.
        let tail = bytes.last_chunk::<32>().map_or(bytes, |tail| tail);
        if let (Some(head), Some(tail)) = (tail.first_chunk::<16>(), tail.last_chunk::<16>()) {
            let ([w, x], [y, z]) = (numbers(head), numbers(tail));
            a = folded(a ^ w, c ^ x);
            b = folded(b ^ y, d ^ z);
        }
        folded(a ^ bytes.len() as u64, b ^ c)
    }

    /// The address of the bucket where a word is looked for first, for prefetching.
    #[inline(always)]
    pub(crate) fn place(&self, word: &Word) -> *const u8 {
        let number = bucket_of(tag_of(word.hash), self.buckets.len());
        self.buckets.as_ptr().wrapping_add(number).cast()
    }

    /// Counts `word` of `text` `count` times more.
    #[inline(always)]
    pub(crate) fn add<S: Words>(
        &mut self,
        simd: S,
        text: &[u8],
        word: &Word,
        count: u64,
    ) -> Result<(), WordLimit> {
        let found = self.find(simd, text, word);
        if let Some(entry) = found.and_then(|entry| self.entries.get_mut(entry)) {
            entry.count += count;
            return Ok(());
        }
        self.insert(text, word, count)
    }

    /// The number of the entry of `word` of `text`.
    #[inline(always)]
    fn find<S: Words>(&self, simd: S, text: &[u8], word: &Word) -> Option<usize> {
        let tag = tag_of(word.hash);
        let mut number = bucket_of(tag, self.buckets.len());
        while let Some(bucket) = self.buckets.get(number) {
            let mut candidates = simd.equal_tags(&bucket.tags, tag);
            while candidates != 0 {
                let entry = bucket.entries[candidates.trailing_zeros() as usize] as usize;
                if let Some(Entry { word: kept, .. }) = self.entries.get(entry)
                    && is_same(kept, word, self.text.bytes(), text)
                {
                    return Some(entry);
                }
                candidates &= candidates - 1;
            }
            if bucket.tags[7] == 0 {
                break;
            }
            number = if number + 1 < self.buckets.len() { number + 1 } else { 0 };
        }
        None
    }

    /// How often a word was counted.
    pub(crate) fn count_of(&self, word: &[u8]) -> u64 {
        let found = self.find(Portable, word, &self.word(word, 0, word.len()));
        found.map_or(0, |entry| self.entries[entry].count)
    }

    #[inline(never)]
    fn insert(&mut self, text: &[u8], word: &Word, count: u64) -> Result<(), WordLimit> {
        if self.entries.len() == self.buckets.len() * Bucket::MAX_FILL {
            self.double_buckets()?;
        }
        if self.entries.len() == self.entries.capacity() {
            let more = self.entries.len().max(Self::FIRST_BUCKETS * Bucket::MAX_FILL);
            self.allow((self.entries.len() + more) * size_of::<Entry>())?;
            self.entries.reserve_exact(more);
        }
        let mut word = *word;
        if word.is_long() && matches!(self.text, Text::Owned(_)) {
            let (offset, len) = word.range();
            word = Word::long(self.keep(&text[offset..offset + len])?, len, word.hash);
        }
        put(&mut self.buckets, tag_of(word.hash), self.entries.len() as u32);
        self.entries.push(Entry { word, count });
        Ok(())
    }

    /// Copies a long word behind those before; returns where it begins.
    fn keep(&mut self, word: &[u8]) -> Result<usize, WordLimit> {
        let kept = self.text.bytes().len();
        if kept + word.len() > self.text.capacity() {
            let more = word.len().max(kept).max(1 << 12);
            self.allow(kept + more)?;
            self.text.reserve(more);
        }
        self.text.append(word);
        Ok(kept)
    }

    /// Whether an allocation of so many bytes is within the limit, beside what there is: growing
    /// may have the old and the new memory for a while.
    fn allow(&self, bytes: usize) -> Result<(), WordLimit> {
        let wanted = self.memory_bytes().saturating_add(bytes);
        if wanted > self.max_bytes || self.entries.len() >= Self::MAX_WORDS {
            return Err(WordLimit::new(self.max_bytes, self.entries.len()));
        }
        Ok(())
    }

    #[cold]
    fn double_buckets(&mut self) -> Result<(), WordLimit> {
        let count = (2 * self.buckets.len()).max(Self::FIRST_BUCKETS);
        self.allow(count * size_of::<Bucket>())?;
        let mut buckets = vec![Bucket::EMPTY; count];
        // By the upper bits of the hash: each bucket goes into two neighbours.
        for bucket in &self.buckets {
            for (tag, entry) in bucket.tags.iter().zip(bucket.entries) {
                if *tag != 0 {
                    put(&mut buckets, *tag, entry);
                }
            }
        }
        self.buckets = buckets;
        Ok(())
    }
}

/// Puts an entry into the first bucket from its own on that has room.
#[inline(always)]
fn put(buckets: &mut [Bucket], tag: u32, entry: u32) {
    let mut number = bucket_of(tag, buckets.len());
    loop {
        let bucket = &mut buckets[number];
        if let Some(free) = bucket.tags.iter().position(|tag| *tag == 0) {
            bucket.tags[free] = tag;
            bucket.entries[free] = entry;
            return;
        }
        number = if number + 1 < buckets.len() { number + 1 } else { 0 };
    }
}

#[inline(always)]
fn is_same(kept: &Word, word: &Word, kept_text: &[u8], text: &[u8]) -> bool {
    if kept.hash != word.hash {
        return false;
    }
    if !word.is_long() {
        return u128::from_le_bytes(kept.key) == u128::from_le_bytes(word.key);
    }
    let ((kept, kept_len), (start, len)) = (kept.range(), word.range());
    kept_text[kept..kept + kept_len] == text[start..start + len]
}

#[inline(always)]
fn numbers(bytes: &[u8; 16]) -> [u64; 2] {
    let (halves, _) = bytes.as_chunks::<8>();
    [u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1])]
}

#[inline(always)]
fn bytes(numbers: [u64; 2]) -> [u8; 16] {
    (u128::from(numbers[0]) | u128::from(numbers[1]) << 64).to_le_bytes()
}

#[inline(always)]
fn tag_of(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
}

/// The bucket where a word is looked for first, of a power of two of them: by the upper bits of its
/// tag, so that the words of a bucket go into two neighbours when there are twice as many.
#[inline(always)]
fn bucket_of(tag: u32, buckets: usize) -> usize {
    ((u64::from(tag) * buckets as u64) >> 32) as usize
}

/// Both halves of the product, which depends on all bits of both factors (the "folded multiply" of
/// wyhash and foldhash).
#[inline(always)]
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
