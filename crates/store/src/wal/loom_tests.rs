//! Writers, the leader among them, the marker, and a reader, in every order of events:
//! `RUSTFLAGS="--cfg loom" cargo test -p tidemill-store --profile quick --lib wal::loom`.
//!
//! It is the log itself that runs here, on a simulated disk. After each acknowledgement the power is
//! cut in every way there is, and the write must be there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use loom::thread;

use super::sync::{Mutex, lock};
use super::{End, Log, replay};
use crate::disk::{Failure, Fault, FaultyDisk, Operation, SimDisk};
use crate::error::Error;
use crate::options::Durability;

const IDLE: Duration = Duration::from_millis(100);

/// A log on a disk, of which the n-th sync may fail.
struct Fixture {
    sim: SimDisk,
    log: Log,
    /// The number of the next write: as in the store, they are handed in one after the other.
    next: Mutex<u64>,
}

impl Fixture {
    fn new(failing_sync: Option<u64>) -> Arc<Self> {
        let sim = SimDisk::new(0);
        let disk = FaultyDisk::new(sim.clone());
        let log = Log::create(&disk, Path::new("/"), 1, 0, Durability::Fsync).unwrap();
        let fault = |at| {
            let (operation, failure) = (Some(Operation::Sync), Failure::Io);
            Fault { operation, at, is_permanent: false, failure }
        };
        disk.set_fault(failing_sync.map(fault));
        Arc::new(Self { sim, log, next: Mutex::new(1) })
    }

    /// The last write that is there whatever a power cut leaves.
    fn durable(&self) -> u64 {
        let last = |disk: &SimDisk| {
            let mut last = 0;
            let apply = |sequence, _: &[u8], _| {
                assert_eq!(sequence, last + 1);
                last = sequence;
                Ok(())
            };
            replay(disk, Path::new("/"), 1, true, |_| Ok(()), apply).unwrap();
            last
        };
        let outcomes = self.sim.power_cuts(1 << 12).unwrap();
        outcomes.iter().map(last).min().unwrap()
    }

    /// What readers are shown is durable.
    fn read(&self) -> u64 {
        let shown = self.log.durable_sequence();
        assert!(self.durable() >= shown, "write {shown} is shown");
        shown
    }

    /// A write, which is durable when it is acknowledged; `None`: it was not.
    fn write(&self) -> Option<u64> {
        let sequence = {
            let mut next = lock(&self.next);
            self.log.enqueue(*next, &[b"x"]).ok()?;
            *next += 1;
            *next - 1
        };
        match self.log.wait(sequence) {
            Ok(()) => {
                assert!(self.read() >= sequence, "write {sequence} was acknowledged");
                Some(sequence)
            }
            Err(_) => {
                assert!(self.log.takes_more().is_err());
                None
            }
        }
    }
}

/// Of a thread that could go on, so often at most, unless `LOOM_MAX_PREEMPTIONS` says otherwise (6 takes
/// minutes, and finds no more).
const MAX_PREEMPTIONS: usize = 3;

/// Runs it in every order of events with so many preemptions.
fn model(run: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound.get_or_insert(MAX_PREEMPTIONS);
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&orders);
    model.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        run();
    });
    let orders = orders.load(Ordering::Relaxed);
    println!("{orders} orders of events");
    assert!(orders > 10, "{orders} orders of events: nothing ran beside anything");
}

fn spawn<T: 'static>(
    fixture: &Arc<Fixture>,
    run: impl FnOnce(&Fixture) -> T + 'static,
) -> thread::JoinHandle<T> {
    let fixture = Arc::clone(fixture);
    thread::spawn(move || run(&fixture))
}

#[test]
fn what_is_acknowledged_or_shown_is_durable() {
    model(|| {
        let fixture = Fixture::new(None);
        let writers = [(); 2].map(|()| spawn(&fixture, |fixture| fixture.write()));
        fixture.read();
        let written = writers.map(|writer| writer.join().unwrap());
        assert!(written == [Some(1), Some(2)] || written == [Some(2), Some(1)]);
        assert_eq!(fixture.read(), 2);
    });
}

#[test]
fn a_failed_sync_is_told_to_all_who_wait_for_it() {
    for failing in 0..3 {
        model(move || {
            let fixture = Fixture::new(Some(failing));
            let writers = [(); 2].map(|()| spawn(&fixture, |fixture| fixture.write()));
            let marked = fixture.log.sync_and_mark(End::Open);
            let written = writers.map(|writer| writer.join().unwrap());
            // A mark of what is marked already makes no sync, two writes may share one.
            let all_done = written.iter().all(Option::is_some) && marked.is_ok();
            assert!(all_done == fixture.log.takes_more().is_ok() && (failing > 0 || !all_done));
            // Then it is one of the next, and after it none is taken.
            assert!((0..failing).any(|_| fixture.write().is_none()) || !all_done);
            assert_eq!(fixture.write(), None);
        });
    }
}

#[test]
fn the_marker_is_woken_when_there_is_something_to_mark() {
    model(|| {
        let fixture = Fixture::new(None);
        let marker = spawn(&fixture, |fixture| fixture.log.mark_when_idle(IDLE));
        assert_eq!(fixture.write(), Some(1));
        assert!(marker.join().unwrap());
        assert_eq!((fixture.write(), fixture.read()), (Some(2), 2));
    });
}

#[test]
fn the_marker_stops_when_it_is_told() {
    model(|| {
        let fixture = Fixture::new(None);
        let marker = spawn(&fixture, |fixture| while fixture.log.mark_when_idle(IDLE) {});
        let writer = spawn(&fixture, |fixture| fixture.write());
        fixture.log.stop_marker();
        assert_eq!(writer.join().unwrap(), Some(1));
        marker.join().unwrap();
        fixture.log.sync_and_mark(End::OfLog).unwrap();
        assert_eq!(fixture.read(), 1);
    });
}

#[test]
fn poisoning_wakes_all_who_wait() {
    model(|| {
        let fixture = Fixture::new(None);
        let writers = [(); 2].map(|()| spawn(&fixture, |fixture| fixture.write()));
        fixture.log.poison(&Error::invalid("a test"));
        writers.into_iter().for_each(|writer| _ = writer.join().unwrap());
        assert_eq!(fixture.write(), None);
    });
}
