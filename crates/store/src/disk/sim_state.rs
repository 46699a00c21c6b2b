//! What a [`super::SimDisk`] holds: what is durable, what is volatile, and what of it a power cut
//! keeps.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// Files and directories.
#[derive(Debug)]
pub(super) struct State {
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    /// All that were ever created; those without an entry in their parent are gone.
    directories: BTreeMap<PathBuf, Directory>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(u64),
    Directory,
}

#[derive(Clone, Debug)]
pub(super) enum EntryChange {
    Link(String, u64),
    LinkDirectory(String),
    Unlink(String),
    Rename { from: String, to: String, inode: u64 },
}

/// The entries of a directory: durable ones, changes since, and what they come to.
#[derive(Debug, Default)]
pub(super) struct Directory {
    durable: BTreeMap<String, Entry>,
    changes: Vec<EntryChange>,
    pub(super) current: BTreeMap<String, Entry>,
}

/// The bytes of a file: durable ones, changes since, and what they come to.
#[derive(Debug, Default)]
pub(super) struct Inode {
    durable: Vec<u8>,
    changes: Vec<ByteChange>,
    pub(super) current: Vec<u8>,
}

#[derive(Debug)]
enum ByteChange {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl State {
    pub(super) fn new() -> Self {
        let root = (PathBuf::from("/"), Directory::default());
        Self { inodes: BTreeMap::new(), next_inode: 0, directories: BTreeMap::from([root]) }
    }

    /// The directory and the name of a path.
    pub(super) fn split(path: &Path) -> io::Result<(&Path, &str)> {
        let name = path.file_name().and_then(|name| name.to_str());
        path.parent().zip(name).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// Relative paths start at the root.
    fn normal(dir: &Path) -> PathBuf {
        Path::new("/").join(if dir == Path::new(".") { Path::new("") } else { dir })
    }

    pub(super) fn directory(&mut self, dir: &Path) -> io::Result<&mut Directory> {
        self.directories.get_mut(&Self::normal(dir)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn entries(&self, dir: &Path) -> io::Result<&BTreeMap<String, Entry>> {
        let directory = self.directories.get(&Self::normal(dir)).ok_or(io::ErrorKind::NotFound)?;
        Ok(&directory.current)
    }

    pub(super) fn create_dir_all(&mut self, dir: &Path) -> io::Result<()> {
        let dir = Self::normal(dir);
        if self.directories.contains_key(&dir) {
            return Ok(());
        }
        let (parent, name) = Self::split(&dir)?;
        self.create_dir_all(parent)?;
        if matches!(self.directory(parent)?.current.get(name), Some(Entry::File(_))) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change_entry(parent, EntryChange::LinkDirectory(name.to_owned()))?;
        self.directories.insert(dir, Directory::default());
        Ok(())
    }

    pub(super) fn add_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.inodes.insert(self.next_inode, Inode::default());
        self.next_inode
    }

    pub(super) fn inode(&mut self, inode: u64) -> &mut Inode {
        self.inodes.entry(inode).or_default()
    }

    pub(super) fn inode_ref(&self, inode: u64) -> io::Result<&Inode> {
        self.inodes.get(&inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn change_entry(&mut self, dir: &Path, change: EntryChange) -> io::Result<()> {
        let directory = self.directory(dir)?;
        change.apply(&mut directory.current);
        directory.changes.push(change);
        Ok(())
    }

    pub(super) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for (path, directory) in &self.directories {
            for (name, entry) in &directory.current {
                if let Entry::File(inode) = entry
                    && let Some(inode) = self.inodes.get(inode)
                {
                    files.insert(path.join(name), inode.current.clone());
                }
            }
        }
        files
    }

    /// Keeps what is durable and a random part of the rest.
    pub(super) fn lose_power(&mut self, random: &mut Random) {
        // All, nothing, or some: the first two are the likeliest ways to be wrong.
        let fate = Fate::choose(random);
        self.directories.values_mut().for_each(|directory| directory.lose_power(fate, random));
        self.inodes.values_mut().for_each(|inode| inode.lose_power(fate, random));
        let paths: Vec<PathBuf> = self.directories.keys().cloned().collect();
        for path in paths {
            let is_linked = path.parent().is_none_or(|parent| {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                self.directories.get(parent).is_some_and(|parent| parent.current.contains_key(name))
            });
            if !is_linked {
                self.directories.remove(&path);
            }
        }
    }
}

/// What becomes of what is volatile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lost,
    Kept,
    Mixed,
}

impl Fate {
    fn choose(random: &mut Random) -> Self {
        match random.below(5) {
            0 => Self::Lost,
            1 => Self::Kept,
            _ => Self::Mixed,
        }
    }

    /// How many of `changes`, from the first on, reached one place.
    fn prefix(self, changes: usize, random: &mut Random) -> usize {
        match self {
            Self::Lost => 0,
            Self::Kept => changes,
            Self::Mixed => random.below(changes as u64 + 1) as usize,
        }
    }
}

impl EntryChange {
    fn apply(&self, entries: &mut BTreeMap<String, Entry>) {
        match self {
            Self::Link(name, inode) => {
                entries.insert(name.clone(), Entry::File(*inode));
            }
            Self::LinkDirectory(name) => {
                entries.insert(name.clone(), Entry::Directory);
            }
            Self::Unlink(name) => {
                entries.remove(name);
            }
            Self::Rename { from, to, inode } => {
                // Names that lead to other files by now (a change between was lost) stay.
                if entries.get(from) == Some(&Entry::File(*inode)) {
                    entries.remove(from);
                }
                entries.insert(to.clone(), Entry::File(*inode));
            }
        }
    }
}

impl Directory {
    pub(super) fn sync(&mut self) {
        self.durable = self.current.clone();
        self.changes.clear();
    }

    fn lose_power(&mut self, fate: Fate, random: &mut Random) {
        for change in std::mem::take(&mut self.changes) {
            let is_kept = match fate {
                Fate::Lost => false,
                Fate::Kept => true,
                Fate::Mixed => random.below(2) == 0,
            };
            if is_kept {
                change.apply(&mut self.durable);
            }
        }
        self.current = self.durable.clone();
    }
}

impl Inode {
    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        let change = ByteChange::Write { offset, bytes: bytes.to_vec() };
        change.apply(&mut self.current);
        self.changes.push(change);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        if len != self.current.len() {
            let change = ByteChange::SetLen(len);
            change.apply(&mut self.current);
            self.changes.push(change);
        }
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.current.clone();
        self.changes.clear();
    }

    /// Every sector, and the length, keeps the changes up to some moment of its own.
    fn lose_power(&mut self, fate: Fate, random: &mut Random) {
        if self.changes.is_empty() {
            return;
        }
        let mut states = vec![std::mem::take(&mut self.durable)];
        for change in &self.changes {
            let mut next = states.last().cloned().unwrap_or_default();
            change.apply(&mut next);
            states.push(next);
        }
        let changes = self.changes.len();
        let mut bytes = vec![0; states[fate.prefix(changes, random)].len()];
        for (sector, out) in bytes.chunks_mut(SECTOR_BYTES).enumerate() {
            let state = &states[fate.prefix(changes, random)];
            let start = (sector * SECTOR_BYTES).min(state.len());
            let source = &state[start..state.len().min(start + out.len())];
            out[..source.len()].copy_from_slice(source);
        }
        *self = Self { durable: bytes.clone(), changes: Vec::new(), current: bytes };
    }
}

impl ByteChange {
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

/// `SplitMix64` (Steele, Lea, Flood 2014): every seed gives a good sequence.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is far below 2^64.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Disk, SimDisk};
    use std::collections::BTreeSet;
    use std::path::Path;

    /// What is found in `/d` after a power cut that follows `act`, over many seeds.
    fn outcomes(act: impl Fn(&SimDisk)) -> BTreeSet<Vec<(String, String)>> {
        let outcome = |seed| {
            let disk = SimDisk::new(0);
            disk.create_dir_all(Path::new("/d")).unwrap();
            disk.sync_dir(Path::new("/")).unwrap();
            act(&disk);
            let text = |(path, bytes): (std::path::PathBuf, Vec<u8>)| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, String::from_utf8_lossy(&bytes).replace('\0', "0"))
            };
            disk.power_cut(seed).files().into_iter().map(text).collect()
        };
        (0..200).map(outcome).collect()
    }

    fn put(disk: &SimDisk, name: &str, bytes: &[u8]) {
        disk.create(&Path::new("/d").join(name)).unwrap().write_all_at(bytes, 0).unwrap();
    }

    fn check(want: &[&[(&str, &str)]], act: impl Fn(&SimDisk)) {
        let own = |files: &&[(&str, &str)]| {
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        assert_eq!(outcomes(act), want.iter().map(own).collect());
    }

    #[test]
    fn what_is_not_synced_may_be_there_or_not() {
        check(&[&[], &[("a", "")], &[("a", "x")], &[("a", "0")]], |disk| put(disk, "a", b"x"));
        check(&[&[], &[("a", "x")]], |disk| {
            put(disk, "a", b"x");
            disk.open(Path::new("/d/a"), true).unwrap().sync().unwrap();
        });
        check(&[&[("a", "")], &[("a", "x")], &[("a", "0")]], |disk| {
            put(disk, "a", b"x");
            disk.sync_dir(Path::new("/d")).unwrap();
        });
    }

    #[test]
    fn renames_and_removals_come_in_any_subset() {
        let settled = |disk: &SimDisk| {
            for name in ["a", "b"] {
                put(disk, name, name.as_bytes());
                disk.open(&Path::new("/d").join(name), true).unwrap().sync().unwrap();
            }
            disk.sync_dir(Path::new("/d")).unwrap();
        };
        check(&[&[("a", "a"), ("b", "b")], &[("b", "a")]], |disk| {
            settled(disk);
            disk.rename(Path::new("/d/a"), Path::new("/d/b")).unwrap();
        });
        check(&[&[], &[("a", "a")], &[("b", "b")], &[("a", "a"), ("b", "b")]], |disk| {
            settled(disk);
            disk.remove(Path::new("/d/a")).unwrap();
            disk.remove(Path::new("/d/b")).unwrap();
        });
    }

    #[test]
    fn sectors_are_torn_apart() {
        let torn = outcomes(|disk| {
            put(disk, "a", &[b'.'; 1024]);
            disk.open(Path::new("/d/a"), true).unwrap().sync().unwrap();
            disk.sync_dir(Path::new("/d")).unwrap();
            disk.open(Path::new("/d/a"), true).unwrap().write_all_at(&[b'x'; 1024], 0).unwrap();
        });
        let both = [0, 1].map(|first| [0, 1].map(|second| (first, second))).concat();
        let text = |(first, second): (usize, usize)| {
            [".", "x"][first].repeat(512) + &[".", "x"][second].repeat(512)
        };
        let want = both.into_iter().map(|pair| vec![("a".to_owned(), text(pair))]).collect();
        assert_eq!(torn, want);
    }

    #[test]
    fn a_directory_without_an_entry_takes_its_files_along() {
        let disk = SimDisk::new(0);
        disk.create_dir_all(Path::new("/d/e")).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.create(Path::new("/d/e/f")).unwrap();
        disk.sync_dir(Path::new("/d/e")).unwrap();
        let kept = (0..50).map(|seed| {
            let disk = SimDisk::new(seed);
            disk.create_dir_all(Path::new("/d/e")).unwrap();
            disk.sync_dir(Path::new("/d")).unwrap();
            disk.create(Path::new("/d/e/f")).unwrap();
            disk.sync_dir(Path::new("/d/e")).unwrap();
            disk.power_cut(seed).files().len()
        });
        assert_eq!(kept.collect::<BTreeSet<_>>(), BTreeSet::from([0, 1]));
    }

    #[test]
    fn a_dead_machine_does_nothing_more() {
        let disk = SimDisk::new(0);
        disk.create_dir_all(Path::new("/d")).unwrap();
        let lock = disk.lock(Path::new("/d/LOCK")).unwrap();
        let blocked = disk.lock(Path::new("/d/LOCK")).map(|_| ()).unwrap_err();
        assert_eq!(blocked.kind(), std::io::ErrorKind::WouldBlock);
        let file = disk.create(Path::new("/d/a")).unwrap();
        let next = disk.crash();
        let again = next.lock(Path::new("/d/LOCK")).unwrap();
        assert!(disk.is_dead() && file.write_all_at(b"x", 0).is_err());
        drop(lock);
        assert!(next.lock(Path::new("/d/LOCK")).is_err(), "the old lock's guard frees nothing");
        drop(again);
        next.cut_power_at(next.changes());
        assert!(next.create(Path::new("/d/b")).is_err() && next.list(Path::new("/d")).is_err());
    }
}
