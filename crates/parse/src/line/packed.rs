//! Key texts of very many series, in few bytes each.
//!
//! Most of a key text stands in many others: only one or two tags tell series apart. So a key text is cut at its
//! commas. The first pieces that stand at a place get codes of one or two bytes, which is all of them at most places;
//! those that come later are written out.
//!
//! ```text
//! packed := 0xff, piece*
//! piece  := code u8                   0x00..=0x7f
//!         | code u14, big endian      0x80.. in the first byte
//!         | length and bytes          0xc0.. | length, behind the place's name
//!         | length and bytes          0xe0.. | length, all of the piece
//! length := 0..=30 in the first byte, or 31 there and u32, little endian, behind it
//! ```

use tidemill_memory::Interner;

use crate::prefix::Prefix;

/// Pieces of a key text that are told apart; the last one has all the rest.
const MAX_PLACES: usize = 64;
/// Different pieces of a place that get codes; all that come later are written out.
const MAX_CODES: usize = 1024;
/// The longest piece that gets a code.
const MAX_CODED_BYTES: usize = 64;

const TWO_BYTES: u8 = 0x80;
const BEHIND_NAME: u8 = 0xc0;
const WHOLE: u8 = 0xe0;
/// Lengths from this one on take four bytes more.
const LONG: usize = 31;

/// The first byte of what is packed, and of no text in UTF-8.
pub(super) const MARK: u8 = 0xff;

/// What packed key texts have in common.
///
/// A piece has a code or is written out for ever, so that a text has one packed form only.
#[derive(Debug, Default)]
pub(super) struct Packer {
    places: Vec<Place>,
    /// What the places take, in bytes.
    place_bytes: usize,
}

#[derive(Debug, Default)]
struct Place {
    /// What the first piece has up to its value: `,tag=`.
    name: Prefix,
    codes: Interner,
    /// The same pieces by code, quick to compare.
    pieces: Vec<Prefix>,
}

impl Packer {
    /// Packs a text over `out`.
    pub(super) fn pack(&mut self, text: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.push(MARK);
        for (number, piece) in pieces(text).enumerate() {
            if number == self.places.len() {
                let name = memchr::memchr(b'=', piece).map_or(0, |equals| equals + 1);
                self.places.push(Place { name: Prefix::new(&piece[..name]), ..Place::default() });
                self.place_bytes += size_of::<Place>() + name;
            }
            let place = &mut self.places[number];
            let code = place.codes.get(piece).or_else(|| {
                let is_one = place.has_code_for(piece);
                is_one.then(|| place.learn(piece, &mut self.place_bytes))
            });
            place.put(piece, code, out);
        }
    }

    /// Packs a text over `out`, if none of its pieces would get a code now: no text with such a piece was packed
    /// before.
    pub(super) fn pack_known(&self, text: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        out.push(MARK);
        for (number, piece) in pieces(text).enumerate() {
            let Some(place) = self.places.get(number) else { return false };
            let code = place.codes.get(piece);
            if code.is_none() && place.has_code_for(piece) {
                return false;
            }
            place.put(piece, code, out);
        }
        true
    }

    /// The length of the text that was packed, if `text` begins with it. `packed` is what stands behind the mark.
    pub(super) fn matches(&self, packed: &[u8], text: &[u8]) -> Option<usize> {
        let (mut rest, mut at) = (packed, 0);
        for place in &self.places {
            let Some(part) = take_part(&mut rest) else { break };
            let text = text.get(at..)?;
            at += match part {
                Part::Code(code) => {
                    let piece = place.pieces.get(code)?;
                    piece.is_start_of(text).then_some(piece.len())?
                }
                Part::Value(value) => {
                    let behind = text.get(place.name.len()..)?;
                    let is_it = place.name.is_start_of(text) && behind.starts_with(value);
                    is_it.then_some(place.name.len() + value.len())?
                }
                Part::Whole(piece) => text.starts_with(piece).then_some(piece.len())?,
            };
        }
        Some(at)
    }

    /// The text that was packed. `packed` is what stands behind the mark.
    pub(super) fn unpack(&self, packed: &[u8]) -> Vec<u8> {
        let (mut rest, mut text) = (packed, Vec::new());
        for place in &self.places {
            match take_part(&mut rest) {
                Some(Part::Code(code)) => text.extend_from_slice(place.codes.bytes(code as u32)),
                Some(Part::Value(value)) => {
                    text.extend_from_slice(place.name.bytes());
                    text.extend_from_slice(value);
                }
                Some(Part::Whole(piece)) => text.extend_from_slice(piece),
                None => break,
            }
        }
        text
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.place_bytes
    }
}

impl Place {
    /// Whether a piece that has no code gets one.
    fn has_code_for(&self, piece: &[u8]) -> bool {
        piece.len() <= MAX_CODED_BYTES && self.codes.len() < MAX_CODES
    }

    /// Gives a piece the next code, and counts what memory that takes.
    fn learn(&mut self, piece: &[u8], bytes: &mut usize) -> u32 {
        let held = |place: &Self| {
            place.codes.memory_bytes() + place.pieces.capacity() * size_of::<Prefix>()
        };
        let before = held(self);
        let (code, _) = self.codes.intern(piece);
        self.pieces.push(Prefix::new(piece));
        *bytes += held(self) - before + piece.len();
        code
    }

    fn put(&self, piece: &[u8], code: Option<u32>, out: &mut Vec<u8>) {
        match code {
            Some(code @ 0..=0x7f) => out.push(code as u8),
            Some(code) => out.extend([TWO_BYTES | (code >> 8) as u8, code as u8]),
            None => match piece.strip_prefix(self.name.bytes()) {
                Some(value) => put_bytes(BEHIND_NAME, value, out),
                None => put_bytes(WHOLE, piece, out),
            },
        }
    }
}

fn put_bytes(mark: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(mark | bytes.len().min(LONG) as u8);
    if bytes.len() >= LONG {
        out.extend((bytes.len() as u32).to_le_bytes());
    }
    out.extend_from_slice(bytes);
}

/// A packed piece.
enum Part<'a> {
    Code(usize),
    /// What stands behind the name of the place.
    Value(&'a [u8]),
    Whole(&'a [u8]),
}

/// Takes the next packed piece off; nothing at the end.
#[inline(always)]
fn take_part<'a>(packed: &mut &'a [u8]) -> Option<Part<'a>> {
    let (&first, mut rest) = packed.split_first()?;
    let part = match first {
        0..TWO_BYTES => Part::Code(usize::from(first)),
        TWO_BYTES..BEHIND_NAME => {
            let low = *rest.split_off_first()?;
            Part::Code(usize::from(first & !BEHIND_NAME) << 8 | usize::from(low))
        }
        _ => {
            let mut length = usize::from(first) & LONG;
            if length == LONG {
                length = u32::from_le_bytes(*rest.split_off(..4)?.first_chunk()?) as usize;
            }
            let bytes = rest.split_off(..length)?;
            if first < WHOLE { Part::Value(bytes) } else { Part::Whole(bytes) }
        }
    };
    *packed = rest;
    Some(part)
}

/// The pieces of a key text: its measurement, then every tag with the comma before it. A comma that is escaped
/// cuts, too: no matter, together they are the text.
fn pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    let mut count = 0;
    std::iter::from_fn(move || {
        let text = rest?;
        count += 1;
        let comma = memchr::memchr(b',', text.get(1..)?).filter(|_| count < MAX_PLACES);
        let (piece, behind) = text.split_at(comma.map_or(text.len(), |comma| comma + 1));
        rest = Some(behind).filter(|behind| !behind.is_empty());
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Few different tags in few places, so that pieces repeat, names change and bytes are odd.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        let value = prop_oneof![
            "[ab]{1,2}".prop_map(String::into_bytes),
            "[a-z]{20,80}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..4),
        ];
        let name = prop_oneof![4 => Just("host"), 1 => Just("h"), 1 => Just("ho")];
        let tag = (name, value).prop_map(|(name, value)| [name.as_bytes(), b"=", &value].concat());
        prop::collection::vec(tag, 0..5).prop_map(|tags| {
            [&[&b"cpu"[..]][..], &tags.iter().map(|tag| &tag[..]).collect::<Vec<_>>()]
                .concat()
                .join(&b","[..])
        })
    }

    /// Every text comes back, is found at the beginning of a longer one, and of no other.
    fn check(texts: &[Vec<u8>]) {
        let mut packer = Packer::default();
        let mut out = Vec::new();
        let mut packed = Vec::new();
        for text in texts {
            packer.pack(text, &mut out);
            packed.push(out.clone());
        }
        for (text, packed) in texts.iter().zip(&packed) {
            assert_eq!((packed[0], &packer.unpack(&packed[1..])), (MARK, text));
            assert!(packer.pack_known(text, &mut out) && out == *packed, "one form for ever");
            packer.pack(text, &mut out);
            assert_eq!(out, *packed, "one form for ever");
            for other in texts {
                let longer = [&other[..], b" u=1"].concat();
                let begins = longer.starts_with(text);
                assert_eq!(packer.matches(&packed[1..], &longer), begins.then_some(text.len()));
                assert_eq!(
                    packer.matches(&packed[1..], &other[..other.len() - 1]),
                    other[..other.len() - 1].starts_with(text).then_some(text.len())
                );
            }
        }
    }

    proptest! {
        #[test]
        fn packed_texts_are_the_texts(texts in prop::collection::vec(key(), 1..20)) {
            check(&texts);
        }
    }

    #[test]
    fn a_place_of_many_pieces_writes_them_out_and_keeps_their_form() {
        let mut packer = Packer::default();
        let mut out = Vec::new();
        let key = |host: usize| format!("cpu,host=host_{host},zone=z{}", host % 7).into_bytes();
        let mut packed = Vec::new();
        for host in 0..3 * MAX_CODES {
            assert!(!packer.pack_known(&key(host), &mut out) || host >= MAX_CODES, "{host} is new");
            packer.pack(&key(host), &mut out);
            // Measurement and zone a byte each; host two, or its value and a length.
            let want = match host {
                0..128 => 3,
                128..MAX_CODES => 4,
                _ => 2 + 1 + format!("host_{host}").len(),
            };
            assert_eq!(out.len() - 1, want, "{host}");
            packed.push(out.clone());
        }
        for (host, packed) in packed.iter().enumerate() {
            assert!(packer.pack_known(&key(host), &mut out) && out == *packed);
            let text = [&key(host)[..], b" u=1i 5"].concat();
            assert_eq!(packer.matches(&packed[1..], &text), Some(key(host).len()));
            assert_eq!(packer.matches(&packed[1..], &key(host + 1)), None);
        }
        assert!(!packer.pack_known(b"cpu,host=host_1,zone=z8", &mut out), "a zone that is new");
        assert!(!packer.pack_known(b"cpu,host=host_1,zone=z1,more=x", &mut out));
        assert!(packer.memory_bytes() > MAX_CODES * 80 && packer.memory_bytes() < MAX_CODES * 240);
    }

    #[test]
    fn long_and_many_pieces() {
        let long = vec![b'x'; 100_000];
        let many: Vec<u8> = (0..200).flat_map(|tag| format!(",t{tag}=v").into_bytes()).collect();
        let text = |end: &[u8]| [b"cpu", &many[..], b",y=", &long, end].concat();
        check(&[text(b"a"), text(b"b"), text(b""), b"cpu".to_vec()]);
        check(&[[b"cpu,host=", &long[..30]].concat(), [b"cpu,host=", &long[..31]].concat()]);
        // Another name of the same length.
        check(&[[b"cpu,host=", &long[..99]].concat(), [b"cpu,hose=", &long[..99]].concat()]);
        // What they have in common is bounded.
        let mut packer = Packer::default();
        packer.pack(&text(b"a"), &mut Vec::new());
        assert_eq!(packer.places.len(), MAX_PLACES);
        assert!(packer.memory_bytes() < 64 << 10, "{}", packer.memory_bytes());
        packer.pack(&[b"cpu,host=", &long[..]].concat(), &mut Vec::new());
        assert!(packer.memory_bytes() < 64 << 10, "{}", packer.memory_bytes());
    }
}
