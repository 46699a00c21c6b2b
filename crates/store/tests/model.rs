//! Random work, crashes and power cuts against a naive model.
//!
//! After every restart the store must hold what was acknowledged and nothing else, but for the one
//! call that was under way: a batch or a bulk load is there whole or not at all, and what a restart
//! has shown stays. `TIDEMILL_MODEL_SEED=n` replays one run, `TIDEMILL_MODEL_SEEDS=n` makes as many.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use common::{HOSTS, Model, Random, RowSource, TABLES, delete, dump, fill, read};
use tidemill_memory::Budget;
use tidemill_model::{Batch, Duplicates, FieldType, TimeRange};
use tidemill_store::{
    Bulk, BulkMap, Compression, Durability, Options, Result, SimDisk, Store, Writer,
};

const SEEDS: u64 = 40;
const STEPS: usize = 40;
const DIR: &str = "/data/store";

#[test]
fn whatever_happens_acknowledged_rows_are_there_and_no_others() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = number("TIDEMILL_MODEL_SEED") {
        return run(seed);
    }
    let next = AtomicU64::new(0);
    let count = number("TIDEMILL_MODEL_SEEDS").unwrap_or(SEEDS);
    let work = || {
        while let Some(seed) = Some(next.fetch_add(1, Relaxed)).filter(|seed| *seed < count) {
            run(seed);
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
}

/// Says which seed it was when a run fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with TIDEMILL_MODEL_SEED={}", self.0);
        }
    }
}

fn run(seed: u64) {
    let _seed = Seed(seed);
    let mut random = Random(seed);
    let mut run = Run::new(&mut random);
    run.restart(&mut random);
    for _ in 0..STEPS {
        run.step(&mut random);
    }
    run.disk = run.disk.power_cut(random.next());
    run.restart(&mut random);
}

struct Run {
    disk: SimDisk,
    options: Options,
    model: Model,
    /// What it is, too, if a call that failed took effect all the same.
    in_flight: Option<Model>,
    open: Option<Open>,
    source: RowSource,
}

struct Open {
    store: Store,
    writer: Writer,
    batch: Batch,
}

impl Run {
    fn new(random: &mut Random) -> Self {
        let duplicates = [Duplicates::Last, Duplicates::Keep, Duplicates::Error][random.below(3)];
        let options = Options {
            // Small enough for a bulk load to write several segments.
            budget: Budget::new(3 * (4 << random.below(8)) * 1024),
            durability: Durability::Fsync,
            duplicates,
            max_segment_rows: [60, 300, 5000][random.below(3)],
            // Either every write flushes, or none does; a flush beside the writers would make a
            // run depend on the machine's speed.
            max_memtable_bytes: Some([0, usize::MAX / 4, usize::MAX / 4][random.below(3)]),
            ..Options::default()
        };
        Self {
            disk: SimDisk::new(random.next()),
            options,
            model: Model::new(duplicates),
            in_flight: None,
            open: None,
            source: RowSource { duplicates, has_large_batches: random.one_in(8) },
        }
    }

    fn step(&mut self, random: &mut Random) {
        if random.one_in(6) {
            self.disk.cut_power_at(self.disk.changes() + random.below(25) as u64);
        }
        match random.below(18) {
            0..6 => self.write(random),
            6 | 7 => self.call(None, |open| open.store.flush()),
            8 => {
                let compression = [Compression::Fast, Compression::Small][random.below(2)];
                self.call(None, |open| open.store.compact_as(compression).map(|_| ()));
            }
            9 | 10 => self.bulk(random),
            11 => {
                let open = self.open.take().unwrap();
                drop((open.writer, open.batch));
                if open.store.close().is_err() {
                    assert!(self.disk.is_dead());
                }
                self.restart(random);
            }
            12 => {
                self.disk = self.disk.crash();
                self.restart(random);
            }
            13 => {
                self.disk = self.disk.power_cut(random.next());
                self.restart(random);
            }
            14 => self.call(None, |open| open.store.sync()),
            15 => self.delete(random),
            16 => {
                let open = self.open.as_ref().unwrap();
                let check = open.store.check().unwrap();
                assert!(self.disk.is_dead() || check.problems.is_empty(), "{:?}", check.problems);
            }
            _ => self.read(random),
        }
        if self.disk.is_dead() {
            self.disk = self.disk.power_cut(random.next());
            self.restart(random);
        }
    }

    /// Makes a call after which the store is as `after` says (`None`: as before).
    fn call(&mut self, after: Option<Model>, call: impl FnOnce(&mut Open) -> Result<()>) {
        match (call(self.open.as_mut().unwrap()), after) {
            (Ok(()), Some(after)) => self.model = after,
            (Ok(()), None) => {}
            (Err(error), after) => {
                assert!(self.disk.is_dead(), "{error}");
                self.in_flight = after;
            }
        }
    }

    fn write(&mut self, random: &mut Random) {
        let rows = self.source.rows(random);
        let mut after = self.model.clone();
        let refused = after.write(&rows);
        self.call(Some(after), |open| {
            fill(&mut open.batch, &rows);
            let written = open.writer.write(&mut open.batch)?;
            assert_eq!(
                (written.rejections.len(), written.rows as usize + refused),
                (refused, rows.len())
            );
            Ok(())
        });
        if !self.disk.is_dead() && random.one_in(3) {
            let store = &self.open.as_ref().unwrap().store;
            assert_same(&dump(&store.snapshot()), &self.model.rows);
        }
    }

    fn delete(&mut self, random: &mut Random) {
        let table = TABLES[random.below(2)];
        if !self.model.types.contains_key(table) {
            return;
        }
        let hosts = &HOSTS[random.below(4)..];
        let (start, length) = (random.below(1200) as i64 - 100, random.below(1500) as i64);
        let range = match random.below(4) {
            0 => TimeRange::ALL,
            1 => TimeRange::new(i64::MIN, start),
            _ => TimeRange::new(start, start + length),
        };
        let mut after = self.model.clone();
        after.delete(table, range, hosts);
        self.call(Some(after), |open| delete(&open.store, table, range, hosts).map(|_| ()));
    }

    fn bulk(&mut self, random: &mut Random) {
        let batches: Vec<_> = (0..random.below(4)).map(|_| self.source.rows(random)).collect();
        let is_committed = !random.one_in(3);
        let mut after = self.model.clone();
        let refused: usize = batches.iter().map(|rows| after.write(rows)).sum();
        let (duplicates, types) = (self.model.duplicates, self.model.types.clone());
        let is_last = random.one_in(2);
        let load = |mut bulk: Bulk<'_>| {
            let (mut batch, mut map) = (Batch::new(), BulkMap::default());
            let mut rejections = Vec::new();
            for rows in &batches {
                fill(&mut batch, rows);
                bulk.append(&mut batch, &mut map, &mut rejections)?;
            }
            assert_eq!(
                rejections.len(),
                refused,
                "{duplicates} {batches:?}\n{rejections:?} {types:?}"
            );
            if is_committed && is_last {
                return bulk.finish().map(|_| ());
            }
            if is_committed {
                return bulk.commit().map(|_| ());
            }
            bulk.rollback();
            Ok(())
        };
        let after = is_committed.then_some(after);
        self.call(after, |open| load(open.store.bulk(duplicates)?));
    }

    /// Opens the store, whatever goes wrong meanwhile, and compares.
    fn restart(&mut self, random: &mut Random) {
        for attempt in 0.. {
            self.open = None;
            if attempt < 3 && random.one_in(4) {
                self.disk.cut_power_at(self.disk.changes() + random.below(12) as u64);
            }
            let disk = Arc::new(self.disk.clone());
            match Store::open(DIR, Options { disk, ..self.options.clone() }) {
                Ok(store) if !self.disk.is_dead() => {
                    let writer = store.writer();
                    self.open = Some(Open { store, writer, batch: Batch::new() });
                    break;
                }
                // The power may go when all that opening needs is done.
                Ok(_) => {}
                Err(error) => assert!(self.disk.is_dead(), "{error}"),
            }
            self.disk = match random.below(3) {
                0 => self.disk.crash(),
                _ => self.disk.power_cut(random.next()),
            };
        }
        let snapshot = self.open.as_ref().unwrap().store.snapshot();
        let found = dump(&snapshot);
        // A call may change the type of a field and no rows.
        let has_types = |model: &Model| {
            let has_type = |(table, ty): (&&str, &FieldType)| {
                let schema = snapshot.table(table).map(|table| table.schema());
                let field = schema.and_then(|s| s.field("i").map(|field| s.fields[field].ty));
                field == Some(*ty)
            };
            model.types.iter().all(has_type)
        };
        let is_that = |after: &Model| after.rows == found && has_types(after);
        if let Some(after) = self.in_flight.take().filter(is_that) {
            self.model = after;
        }
        assert_same(&found, &self.model.rows);
    }

    fn read(&mut self, random: &mut Random) {
        if self.disk.is_dead() {
            return;
        }
        let snapshot = self.open.as_ref().unwrap().store.snapshot();
        let (start, length) = (random.below(1200) as i64 - 100, random.below(1500) as i64);
        let range = TimeRange::new(start, start + length);
        for table in TABLES {
            let found = snapshot.table(table).map(|table| read(table, range)).unwrap_or_default();
            assert_same(&found, &self.model.within(table, range));
        }
    }
}

fn assert_same(found: &common::Rows, want: &common::Rows) {
    if found == want {
        return;
    }
    let missing: Vec<_> = want.iter().filter(|row| found.get(row.0) != Some(row.1)).collect();
    let extra: Vec<_> = found.iter().filter(|row| want.get(row.0) != Some(row.1)).collect();
    panic!("missing or different: {missing:?}\nnot expected: {extra:?}");
}
