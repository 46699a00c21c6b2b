//! Text in chunks that end at a line.

use std::io;
use std::time::Instant;

use super::input::Source;
use super::stages;

/// How much of a line that is left out is shown and written down.
const GIANT_HEAD_BYTES: usize = 1 << 10;

/// Text that ends where a row is guessed to end, unless it is the last.
#[derive(Debug, Default)]
pub(crate) struct TextChunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_last: bool,
    /// A line longer than allowed comes behind this text and is left out, up to its end: how it
    /// begins.
    pub(crate) giant: Option<Vec<u8>>,
}

impl TextChunk {
    /// Whether no row goes on behind this text.
    pub(crate) fn ends_rows(&self) -> bool {
        self.is_last || self.giant.is_some()
    }
}

/// Cuts a source into chunks.
pub(crate) struct Chunker {
    source: Source,
    carry: Vec<u8>,
    chunk_bytes: usize,
    max_line_bytes: usize,
    /// The rest of a line that was too long is being passed over.
    is_skipping: bool,
    is_done: bool,
}

impl Chunker {
    pub(crate) fn new(source: Source, chunk_bytes: usize, max_line_bytes: usize) -> Self {
        Self {
            source,
            carry: Vec::new(),
            // So that a line that is too long begins a chunk.
            chunk_bytes: chunk_bytes.min(max_line_bytes).max(1),
            max_line_bytes,
            is_skipping: false,
            is_done: false,
        }
    }

    /// Hands out all bytes, whatever lines they make.
    #[cfg(feature = "sql")]
    pub(crate) fn without_lines(self) -> Self {
        Self { max_line_bytes: usize::MAX, ..self }
    }

    /// What it cuts.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The next chunk, in this buffer; `None` after the last one.
    pub(crate) fn next(&mut self, buffer: Vec<u8>) -> io::Result<Option<TextChunk>> {
        self.next_by(None, buffer)
    }

    /// As [`Chunker::next`]; an empty chunk when a stream has no whole line before `deadline`.
    pub(crate) fn next_by(
        &mut self,
        deadline: Option<Instant>,
        mut buffer: Vec<u8>,
    ) -> io::Result<Option<TextChunk>> {
        if self.is_done {
            return Ok(None);
        }
        let _reading = stages::READ.enter();
        let mut filled = self.carry.len();
        if buffer.len() < filled {
            buffer.resize(filled, 0);
        }
        buffer[..filled].copy_from_slice(&self.carry);
        self.carry.clear();
        let mut target = self.chunk_bytes.max(filled + self.chunk_bytes / 4);
        loop {
            if deadline.is_some_and(|deadline| !self.source.wait(deadline)) {
                self.carry.extend_from_slice(&buffer[..filled]);
                return Ok(Some(TextChunk::default()));
            }
            let is_end = self.source.fill(&mut buffer, &mut filled, target)?;
            if self.is_skipping {
                match memchr::memchr(b'\n', &buffer[..filled]) {
                    // The newline stays: it is the line that was passed over.
                    Some(end) => {
                        buffer.copy_within(end..filled, 0);
                        filled -= end;
                        self.is_skipping = false;
                    }
                    None => filled = 0,
                }
            }
            match memchr::memchr(b'\n', &buffer[..filled]) {
                // The newline stays, as above.
                Some(end) if end > self.max_line_bytes => {
                    self.carry.extend_from_slice(&buffer[end..filled]);
                    return Ok(Some(Self::giant(buffer, filled, false)));
                }
                None if filled > self.max_line_bytes => {
                    (self.is_skipping, self.is_done) = (!is_end, is_end);
                    return Ok(Some(Self::giant(buffer, filled, is_end)));
                }
                _ => {}
            }
            if is_end {
                self.is_done = true;
                buffer.truncate(filled);
                return Ok(Some(TextChunk { bytes: buffer, is_last: true, giant: None }));
            }
            if let Some(newline) = memchr::memrchr(b'\n', &buffer[..filled]) {
                self.carry.extend_from_slice(&buffer[newline + 1..filled]);
                buffer.truncate(newline + 1);
                return Ok(Some(TextChunk { bytes: buffer, is_last: false, giant: None }));
            }
            target = filled + self.chunk_bytes;
        }
    }

    /// Stands for a line that is left out.
    fn giant(mut buffer: Vec<u8>, filled: usize, is_last: bool) -> TextChunk {
        let head = buffer[..filled.min(GIANT_HEAD_BYTES)].to_vec();
        buffer.clear();
        TextChunk { bytes: buffer, is_last, giant: Some(head) }
    }
}
