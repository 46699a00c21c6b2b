//! Rows without a time get the present one: none may take another's place, whatever the clock does.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tidemill_model::{Batch, SeriesKey, Value};
use tidemill_store::{Disk, DiskFile, Options, RealDisk, Store};

use super::{Checked, Outcome, text};
use crate::common::{Random, dump};

const NANOSECONDS_A_SECOND: i64 = 1_000_000_000;
const NANOSECONDS_A_YEAR: i64 = 365 * 24 * 3600 * NANOSECONDS_A_SECOND;

/// The machine's disk, with a clock that says what it is told.
#[derive(Clone, Debug, Default)]
struct Clock(Arc<AtomicI64>);

impl Disk for Clock {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.create(path)
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path, writable)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        RealDisk.lock(path)
    }

    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// It jumps back and forward, by nanoseconds and by years, while the store is open.
pub(super) fn inside_a_run(dir: &Path, is_quick: bool) -> Checked {
    untimed_rows(dir, is_quick, 1)
}

/// …and it is opened again and again, each time later than ever before: a clock that is behind what
/// an earlier process saw may give a time twice (`docs/durability.md`, "What is not promised").
pub(super) fn between_runs(dir: &Path, is_quick: bool) -> Checked {
    untimed_rows(dir, is_quick, 8)
}

fn jump(random: &mut Random, now: i64) -> i64 {
    let span = [0, 3, 50, 1_000_000, NANOSECONDS_A_YEAR][random.below(5)];
    let jump = (random.next() % (2 * span as u64 + 1)) as i64 - span;
    now.saturating_add(jump).max(0)
}

fn untimed_rows(dir: &Path, is_quick: bool, runs: usize) -> Checked {
    let (mut total, mut openings) = (0, 0);
    for seed in 0..if is_quick { 2 } else { 20 } {
        let (clock, mut random) = (Clock::default(), Random(seed));
        clock.0.store(56 * NANOSECONDS_A_YEAR, Ordering::Relaxed);
        let dir = dir.join(format!("store-{seed}"));
        let (mut written, mut latest) = (0, 0);
        for _ in 0..runs {
            let options = Options { disk: Arc::new(clock.clone()), ..Options::default() };
            let store = Store::open(&dir, options).map_err(text)?;
            openings += 1;
            for _ in 0..random.below(64 / runs) {
                let mut batch = untimed(1 + random.below(5) as i64, written as i64);
                written += store.write(&mut batch).map_err(text)?.rows as usize;
                let now = clock.0.load(Ordering::Relaxed);
                latest = latest.max(now);
                clock.0.store(jump(&mut random, now), Ordering::Relaxed);
                if random.one_in(8) {
                    store.flush().map_err(text)?;
                }
            }
            let found = dump(&store.snapshot()).len();
            if found != written {
                return Err(format!("seed {seed}: {written} rows were written, {found} are there"));
            }
            if random.one_in(2) {
                store.close().map_err(text)?;
            }
            // Later than all times that were given, too.
            let now = latest.saturating_add(NANOSECONDS_A_SECOND);
            clock.0.store(now, Ordering::Relaxed);
            latest = now;
        }
        total += written;
    }
    Ok(Outcome::Fine(format!("{total} rows without a time, {openings} openings: all are there")))
}

/// Rows of one series without a time.
fn untimed(count: i64, first: i64) -> Batch {
    let (mut batch, mut key) = (Batch::new(), Vec::new());
    // No tags: a key of nothing.
    if SeriesKey::encode(&mut Vec::new(), &mut key).is_err() {
        return batch;
    }
    let table = batch.table("t");
    let table = &mut batch.tables_mut()[table];
    let series = table.series(&key);
    for ordinal in 0..count {
        let value = Value::Int(first + ordinal);
        let column = table.column("i", value.ty());
        table.set(column, value);
        table.end_row(series, None, ordinal as u32);
    }
    table.finish();
    batch
}
