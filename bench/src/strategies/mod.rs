//! What `strategies` compares, and how.

mod buffers;
mod ingest;
mod layout;
mod parse;

pub use buffers::buffers;
pub use ingest::ingest;
pub use layout::layout;
pub use parse::parse;

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use gauge_probe::{Peak, Scope};
use tidemill::workload::{Format, Generator, Options, UseCase};

use crate::median;

/// Text is read in pieces of about this many bytes, as the engine does.
const CHUNK_BYTES: usize = 4 << 20;

/// Measures strategies.
#[derive(Debug)]
pub struct Bench<'a> {
    /// How often each is run.
    pub runs: usize,
    /// What the allocator saw.
    pub peak: &'a Peak,
}

/// A strategy: its name, and what runs it and gives its answer.
type Strategy<'a> = (&'a str, Box<dyn FnMut() -> Result<i64> + 'a>);

impl Bench<'_> {
    /// Runs strategies in turn and prints a line for each. The first is what others are compared
    /// with; all must give the same answer.
    fn compare(&self, title: &str, rows: usize, strategies: &mut [Strategy<'_>]) -> Result<()> {
        let mut seconds = vec![Vec::new(); strategies.len()];
        let mut memory = vec![(0, 0); strategies.len()];
        let mut answer = None;
        for _ in 0..self.runs {
            for (index, (name, run)) in strategies.iter_mut().enumerate() {
                let live = self.peak.live_bytes();
                self.peak.restart();
                let scope = Scope::start();
                let start = Instant::now();
                let got = black_box(run()?);
                seconds[index].push(start.elapsed().as_secs_f64());
                let requests = scope.stop().process.requests();
                let peak = self.peak.peak_live_bytes() - live;
                // Of allocations the last run's; of memory the most: what is kept counts once.
                let (_, most) = memory[index];
                memory[index] = (requests, peak.max(most));
                ensure!(*answer.get_or_insert(got) == got, "{title}: {name} has another answer");
            }
        }
        println!("\n{title}\n");
        println!("| strategy | ns a row | faster than the first | allocations a row | peak, MB |");
        println!("|---|---|---|---|---|");
        let first = median(seconds[0].clone());
        for (((name, _), seconds), (requests, peak)) in strategies.iter().zip(seconds).zip(memory) {
            let median = median(seconds);
            println!(
                "| {name} | {:.1} | {:.2} x | {:.4} | {:.1} |",
                median * 1e9 / rows as f64,
                first / median,
                requests as f64 / rows as f64,
                peak as f64 / 1e6,
            );
        }
        Ok(())
    }
}

/// TSBS cpu-only rows in line protocol: 100 hosts, ten tags, ten integer fields.
///
/// # Errors
/// When the generator refuses its options.
pub fn text(rows: usize) -> Result<Vec<u8>> {
    let mut options = Options::new(UseCase::Cpu);
    options.scale = 100;
    options.duration = std::time::Duration::from_secs((rows as u64 / 100 + 1) * 10);
    options.format = Format::LineProtocol;
    let mut text = Vec::new();
    let written = Generator::new(&options)?.write_rows(&mut text, rows);
    ensure!(written == rows, "{written} rows of {rows}");
    Ok(text)
}

/// The text in pieces that end at a line.
fn chunks(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let cut = rest.len().min(CHUNK_BYTES);
        let newline = rest[..cut].iter().rposition(|byte| *byte == b'\n');
        let end = if cut == rest.len() { cut } else { newline.map_or(rest.len(), |at| at + 1) };
        let (chunk, behind) = rest.split_at(end);
        rest = behind;
        Some(chunk)
    })
}

/// A line of TSBS, which has no escapes and no strings: table, tags, fields, time.
struct Line<'t> {
    table: &'t str,
    tags: &'t str,
    fields: &'t str,
    time: i64,
}

impl<'t> Line<'t> {
    fn new(line: &'t str) -> Result<Self> {
        let mut sections = line.split(' ');
        let mut next = || sections.next().context("a line of three sections");
        let (key, fields, time) = (next()?, next()?, next()?);
        let (table, tags) = key.split_once(',').context("a line with tags")?;
        Ok(Self { table, tags, fields, time: time.parse()? })
    }

    fn tags(&self) -> impl Iterator<Item = (&'t str, &'t str)> {
        self.tags.split(',').filter_map(|tag| tag.split_once('='))
    }

    /// Names and values, 0 for what is no integer.
    fn fields(&self) -> impl Iterator<Item = (&'t str, i64)> {
        let fields = self.fields.split(',').filter_map(|field| field.split_once('='));
        fields.map(|(name, value)| (name, value.trim_end_matches('i').parse().unwrap_or_default()))
    }
}

/// The lines of a text.
fn lines(text: &[u8]) -> Result<impl Iterator<Item = Result<Line<'_>>>> {
    Ok(std::str::from_utf8(text)?.lines().map(Line::new))
}
