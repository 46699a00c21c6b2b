//! A process with a store open on some disk.

use std::sync::Arc;
use std::time::Duration;

use tidemill_model::Batch;
use tidemill_store::{Disk, Options, Result, Store, Writer};

use super::workload::Call;
use crate::common::{delete, fill, load};

/// Where stores stand on simulated disks.
pub(crate) const DIR: &str = "/data/store";
/// Where repaired ones are made.
pub(crate) const NEW_DIR: &str = "/data/new";

/// An open store with what its user keeps.
pub(crate) struct Session {
    disk: Arc<dyn Disk>,
    options: Options,
    /// None after a reopening that failed.
    open: Option<(Store, Writer)>,
    batch: Batch,
}

pub(crate) fn open(disk: &Arc<dyn Disk>, options: &Options) -> Result<Store> {
    Store::open(DIR, Options { disk: Arc::clone(disk), ..options.clone() })
}

/// Opens what a repair made on the disk of these options.
pub(crate) fn open_new(options: &Options) -> Result<Store> {
    Store::open(NEW_DIR, options.clone())
}

impl Session {
    pub(crate) fn open(disk: Arc<dyn Disk>, options: &Options) -> Result<Self> {
        let mut session = Self { disk, options: options.clone(), open: None, batch: Batch::new() };
        session.reopen()?;
        Ok(session)
    }

    fn reopen(&mut self) -> Result<()> {
        let store = open(&self.disk, &self.options)?;
        let writer = store.writer();
        self.open = Some((store, writer));
        Ok(())
    }

    pub(crate) fn store(&self) -> Option<&Store> {
        self.open.as_ref().map(|open| &open.0)
    }

    /// Makes a call. Returns how many rows were refused.
    pub(crate) fn call(&mut self, call: &Call) -> Result<usize> {
        if self.open.is_none() {
            self.reopen()?;
        }
        let Some((store, writer)) = &mut self.open else { return Ok(0) };
        match call {
            Call::Write(rows) => {
                fill(&mut self.batch, rows);
                let written = writer.write(&mut self.batch);
                if written.is_err() {
                    // What is left in it is not to be written with the next one.
                    self.batch = Batch::new();
                }
                return written.map(|written| written.rejections.len());
            }
            Call::Flush => store.flush()?,
            Call::Compact => drop(store.compact()?),
            Call::Sync => store.sync()?,
            Call::Idle => store.idle()?,
            Call::Delete { table, range, hosts } => {
                // Of a table that is not there nothing can be deleted.
                if store.snapshot().table(table).is_some() {
                    delete(store, table, *range, hosts)?;
                }
            }
            Call::Retain { table, keep_ns } => {
                if store.snapshot().table(table).is_some() {
                    store.set_retention(table, Some(Duration::from_nanos(*keep_ns)))?;
                    store.compact()?;
                    store.set_retention(table, None)?;
                }
            }
            Call::Bulk { batches, is_committed } => {
                return load(store, self.options.duplicates, batches, *is_committed);
            }
            Call::Reopen { is_closed } => {
                if let Some((store, writer)) = self.open.take() {
                    drop(writer);
                    let closed = if *is_closed { store.close() } else { Ok(()) };
                    closed?;
                }
                self.reopen()?;
            }
        }
        Ok(0)
    }
}
