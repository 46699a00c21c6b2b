use std::sync::Arc;

use tidemill_memory::Budget;
use tidemill_model::Duplicates;

use crate::disk::{Disk, RealDisk};

/// What an acknowledged write means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk: survives a power cut.
    #[default]
    Fsync,
    /// The operating system has it: survives the end of this process, not of the machine.
    Os,
    /// It is in this process's memory: survives nothing until the next flush or close.
    None,
}

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The memory the store may use. Default: a quarter of the machine's.
    pub budget: Budget,
    /// What an acknowledged write means. Default: it is on the disk.
    pub durability: Durability,
    /// Open beside a writer, to read what was acknowledged at this moment. Default: no.
    pub read_only: bool,
    /// What new tables do with duplicate rows. Default: the last wins.
    pub duplicates: Duplicates,
    /// Create the store when there is none. Default: yes.
    pub create: bool,
    /// The file system. Default: the machine's.
    pub disk: Arc<dyn Disk>,
    /// Rows of one segment at most. Default: 4 Mi.
    pub max_segment_rows: usize,
    /// The memtable is flushed beyond this many bytes. Default: an eighth of the budget, at most
    /// 256 MiB.
    pub max_memtable_bytes: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            budget: Budget::new(default_budget_bytes()),
            durability: Durability::default(),
            read_only: false,
            duplicates: Duplicates::default(),
            create: true,
            disk: Arc::new(RealDisk),
            max_segment_rows: 4 << 20,
            max_memtable_bytes: None,
        }
    }
}

impl Options {
    pub(crate) fn memtable_bytes(&self) -> usize {
        self.max_memtable_bytes.unwrap_or((self.budget.limit_bytes() / 8).min(256 << 20))
    }
}

/// A quarter of the machine's memory, in bytes.
#[must_use]
pub fn default_budget_bytes() -> usize {
    let info = rustix::system::sysinfo();
    let total = (info.totalram as u128) * u128::from(info.mem_unit.max(1));
    usize::try_from(total / 4).unwrap_or(usize::MAX).max(64 << 20)
}
