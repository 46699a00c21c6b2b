use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use anyhow::Context;
use tidemill::Store;
use tidemill::workload::{Recorder, record};

use crate::args::RecordArgs;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::{stop, stores};

pub(crate) fn run(args: &RecordArgs) -> anyhow::Result<Outcome> {
    let cancel = stop::flag()?;
    let mut sink = Sink::open(args)?;
    let mut recorder = Recorder::new();
    if let Some(host) = &args.host {
        recorder = recorder.with_host(host);
    }
    let progress = match sink {
        Sink::Lines(_) if args.output.is_none() => Progress::hidden(),
        _ => Progress::new("recording", None),
    };
    let (mut bytes, mut rows) = (0u64, 0u64);
    let duration = args.duration.map(|span| span.0);
    let should_stop = || cancel.load(Ordering::Relaxed);
    let recorded = record(&mut recorder, args.interval.0, duration, should_stop, |lines| {
        bytes += lines.len() as u64;
        rows += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        progress.set(bytes, rows);
        sink.write(lines)
    });
    drop(progress);
    let closed = sink.close();
    recorded?;
    closed?;
    Ok(Outcome::Done)
}

enum Sink {
    Lines(Box<dyn Write>),
    Store(Store),
}

impl Sink {
    fn open(args: &RecordArgs) -> anyhow::Result<Self> {
        if let Some(dir) = &args.store {
            let store = stores::open_to_write(dir, &args.memory, args.durability, true)?;
            return Ok(Self::Store(store));
        }
        Ok(Self::Lines(match &args.output {
            Some(path) => Box::new(append(path)?),
            None => Box::new(io::stdout()),
        }))
    }

    /// Writes a sample out at once: who follows the output sees it, and a kill loses none.
    fn write(&mut self, lines: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Lines(out) => {
                out.write_all(lines)?;
                Ok(out.flush()?)
            }
            Self::Store(store) => {
                let written = store.write_line_protocol(lines)?;
                match written.bad_lines.first() {
                    None => Ok(()),
                    Some(bad) => anyhow::bail!("the store refused a sample: {}", bad.reason),
                }
            }
        }
    }

    fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Lines(_) => Ok(()),
            Self::Store(store) => Ok(store.close()?),
        }
    }
}

fn append(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("{}: could not be opened", path.display()))
}
