use tidemill_memory::Interner;
use tidemill_model::FieldType;

use super::escape::Escapes;
use super::grammar::Text;

/// The fields of a table that were seen.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Names as they stand in the text.
    names: Interner,
    /// By id in `names`.
    fields: Vec<Field>,
    /// The id of the field the last row started with.
    first: u32,
    /// Rows of the last chunk; while one is read, rows there were before it.
    pub(super) rows: usize,
}

/// A field that was seen.
#[derive(Debug)]
pub(super) struct Field {
    /// The name as it stands in the text, with its equals sign.
    name: Box<[u8]>,
    /// The first bytes of the name, and which bits of them count: comparing a fixed number of
    /// bytes is several times faster than comparing any number.
    head: [u64; HEAD_WORDS],
    mask: [u64; HEAD_WORDS],
    /// The id of the field that followed.
    successor: u32,
    /// The type it had last.
    pub(super) ty: FieldType,
    /// The table's column for each type, by the type's code.
    columns: [Option<u32>; FieldType::ALL.len() + 1],
}

const HEAD_WORDS: usize = 4;
const HEAD_BYTES: usize = HEAD_WORDS * size_of::<u64>();

impl Layout {
    /// The id of the field whose name stands at `at`, if it was seen. `previous` is the field
    /// before it in the row.
    #[inline(always)]
    pub(super) fn field(
        &mut self,
        previous: Option<u32>,
        text: &Text<'_>,
        at: usize,
    ) -> Option<u32> {
        let guess = match previous {
            Some(previous) => self.fields[previous as usize].successor,
            None => self.first,
        };
        if self.is_at(guess, text, at) { Some(guess) } else { self.find(previous, guess, text, at) }
    }

    #[inline(always)]
    fn is_at(&self, id: u32, text: &Text<'_>, at: usize) -> bool {
        match self.fields.get(id as usize) {
            Some(field) => field.is_start_of(&text.bytes[at..]),
            None => false,
        }
    }

    #[inline(never)]
    fn find(
        &mut self,
        previous: Option<u32>,
        guess: u32,
        text: &Text<'_>,
        at: usize,
    ) -> Option<u32> {
        // One field is missing in this row: the usual one is still the likely one in the next.
        if let Some(skipped) = self.fields.get(guess as usize) {
            let after = skipped.successor;
            if self.is_at(after, text, at) {
                return Some(after);
            }
        }
        let end = text.name_end(at, Escapes::Tag);
        if text.bytes.get(end) != Some(&b'=') {
            return None;
        }
        let id = self.names.get(&text.bytes[at..end])?;
        match previous {
            Some(previous) => self.fields[previous as usize].successor = id,
            None => self.first = id,
        }
        Some(id)
    }

    /// A field.
    ///
    /// # Panics
    /// When `id` was not given out by this layout.
    #[inline]
    pub(super) fn get(&mut self, id: u32) -> &mut Field {
        &mut self.fields[id as usize]
    }

    /// The column of a field and type, by the field's name as it stands in the text.
    pub(super) fn column(&self, name: &str, ty: FieldType) -> Option<usize> {
        let id = self.names.get(name.as_bytes())?;
        self.fields[id as usize].column(ty)
    }

    /// Remembers a field; returns how many bytes more that takes.
    pub(super) fn learn(&mut self, name: &str, ty: FieldType, column: usize) -> usize {
        let (id, is_new) = self.names.intern(name.as_bytes());
        if is_new {
            self.fields.push(Field::new(name, id + 1));
        }
        let field = &mut self.fields[id as usize];
        field.ty = ty;
        field.columns[usize::from(ty.code())] = u32::try_from(column).ok();
        if is_new { 2 * name.len() + size_of::<Field>() + size_of::<u64>() * 2 } else { 0 }
    }
}

impl Field {
    fn new(name: &str, successor: u32) -> Self {
        let name = [name.as_bytes(), b"="].concat();
        let mut head = [0; HEAD_BYTES];
        let mut mask = [0; HEAD_BYTES];
        for (index, byte) in name.iter().enumerate().take(HEAD_BYTES) {
            head[index] = *byte;
            mask[index] = u8::MAX;
        }
        Self {
            name: name.into_boxed_slice(),
            head: words(&head),
            mask: words(&mask),
            successor,
            ty: FieldType::Float,
            columns: [None; FieldType::ALL.len() + 1],
        }
    }

    #[inline(always)]
    fn is_start_of(&self, text: &[u8]) -> bool {
        match text.first_chunk::<HEAD_BYTES>() {
            Some(start) if self.name.len() <= HEAD_BYTES => {
                let start = words(start);
                let differs = |i: usize| (start[i] ^ self.head[i]) & self.mask[i];
                (0..HEAD_WORDS).fold(0, |bits, i| bits | differs(i)) == 0
            }
            _ => text.starts_with(&self.name),
        }
    }

    /// The length of the name with its equals sign.
    #[inline]
    pub(super) fn name_len(&self) -> usize {
        self.name.len()
    }

    /// The column for values of this type.
    #[inline]
    pub(super) fn column(&self, ty: FieldType) -> Option<usize> {
        self.columns[usize::from(ty.code())].map(|column| column as usize)
    }

    /// The columns for values of other types.
    pub(super) fn other_columns(&self, ty: FieldType) -> impl Iterator<Item = usize> {
        FieldType::ALL
            .into_iter()
            .filter(move |other| *other != ty)
            .filter_map(|ty| self.column(ty))
    }
}

#[inline]
fn words(bytes: &[u8; HEAD_BYTES]) -> [u64; HEAD_WORDS] {
    let mut words = [0; HEAD_WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}
