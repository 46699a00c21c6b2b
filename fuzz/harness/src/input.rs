//! The bytes of an input, taken apart.

/// A source of choices: what the input says, and zeros behind its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    pub(crate) bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(count.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// A number below `limit`, which is at most 65,536.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let number = if limit <= 256 { u16::from(self.u8()) } else { self.u16() };
        usize::from(number) % limit.max(1)
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.u8() & 1 != 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A word that is often small, a neighbour of a power of two, or of the one before.
    pub(crate) fn word(&mut self, before: u64) -> u64 {
        let kind = self.u8();
        match kind >> 5 {
            0 => u64::from(kind & 31),
            1 => before.wrapping_add(u64::from(kind & 31)).wrapping_sub(16),
            2 => before,
            3 => u64::from(self.u8()),
            4 => u64::from(self.u16()).wrapping_mul(1 << (kind & 31)),
            5 => (1u64 << (kind & 31) << (self.u8() & 31)).wrapping_sub(u64::from(kind & 1)),
            6 => before.wrapping_add(u64::from(self.u16())),
            _ => self.u64(),
        }
    }
}

/// Pseudo-random numbers for what is too much to be spelled out (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }
}
