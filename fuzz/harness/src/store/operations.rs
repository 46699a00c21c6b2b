//! Sequences of operations on the simulated disk against a naive store: after every restart the rows
//! are those that were acknowledged and no others, but for the one call that was under way.

use std::sync::Arc;

use tidemill_memory::Budget;
use tidemill_model::{Batch, Duplicates, TimeRange};
use tidemill_store::{
    Bulk, BulkMap, Compression, Options, Result, SimDisk, Store, Writer, workers,
};

use crate::input::Input;
use crate::naive::{Model, Row, Rows, Val, delete, dump, fill, read};

const TABLES: [&str; 2] = ["cpu", "mem"];
const HOSTS: [&str; 4] = ["", "a", "b", "ü ,"];
const DIR: &str = "/data/store";
const MAX_STEPS: usize = 60;

pub(crate) fn run(data: &[u8]) {
    // There, so that no call waits for another thread.
    workers().install(|| run_here(data));
}

fn run_here(data: &[u8]) {
    let mut input = Input::new(data);
    let mut run = Run::new(&mut input);
    run.restart(&mut input);
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        run.step(&mut input);
    }
    run.disk = run.disk.power_cut(input.u64());
    run.restart(&mut input);
}

struct Run {
    disk: SimDisk,
    options: Options,
    model: Model,
    /// What it is, too, if a call that failed took effect all the same.
    in_flight: Option<Model>,
    open: Option<Open>,
}

struct Open {
    store: Store,
    writer: Writer,
    batch: Batch,
}

impl Run {
    fn new(input: &mut Input<'_>) -> Self {
        let duplicates = [Duplicates::Last, Duplicates::Keep, Duplicates::Error][input.below(3)];
        let choice = input.u8();
        let options = Options {
            budget: Budget::new(3 * (4 << (choice & 7)) * 1024),
            duplicates,
            max_segment_rows: [8, 60, 5000][usize::from(choice >> 3) % 3],
            // Either every write flushes, or none does: a flush beside the writers would make a
            // run depend on the machine's speed.
            max_memtable_bytes: Some([0, usize::MAX / 4][usize::from(choice >> 7)]),
            ..Options::default()
        };
        Self {
            disk: SimDisk::new(input.u8().into()),
            options,
            model: Model::new(duplicates),
            in_flight: None,
            open: None,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let kind = input.u8();
        if kind >> 5 == 7 {
            self.disk.cut_power_at(self.disk.changes() + u64::from(input.u8() % 25));
        }
        match kind % 18 {
            0..6 => self.write(input),
            6 | 7 => self.call(None, |open| open.store.flush()),
            8 => {
                let compression =
                    [Compression::Fast, Compression::Small][usize::from(kind / 18 % 2)];
                self.call(None, |open| open.store.compact_as(compression).map(|_| ()));
            }
            9 | 10 => self.bulk(input),
            11 => {
                if let Some(open) = self.open.take() {
                    drop((open.writer, open.batch));
                    let is_closed = open.store.close().is_ok();
                    assert!(is_closed || self.disk.is_dead(), "closing failed");
                }
                self.restart(input);
            }
            12 => {
                self.disk = self.disk.crash();
                self.restart(input);
            }
            13 => {
                self.disk = self.disk.power_cut(input.u16().into());
                self.restart(input);
            }
            14 => self.check(),
            15 => self.call(None, |open| open.store.sync()),
            16 => self.delete(input),
            _ => self.read(input),
        }
        if self.disk.is_dead() {
            self.disk = self.disk.power_cut(input.u16().into());
            self.restart(input);
        }
    }

    /// Makes a call after which the store is as `after` says (`None`: as before).
    fn call(&mut self, after: Option<Model>, call: impl FnOnce(&mut Open) -> Result<()>) {
        let Some(open) = self.open.as_mut() else { return };
        match (call(open), after) {
            (Ok(()), Some(after)) => self.model = after,
            (Ok(()), None) => {}
            (Err(error), after) => {
                assert!(self.disk.is_dead(), "{error}");
                self.in_flight = after;
            }
        }
    }

    fn write(&mut self, input: &mut Input<'_>) {
        let rows = rows(input);
        let mut after = self.model.clone();
        let refused = after.write(&rows);
        self.call(Some(after), |open| {
            fill(&mut open.batch, &rows);
            let written = open.writer.write(&mut open.batch)?;
            assert_eq!(written.rejections.len(), refused, "{rows:?}");
            Ok(())
        });
    }

    fn bulk(&mut self, input: &mut Input<'_>) {
        let is_committed = !input.u8().is_multiple_of(3);
        let batches: Vec<_> = (0..input.below(4)).map(|_| rows(input)).collect();
        let mut after = self.model.clone();
        let refused: usize = batches.iter().map(|rows| after.write(rows)).sum();
        let duplicates = self.model.duplicates;
        let load = |bulk: &mut Bulk<'_>| {
            let (mut batch, mut map) = (Batch::new(), BulkMap::default());
            let mut rejections = Vec::new();
            for rows in &batches {
                fill(&mut batch, rows);
                bulk.append(&mut batch, &mut map, &mut rejections)?;
            }
            assert_eq!(rejections.len(), refused, "{batches:?}");
            if is_committed {
                return bulk.commit().map(|_| ());
            }
            bulk.rollback();
            Ok(())
        };
        let after = is_committed.then_some(after);
        self.call(after, |open| load(&mut open.store.bulk(duplicates)?));
    }

    fn delete(&mut self, input: &mut Input<'_>) {
        let table = TABLES[input.below(2)];
        if !self.model.types.contains_key(table) {
            return;
        }
        let hosts = &HOSTS[input.below(4)..];
        let (start, length) = (i64::from(input.u16()) % 300 - 100, i64::from(input.u8()));
        let range = match input.below(4) {
            0 => TimeRange::ALL,
            1 => TimeRange::new(i64::MIN, start),
            _ => TimeRange::new(start, start + length),
        };
        let mut after = self.model.clone();
        after.delete(table, range, hosts);
        self.call(Some(after), |open| delete(&open.store, table, range, hosts).map(|_| ()));
    }

    fn check(&self) {
        let Some(open) = &self.open else { return };
        if let Ok(check) = open.store.check() {
            assert!(self.disk.is_dead() || check.problems.is_empty(), "{:?}", check.problems);
        }
    }

    fn read(&self, input: &mut Input<'_>) {
        let Some(open) = self.open.as_ref().filter(|_| !self.disk.is_dead()) else { return };
        let snapshot = open.store.snapshot();
        let (start, length) = (i64::from(input.u16()) % 300 - 100, i64::from(input.u8()));
        let range = TimeRange::new(start, start + length);
        for table in TABLES {
            let found = snapshot.table(table).map(|table| read(table, range)).unwrap_or_default();
            assert_same(&found, &self.model.within(table, range));
        }
    }

    /// Opens the store, whatever goes wrong meanwhile, and compares.
    fn restart(&mut self, input: &mut Input<'_>) {
        for attempt in 0.. {
            self.open = None;
            let choice = input.u8();
            if attempt < 3 && choice & 3 == 3 {
                self.disk.cut_power_at(self.disk.changes() + u64::from(choice >> 2) % 24);
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
            let seed = input.u16();
            self.disk = match seed % 3 {
                0 => self.disk.crash(),
                _ => self.disk.power_cut(seed.into()),
            };
        }
        let Some(open) = &self.open else { return };
        let snapshot = open.store.snapshot();
        let found = dump(&snapshot);
        // A call may define a field and hold no rows that stay.
        let has_types = |model: &Model| {
            model.types.iter().all(|(table, ty)| {
                let schema = snapshot.table(table).map(|table| table.schema());
                schema.and_then(|s| s.field("i").map(|field| s.fields[field].ty)) == Some(*ty)
            })
        };
        let is_that = |after: &Model| after.rows == found && has_types(after);
        if let Some(after) = self.in_flight.take().filter(is_that) {
            self.model = after;
        }
        assert_same(&found, &self.model.rows);
    }
}

fn assert_same(found: &Rows, want: &Rows) {
    let missing = || want.iter().filter(|row| found.get(row.0) != Some(row.1)).collect::<Vec<_>>();
    let extra = || found.iter().filter(|row| want.get(row.0) != Some(row.1)).collect::<Vec<_>>();
    assert!(found == want, "missing or different: {:?}\nnot expected: {:?}", missing(), extra());
}

/// Rows that collide often, or follow each other at an interval.
fn rows(input: &mut Input<'_>) -> Vec<Row> {
    let shape = input.u8();
    let count = if shape & 0xF0 == 0xF0 { 140 } else { 1 + usize::from(shape >> 4) };
    let (start, step) = (i64::from(input.u8()), i64::from(shape & 3) * 5);
    let row = |index: usize| {
        let choice = if count > 16 { shape } else { input.u8() };
        let host = HOSTS[usize::from(choice & 3)].to_owned();
        let table = TABLES[usize::from(choice >> 2 & 1)];
        let time = match choice >> 3 {
            31 => i64::MIN,
            30 => i64::MAX,
            offset if step == 0 && count <= 16 => start + i64::from(offset),
            _ => start + index as i64 * step.max(1),
        };
        Row { table, host, time, fields: fields(choice ^ index as u8) }
    };
    (0..count).map(row).collect()
}

fn fields(choice: u8) -> Vec<(&'static str, Val)> {
    let small = i64::from(choice) - 100;
    let float = if choice == 77 { f64::NAN } else { small as f64 / 4.0 };
    let text = ["", "x", "a longer text, ü"][usize::from(choice) % 3];
    let mut fields = vec![
        ("i", Val::Int(small)),
        ("f", Val::Float(float.to_bits())),
        ("u", Val::UInt(u64::MAX >> (choice & 63))),
        ("b", Val::Bool(choice & 1 != 0)),
        ("s", Val::Text(text.to_owned())),
    ];
    let mut index = 0;
    fields.retain(|_| {
        index += 1;
        index == 1 + usize::from(choice) % 5 || choice >> index & 1 != 0
    });
    fields
}
