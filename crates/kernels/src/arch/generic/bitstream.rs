//! Eight values have as many bytes as one has bits, so that each group of eight begins at a byte,
//! and its values at the same bits as those of every other.

use crate::arch::portable::Portable;
use crate::arch::scalar::bitstream as scalar;
use crate::arch::simd::{LANES, Simd};
use crate::bitstream::mask;

/// The widest value that eight bytes hold wherever in a byte it begins.
const MAX_WIDTH: u32 = 57;

/// Bytes that may be looked at from the beginning of a group on.
pub(crate) const WINDOW: usize = 64;

/// Picks values out of a group.
pub(crate) trait Bitstream: Simd {
    /// Where the values of a group begin.
    type Places: Copy;
    fn places(self, width: u32) -> Self::Places;
    /// The 57 bits and more from the beginning of each value on.
    fn pick(self, bytes: &[u8; WINDOW], places: Self::Places) -> Self::U64s;
}

impl Bitstream for Portable {
    /// The byte and the bit of it.
    type Places = [(usize, u32); LANES];
    #[inline(always)]
    fn places(self, width: u32) -> Self::Places {
        std::array::from_fn(|lane| (lane * width as usize / 8, lane as u32 * width % 8))
    }
    #[inline(always)]
    fn pick(self, bytes: &[u8; WINDOW], places: Self::Places) -> [u64; LANES] {
        places.map(|(byte, bit)| {
            bytes[byte..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes) >> bit)
        })
    }
}

#[inline(always)]
pub(crate) fn unpack<S: Bitstream>(simd: S, packed: &[u8], width: u32, base: u64, out: &mut [u64]) {
    if width > MAX_WIDTH {
        return scalar::unpack(packed, width, base, out);
    }
    let group = Group {
        simd,
        places: simd.places(width),
        mask: simd.splat(mask(width)),
        base: simd.splat(base),
    };
    let (step, mut at) = (width as usize, 0);
    let (groups, last) = out.as_chunks_mut::<LANES>();
    let mut groups = groups.iter_mut();
    while let Some(window) = packed.get(at..).filter(|rest| rest.len() >= WINDOW) {
        let Some(out) = groups.next() else { break };
        group.unpack(window, out);
        at += step;
    }
    // The rest is copied once, to where bytes follow that may be looked at.
    let mut window = [0; 2 * WINDOW];
    let rest = packed.get(at..).unwrap_or_default();
    let rest = &rest[..rest.len().min(WINDOW)];
    window[..rest.len()].copy_from_slice(rest);
    at = 0;
    for out in groups {
        group.unpack(&window[at.min(WINDOW)..], out);
        at += step;
    }
    let mut values = [0; LANES];
    group.unpack(&window[at.min(WINDOW)..], &mut values);
    last.copy_from_slice(&values[..last.len()]);
}

struct Group<S: Bitstream> {
    simd: S,
    places: S::Places,
    mask: S::U64s,
    base: S::U64s,
}

impl<S: Bitstream> Group<S> {
    #[inline(always)]
    fn unpack(&self, packed: &[u8], out: &mut [u64; LANES]) {
        let Some(window) = packed.first_chunk() else { return };
        let values = self.simd.pick(window, self.places);
        let values = self.simd.add(self.simd.and(values, self.mask), self.base);
        self.simd.store(values, out);
    }
}
