use crate::bytes::{Cursor, MAX_NUMBER, Put};

pub(super) const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"TFRM");
pub(super) const FRAME_HEADER_BYTES: usize = 28;

/// A frame as it stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) sequence: u64,
    /// Bytes of the file that were durable when the frame was made.
    pub(super) synced: u64,
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(super) fn bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.payload.len()
    }

    /// Appends the frame, whose payload comes in pieces.
    pub(super) fn put(sequence: u64, synced: u64, payload: &[&[u8]], out: &mut Vec<u8>) {
        let start = out.len();
        let bytes: usize = payload.iter().map(|piece| piece.len()).sum();
        out.put_u32(FRAME_MAGIC);
        out.put_u32(bytes as u32);
        out.put_u32(0);
        out.put_u64(sequence);
        out.put_u64(synced);
        payload.iter().for_each(|piece| out.put(piece));
        let crc = crc32c::crc32c(&out[start + 12..]);
        out[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
    }

    /// The frame at the start of `bytes`, if a whole and undamaged one stands there.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let magic = cursor.u32().ok()?;
        let length = cursor.u32().ok()? as usize;
        let crc = cursor.u32().ok()?;
        let end = FRAME_HEADER_BYTES.checked_add(length)?;
        let checked = bytes.get(12..end).filter(|_| magic == FRAME_MAGIC)?;
        if crc32c::crc32c(checked) != crc {
            return None;
        }
        let (sequence, synced) = (cursor.u64().ok()?, cursor.u64().ok()?);
        let frame = Self { sequence, synced, payload: checked.get(FRAME_HEADER_BYTES - 12..)? };
        (frame.sequence <= MAX_NUMBER).then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_and_every_flipped_bit() {
        let mut out = Vec::new();
        Frame::put(5, 24, &[b"ab", b"c"], &mut out);
        let hex: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5446524d03000000acb91c4405000000000000001800000000000000616263");
        let frame = Frame { sequence: 5, synced: 24, payload: b"abc" };
        assert_eq!(Frame::parse(&out), Some(frame));
        for bit in 0..out.len() * 8 {
            let mut damaged = out.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::parse(&damaged), None, "bit {bit}");
        }
        for cut in 0..out.len() {
            assert_eq!(Frame::parse(&out[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_number_that_no_store_reaches_is_none() {
        for (number, is_one) in [(MAX_NUMBER, true), (MAX_NUMBER + 1, false), (u64::MAX, false)] {
            let mut out = Vec::new();
            Frame::put(number, 0, &[b"a"], &mut out);
            assert_eq!(Frame::parse(&out).is_some(), is_one, "{number}");
        }
    }
}
