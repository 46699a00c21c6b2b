/// Bytes that a text is expected to go on with.
#[derive(Debug, Default)]
pub(crate) struct Prefix {
    bytes: Vec<u8>,
    /// The first bytes, and which bits of them count: comparing a fixed number of bytes is several
    /// times faster than comparing any number.
    head: [u64; HEAD_WORDS],
    mask: [u64; HEAD_WORDS],
}

const HEAD_WORDS: usize = 4;
pub(crate) const HEAD_BYTES: usize = HEAD_WORDS * size_of::<u64>();

impl Prefix {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut prefix = Self::default();
        prefix.set(bytes);
        prefix
    }

    /// Expects other bytes from now on.
    pub(crate) fn set(&mut self, bytes: &[u8]) {
        let mut head = [0; HEAD_BYTES];
        let mut mask = [0; HEAD_BYTES];
        for (index, byte) in bytes.iter().enumerate().take(HEAD_BYTES) {
            head[index] = *byte;
            mask[index] = u8::MAX;
        }
        (self.head, self.mask) = (words(&head), words(&mask));
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether `text` begins with these bytes.
    #[inline(always)]
    pub(crate) fn is_start_of(&self, text: &[u8]) -> bool {
        match text.first_chunk::<HEAD_BYTES>() {
            Some(start) if self.is_short() => self.is_head_of(start),
            _ => text.starts_with(&self.bytes),
        }
    }

    /// Whether `text` begins with these bytes, as far as these are in the head.
    #[inline(always)]
    pub(crate) fn is_head_of(&self, text: &[u8; HEAD_BYTES]) -> bool {
        let text = words(text);
        let differs = |i: usize| (text[i] ^ self.head[i]) & self.mask[i];
        (0..HEAD_WORDS).fold(0, |bits, i| bits | differs(i)) == 0
    }

    /// Whether they all are.
    #[inline(always)]
    pub(crate) fn is_short(&self) -> bool {
        self.bytes.len() <= HEAD_BYTES
    }
}

#[inline(always)]
fn words(bytes: &[u8; HEAD_BYTES]) -> [u64; HEAD_WORDS] {
    let mut words = [0; HEAD_WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}
