//! The process that is killed. It says on its standard output what it begins and what was
//! acknowledged, a line at a time:
//!
//! ```text
//! open              the store is being opened
//! state D A-B,C-D   it is open; what it holds has this digest, and these times in table `kept`
//! begin K           call K begins
//! part K T B        batch B of thread T of call K was acknowledged
//! done K R          call K was acknowledged; R rows were refused
//! failed K WHY      call K returned an error
//! unopened WHY      the store could not be opened
//! end               all was done
//! ```

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tidemill_model::Batch;
use tidemill_store::{ErrorKind, Result, Store, Writer};

use super::allowed::{kept_times, ranges};
use super::inspect::digest;
use super::workload::{Call, Profile, calls};
use crate::common::{Row, delete, dump, fill, load};

/// What a victim does.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Victim {
    /// The store.
    pub(crate) dir: PathBuf,
    /// Derives the calls.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many.
    #[arg(long, default_value_t = 12)]
    pub(crate) calls: usize,
    /// Derives what the store is opened with.
    #[arg(long, default_value_t = 1)]
    pub(crate) profile: u64,
    /// The fixed calls of this name instead of those of the seed.
    #[arg(long)]
    pub(crate) canonical: Option<super::canonical::Canonical>,
    /// End without closing the store.
    #[arg(long)]
    pub(crate) crash: bool,
    /// Which of its store's victims it is, if it has rows go by their age.
    #[arg(long)]
    pub(crate) number: Option<u32>,
    /// Files it may have open.
    #[arg(long)]
    pub(crate) open_files: Option<u64>,
}

impl Victim {
    pub(crate) fn plan(&self) -> (Profile, Vec<Call>) {
        match self.canonical {
            Some(canonical) => (Profile::plain(), canonical.calls()),
            None => (Profile::new(self.profile), calls(self.seed, self.calls, self.number)),
        }
    }

    /// The arguments that start it.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["victim".to_owned(), self.dir.display().to_string()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--seed", self.seed.to_string());
        option("--calls", self.calls.to_string());
        option("--profile", self.profile.to_string());
        if let Some(canonical) = self.canonical {
            option("--canonical", canonical.name().to_owned());
        }
        if let Some(number) = self.number {
            option("--number", number.to_string());
        }
        if let Some(open_files) = self.open_files {
            option("--open-files", open_files.to_string());
        }
        if self.crash {
            arguments.push("--crash".to_owned());
        }
        arguments
    }
}

/// The exit code of a victim whose store could not be opened.
pub(crate) const UNOPENED: u8 = 3;
/// After so many failed calls the store is opened anew.
const FAILURES_BEFORE_REOPENING: usize = 2;
/// So often it tries to open a store.
const ATTEMPTS: usize = 3;

/// A line to the parent; who is gone does not hear it.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Runs a victim.
pub(crate) fn run(victim: &Victim) -> ExitCode {
    if let Some(limit) = victim.open_files {
        super::limit_open_files(limit);
    }
    let (profile, calls) = victim.plan();
    let Some(mut open) = Open::new(&victim.dir, &profile) else { return ExitCode::from(UNOPENED) };
    for (number, call) in calls.iter().enumerate() {
        say(&format!("begin {number}"));
        match open.call(call, number, &profile) {
            Ok(refused) => say(&format!("done {number} {refused}")),
            Err(error) => {
                say(&format!("failed {number} {:?} {error}", error.kind()));
                open.failures += 1;
            }
        }
        if open.store.is_none() || open.failures == FAILURES_BEFORE_REOPENING {
            drop(open);
            let Some(opened) = Open::new(&victim.dir, &profile) else {
                return ExitCode::from(UNOPENED);
            };
            open = opened;
        }
    }
    if !victim.crash {
        say(&format!("begin {}", calls.len()));
        let closed = open.close();
        say(&closed.map_or_else(
            |error| format!("failed {} {:?} {error}", calls.len(), error.kind()),
            |()| format!("done {} 0", calls.len()),
        ));
    }
    say("end");
    // Nothing is dropped, and so nothing closed, on this way out.
    std::process::exit(0)
}

struct Open {
    store: Option<(Store, Writer)>,
    batch: Batch,
    failures: usize,
}

impl Open {
    fn new(dir: &Path, profile: &Profile) -> Option<Self> {
        for _ in 0..ATTEMPTS {
            say("open");
            match Store::open(dir, profile.options()) {
                Ok(store) => {
                    // What cannot be read (the disk may fail just then) is not compared.
                    let look = || dump(&store.snapshot());
                    if let Ok(rows) = catch_unwind(AssertUnwindSafe(look)) {
                        say(&format!(
                            "state {:016x} {}",
                            digest(&rows),
                            ranges(&kept_times(&rows))
                        ));
                    }
                    let writer = store.writer();
                    return Some(Self {
                        store: Some((store, writer)),
                        batch: Batch::new(),
                        failures: 0,
                    });
                }
                Err(error) => say(&format!("unopened {:?} {error}", error.kind())),
            }
        }
        None
    }

    fn close(self) -> Result<()> {
        match self.store {
            Some((store, writer)) => {
                drop(writer);
                store.close()
            }
            None => Ok(()),
        }
    }

    /// Makes a call; returns how many rows were refused.
    fn call(&mut self, call: &Call, number: usize, profile: &Profile) -> Result<usize> {
        let Some((store, writer)) = &mut self.store else { return Ok(0) };
        match call {
            Call::Write(rows) => {
                self.batch.clear_rows();
                fill(&mut self.batch, rows);
                Ok(writer.write(&mut self.batch)?.rejections.len())
            }
            Call::Concurrent(writers) => concurrent(store, writers, number),
            Call::Flush => store.flush().map(|()| 0),
            Call::Compact => store.compact().map(|_| 0),
            Call::Bulk { batches, is_committed } => {
                load(store, profile.duplicates, batches, *is_committed)
            }
            Call::Sync => store.sync().map(|()| 0),
            Call::Delete { table, range, hosts } => {
                unless_missing(delete(store, table, *range, hosts).map(drop))
            }
            Call::Retain { table, keep } => unless_missing(store.set_retention(table, *keep)),
            Call::Reopen | Call::Drop => {
                let Some((store, writer)) = self.store.take() else { return Ok(0) };
                drop(writer);
                if matches!(call, Call::Reopen) { store.close().map(|()| 0) } else { Ok(0) }
            }
        }
    }
}

/// Nothing is to be done to a table that is not there yet.
fn unless_missing(result: Result<()>) -> Result<usize> {
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(0),
    }
}

/// Several threads write at once and share their syncs.
fn concurrent(store: &Store, writers: &[Vec<Vec<Row>>], number: usize) -> Result<usize> {
    let write = |thread: usize, batches: &[Vec<Row>]| {
        let (mut writer, mut batch, mut refused) = (store.writer(), Batch::new(), 0);
        for (index, rows) in batches.iter().enumerate() {
            fill(&mut batch, rows);
            refused += writer.write(&mut batch)?.rejections.len();
            say(&format!("part {number} {thread} {index}"));
        }
        Ok(refused)
    };
    std::thread::scope(|scope| {
        let write = &write;
        let threads: Vec<_> = writers
            .iter()
            .enumerate()
            .map(|(thread, batches)| scope.spawn(move || write(thread, batches)))
            .collect();
        let results: Vec<Result<usize>> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        results.into_iter().sum()
    })
}
