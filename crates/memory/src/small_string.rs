use std::collections::TryReserveError;
use std::mem::ManuallyDrop;
use std::num::NonZeroU64;
use std::ops::Deref;
use std::ptr;

/// A string of 24 bytes that holds up to 24 bytes itself, and longer ones on the heap.
///
/// Up to [`SmallString::INLINE_BYTES`] need no allocation: creating, cloning, comparing and
/// dropping them touches nothing but the value itself. (One exception: a string of exactly 24 bytes
/// whose last byte is NUL stands on the heap.) `Option<SmallString>` has 24 bytes, too. On the heap
/// it is a [`String`], to and from which it turns without copying.
///
/// ```
/// use tidemill_memory::SmallString;
///
/// let mut region = SmallString::from("eu-west-1");
/// assert!(region.is_inline());
/// region.push_str("b");
/// assert_eq!(region, "eu-west-1b");
/// assert!(!SmallString::from("this is a much longer string that will not fit").is_inline());
/// ```
// The bytes of a string in place are those of the whole struct, in order and followed by zeros; the
// last tells the length. No byte is ever uninitialised.
#[repr(C, align(8))]
pub struct SmallString {
    pointer: *mut u8,
    len: usize,
    /// Nothing where pointers have 64 bits.
    middle: [u64; (BYTES - 8 - 2 * size_of::<usize>()) / 8],
    /// The last eight bytes, the first of them lowest on every machine. On the heap: [`HEAP`] in the
    /// highest byte, and the capacity below it. One whole word, because a value that is moved in
    /// pieces and then read as a whole waits for the stores.
    tail: NonZeroU64,
}

const BYTES: usize = 24;
/// The highest byte of the tail of a short string: this and the length. A string of 24 bytes has its
/// own last byte there, which is less (bytes from `0xC0` on begin a sequence in UTF-8), and not 0.
const SHORT: u8 = 0xC0;
/// The highest byte of the tail of a string on the heap.
const HEAP: u8 = 0xFF;
/// The greatest capacity that can be told: 64 PiB.
const MAX_CAPACITY: u64 = u64::MAX >> 8;

const _: () =
    assert!(size_of::<SmallString>() == BYTES && size_of::<Option<SmallString>>() == BYTES);

/// The tail with this highest byte.
const fn tail(last: u8, rest: u64) -> NonZeroU64 {
    // From the lowest byte on, as it stands in memory.
    match NonZeroU64::new((rest | (last as u64) << 56).to_le()) {
        Some(tail) => tail,
        None => panic!("a tail is not 0"),
    }
}

// SAFETY: the pointer is that of a `String` that belongs to this value alone, or no pointer.
unsafe impl Send for SmallString {}
// SAFETY: as above; a shared reference only reads.
unsafe impl Sync for SmallString {}

impl SmallString {
    /// The longest string that is held in place, in bytes.
    pub const INLINE_BYTES: usize = BYTES;

    /// The empty string.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { pointer: ptr::null_mut(), len: 0, middle: [0; _], tail: tail(SHORT, 0) }
    }

    /// A copy of `string`.
    ///
    /// # Errors
    /// When it needs memory and there is none.
    pub fn try_from_str(string: &str) -> Result<Self, TryReserveError> {
        if fits(string.as_bytes()) {
            return Ok(Self::from(string));
        }
        let mut long = String::new();
        long.try_reserve_exact(string.len())?;
        long.push_str(string);
        Ok(Self::on_heap(long))
    }

    /// A value that holds `string` in place, which it must fit.
    #[inline(always)]
    fn in_place(string: &str) -> Self {
        let bytes = string.as_bytes();
        assert!(fits(bytes));
        // SAFETY: it fits.
        let words = unsafe { words(bytes) };
        Self::of_words(words)
    }

    /// The value with these bytes, the last of which is not 0. Made of its fields: through memory, as
    /// a transmutation goes, it would be read in other pieces than it was written.
    #[cfg(target_pointer_width = "64")]
    #[inline(always)]
    fn of_words(words: [u64; 3]) -> Self {
        let [pointer, len, _] = words.map(u64::to_le);
        let pointer = ptr::without_provenance_mut(pointer as usize);
        Self { pointer, len: len as usize, middle: [0; _], tail: tail(0, words[2]) }
    }

    #[cfg(not(target_pointer_width = "64"))]
    fn of_words(words: [u64; 3]) -> Self {
        // SAFETY: 24 initialised bytes are a value: a pointer may have any bits as long as it is not
        // used, an integer has no invalid ones, and the last byte is not 0.
        unsafe { std::mem::transmute::<[u64; 3], Self>(words.map(u64::to_le)) }
    }

    /// A copy on the heap. Its parts come back in registers.
    #[inline(always)]
    fn copy_to_heap(string: &str) -> Self {
        #[cold]
        #[inline(never)]
        fn copy(string: &str) -> (*mut u8, u64) {
            let mut copy = ManuallyDrop::new(string.to_owned());
            (copy.as_mut_ptr(), told(copy.capacity()))
        }
        let (pointer, capacity) = copy(string);
        Self { pointer, len: string.len(), middle: [0; _], tail: tail(HEAP, capacity) }
    }

    #[inline]
    fn on_heap(string: String) -> Self {
        let capacity = told(string.capacity());
        let mut string = ManuallyDrop::new(string);
        let (pointer, len) = (string.as_mut_ptr(), string.len());
        Self { pointer, len, middle: [0; _], tail: tail(HEAP, capacity) }
    }

    /// The last byte of the value.
    #[inline(always)]
    fn last(&self) -> u8 {
        (u64::from_le(self.tail.get()) >> 56) as u8
    }

    /// Whether it is held in place, without an allocation.
    #[inline]
    #[must_use]
    pub fn is_inline(&self) -> bool {
        self.last() != HEAP
    }

    /// Bytes it may have before it has to allocate (again).
    #[must_use]
    pub fn capacity(&self) -> usize {
        if self.is_inline() { BYTES } else { self.heap_bytes() }
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        if self.is_inline() { 0 } else { (u64::from_le(self.tail.get()) & MAX_CAPACITY) as usize }
    }

    /// The string.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &str {
        let last = self.last();
        // Anything below `SHORT` wraps around to more than 24.
        let short = usize::from(last.wrapping_sub(SHORT)).min(BYTES);
        let here = ptr::from_ref(self).cast::<u8>();
        let (pointer, len) =
            if last == HEAP { (self.pointer.cast_const(), self.len) } else { (here, short) };
        // SAFETY: on the heap, pointer and length are those of the `String` that was taken apart.
        // In place, the first `len` bytes of this value are those of the `str` it was made from. In both
        // cases they live and do not change as long as `self` is borrowed.
        unsafe { str::from_utf8_unchecked(std::slice::from_raw_parts(pointer, len)) }
    }

    /// The bytes of this value: those of a string in place, as three words.
    #[inline]
    fn words(&self) -> [u64; 3] {
        // SAFETY: the value has 24 initialised bytes (no padding: see the assertion of its size) and
        // is aligned to 8.
        unsafe { ptr::from_ref(self).cast::<[u64; 3]>().read() }.map(u64::from_le)
    }

    /// Takes the string out, onto the heap; leaves the empty string.
    fn take_string(&mut self) -> String {
        let taken = ManuallyDrop::new(std::mem::take(self));
        if taken.is_inline() {
            return taken.as_str().to_owned();
        }
        // SAFETY: these are the parts of the `String` that `on_heap` took apart, and nobody uses
        // them again: `taken` is not dropped.
        unsafe { String::from_raw_parts(taken.pointer, taken.len, taken.heap_bytes()) }
    }

    /// Appends `string`.
    ///
    /// # Panics
    /// When there is no memory for it.
    pub fn push_str(&mut self, string: &str) {
        let len = self.len();
        if self.is_inline() && len + string.len() <= BYTES {
            let mut bytes = [0; BYTES];
            bytes[..len].copy_from_slice(self.as_bytes());
            bytes[len..len + string.len()].copy_from_slice(string.as_bytes());
            // SAFETY: two whole strings, one after the other.
            let both = unsafe { str::from_utf8_unchecked(&bytes[..len + string.len()]) };
            *self = Self::from(both);
            return;
        }
        // Should this panic, the string is dropped, and this one is empty.
        let mut long = self.take_string();
        long.push_str(string);
        *self = Self::on_heap(long);
    }

    /// Appends a character.
    ///
    /// # Panics
    /// When there is no memory for it.
    pub fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }

    /// Takes the last character off.
    pub fn pop(&mut self) -> Option<char> {
        let last = self.chars().next_back()?;
        self.truncate(self.len() - last.len_utf8());
        Some(last)
    }

    /// Cuts it after `len` bytes, if it is longer. What is on the heap stays there.
    ///
    /// # Panics
    /// When that is within a character.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        let kept = &self[..len];
        if self.is_inline() {
            *self = Self::from(kept);
        } else {
            // A boundary of characters within what there is.
            self.len = len;
        }
    }

    /// Makes it the empty string, and keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
    }
}

/// A capacity that fits below the highest byte of the tail.
fn told(capacity: usize) -> u64 {
    let capacity = capacity as u64;
    assert!(capacity <= MAX_CAPACITY, "a string of {capacity} bytes");
    capacity
}

/// Whether it can be held in place.
#[inline(always)]
fn fits(bytes: &[u8]) -> bool {
    bytes.len() < BYTES || bytes.len() == BYTES && bytes[BYTES - 1] != 0
}

/// The bytes of a value that holds `bytes` in place. The last is never 0.
///
/// The words are put together in registers, from loads that overlap: a copy of a length that only
/// run time knows would be written piece by piece and read whole, which waits for the stores.
///
/// # Safety
/// They must fit.
#[inline(always)]
unsafe fn words(bytes: &[u8]) -> [u64; 3] {
    let len = bytes.len();
    // SAFETY: every place is asked for only where the length says that eight bytes follow it.
    let word = |at: usize| unsafe { bytes.as_ptr().add(at).cast::<u64>().read_unaligned() };
    let word = |at: usize| u64::from_le(word(at));
    let last = u64::from(SHORT | len as u8) << 56;
    if len == BYTES {
        [word(0), word(8), word(16)]
    } else if len >= 16 {
        [word(0), word(8), last | word(len - 8).checked_shr(8 * (24 - len) as u32).unwrap_or(0)]
    } else if len >= 8 {
        [word(0), word(len - 8).checked_shr(8 * (16 - len) as u32).unwrap_or(0), last]
    } else {
        [part(bytes), 0, last]
    }
}

/// Up to seven bytes, the first one lowest.
#[inline(always)]
fn part(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        u64::from(first) | u64::from(last) << (8 * (len - 4))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u16::from_le_bytes(*first), u16::from_le_bytes(*last));
        u64::from(first) | u64::from(last) << (8 * (len - 2))
    } else {
        bytes.first().map_or(0, |byte| u64::from(*byte))
    }
}

impl Drop for SmallString {
    #[inline]
    fn drop(&mut self) {
        if !self.is_inline() {
            drop(self.take_string());
        }
    }
}

impl Clone for SmallString {
    #[inline]
    fn clone(&self) -> Self {
        if !self.is_inline() {
            return Self::copy_to_heap(self);
        }
        // SAFETY: in place, the value is its bytes and owns nothing else.
        unsafe { ptr::read(self) }
    }
}

impl Default for SmallString {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for SmallString {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for SmallString {
    #[inline]
    fn from(string: &str) -> Self {
        if fits(string.as_bytes()) { Self::in_place(string) } else { Self::copy_to_heap(string) }
    }
}

impl From<String> for SmallString {
    /// Copies what fits in place, takes over what does not.
    #[inline]
    fn from(string: String) -> Self {
        if fits(string.as_bytes()) { Self::in_place(&string) } else { Self::on_heap(string) }
    }
}

impl From<SmallString> for String {
    fn from(mut string: SmallString) -> Self {
        string.take_string()
    }
}

impl PartialEq for SmallString {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        if !(self.is_inline() && other.is_inline()) {
            return self.as_str() == other.as_str();
        }
        // What is in place is filled up with zeros: equal strings have equal words.
        let ([a, b, c], [d, e, f]) = (self.words(), other.words());
        (a ^ d) | (b ^ e) | (c ^ f) == 0
    }
}

impl Eq for SmallString {}

impl PartialOrd for SmallString {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SmallString {
    #[inline]
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if !(self.is_inline() && other.is_inline()) {
            return self.as_str().cmp(other);
        }
        // The first byte highest. Where 23 bytes are equal, zeros behind the end included, the last
        // one decides: a length of less than 24, or after all of those a 24th byte.
        let key = |string: &Self| {
            let [first, second, third] = string.words().map(u64::swap_bytes);
            (first, second, third & !0xff | u64::from((third as u8).wrapping_sub(SHORT)))
        };
        key(self).cmp(&key(other))
    }
}
