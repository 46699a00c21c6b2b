use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::frame::{Frame, file_header};
use super::log_path;
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::options::Durability;

/// Without durability, bytes wait in memory up to this many.
const MAX_LAZY_BYTES: usize = 1 << 20;

/// The log being written. Writers that come together share one fsync.
#[derive(Debug)]
pub(crate) struct Log {
    durability: Durability,
    dir: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
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
    is_poisoned: bool,
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
        let (file, path) = create_file(disk, dir, number)?;
        let written = file_header(number).len() as u64;
        let state = State {
            file,
            path,
            pending: Vec::new(),
            spare: Vec::new(),
            written,
            synced: written,
            enqueued_sequence: sequence,
            durable_sequence: sequence,
            is_leading: false,
            is_poisoned: false,
        };
        Ok(Self {
            durability,
            dir: dir.to_owned(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last write that may be shown to readers.
    pub(crate) fn durable_sequence(&self) -> u64 {
        self.lock().durable_sequence
    }

    /// Hands in a write. The caller sees to it that sequence numbers come in order.
    pub(crate) fn enqueue(&self, sequence: u64, payload: &[&[u8]]) -> Result<()> {
        let mut state = self.lock();
        if state.is_poisoned {
            return Err(Error::poisoned());
        }
        let synced = state.synced;
        Frame::put(sequence, synced, payload, &mut state.pending);
        state.enqueued_sequence = sequence;
        if self.durability == Durability::None {
            state.durable_sequence = sequence;
        }
        Ok(())
    }

    /// Waits until a write is as durable as this log makes them.
    pub(crate) fn wait(&self, sequence: u64) -> Result<()> {
        let mut state = self.lock();
        if self.durability == Durability::None {
            return if state.pending.len() > MAX_LAZY_BYTES {
                self.write_pending(state)
            } else {
                Ok(())
            };
        }
        while state.durable_sequence < sequence {
            if state.is_poisoned {
                return Err(Error::poisoned());
            }
            if state.is_leading {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                self.write_pending(state)?;
                state = self.lock();
            }
        }
        Ok(())
    }

    /// Writes what is pending, as the leader of all who wait for it.
    fn write_pending(&self, mut state: MutexGuard<'_, State>) -> Result<()> {
        while state.is_leading {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_poisoned {
            return Err(Error::poisoned());
        }
        if state.pending.is_empty() {
            return Ok(());
        }
        state.is_leading = true;
        let spare = std::mem::take(&mut state.spare);
        let mut bytes = std::mem::replace(&mut state.pending, spare);
        let (file, path) = (Arc::clone(&state.file), state.path.clone());
        let (offset, sequence) = (state.written, state.enqueued_sequence);
        drop(state);
        let mut result = file.write_all_at(&bytes, offset);
        if result.is_ok() && self.durability == Durability::Fsync {
            result = file.sync();
        }
        let mut state = self.lock();
        state.is_leading = false;
        match &result {
            Ok(()) => {
                state.written = offset + bytes.len() as u64;
                if self.durability == Durability::Fsync {
                    state.synced = state.written;
                }
                state.durable_sequence = state.durable_sequence.max(sequence);
            }
            // What reached the disk is unknown, and a second fsync would lie.
            Err(_) => state.is_poisoned = true,
        }
        bytes.clear();
        state.spare = bytes;
        self.changed.notify_all();
        result.map_err(|e| Error::io(&path, "write the log", e))
    }

    /// Writes everything handed in, makes it durable, and notes that in the file.
    pub(crate) fn sync_and_mark(&self) -> Result<()> {
        let mut state = self.lock();
        // Others may hand in more, or still be writing, each time the lock was given up.
        while state.is_leading || !state.pending.is_empty() {
            self.write_pending(state)?;
            state = self.lock();
        }
        if state.is_poisoned {
            return Err(Error::poisoned());
        }
        let mut mark = Vec::new();
        let synced = state.file.sync().and_then(|()| {
            Frame::put(0, state.written, &[], &mut mark);
            state.file.write_all_at(&mark, state.written)?;
            state.file.sync()
        });
        match synced {
            Ok(()) => {
                state.written += mark.len() as u64;
                state.synced = state.written;
                state.durable_sequence = state.enqueued_sequence;
                self.changed.notify_all();
                Ok(())
            }
            Err(error) => {
                state.is_poisoned = true;
                self.changed.notify_all();
                Err(Error::io(&state.path, "sync the log", error))
            }
        }
    }

    /// Goes on in a new file. Everything handed in before is durable in the old one. No writer
    /// may hand in meanwhile.
    pub(crate) fn rotate(&self, disk: &dyn Disk, number: u64) -> Result<()> {
        self.sync_and_mark()?;
        // A failure leaves a file behind that makes this one no longer the last, whose end may be
        // torn: nothing more may be written to it.
        let created = create_file(disk, &self.dir, number).inspect_err(|_| self.poison());
        let (file, path) = created?;
        let mut state = self.lock();
        state.written = file_header(number).len() as u64;
        state.synced = state.written;
        (state.file, state.path) = (file, path);
        Ok(())
    }

    /// Takes no more writes.
    pub(crate) fn poison(&self) {
        self.lock().is_poisoned = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.lock().is_poisoned
    }
}

/// The header is durable whatever [`Durability`] says, so that after a power cut the store opens.
fn create_file(disk: &dyn Disk, dir: &Path, number: u64) -> Result<(Arc<dyn DiskFile>, PathBuf)> {
    let path = log_path(dir, number);
    let created = disk.create(&path).and_then(|file| {
        file.write_all_at(&file_header(number), 0)?;
        file.sync()?;
        disk.sync_dir(dir)?;
        Ok(file)
    });
    match created {
        Ok(file) => Ok((file, path)),
        Err(error) => Err(Error::io(&path, "create a log file", error)),
    }
}
