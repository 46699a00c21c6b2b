use tidemill_memory::Interner;
use tidemill_model::MAX_TAG_BYTES;

use super::string;
use super::token::Fault;

/// The most distinct keys of a file, spelled and nested in different ways.
pub const MAX_KEYS: usize = 16_384;

/// How deep objects may be nested.
pub const MAX_DEPTH: usize = 64;

/// The keys that a reader has met, each with the one that came after it last time.
///
/// Whatever writes a file mostly writes the same keys in the same order. So a key is predicted
/// and verified by comparing bytes, and neither unescaped nor looked up.
#[derive(Debug)]
pub(super) struct Keys {
    /// For each key, the number of the key of the object it stands in, and the raw text.
    texts: Interner,
    entries: Vec<Key>,
    /// The key read last; [`Keys::start_row`] makes it one that stands before all.
    current: u32,
    lookup: Vec<u8>,
}

#[derive(Debug)]
struct Key {
    /// The key as it stands in a row, with its quotes and the colon.
    token: Vec<u8>,
    /// The key of the object it stands in.
    parent: u32,
    next: u32,
    /// The names of all keys that lead to it, joined with dots.
    path: String,
}

/// The number of the key that stands before all and is the parent of the outermost ones.
pub(super) const ROOT: u32 = 0;

impl Keys {
    pub(super) fn new() -> Self {
        let root = Key { token: Vec::new(), parent: ROOT, next: ROOT, path: String::new() };
        let mut texts = Interner::new();
        // No other key has so short a text.
        texts.intern(b"");
        Self { texts, entries: vec![root], current: ROOT, lookup: Vec::new() }
    }

    /// How many keys there are, the root among them.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The names of the objects a key stands in and its own, joined with dots.
    pub(super) fn path(&self, key: u32) -> &str {
        self.entries.get(key as usize).map_or("", |entry| &entry.path)
    }

    #[inline]
    pub(super) fn start_row(&mut self) {
        self.current = ROOT;
    }

    /// The key at `at`, of an object that is the value of `parent`, and where its value starts,
    /// blanks aside.
    #[inline]
    pub(super) fn read(
        &mut self,
        chunk: &[u8],
        at: usize,
        parent: u32,
    ) -> Result<(u32, usize), Fault> {
        let next = self.entries[self.current as usize].next;
        let guess = &self.entries[next as usize];
        let is_right = guess.parent == parent && chunk[at..].starts_with(&guess.token);
        if is_right && next != ROOT {
            self.current = next;
            return Ok((next, at + guess.token.len()));
        }
        self.read_slowly(chunk, at, parent)
    }

    #[cold]
    fn read_slowly(&mut self, chunk: &[u8], at: usize, parent: u32) -> Result<(u32, usize), Fault> {
        if chunk.get(at) != Some(&b'"') {
            return Err(Fault::new(at, "a key in quotes was expected"));
        }
        let found = string::scan(chunk, at + 1)?;
        let raw = &chunk[at + 1..found.end];
        let blanks = chunk[found.end + 1..].iter().take_while(|byte| is_blank(**byte)).count();
        let colon = found.end + 1 + blanks;
        match chunk.get(colon) {
            Some(b':') => {}
            Some(_) => return Err(Fault::new(colon, "a colon was expected")),
            None => return Err(Fault::end_of(chunk)),
        }
        self.lookup.clear();
        self.lookup.extend_from_slice(&parent.to_le_bytes());
        self.lookup.extend_from_slice(raw);
        let key = match self.texts.get(&self.lookup) {
            Some(key) => key,
            None => self.insert(raw, at, parent)?,
        };
        self.entries[self.current as usize].next = key;
        self.current = key;
        Ok((key, colon + 1))
    }

    fn insert(&mut self, raw: &[u8], at: usize, parent: u32) -> Result<u32, Fault> {
        if self.entries.len() > MAX_KEYS {
            return Err(Fault::new(at, format!("more than {MAX_KEYS} distinct keys")));
        }
        let mut name = Vec::new();
        string::unescape(raw, at + 1, &mut name)?;
        let name = std::str::from_utf8(&name)
            .map_err(|_| Fault::new(at + 1, "a key that is not UTF-8"))?;
        let parent_path = self.path(parent);
        let dot = if parent == ROOT { "" } else { "." };
        let path = format!("{parent_path}{dot}{name}");
        if path.is_empty() {
            return Err(Fault::new(at, "an empty key"));
        }
        if path.len() > MAX_TAG_BYTES {
            return Err(Fault::new(at, format!("a key longer than {MAX_TAG_BYTES} bytes")));
        }
        let token = [b"\"", raw, b"\":"].concat();
        let (key, is_new) = self.texts.intern(&self.lookup);
        if is_new {
            self.entries.push(Key { token, parent, next: ROOT, path });
        }
        Ok(key)
    }
}

/// Whether JSON allows this byte between tokens, where a newline does not end the row.
#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// Where the next token starts, and its first byte.
#[inline]
pub(super) fn next_token(chunk: &[u8], mut at: usize) -> Result<(usize, u8), Fault> {
    loop {
        match chunk.get(at) {
            Some(byte) if is_blank(*byte) => at += 1,
            Some(b'\n') => return Err(Fault::new(at, "the row ends too early")),
            Some(byte) => return Ok((at, *byte)),
            None => return Err(Fault::end_of(chunk)),
        }
    }
}
