//! One row at a time, as it was written: for people who look at files without storing them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_parse::tabular::Syntax;
use tidemill_parse::{Format, Point, RowError, csv, line, locate, ndjson};

#[cfg(feature = "sql")]
use super::Text;
use super::carry::Carry;
use super::chunker::Chunker;
use super::input::Stop;
use super::pipeline::count_newlines;
use super::row_text::row_text;
use super::start::Start;
use super::{BadRow, Error, ImportOptions, Input, Result, TextPlan};

/// Bytes of text held at a time; more when a row is longer.
const CHUNK_BYTES: usize = 1 << 20;

/// A row of an input, or why it is none.
#[derive(Debug)]
pub enum Row<'a> {
    /// A row as it was written; no store was asked whether it would take it.
    Point(Point<'a>),
    /// A row that was refused.
    Bad(BadRow<'a>),
}

/// Hands the rows of a text to `visit`, in order, one at a time and in bounded memory. Returns
/// whether there was any byte.
///
/// The types of CSV and NDJSON are those that fit the whole of a file, which is read twice.
/// Standard input can be read once: its types are those of its beginning, and a value that does
/// not fit is a bad row.
///
/// # Errors
/// When the input cannot be read, is in no known text format, or it is to stop; the first error
/// of `visit`, as [`ErrorKind::Write`](crate::ErrorKind::Write).
pub fn read_rows(
    input: &Input,
    options: &ImportOptions,
    visit: &mut dyn FnMut(Row<'_>) -> io::Result<()>,
) -> Result<bool> {
    let read = read_input(input, options, visit);
    read.map_err(|error| error.or_cancelled(options))
}

fn read_input(
    input: &Input,
    options: &ImportOptions,
    visit: &mut dyn FnMut(Row<'_>) -> io::Result<()>,
) -> Result<bool> {
    let name = input.name();
    let mut chunker = open(input, options)?;
    let start = Start::read(&mut chunker, options).map_err(|error| Error::read(&name, error))?;
    let Some(start) = start else { return Ok(false) };
    let format = options.format.unwrap_or_else(|| Format::detect(&start.chunk.bytes));
    #[cfg(feature = "sql")]
    if format == Format::Parquet {
        let text = Text::new(chunker, start);
        return crate::parquet_rows::read_rows(input, text, options, visit);
    }
    #[cfg(not(feature = "sql"))]
    if format == Format::Parquet {
        return Err(Error::format(&name, "Parquet needs the `sql` feature"));
    }
    let mut plan = start.plan(&name, input.stem(), options)?;
    if !chunker.source().is_stream && plan.can_widen() {
        plan.survey(&mut open(input, options)?, &name, options)?;
    }
    let mut carry = Carry::new(&plan, options.max_line_bytes);
    let mut rows = Rows { plan: &plan, name: &name, options, visit, lines: 0, is_first: true };
    for (line, head) in &start.giants {
        rows.giant(*line, head)?;
    }
    let mut chunk = &start.chunk;
    let mut next;
    loop {
        carry
            .feed(&chunk.bytes, chunk.ends_rows(), &mut |text, is_last| rows.take(text, is_last))?;
        if let Some(head) = &chunk.giant {
            rows.giant(rows.lines + 1, head)?;
        }
        if options.cancel.load(Ordering::Relaxed) {
            return Err(Error::cancelled());
        }
        next = chunker.next(Vec::new()).map_err(|error| Error::read(&name, error))?;
        let Some(read) = &next else { return Ok(true) };
        chunk = read;
    }
}

fn open(input: &Input, options: &ImportOptions) -> Result<Chunker> {
    let stop = Stop { cancel: Arc::clone(&options.cancel), ..Stop::default() };
    let source = input.open(Arc::new(AtomicU64::new(0)), stop);
    let source = source.map_err(|error| Error::read(&input.name(), error))?;
    Ok(Chunker::new(source, CHUNK_BYTES, options.max_line_bytes))
}

/// The rows of one input on their way.
struct Rows<'a> {
    plan: &'a TextPlan,
    name: &'a str,
    options: &'a ImportOptions,
    visit: &'a mut dyn FnMut(Row<'_>) -> io::Result<()>,
    /// Lines before this text.
    lines: u64,
    is_first: bool,
}

impl Rows<'_> {
    /// Hands the rows of `text` on; returns the bytes done with.
    fn take(&mut self, text: &[u8], is_last: bool) -> Result<usize> {
        let taken = match self.plan {
            TextPlan::Lines(options) => {
                let mut points = line::points(text, is_last, options);
                self.hand_on(text, &mut points)?;
                points.consumed()
            }
            TextPlan::Tabular(plan) => match plan.syntax() {
                Syntax::Csv { .. } => {
                    let mut points = csv::points(text, self.is_first, is_last, plan);
                    self.hand_on(text, &mut points)?;
                    points.consumed()
                }
                Syntax::Ndjson => {
                    let mut points = ndjson::points(text, self.is_first, is_last, plan);
                    self.hand_on(text, &mut points)?;
                    points.consumed()
                }
            },
        };
        self.is_first &= taken == 0;
        self.lines += count_newlines(&text[..taken]);
        Ok(taken)
    }

    fn hand_on<'p>(
        &mut self,
        text: &[u8],
        points: &mut impl Iterator<Item = Result<Point<'p>, RowError>>,
    ) -> Result<()> {
        // Lines are counted from one bad row to the next, not from the beginning each time.
        let (mut from, mut lines) = (0, self.lines);
        for point in points {
            let error = match point {
                Ok(point) => {
                    (self.visit)(Row::Point(point)).map_err(Error::visit)?;
                    continue;
                }
                Err(error) => error,
            };
            let before = text.get(from..error.row_start).unwrap_or_default();
            let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
            lines += count_newlines(&before[..line_start]);
            from += line_start;
            let (line, column) = locate(&text[from..], error.at.saturating_sub(from));
            let (file, line, reason) = (self.name, lines + line, error.reason.as_str());
            let text = row_text(text, error.row_start, error.at, self.plan.is_csv());
            let row = BadRow { file, line, column, reason, text };
            (self.visit)(Row::Bad(row)).map_err(Error::visit)?;
        }
        Ok(())
    }

    /// A line is longer than allowed and left out.
    fn giant(&mut self, line: u64, head: &[u8]) -> Result<()> {
        let reason = format!("a line of more than {} bytes", self.options.max_line_bytes);
        let row = BadRow { file: self.name, line, column: 1, reason: &reason, text: head };
        (self.visit)(Row::Bad(row)).map_err(Error::visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the rows of a file are, a line each.
    fn read(name: &str, text: &[u8], max_line_bytes: usize) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let format = name.ends_with(".lp").then_some(tidemill_parse::Format::LineProtocol);
        let options = ImportOptions { format, max_line_bytes, ..ImportOptions::default() };
        let mut seen = Vec::new();
        read_rows(&Input::File(path), &options, &mut |row| {
            seen.push(match row {
                Row::Point(point) => {
                    let mut json = String::new();
                    point.to_json(&mut json);
                    json
                }
                Row::Bad(BadRow { line, column, text, .. }) => {
                    format!("{line}:{column}: {}", String::from_utf8_lossy(text))
                }
            });
            Ok(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn bad_rows_are_in_their_places() {
        let text = b"a f=1 1\n  b f= 2\n# c\nd f=\"x\ny\" 3\n e\n\nf,t= f=2\n";
        let seen = read("x.lp", text, 1 << 20);
        assert_eq!(seen.len(), 5, "{seen:?}");
        assert!(seen[0].starts_with("{\"table\":\"a\""));
        assert!(seen[1].starts_with("2:7: b f= 2"), "{seen:?}");
        assert!(seen[2].contains("x\\ny"));
        assert!(seen[3].starts_with("6:") && seen[3].ends_with("e"), "{seen:?}");
        assert!(seen[4].starts_with("8:") && seen[4].ends_with("f,t= f=2"), "{seen:?}");
    }

    #[test]
    fn types_are_those_of_the_whole_file() {
        let mut text = b"time,v\n".to_vec();
        for second in 0..200_000 {
            text.extend_from_slice(format!("{},1\n", 1_700_000_000 + second).as_bytes());
        }
        text.extend_from_slice(b"1700300000,1.5\n");
        let seen = read("t.csv", &text, 1 << 20);
        assert_eq!(seen.len(), 200_001);
        let first =
            r#"{"table":"t","tags":{},"fields":{"v":{"f":1.0}},"time":1700000000000000000}"#;
        assert_eq!(seen[0], first);
    }

    #[test]
    fn a_line_too_long_is_bad_and_the_next_is_in_its_place() {
        let mut text = b"a f=1 1\nb f=\"".to_vec();
        text.extend(std::iter::repeat_n(b'x', 3 << 20));
        text.extend_from_slice(b"\" 2\nc f= 3\n");
        let seen = read("x.lp", &text, 1 << 20);
        assert_eq!(seen.len(), 3, "{} rows", seen.len());
        assert!(seen[1].starts_with("2:1: ") && seen[2].starts_with("3:"), "{seen:?}");
    }
}
