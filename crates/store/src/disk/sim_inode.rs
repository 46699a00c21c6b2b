//! The bytes of a file on a [`super::SimDisk`].

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::sim_choices::{Choices, Fate};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// The bytes of a file: durable ones, changes since, and what they come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    durable: Arc<Vec<u8>>,
    changes: Vec<ByteChange>,
    /// Sectors that a failed sync left behind: the kernel takes them for written.
    forsaken: BTreeSet<usize>,
    pub(super) current: Arc<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum ByteChange {
    Write { offset: usize, bytes: Arc<[u8]> },
    SetLen(usize),
}

impl Inode {
    /// A file of these bytes, durable.
    pub(super) fn new(bytes: Arc<Vec<u8>>) -> Self {
        Self { durable: Arc::clone(&bytes), current: bytes, ..Self::default() }
    }

    /// Whether a power cut leaves it as it is.
    pub(super) fn is_durable(&self) -> bool {
        self.changes.is_empty() && self.forsaken.is_empty()
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        self.change(ByteChange::Write { offset, bytes: bytes.into() });
    }

    pub(super) fn set_len(&mut self, len: usize) {
        if len != self.current.len() {
            self.change(ByteChange::SetLen(len));
        }
    }

    fn change(&mut self, change: ByteChange) {
        // A sector that is written to again is to be written to the disk again, whole.
        for sector in change.sectors(self.current.len()) {
            if self.forsaken.remove(&sector) {
                let start = (sector * SECTOR_BYTES).min(self.current.len());
                let end = (start + SECTOR_BYTES).min(self.current.len());
                let bytes = self.current[start..end].into();
                self.changes.push(ByteChange::Write { offset: start, bytes });
            }
        }
        change.apply(Arc::make_mut(&mut self.current));
        self.changes.push(change);
    }

    pub(super) fn sync(&mut self) {
        let before = std::mem::replace(&mut self.durable, Arc::clone(&self.current));
        self.changes.clear();
        if self.forsaken.is_empty() {
            return;
        }
        let durable = Arc::make_mut(&mut self.durable);
        for sector in &self.forsaken {
            let start = (sector * SECTOR_BYTES).min(durable.len());
            let end = (start + SECTOR_BYTES).min(durable.len());
            let old = before.get(start..end.min(before.len())).unwrap_or_default();
            durable[start..start + old.len()].copy_from_slice(old);
            durable[start + old.len()..end].fill(0);
        }
    }

    /// A sync that fails as Linux's does: what it could not write counts as written from now on, is
    /// there as long as the machine runs, and is not on the disk.
    pub(super) fn forsake(&mut self) {
        self.forsaken.extend(self.touched_sectors());
        // The length is in the journal, which is another matter.
        let mut durable = self.durable.to_vec();
        durable.resize(self.current.len(), 0);
        self.durable = Arc::new(durable);
        self.changes.clear();
    }

    /// In how many ways [`Inode::lose_power`] may choose.
    pub(super) fn max_outcomes(&self) -> u64 {
        let sectors = self.touched_sectors().into_iter();
        let choices = sectors.map(|sector| self.sector_contents(sector).len() as u64);
        let forsaken = 2u64.saturating_pow(self.forsaken.len() as u32);
        choices.chain([forsaken]).fold(self.lengths().len() as u64, u64::saturating_mul)
    }

    /// Every sector, and the length, keeps the changes up to some moment of its own.
    pub(super) fn lose_power(&mut self, fate: Fate, choices: &mut Choices) {
        let lengths = self.lengths();
        let mut bytes = self.durable.to_vec();
        bytes.resize(lengths[fate.pick(lengths.len(), choices)], 0);
        for sector in self.touched_sectors() {
            let start = sector * SECTOR_BYTES;
            if start >= bytes.len() {
                break;
            }
            let contents = self.sector_contents(sector);
            let content = &contents[fate.pick(contents.len(), choices)];
            let end = bytes.len().min(start + SECTOR_BYTES);
            bytes[start..end].copy_from_slice(&content[..end - start]);
        }
        for sector in &self.forsaken {
            let start = (sector * SECTOR_BYTES).min(bytes.len());
            let end = (start + SECTOR_BYTES).min(bytes.len()).min(self.current.len());
            if start < end && fate.pick(2, choices) == 1 {
                bytes[start..end].copy_from_slice(&self.current[start..end]);
            }
        }
        *self = Self::new(Arc::new(bytes));
    }

    /// The lengths it had since the last sync, each once but for the last.
    fn lengths(&self) -> Vec<usize> {
        let mut lengths = vec![self.durable.len()];
        let mut length = self.durable.len();
        for change in &self.changes {
            length = match change {
                ByteChange::Write { offset, bytes } => length.max(offset + bytes.len()),
                ByteChange::SetLen(len) => *len,
            };
            push_if_new(&mut lengths, length);
        }
        lengths
    }

    fn touched_sectors(&self) -> BTreeSet<usize> {
        let mut longest = self.durable.len();
        let sectors = self.changes.iter().flat_map(|change| {
            let sectors = change.sectors(longest);
            longest = longest.max(change.end());
            sectors
        });
        sectors.collect()
    }

    /// What stood in a sector since the last sync: first what was durable, last what is there now.
    fn sector_contents(&self, sector: usize) -> Vec<[u8; SECTOR_BYTES]> {
        let start = sector * SECTOR_BYTES;
        let mut content = [0; SECTOR_BYTES];
        if let Some(durable) = self.durable.get(start..) {
            let len = durable.len().min(SECTOR_BYTES);
            content[..len].copy_from_slice(&durable[..len]);
        }
        let mut contents = vec![content];
        for change in &self.changes {
            match change {
                ByteChange::Write { offset, bytes } => {
                    let (from, to) =
                        (start.max(*offset), (offset + bytes.len()).min(start + SECTOR_BYTES));
                    if from < to {
                        content[from - start..to - start]
                            .copy_from_slice(&bytes[from - offset..to - offset]);
                    }
                }
                ByteChange::SetLen(len) => {
                    let kept = len.saturating_sub(start).min(SECTOR_BYTES);
                    content[kept..].fill(0);
                }
            }
            push_if_new(&mut contents, content);
        }
        contents
    }
}

/// Adds what is not there yet, and moves to the end what is: the last one is what holds now.
fn push_if_new<T: PartialEq>(all: &mut Vec<T>, new: T) {
    if all.last() == Some(&new) {
        return;
    }
    // The first stays the first: it is what was durable.
    if let Some(at) = all.iter().skip(1).position(|old| *old == new) {
        all.remove(at + 1);
    }
    all.push(new);
}

impl ByteChange {
    fn end(&self) -> usize {
        match self {
            Self::Write { offset, bytes } => offset + bytes.len(),
            Self::SetLen(len) => *len,
        }
    }

    /// The sectors it changes in a file of that length at most.
    fn sectors(&self, length: usize) -> Range<usize> {
        let touched = match self {
            Self::Write { offset, bytes } => *offset..offset + bytes.len(),
            Self::SetLen(len) => *len..length.max(*len),
        };
        if touched.is_empty() {
            return 0..0;
        }
        touched.start / SECTOR_BYTES..touched.end.div_ceil(SECTOR_BYTES)
    }

    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*offset..end].copy_from_slice(bytes);
            }
            Self::SetLen(len) => file.resize(*len, 0),
        }
    }
}
