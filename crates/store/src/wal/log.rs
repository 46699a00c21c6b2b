use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::frame::Frame;
use super::header::{End, Header, Mark};
use super::sync::{Condvar, Mutex, MutexGuard, lock, wait, wait_timeout_while};
use super::{log_path, new_log_path};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::options::Durability;
use crate::stages;

/// Without durability, bytes wait in memory up to this many.
const MAX_LAZY_BYTES: usize = 1 << 20;

/// The log being written. Writers that come together share one fsync.
#[derive(Debug)]
pub(crate) struct Log {
    durability: Durability,
    dir: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
    /// Tells the [`super::Marker`] that there is something to mark, or that it is to stop.
    to_mark: Condvar,
}

#[derive(Debug)]
struct State {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    number: u64,
    /// The last mark in the file.
    mark: Mark,
    /// Frames not handed to the file yet.
    pending: Vec<u8>,
    /// The buffer that the present leader writes from, to be used again.
    spare: Vec<u8>,
    /// Bytes of the file written, pending ones left out.
    written: u64,
    /// Bytes of the file that are durable.
    synced: u64,
    /// The last write handed in, and the last one that is as durable as was asked for.
    enqueued_sequence: u64,
    durable_sequence: u64,
    is_leading: bool,
    /// Why nothing more is taken: the first failure.
    poison: Option<Error>,
    is_marker_waiting: bool,
    has_marker_stopped: bool,
}

/// What a leader does besides writing what is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    /// As the log's durability says.
    Write,
    /// Syncs, and notes that in the file.
    Mark { end: End },
}

impl Log {
    /// Starts log file `number`; writes after `sequence` go to it.
    pub(crate) fn create(
        disk: &dyn Disk,
        dir: &Path,
        number: u64,
        sequence: u64,
        durability: Durability,
    ) -> Result<Self> {
        let created = create_file(disk, dir, number, sequence + 1)?;
        let state = State {
            file: created.file,
            path: created.path,
            number,
            mark: created.mark,
            pending: Vec::new(),
            spare: Vec::new(),
            written: created.mark.synced,
            synced: created.mark.synced,
            enqueued_sequence: sequence,
            durable_sequence: sequence,
            is_leading: false,
            poison: None,
            is_marker_waiting: false,
            has_marker_stopped: false,
        };
        Ok(Self {
            durability,
            dir: dir.to_owned(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            to_mark: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The last write that may be shown to readers.
    pub(crate) fn durable_sequence(&self) -> u64 {
        self.lock().durable_sequence
    }

    /// Hands in a write. The caller sees to it that sequence numbers come in order.
    pub(crate) fn enqueue(&self, sequence: u64, payload: &[&[u8]]) -> Result<()> {
        let mut state = self.lock();
        state.takes_more()?;
        let synced = state.synced;
        Frame::put(sequence, synced, payload, &mut state.pending);
        state.enqueued_sequence = sequence;
        if self.durability == Durability::None {
            state.durable_sequence = sequence;
        }
        Ok(())
    }

    /// Waits until all that was handed in is as durable as this log makes it, where nothing failed.
    pub(crate) fn wait_for_all(&self) -> Result<()> {
        let sequence = self.lock().enqueued_sequence;
        self.wait(sequence)?;
        self.takes_more()
    }

    /// Waits until a write is as durable as this log makes them.
    pub(crate) fn wait(&self, sequence: u64) -> Result<()> {
        let mut state = self.lock();
        if self.durability == Durability::None {
            return if state.pending.len() > MAX_LAZY_BYTES {
                self.lead(state, Lead::Write)
            } else {
                Ok(())
            };
        }
        while state.durable_sequence < sequence {
            if state.is_leading {
                state = wait(&self.changed, state);
            } else {
                self.lead(state, Lead::Write)?;
                state = self.lock();
            }
        }
        Ok(())
    }

    /// Writes what is pending, as the leader of all who wait for it.
    fn lead(&self, mut state: MutexGuard<'_, State>, lead: Lead) -> Result<()> {
        while state.is_leading {
            state = wait(&self.changed, state);
        }
        state.takes_more()?;
        if state.pending.is_empty() && (lead == Lead::Write || state.is_marked(lead)) {
            return Ok(());
        }
        state.is_leading = true;
        let spare = std::mem::take(&mut state.spare);
        let mut bytes = std::mem::replace(&mut state.pending, spare);
        let (file, path) = (Arc::clone(&state.file), state.path.clone());
        let (offset, sequence) = (state.written, state.enqueued_sequence);
        let (number, mut mark) = (state.number, state.mark);
        drop(state);
        let end = offset + bytes.len() as u64;
        let must_sync = self.durability == Durability::Fsync || lead != Lead::Write;
        let mut write = || {
            let _logging = stages::LOG.enter();
            if !bytes.is_empty() {
                file.write_all_at(&bytes, offset)?;
            }
            if must_sync {
                file.sync()?;
            }
            if let Lead::Mark { end: at_end } = lead {
                mark = mark.next(end, at_end);
                file.write_all_at(&mark.sector(number), mark.offset())?;
                file.sync()?;
            }
            Ok(())
        };
        let written: std::io::Result<()> = write();
        let result = written.map_err(|e| Error::io(&path, "write the log", e));
        let mut state = self.lock();
        state.is_leading = false;
        match &result {
            Ok(()) => {
                (state.written, state.mark) = (end, mark);
                if must_sync {
                    state.synced = end;
                }
                state.durable_sequence = state.durable_sequence.max(sequence);
            }
            // What reached the disk is unknown, and a second fsync would lie.
            Err(error) => state.take_no_more(error),
        }
        bytes.clear();
        state.spare = bytes;
        if std::mem::take(&mut state.is_marker_waiting) {
            self.to_mark.notify_one();
        }
        self.changed.notify_all();
        result
    }

    /// Writes everything handed in, makes it durable, and notes that in the file, and what follows.
    /// Unless that is open, no writer may hand in more.
    pub(crate) fn sync_and_mark(&self, end: End) -> Result<()> {
        self.lead(self.lock(), Lead::Mark { end })
    }

    /// Waits until there is something to mark, and then until nothing was written for `idle`;
    /// marks it then. `false`: it is to stop.
    pub(super) fn mark_when_idle(&self, idle: Duration) -> bool {
        let mut state = self.lock();
        loop {
            let waits = state.is_marked(Lead::Mark { end: End::Open }) || state.poison.is_some();
            state.is_marker_waiting = waits && !state.has_marker_stopped;
            if !state.is_marker_waiting {
                break;
            }
            state = wait(&self.to_mark, state);
        }
        let seen = (state.written, state.number);
        let goes_on = |state: &mut State| !state.has_marker_stopped;
        let state = wait_timeout_while((&self.state, &self.to_mark), state, idle, goes_on);
        if state.has_marker_stopped {
            return false;
        }
        if seen == (state.written, state.number) {
            self.mark_idle(state);
        }
        true
    }

    /// What is done when nothing was written for a moment. That it failed is told to the next
    /// writer.
    fn mark_idle(&self, state: MutexGuard<'_, State>) {
        if let Err(error) = self.lead(state, Lead::Mark { end: End::Open }) {
            tracing::error!(%error, "the log could not be marked");
        }
    }

    /// The moment has passed, where nobody waits for it.
    pub(crate) fn idle(&self) {
        self.mark_idle(self.lock());
    }

    pub(super) fn stop_marker(&self) {
        self.lock().has_marker_stopped = true;
        self.to_mark.notify_all();
    }

    /// Goes on in a new file. Everything handed in before is durable in the old one. No writer
    /// may hand in meanwhile.
    pub(crate) fn rotate(&self, disk: &dyn Disk, number: u64) -> Result<()> {
        self.sync_and_mark(End::OfFile)?;
        let base_sequence = self.lock().enqueued_sequence + 1;
        // The old file says that nothing follows in it: nothing more may be written there.
        let created = create_file(disk, &self.dir, number, base_sequence);
        let created = created.inspect_err(|error| self.poison(error))?;
        let mut state = self.lock();
        (state.written, state.synced) = (created.mark.synced, created.mark.synced);
        (state.file, state.path) = (created.file, created.path);
        (state.number, state.mark) = (number, created.mark);
        Ok(())
    }

    /// Takes no more writes, and says why to all who come.
    pub(crate) fn poison(&self, cause: &Error) {
        self.lock().take_no_more(cause);
        self.changed.notify_all();
    }

    /// An error that names the cause if an earlier failure leaves open what is durable.
    pub(crate) fn takes_more(&self) -> Result<()> {
        self.lock().takes_more()
    }
}

impl State {
    fn take_no_more(&mut self, cause: &Error) {
        self.poison.get_or_insert_with(|| cause.again());
    }

    fn takes_more(&self) -> Result<()> {
        self.poison.as_ref().map_or(Ok(()), |cause| Err(Error::poisoned(cause)))
    }

    /// Whether the file says already that all of it is durable (and closed, if it is to say that).
    /// What is pending is not in it yet.
    fn is_marked(&self, lead: Lead) -> bool {
        let is_enough = match lead {
            Lead::Mark { end } => self.mark.end >= end,
            Lead::Write => true,
        };
        is_enough && self.mark.synced == self.written
    }
}

struct Created {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    mark: Mark,
}

/// Makes an empty log file. It gets its name when its header is durable (whatever [`Durability`]
/// says), so that a log file without a whole header is damaged.
fn create_file(disk: &dyn Disk, dir: &Path, number: u64, base_sequence: u64) -> Result<Created> {
    let (path, new_path) = (log_path(dir, number), new_log_path(dir, number));
    let (header, mark) = Header::encode(number, base_sequence);
    let created = disk.create(&new_path).and_then(|file| {
        file.write_all_at(&header, 0)?;
        file.sync()?;
        disk.rename(&new_path, &path)?;
        disk.sync_dir(dir)?;
        Ok(file)
    });
    match created {
        Ok(file) => Ok(Created { file, path, mark }),
        Err(error) => Err(Error::io(&path, "create a log file", error)),
    }
}
