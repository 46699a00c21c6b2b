use std::fmt;
use std::ops::{Bound, Range, RangeBounds};

use crate::OutOfMemory;

/// Keys of a node, and children of an inner one.
const NODE: usize = 16;
/// The bytes that caches move.
const LINE_BYTES: usize = 64;
/// Searches that [`SearchTree::lower_bounds`] carries on at a time: while one waits for its node,
/// the others go on.
const ABREAST: usize = 16;

/// A sorted set, or map, that does not change and is searched fast.
///
/// The sorted keys, in nodes of 16, are the leaves of a static B+ tree; above them stand levels of
/// nodes, each of the greatest keys of 16 subtrees, all in one block and aligned to cache lines. Of the layouts
/// that Khuong and Morin compare ("Array Layouts for Comparison-Based Searching", 2017) it is the B-tree,
/// with all keys in the leaves (S+ tree: Slotin, "Algorithms for Modern Hardware", 2022). A search makes the
/// log n comparisons of a binary search, without a branch, but they lie in 6 nodes instead of 20
/// places for 16 million keys; ranges are slices of the sorted keys. A key costs its bytes and a
/// fifteenth of them.
///
/// Equal keys may occur and stand side by side, in the order they came.
///
/// # When something else is better
/// `BTreeMap` when keys come and go. A sorted slice and `partition_point` when there are few keys (up
/// to some thousands, all in the first cache), or so few searches that copying the keys does not pay.
/// A hash map when only equality is asked for.
///
/// ```
/// use tidemill_memory::SearchTree;
///
/// let firsts = SearchTree::from_sorted(vec![10, 20, 20, 30], vec!["a", "b", "c", "d"]);
/// assert_eq!(firsts.get(&20), Some(&"b"));
/// assert_eq!(firsts.lower_bound(&25), 3);
/// assert_eq!(firsts.range(15..30), (&[20, 20][..], &["b", "c"][..]));
/// ```
pub struct SearchTree<K, V = ()> {
    /// Padding up to a cache line, the levels from the root down, the keys, and padding up to a whole
    /// node. Padding repeats the greatest key: nothing that is searched lies behind it.
    nodes: Vec<K>,
    /// Where each level begins, the root first; the last is where the keys begin.
    levels: Vec<usize>,
    values: Vec<V>,
}

impl<K: Ord + Copy> SearchTree<K> {
    /// A set of these keys, which must ascend. (Equal ones may occur.)
    ///
    /// # Panics
    /// When they do not ascend, or there is no memory.
    #[must_use]
    pub fn from_sorted_keys(keys: &[K]) -> Self {
        Self::build(keys, vec![(); keys.len()])
    }

    /// [`SearchTree::from_sorted_keys`].
    ///
    /// # Errors
    /// [`OutOfMemory`].
    ///
    /// # Panics
    /// When the keys do not ascend.
    pub fn try_from_sorted_keys(keys: &[K]) -> Result<Self, OutOfMemory> {
        // Values of no size need no memory.
        Self::try_from_sorted(keys, vec![(); keys.len()]).map_err(|(_, refused)| refused)
    }
}

impl<K: Ord + Copy, V> SearchTree<K, V> {
    /// A map of keys that ascend (equal ones may occur), each to the value of the same number.
    ///
    /// # Panics
    /// When the keys do not ascend, there are not as many values, or there is no memory.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "as the values are")]
    pub fn from_sorted(keys: Vec<K>, values: Vec<V>) -> Self {
        Self::build(&keys, values)
    }

    /// A map of keys that ascend (equal ones may occur), each to the value of the same number.
    ///
    /// # Errors
    /// The values, and [`OutOfMemory`].
    ///
    /// # Panics
    /// When the keys do not ascend, or there are not as many values.
    pub fn try_from_sorted(keys: &[K], values: Vec<V>) -> Result<Self, (Vec<V>, OutOfMemory)> {
        assert!(keys.is_sorted(), "keys of a search tree ascend");
        assert_eq!(keys.len(), values.len(), "as many values as keys");
        match Self::nodes(keys) {
            Ok((nodes, levels)) => Ok(Self { nodes, levels, values }),
            Err(refused) => Err((values, refused)),
        }
    }

    fn build(keys: &[K], values: Vec<V>) -> Self {
        Self::try_from_sorted(keys, values).unwrap_or_else(|(_, refused)| refused.raise())
    }

    /// Nodes and levels.
    fn nodes(keys: &[K]) -> Result<(Vec<K>, Vec<usize>), OutOfMemory> {
        let Some(&greatest) = keys.last() else { return Ok((Vec::new(), Vec::new())) };
        // Nodes of each level, from the leaves up: a sixteenth of those below, and so few levels.
        let (mut counts, mut height) = ([0; usize::BITS as usize / NODE.ilog2() as usize + 1], 1);
        counts[0] = keys.len().div_ceil(NODE);
        while counts[height - 1] > 1 {
            counts[height] = counts[height - 1].div_ceil(NODE);
            height += 1;
        }
        let counts = &counts[..height];
        let total: usize = counts.iter().sum::<usize>() * NODE;
        // Padding is less than this: so many places there are within a line.
        let places = (LINE_BYTES / align_of::<K>()).max(1);
        let mut nodes: Vec<K> = try_with_capacity(total + places)?;
        let mut levels = try_with_capacity(counts.len())?;
        let padding = nodes.as_ptr().align_offset(LINE_BYTES);
        // Where no number of keys leads to a line's beginning, any place will do.
        nodes.resize(if padding < places { padding } else { 0 }, greatest);
        for (height, count) in counts.iter().enumerate().rev() {
            levels.push(nodes.len());
            // Keys under a slot at this height.
            let under = NODE.pow(height as u32);
            let last = |slot: usize| (slot + 1).saturating_mul(under) - 1;
            nodes.extend((0..count * NODE).map(|slot| *keys.get(last(slot)).unwrap_or(&greatest)));
        }
        Ok((nodes, levels))
    }

    /// The number of keys.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All keys, ascending.
    #[inline]
    #[must_use]
    pub fn keys(&self) -> &[K] {
        let start = self.levels.last().copied().unwrap_or_default();
        &self.nodes[start..start + self.len()]
    }

    /// The values, in the order of their keys.
    #[inline]
    #[must_use]
    pub fn values(&self) -> &[V] {
        &self.values
    }

    /// The values, in the order of their keys.
    #[inline]
    pub fn values_mut(&mut self) -> &mut [V] {
        &mut self.values
    }

    /// How many keys at the beginning there are for which `before` holds, where it holds for none
    /// after them. Costs four calls a level.
    #[inline]
    pub fn partition_point(&self, mut before: impl FnMut(&K) -> bool) -> usize {
        // Then every node that is gone through has a key for which it does not hold.
        let Some(greatest) = self.keys().last() else { return 0 };
        if before(greatest) {
            return self.len();
        }
        let mut at = 0;
        for level in &self.levels {
            let start = level + at * NODE;
            self.prefetch_node(start);
            at = at * NODE + self.count(start, &mut before);
        }
        // An order that contradicts itself may lead further.
        at.min(self.len())
    }

    /// Of the 16 keys from `start` on, those for which `before` holds, if not for all.
    #[inline(always)]
    fn count(&self, start: usize, mut before: impl FnMut(&K) -> bool) -> usize {
        // Not even an `Ord` that contradicts itself leads out of `nodes`.
        let Some(keys) = self.nodes.get(start..).and_then(<[K]>::first_chunk::<NODE>) else {
            return 0;
        };
        let mut at = 8 * usize::from(before(&keys[7]));
        at += 4 * usize::from(before(&keys[at + 3]));
        at += 2 * usize::from(before(&keys[at + 1]));
        at + usize::from(before(&keys[at]))
    }

    /// How many keys are less than `key`: the number of the first one that is not.
    #[inline]
    #[must_use]
    pub fn lower_bound(&self, key: &K) -> usize {
        self.partition_point(|other| other < key)
    }

    /// How many keys are at most `key`: the number of the first one that is greater.
    #[inline]
    #[must_use]
    pub fn upper_bound(&self, key: &K) -> usize {
        self.partition_point(|other| other <= key)
    }

    /// The [`SearchTree::lower_bound`] of each key, in order, into `found`, which is overwritten.
    ///
    /// Searches 16 keys side by side: much faster than one after the other when the tree is larger
    /// than the caches.
    ///
    /// # Panics
    /// When there is no memory for what is found.
    pub fn lower_bounds(&self, keys: &[K], found: &mut Vec<usize>) {
        self.try_lower_bounds(keys, found).unwrap_or_else(|refused| refused.raise());
    }

    /// [`SearchTree::lower_bounds`].
    ///
    /// # Errors
    /// [`OutOfMemory`]; `found` is empty then.
    pub fn try_lower_bounds(&self, keys: &[K], found: &mut Vec<usize>) -> Result<(), OutOfMemory> {
        found.clear();
        found.try_reserve(keys.len()).map_err(|_| OutOfMemory::array::<usize>(keys.len()))?;
        let Some(greatest) = self.keys().last() else {
            found.resize(keys.len(), 0);
            return Ok(());
        };
        for keys in keys.chunks(ABREAST) {
            let mut places = [0; ABREAST];
            for (height, level) in self.levels.iter().enumerate() {
                let next = self.levels.get(height + 1);
                for (at, key) in places.iter_mut().zip(keys) {
                    let key = key.min(greatest);
                    *at = *at * NODE + self.count(level + *at * NODE, |other| other < key);
                    if let Some(next) = next {
                        self.prefetch_node(next + *at * NODE);
                    }
                }
            }
            let bound = |(at, key): (&usize, &K)| {
                if key > greatest { self.len() } else { (*at).min(self.len()) }
            };
            found.extend(places.iter().zip(keys).map(bound));
        }
        Ok(())
    }

    #[inline(always)]
    fn prefetch_node(&self, start: usize) {
        let Some(keys) = self.nodes.get(start..).and_then(<[K]>::first_chunk::<NODE>) else {
            return;
        };
        for line in keys.chunks((LINE_BYTES / size_of::<K>().max(1)).max(1)) {
            tidemill_machine::prefetch::read(&line[0]);
        }
    }

    /// The number of the first key equal to `key`.
    #[inline]
    #[must_use]
    pub fn find(&self, key: &K) -> Option<usize> {
        let at = self.lower_bound(key);
        (self.keys().get(at) == Some(key)).then_some(at)
    }

    /// Whether there is such a key.
    #[inline]
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.find(key).is_some()
    }

    /// The value of the first key equal to `key`.
    #[inline]
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.find(key).map(|at| &self.values[at])
    }

    /// The value of the first key equal to `key`.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).map(|at| &mut self.values[at])
    }

    /// The keys within bounds, and their values. Empty where the bounds cross.
    pub fn range(&self, bounds: impl RangeBounds<K>) -> (&[K], &[V]) {
        let range = self.range_of(bounds.start_bound(), bounds.end_bound());
        (&self.keys()[range.clone()], &self.values[range])
    }

    fn range_of(&self, start: Bound<&K>, end: Bound<&K>) -> Range<usize> {
        let start = match start {
            Bound::Included(key) => self.lower_bound(key),
            Bound::Excluded(key) => self.upper_bound(key),
            Bound::Unbounded => 0,
        };
        let end = match end {
            Bound::Included(key) => self.upper_bound(key),
            Bound::Excluded(key) => self.lower_bound(key),
            Bound::Unbounded => self.len(),
        };
        start..end.max(start)
    }

    /// Keys with their values, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + ExactSizeIterator {
        self.keys().iter().zip(&self.values)
    }

    /// Bytes of memory held, without what values own elsewhere.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<K>()
            + self.levels.capacity() * size_of::<usize>()
            + self.values.capacity() * size_of::<V>()
    }
}

fn try_with_capacity<T>(capacity: usize) -> Result<Vec<T>, OutOfMemory> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(capacity).map_err(|_| OutOfMemory::array::<T>(capacity))?;
    Ok(vec)
}

impl<K: Ord + Copy, V> Default for SearchTree<K, V> {
    fn default() -> Self {
        Self { nodes: Vec::new(), levels: Vec::new(), values: Vec::new() }
    }
}

impl<K: Ord + Copy, V: Clone> Clone for SearchTree<K, V> {
    /// Built anew: what is aligned here need not be elsewhere.
    fn clone(&self) -> Self {
        Self::build(self.keys(), self.values.clone())
    }
}

impl<K: Ord + Copy, V> FromIterator<(K, V)> for SearchTree<K, V> {
    /// Sorts by key; equal ones keep their order.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut entries: Vec<(K, V)> = entries.into_iter().collect();
        entries.sort_by_key(|entry| entry.0);
        let (keys, values): (Vec<K>, Vec<V>) = entries.into_iter().unzip();
        Self::build(&keys, values)
    }
}

impl<K: Ord + Copy> FromIterator<K> for SearchTree<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut keys: Vec<K> = keys.into_iter().collect();
        keys.sort_unstable();
        Self::from_sorted_keys(&keys)
    }
}

impl<K: Ord + Copy + fmt::Debug, V: fmt::Debug> fmt::Debug for SearchTree<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Copy, V: PartialEq> PartialEq for SearchTree<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.keys() == other.keys() && self.values == other.values
    }
}

impl<K: Ord + Copy, V: Eq> Eq for SearchTree<K, V> {}

impl<K: Ord + Copy + std::hash::Hash, V: std::hash::Hash> std::hash::Hash for SearchTree<K, V> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.keys(), &self.values).hash(state);
    }
}
