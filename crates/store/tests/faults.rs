//! Every call to the disk fails once, or for ever from then on: nothing panics, and what was
//! acknowledged is there after reopening, even when the power goes in between.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;

use common::{Model, Row, dump, fill};
use tidemill_model::{Batch, Duplicates};
use tidemill_store::{
    BulkMap, Error, ErrorKind, Failure, Fault, FaultyDisk, Operation, Options, SimDisk, Store,
};

const DIR: &str = "/store";

type Disk = FaultyDisk<SimDisk>;

fn open(disk: &Disk) -> Result<Store, Error> {
    let disk = Arc::new(disk.clone());
    Store::open(DIR, Options { disk, max_segment_rows: 8, ..Options::default() })
}

/// What was acknowledged, and what may be there beyond it.
struct Progress {
    model: Model,
    in_flight: Option<Model>,
}

impl Progress {
    fn call(
        &mut self,
        rows: &[Row],
        call: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut after = self.model.clone();
        after.write(rows);
        match call() {
            Ok(()) => self.model = after,
            Err(error) => {
                self.in_flight = Some(after);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Writes, a flush, a bulk load, a compaction, and all of it again after reopening.
fn work(disk: &Disk, progress: &mut Progress) -> Result<(), Error> {
    for round in 0..2 {
        let store = open(disk)?;
        let mut batch = Batch::new();
        for step in 0..3 {
            let base = round * 100 + step;
            let rows = [
                Row::new("t", "a", base, base),
                Row::new("t", ["b", "c"][step as usize % 2], 7, base),
            ];
            progress.call(&rows, || {
                fill(&mut batch, &rows);
                store.write(&mut batch).map(|_| ())
            })?;
            if step == 1 {
                store.flush()?;
            }
        }
        let rows = [Row::new("u", "a", round, 1), Row::new("t", "d", 5, round)];
        progress.call(&rows, || {
            let mut bulk = store.bulk(Duplicates::Last)?;
            fill(&mut batch, &rows);
            bulk.append(&mut batch, &mut BulkMap::default(), &mut Vec::new())?;
            bulk.commit().map(|_| ())
        })?;
        store.compact()?;
        store.close()?;
    }
    Ok(())
}

fn check(fault: Fault, power_cut: Option<u64>) -> u64 {
    let sim = SimDisk::new(1);
    let disk = FaultyDisk::new(sim.clone());
    disk.set_fault(Some(fault));
    let mut progress = Progress { model: Model::new(Duplicates::Last), in_flight: None };
    let result = work(&disk, &mut progress);
    if let Err(error) = &result {
        let is_told = [ErrorKind::Io, ErrorKind::Poisoned].contains(&error.kind());
        assert!(is_told && disk.failed() > 0, "{fault:?}: {error}");
    }
    let sim = power_cut.map_or_else(|| sim.crash(), |seed| sim.power_cut(seed));
    let store = open(&FaultyDisk::new(sim)).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
    let found = dump(&store.snapshot());
    let is_there =
        found == progress.model.rows || progress.in_flight.is_some_and(|after| after.rows == found);
    assert!(is_there, "{fault:?}, {power_cut:?}: {found:?}\n{:?}", progress.model.rows);
    let problems = store.check().unwrap().problems;
    assert!(problems.is_empty(), "{fault:?}: {problems:?}");
    disk.failed()
}

#[test]
fn any_call_may_fail() {
    let calls = {
        let disk = FaultyDisk::new(SimDisk::new(1));
        let mut progress = Progress { model: Model::new(Duplicates::Last), in_flight: None };
        work(&disk, &mut progress).unwrap();
        disk.calls()
    };
    let faults = |operation, failure| {
        [false, true].map(|is_permanent| Fault { operation, at: 0, is_permanent, failure })
    };
    let mut failed = 0;
    for at in 0..calls {
        for fault in [faults(None, Failure::Io), faults(None, Failure::ShortWrite)].concat() {
            failed += check(Fault { at, ..fault }, None);
            failed += check(Fault { at, ..fault }, Some(at));
        }
    }
    assert!(failed >= 4 * calls, "{failed} of {calls} calls");
    for at in 0.. {
        let fault = Fault {
            operation: Some(Operation::Sync),
            at,
            is_permanent: false,
            failure: Failure::Io,
        };
        if (0..4).map(|seed| check(fault, Some(seed))).sum::<u64>() == 0 {
            break;
        }
    }
}
