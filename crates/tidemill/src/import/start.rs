//! The beginning of an input, from which it is found out how to read it.

use std::io;
use std::time::Instant;

use tidemill_parse::line::LineOptions;
use tidemill_parse::tabular::SAMPLE_BYTES;
use tidemill_parse::{DETECT_BYTES, Format};

use super::chunker::{Chunker, TextChunk};
use super::input::COMPRESSED_ENDINGS;
use super::pipeline::count_newlines;
use super::{ImportOptions, Result, TextPlan, plan_text};

/// The beginning of an input.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// Its text: a sample, if it has as much.
    pub(super) chunk: TextChunk,
    /// Lines that were left out before there was any text: their numbers and how they begin.
    pub(super) giants: Vec<(u64, Vec<u8>)>,
    /// Lines that are neither blank nor comments, as far as they matter.
    lines: usize,
}

impl Start {
    /// Reads it; `None` when the input is empty.
    ///
    /// Of a stream no more is waited for than a plan needs: nothing behind a line of line
    /// protocol, which says itself what it is; else what comes in the time after which it is to be
    /// committed, but one row at least.
    pub(super) fn read(chunker: &mut Chunker, options: &ImportOptions) -> io::Result<Option<Self>> {
        let (mut start, since) = (Self::default(), Instant::now());
        loop {
            let is_stream = chunker.source().is_stream;
            let deadline = is_stream && start.has_row(options);
            let deadline = deadline.then(|| since + options.commit_every);
            let Some(chunk) = chunker.next_by(deadline, Vec::new())? else { break };
            let is_late = deadline.is_some() && chunk.bytes.is_empty() && !chunk.ends_rows();
            start.add(chunk);
            if is_late || start.is_enough(options) {
                break;
            }
        }
        let is_empty = start.chunk.bytes.is_empty() && start.giants.is_empty();
        Ok((!is_empty).then_some(start))
    }

    /// How to read an input that begins so.
    pub(super) fn plan(
        &self,
        file: &str,
        stem: Option<String>,
        options: &ImportOptions,
    ) -> Result<TextPlan> {
        if self.is_blank() && !self.giants.is_empty() {
            // Nothing is left to be read, but what is left out is to be told.
            return Ok(TextPlan::Lines(LineOptions::default()));
        }
        let plan = |stem, options: &ImportOptions| {
            plan_text(file, &self.chunk.bytes, self.chunk.is_last, stem, options)
        };
        let planned = plan(stem.clone(), options);
        // Where the beginning is no row of anything, the name may say what is meant.
        match format_by_name(file).filter(|_| options.format.is_none() && planned.is_err()) {
            Some(format) => plan(stem, &ImportOptions { format: Some(format), ..options.clone() }),
            None => planned,
        }
    }

    fn add(&mut self, chunk: TextChunk) {
        let TextChunk { bytes, is_last, giant } = chunk;
        let is_row = |line: &&[u8]| !matches!(line.trim_ascii().first(), None | Some(b'#'));
        self.lines += bytes.split(|byte| *byte == b'\n').filter(is_row).take(2).count();
        if self.chunk.bytes.is_empty() {
            self.chunk.bytes = bytes;
        } else {
            self.chunk.bytes.extend_from_slice(&bytes);
        }
        self.chunk.is_last = is_last;
        match giant {
            // What stands behind it may tell how to read the input.
            Some(head) if self.is_blank() => {
                self.giants.push((count_newlines(&self.chunk.bytes) + 1, head));
            }
            giant => self.chunk.giant = giant,
        }
    }

    fn is_blank(&self) -> bool {
        self.lines == 0 && self.chunk.bytes.trim_ascii().is_empty()
    }

    /// Whether there is no need for more, whatever it may be.
    fn is_enough(&self, options: &ImportOptions) -> bool {
        self.chunk.ends_rows()
            || self.chunk.bytes.len() >= SAMPLE_BYTES
            || matches!(self.format(options), Format::LineProtocol | Format::Parquet)
    }

    /// Whether there is a row to make a plan from; in a CSV, the first line may be its header.
    fn has_row(&self, options: &ImportOptions) -> bool {
        self.lines >= if self.format(options) == Format::Ndjson { 1 } else { 2 }
    }

    fn format(&self, options: &ImportOptions) -> Format {
        let text = &self.chunk.bytes;
        options.format.unwrap_or_else(|| Format::detect(&text[..text.len().min(DETECT_BYTES)]))
    }
}

/// The format that a file's name ends in, if it is one that no other shares.
fn format_by_name(file: &str) -> Option<Format> {
    let name = file.to_ascii_lowercase();
    let mut endings = name.rsplit('.');
    match endings.find(|ending| !COMPRESSED_ENDINGS.contains(ending))? {
        "lp" | "line" | "influx" => Some(Format::LineProtocol),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        _ => None,
    }
}
