use crate::bytes::{HEADER_BYTES, put_varint};
use crate::ints_encoder::IntsEncoder;
use crate::texts::{DICTIONARY, MAX_SHARED_BYTES, PLAIN};
use crate::{Error, MAX_BLOCK_ROWS, VECTOR_ROWS};
use tidemill_kernels::bitpack::width_of;
use tidemill_memory::Interner;

/// Encodes strings as [`crate::texts`](mod@crate::texts) lays them out.
#[derive(Default)]
pub(crate) struct TextsEncoder {
    entries: Interner,
    order: Vec<u32>,
    ranks: Vec<u64>,
    codes: Vec<u64>,
    shared: Vec<u64>,
    lengths: Vec<u64>,
    bytes: Vec<u8>,
}

impl TextsEncoder {
    /// Bytes of memory held by texts.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.entries.memory_bytes() + self.bytes.capacity()
    }

    pub(crate) fn encode<'v>(
        &mut self,
        ints: &mut IntsEncoder,
        rows: usize,
        value: impl Fn(usize) -> &'v str,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        assert!(rows <= MAX_BLOCK_ROWS, "a block of {rows} rows");
        out.try_reserve(HEADER_BYTES)?;
        if !self.find_entries(rows, &value)? {
            out.push(PLAIN);
            return self.put_strings(ints, rows, (0..rows).map(value), out);
        }
        self.sort()?;
        out.push(DICTIONARY);
        put_varint(out, self.order.len() as u64);
        let (entries, order) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.order));
        // Whole strings came in, so whole strings come out.
        let entry = |id: &u32| str::from_utf8(entries.bytes(*id)).unwrap_or_default();
        let put = self.put_strings(ints, order.len(), order.iter().map(entry), out);
        (self.entries, self.order) = (entries, order);
        put?;
        Ok(ints.encode(&self.codes, out)?)
    }

    /// Finds the distinct strings and each row's number among them; `false` when a dictionary
    /// would be no smaller than the strings.
    fn find_entries<'v>(
        &mut self,
        rows: usize,
        value: &impl Fn(usize) -> &'v str,
    ) -> Result<bool, Error> {
        self.entries.clear();
        self.codes.clear();
        self.codes.try_reserve(rows)?;
        let (mut bytes, mut entry_bytes) = (0, 0);
        for row in 0..rows {
            let text = value(row);
            let (id, is_new) = self.entries.try_intern(text.as_bytes())?;
            self.codes.push(u64::from(id));
            bytes += text.len();
            entry_bytes += if is_new { text.len() } else { 0 };
            if row % VECTOR_ROWS == VECTOR_ROWS - 1 && self.entries.len() > row - row / 4 {
                return Ok(false);
            }
        }
        let entries = self.entries.len();
        let code_bits = rows * width_of(entries.saturating_sub(1) as u64) as usize;
        // A plain string has its length, too.
        Ok(entry_bytes + 2 * entries + code_bits / 8 < bytes + rows)
    }

    /// Sorts the entries, and renumbers the codes.
    fn sort(&mut self) -> Result<(), Error> {
        self.order.clear();
        self.order.try_reserve(self.entries.len())?;
        self.order.extend(0..self.entries.len() as u32);
        self.order.sort_unstable_by_key(|id| self.entries.bytes(*id));
        self.ranks.clear();
        self.ranks.try_reserve(self.order.len())?;
        self.ranks.resize(self.order.len(), 0);
        for (rank, id) in self.order.iter().enumerate() {
            self.ranks[*id as usize] = rank as u64;
        }
        self.codes.iter_mut().for_each(|code| *code = self.ranks[*code as usize]);
        Ok(())
    }

    fn put_strings<'v>(
        &mut self,
        ints: &mut IntsEncoder,
        count: usize,
        strings: impl Iterator<Item = &'v str>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.shared.clear();
        self.lengths.clear();
        self.bytes.clear();
        self.shared.try_reserve(count)?;
        self.lengths.try_reserve(count)?;
        let mut before = "";
        for (index, string) in strings.enumerate() {
            let shared = if index % VECTOR_ROWS == 0 { 0 } else { shared_bytes(before, string) };
            self.shared.push(shared as u64);
            self.lengths.push((string.len() - shared) as u64);
            let remainder = &string.as_bytes()[shared..];
            self.bytes.try_reserve(remainder.len())?;
            self.bytes.extend_from_slice(remainder);
            before = string;
        }
        ints.encode(&self.shared, out)?;
        ints.encode(&self.lengths, out)?;
        out.try_reserve(HEADER_BYTES + self.bytes.len())?;
        put_varint(out, self.bytes.len() as u64);
        out.extend_from_slice(&self.bytes);
        Ok(())
    }
}

/// How many bytes `b` has in common with `a`, up to the greatest number allowed.
fn shared_bytes(a: &str, b: &str) -> usize {
    let pairs = a.bytes().zip(b.bytes()).take(MAX_SHARED_BYTES);
    pairs.take_while(|(a, b)| a == b).count()
}
