//! Runs a workload once on a machine that keeps every moment at which its power may go.

use std::sync::Arc;

use tidemill_model::FieldType;
use tidemill_store::{SimDisk, Snapshot};

use super::digest::{Digest, hash};
use super::driver::Finding;
use super::machine::Session;
use super::workload::Workload;
use crate::common::{Model, Random, dump};

/// The machine before one of its changes.
pub(crate) struct Moment {
    pub(crate) disk: SimDisk,
    /// What the store may hold after a power cut: from the version that is sure to be on the disk
    /// to the one that the call under way leads to.
    pub(crate) versions: Arc<[Digest]>,
    /// Which of them was acknowledged last.
    acknowledged: usize,
    /// The call's index among the workload's.
    pub(crate) call: usize,
}

impl Moment {
    /// Which versions are left when the processes end.
    pub(crate) fn after_kill(&self, is_in_memory: bool) -> &[Digest] {
        if is_in_memory { &self.versions } else { &self.versions[self.acknowledged..] }
    }
}

/// What a run gave.
pub(crate) struct Recorded {
    pub(crate) moments: Vec<Moment>,
    pub(crate) changes: u64,
    /// Of all files at the end.
    pub(crate) files: u64,
}

struct Recorder<'a> {
    workload: &'a Workload,
    disk: SimDisk,
    /// What the store holds after each call; 0: nothing.
    models: Vec<Model>,
    digests: Vec<Digest>,
    /// The one that is sure to be on the disk.
    durable: usize,
    recorded: Recorded,
}

/// Runs it. Between calls the process may be killed or the power go.
pub(crate) fn record(workload: &Workload, random: &mut Random) -> Result<Recorded, Finding> {
    let disk = SimDisk::new(random.next());
    disk.keep_moments();
    let mut recorder = Recorder {
        workload,
        disk,
        models: vec![Model::new(workload.options.duplicates)],
        digests: vec![Digest::default()],
        durable: 0,
        recorded: Recorded { moments: Vec::new(), changes: 0, files: 0 },
    };
    let mut session = recorder.open(0)?;
    for (index, call) in workload.calls.iter().enumerate() {
        if random.one_in(12) {
            session = recorder.restart(session, index, random)?;
        }
        let mut after = recorder.now().clone();
        let refused = call.apply(&mut after);
        recorder.digests.push(Digest::of_model(&after));
        recorder.models.push(after);
        let result = session.call(call);
        recorder.keep(index, 1);
        let reported = result.map_err(|error| format!("call {index}, {}: {error}", call.name()))?;
        if reported != refused {
            return Err(format!("call {index}: {reported} rows refused instead of {refused}"));
        }
        if call.is_durable() || workload.options.durability == tidemill_store::Durability::Fsync {
            recorder.durable = recorder.models.len() - 1;
        }
        if random.one_in(4)
            && let Some(store) = session.store()
        {
            recorder.compare(&store.snapshot(), index)?;
        }
    }
    recorder.finish(session)
}

impl Recorder<'_> {
    fn now(&self) -> &Model {
        &self.models[self.models.len() - 1]
    }

    fn open(&mut self, call: usize) -> Result<Session, Finding> {
        let session = Session::open(Arc::new(self.disk.clone()), &self.workload.options);
        self.keep(call, 0);
        session.map_err(|error| format!("opening before call {call}: {error}"))
    }

    /// Notes the moments of a call that was made, or of anything else between calls.
    fn keep(&mut self, call: usize, calls: usize) {
        let versions: Arc<[Digest]> = self.digests[self.durable..].into();
        let acknowledged = versions.len() - 1 - calls;
        for disk in self.disk.take_moments() {
            let moment = Moment { disk, versions: Arc::clone(&versions), acknowledged, call };
            self.recorded.moments.push(moment);
            self.recorded.changes += 1;
        }
    }

    /// A kill or a power cut, and a new process.
    fn restart(
        &mut self,
        session: Session,
        call: usize,
        random: &mut Random,
    ) -> Result<Session, Finding> {
        let is_kill = random.one_in(2);
        let next = if is_kill { self.disk.crash() } else { self.disk.power_cut(random.next()) };
        drop(session);
        self.disk = next;
        self.disk.keep_moments();
        let last = self.models.len() - 1;
        let is_in_memory = self.workload.options.durability == tidemill_store::Durability::None;
        let first = if is_kill && !is_in_memory { last } else { self.durable };
        // Until it is open, what it will find is open, too.
        let session = Session::open(Arc::new(self.disk.clone()), &self.workload.options);
        let session = session.map_err(|error| format!("restarting before call {call}: {error}"))?;
        let Some(store) = session.store() else { return Err("no store".to_owned()) };
        let snapshot = store.snapshot();
        let found = dump(&snapshot);
        let is_that = |model: &Model| model.rows == found && has_types(model, &snapshot);
        let Some(version) = (first..=last).rev().find(|at| is_that(&self.models[*at])) else {
            return Err(format!("before call {call}: {}", difference(&found, self.now())));
        };
        // What was lost is lost: the run goes on from there.
        self.models.truncate(version + 1);
        self.digests.truncate(version + 1);
        if !is_kill {
            self.durable = version;
        }
        // What a killed process left behind is as volatile as it was until the next one is open.
        self.durable = self.durable.min(version);
        self.keep(call, 0);
        self.durable = version;
        Ok(session)
    }

    fn compare(&self, snapshot: &Snapshot, call: usize) -> Result<(), Finding> {
        let found = dump(snapshot);
        if found == self.now().rows {
            return Ok(());
        }
        Err(format!("after call {call}: {}", difference(&found, self.now())))
    }

    fn finish(mut self, session: Session) -> Result<Recorded, Finding> {
        let calls = self.workload.calls.len();
        drop(session);
        self.keep(calls, 0);
        let versions: Arc<[Digest]> = self.digests[self.durable..].into();
        let acknowledged = versions.len() - 1;
        let disk = self.disk.fork();
        self.recorded.moments.push(Moment { disk, versions, acknowledged, call: calls });
        for (path, bytes) in self.disk.shared_files() {
            let path = hash(path.to_string_lossy().as_bytes());
            self.recorded.files = self.recorded.files.rotate_left(1) ^ path ^ hash(&bytes);
        }
        Ok(self.recorded)
    }
}

/// Whether fields have the types that the model knows. (A call may define one and add no row.)
fn has_types(model: &Model, snapshot: &Snapshot) -> bool {
    let has_type = |(table, ty): (&&str, &FieldType)| {
        let schema = snapshot.table(table).map(|table| table.schema());
        let field = schema.and_then(|s| s.field("i").map(|field| s.fields[field].ty));
        field == Some(*ty)
    };
    model.types.iter().all(has_type)
}

/// What is missing and what is too much, in short.
pub(crate) fn difference(found: &crate::common::Rows, model: &Model) -> String {
    let want = &model.rows;
    let missing: Vec<_> = want.iter().filter(|row| found.get(row.0) != Some(row.1)).collect();
    let extra: Vec<_> = found.iter().filter(|row| want.get(row.0) != Some(row.1)).collect();
    format!(
        "{} rows missing or different, like {:?}; {} not expected, like {:?}",
        missing.len(),
        missing.first(),
        extra.len(),
        extra.first()
    )
}
