//! Rows that begin in one chunk and end in another.

use tidemill_parse::tabular::Syntax;

use super::{Result, TextPlan};

/// The beginning of a row that goes on in the next chunk.
///
/// Chunks end at newlines, so a row goes on only where a quote is open. A row is read again from
/// its beginning when the chunk that ends it has come; to read it again with each chunk would take
/// quadratic time where a stray quote opens what nobody closes.
#[derive(Debug)]
pub(super) struct Carry {
    bytes: Vec<u8>,
    /// How many there were when they were last read, in vain.
    read_bytes: usize,
    max_row_bytes: usize,
    /// Whether a backslash takes a quote its meaning.
    has_escapes: bool,
}

impl Carry {
    pub(super) fn new(plan: &TextPlan, max_row_bytes: usize) -> Self {
        let has_escapes = match plan {
            TextPlan::Lines(_) => true,
            TextPlan::Tabular(plan) => plan.syntax() == Syntax::Ndjson,
        };
        Self { bytes: Vec::new(), read_bytes: 0, max_row_bytes, has_escapes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Has `read` read what was carried and then `chunk`, as far as that makes rows. `read` is
    /// told whether nothing comes behind its text, and returns the bytes it took.
    ///
    /// A row that is too long is read as if the text ended: it is refused for its open quote, and
    /// the lines behind it are rows again.
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        is_last: bool,
        read: &mut dyn FnMut(&[u8], bool) -> Result<usize>,
    ) -> Result<()> {
        if self.bytes.len() > self.max_row_bytes {
            read(&self.bytes, true)?;
            self.bytes.clear();
        }
        if self.bytes.is_empty() {
            let taken = read(chunk, is_last)?;
            self.bytes.extend_from_slice(&chunk[taken..]);
            self.read_bytes = self.bytes.len();
            return Ok(());
        }
        self.bytes.extend_from_slice(chunk);
        // (What ends a row otherwise, such as a limit, is found when there is twice as much.)
        if is_last || self.has_quote(chunk) || self.bytes.len() / 2 >= self.read_bytes {
            let taken = read(&self.bytes, is_last)?;
            self.bytes.drain(..taken);
            self.read_bytes = self.bytes.len();
        }
        Ok(())
    }

    /// Whether `text`, which begins a line, has a quote that may end a row.
    fn has_quote(&self, text: &[u8]) -> bool {
        if !self.has_escapes {
            return memchr::memchr(b'"', text).is_some();
        }
        let mut at = 0;
        while let Some(offset) = memchr::memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
            at += offset;
            if text[at] == b'"' {
                return true;
            }
            at += 2;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use tidemill_parse::line::{LineOptions, points};

    use super::*;

    /// Feeds `lines` one by one; returns how often `read` was called, and for how many bytes.
    fn feed(lines: &[&str], times: usize, max_row_bytes: usize) -> (Vec<String>, usize) {
        let options = LineOptions::default();
        let mut carry = Carry::new(&TextPlan::Lines(options.clone()), max_row_bytes);
        let (mut seen, mut bytes) = (Vec::new(), 0);
        let count = lines.len() * times;
        for (index, line) in lines.iter().cycle().take(count).enumerate() {
            let mut read = |text: &[u8], is_last: bool| {
                bytes += text.len();
                let mut points = points(text, is_last, &options);
                for point in &mut points {
                    seen.push(point.map_or_else(|e| e.reason, |p| p.table.into_owned()));
                }
                Ok(points.consumed())
            };
            carry.feed(line.as_bytes(), index + 1 == count, &mut read).unwrap();
        }
        (seen, bytes)
    }

    #[test]
    fn a_row_is_read_when_its_quote_is_closed() {
        let (seen, _) = feed(&["a f=1\n", "b f=\"x\n", "\\\"\n", "\"\n", "c f=1\n"], 1, 1000);
        assert_eq!(seen, ["a", "b", "c"]);
    }

    #[test]
    fn an_open_quote_costs_its_row_and_linear_time() {
        let open = "this string has no closing quote";
        let (seen, _) = feed(&["a f=1\n", "b f=\"x\n", "c f=1\n"], 1, 1000);
        assert_eq!(seen, ["a", open, "c"]);
        let mut lines = vec!["b f=\"x\n"];
        lines.extend(std::iter::repeat_n("c f=1,g=2,h=3 # \\\" \n", 50_000));
        for max_row_bytes in [1 << 10, 1 << 18, 1 << 24] {
            let (seen, bytes) = feed(&lines, 1, max_row_bytes);
            assert_eq!((seen.len(), &*seen[0]), (lines.len(), open));
            let text_bytes: usize = lines.iter().map(|line| line.len()).sum();
            assert!(bytes < 6 * text_bytes, "{bytes} bytes read of {text_bytes}");
        }
    }
}
