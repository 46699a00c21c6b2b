//! The framing of the store's files, as `docs/formats` has it: what stands between a fuzzed content
//! and the decoder that is to see it. The one place to change with a format.

/// A log in parts. Version 1 has no marks but frames without a payload, and no base.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Log {
    /// The header before its checksum: magic, version, file number and, from version 2 on, base.
    pub(super) header: Vec<u8>,
    pub(super) marks: Vec<Mark>,
    pub(super) frames: Vec<Frame>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) count: u64,
    pub(super) synced: u64,
    pub(super) is_closed: u8,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) sequence: u64,
    pub(super) synced: u64,
    pub(super) payload: Vec<u8>,
}

const HEADER_FIELDS_BYTES: usize = 28;
const SECTOR_BYTES: usize = 512;
const FRAMES_AT: usize = 3 * SECTOR_BYTES;
const FRAME_HEADER_BYTES: usize = 28;

fn crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).to_le_bytes()
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    bytes[at..at + 4].iter().rev().fold(0, |word, byte| word << 8 | usize::from(*byte))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

impl Log {
    /// Takes a good log of version 2 apart.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mark = |at: usize| Mark {
            count: u64_at(bytes, at),
            synced: u64_at(bytes, at + 8),
            is_closed: bytes[at + 16],
        };
        let mut rest = &bytes[FRAMES_AT..];
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let end = FRAME_HEADER_BYTES + u32_at(rest, 4);
            frames.push(Frame {
                sequence: u64_at(rest, 12),
                synced: u64_at(rest, 20),
                payload: rest[FRAME_HEADER_BYTES..end].to_vec(),
            });
            rest = &rest[end..];
        }
        let header = bytes[..HEADER_FIELDS_BYTES].to_vec();
        Self { header, marks: vec![mark(SECTOR_BYTES), mark(2 * SECTOR_BYTES)], frames }
    }

    /// All before the frames.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut out = [&self.header[..], &crc(&self.header)].concat();
        let file = self.header.get(12..20).unwrap_or_default();
        for (index, mark) in self.marks.iter().enumerate() {
            out.resize((index + 1) * SECTOR_BYTES, 0);
            let fields =
                [&mark.count.to_le_bytes()[..], &mark.synced.to_le_bytes(), &[mark.is_closed]];
            let fields = fields.concat();
            out.extend_from_slice(&fields);
            out.extend_from_slice(&crc(&[file, &fields].concat()));
        }
        if !self.marks.is_empty() {
            out.resize(FRAMES_AT, 0);
        }
        out
    }

    /// The same writes in version 1, whose mark is a frame.
    pub(super) fn into_version_1(mut self) -> Self {
        self.header.truncate(20);
        if let Some(version) = self.header.get_mut(8) {
            *version = 1;
        }
        let bytes = self.head().len() as u64;
        self.frames.iter_mut().for_each(|frame| frame.synced = bytes);
        Self { marks: Vec::new(), ..self }
    }
}

impl Frame {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let mut checked = [self.sequence.to_le_bytes(), self.synced.to_le_bytes()].concat();
        checked.extend_from_slice(&self.payload);
        out.extend_from_slice(b"TFRM");
        out.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc(&checked));
        out.extend_from_slice(&checked);
    }
}

const MANIFEST_HEADER_BYTES: usize = 12;

/// A manifest with this body.
pub(super) fn manifest(body: &[u8]) -> Vec<u8> {
    let content = [b"TIDEMFST", &2u32.to_le_bytes()[..], body].concat();
    let crc = crc(&content);
    [content, crc.to_vec()].concat()
}

pub(super) fn manifest_body(bytes: &[u8]) -> &[u8] {
    &bytes[MANIFEST_HEADER_BYTES..bytes.len() - 4]
}

/// The body of a manifest that counts `bytes` of its only segment and of its only table's
/// definition, as those files are long now.
pub(super) fn recount(body: &[u8], definition_bytes: usize, segment_bytes: usize) -> Vec<u8> {
    let mut at = 24;
    let (_tables, table) = (varint(body, &mut at), varint(body, &mut at));
    varint(body, &mut at);
    let retention = varint(body, &mut at);
    let mut out = body[..24].to_vec();
    [1, table, definition_bytes as u128, retention]
        .into_iter()
        .for_each(|number| put(&mut out, number));
    // Segments: how many, then file, table, sequence, rows.
    (0..5).for_each(|_| put(&mut out, varint(body, &mut at)));
    varint(body, &mut at);
    put(&mut out, segment_bytes as u128);
    out.extend_from_slice(&body[at..]);
    out
}

const DEFINITION_HEADER_BYTES: usize = 16;

/// A definition file of table 0 with these additions.
pub(super) fn definition(additions: &[Vec<u8>]) -> Vec<u8> {
    let mut out = [b"TIDEMDEF", &1u32.to_le_bytes()[..], &0u32.to_le_bytes()].concat();
    for addition in additions {
        out.extend_from_slice(&(addition.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc(addition));
        out.extend_from_slice(addition);
    }
    out
}

pub(super) fn additions(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &bytes[DEFINITION_HEADER_BYTES..];
    let mut additions = Vec::new();
    while !rest.is_empty() {
        let end = 8 + u32_at(rest, 0);
        additions.push(rest[8..end].to_vec());
        rest = &rest[end..];
    }
    additions
}

/// A segment of table 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segment {
    /// The footer up to the number of blocks.
    pub(super) head: Vec<u8>,
    pub(super) blocks: Vec<Block>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    /// What the footer says before the chunks: rows, first time, last time.
    pub(super) head: Vec<u8>,
    pub(super) chunks: Vec<Vec<u8>>,
}

const SEGMENT_HEADER_BYTES: usize = 16;
const SEGMENT_TRAILER_BYTES: usize = 16;

impl Segment {
    /// Takes a good segment apart.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let end = bytes.len() - SEGMENT_TRAILER_BYTES;
        let footer = &bytes[end - u32_at(bytes, end)..end];
        let mut at = 0;
        skip(footer, &mut at, 2);
        let fields = varint(footer, &mut at);
        for _ in 0..fields {
            varint(footer, &mut at);
            at += 1;
        }
        let runs = varint(footer, &mut at);
        skip(footer, &mut at, 4 * runs);
        let head = footer[..at].to_vec();
        let (mut blocks, mut chunk_at) = (Vec::new(), SEGMENT_HEADER_BYTES);
        for _ in 0..varint(footer, &mut at) {
            let start = at;
            skip(footer, &mut at, 3);
            let mut block = Block { head: footer[start..at].to_vec(), chunks: Vec::new() };
            for _ in 0..=fields {
                let length = varint(footer, &mut at) as usize;
                at += if length > 0 { 4 } else { 0 };
                block.chunks.push(bytes[chunk_at..chunk_at + length].to_vec());
                chunk_at += length;
            }
            blocks.push(block);
        }
        Self { head, blocks }
    }

    pub(super) fn build(&self) -> Vec<u8> {
        let mut out = [b"TIDEMSEG", &1u32.to_le_bytes()[..], &0u32.to_le_bytes()].concat();
        let mut footer = self.head.clone();
        put(&mut footer, self.blocks.len() as u128);
        for block in &self.blocks {
            footer.extend_from_slice(&block.head);
            for chunk in &block.chunks {
                put(&mut footer, chunk.len() as u128);
                if !chunk.is_empty() {
                    footer.extend_from_slice(&crc(chunk));
                }
                out.extend_from_slice(chunk);
            }
        }
        out.extend_from_slice(&footer);
        out.extend_from_slice(&(footer.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc(&footer));
        out.extend_from_slice(b"TIDEMSEG");
        out
    }
}

/// Reads an LEB128 number of a good file.
fn varint(bytes: &[u8], at: &mut usize) -> u128 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u128::from(byte & 0x7F) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn skip(bytes: &[u8], at: &mut usize, numbers: u128) {
    for _ in 0..numbers {
        varint(bytes, at);
    }
}

/// Appends an LEB128 number.
pub(super) fn put(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
