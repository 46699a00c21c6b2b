//! What a [`super::SimDisk`] holds: what is durable, what is volatile, and what of it a power cut
//! keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sim_choices::{Choices, Fate};
use super::sim_inode::Inode;

/// Files and directories. A clone shares all bytes until either is changed.
#[derive(Clone, Debug)]
pub(super) struct State {
    inodes: BTreeMap<u64, Arc<Inode>>,
    next_inode: u64,
    /// All that were ever created; those without an entry in their parent are gone.
    directories: BTreeMap<PathBuf, Arc<Directory>>,
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
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    durable: BTreeMap<String, Entry>,
    changes: Vec<EntryChange>,
    pub(super) current: BTreeMap<String, Entry>,
}

impl State {
    pub(super) fn new() -> Self {
        let root = (PathBuf::from("/"), Arc::default());
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
        let directory = self.directories.get_mut(&Self::normal(dir));
        directory.map(Arc::make_mut).ok_or_else(|| io::ErrorKind::NotFound.into())
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
        self.directories.insert(dir, Arc::default());
        Ok(())
    }

    pub(super) fn add_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.inodes.insert(self.next_inode, Arc::default());
        self.next_inode
    }

    /// Adds a file that is durable, with its name.
    pub(super) fn add_file(&mut self, path: &Path, bytes: Arc<Vec<u8>>) -> io::Result<()> {
        let (dir, name) = Self::split(path)?;
        self.create_dir_all(dir)?;
        let number = self.add_inode();
        self.inodes.insert(number, Arc::new(Inode::new(bytes)));
        self.change_entry(dir, EntryChange::Link(name.to_owned(), number))
    }

    /// Makes all there is durable.
    pub(super) fn sync_all(&mut self) {
        self.directories.values_mut().for_each(|directory| Arc::make_mut(directory).sync());
        self.inodes.values_mut().for_each(|inode| Arc::make_mut(inode).sync());
    }

    pub(super) fn inode(&mut self, inode: u64) -> &mut Inode {
        Arc::make_mut(self.inodes.entry(inode).or_default())
    }

    pub(super) fn inode_ref(&self, inode: u64) -> io::Result<&Inode> {
        self.inodes.get(&inode).map(|inode| &**inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn change_entry(&mut self, dir: &Path, change: EntryChange) -> io::Result<()> {
        let directory = self.directory(dir)?;
        change.apply(&mut directory.current);
        directory.changes.push(change);
        Ok(())
    }

    pub(super) fn files(&self) -> BTreeMap<PathBuf, Arc<Vec<u8>>> {
        let mut files = BTreeMap::new();
        for (path, directory) in &self.directories {
            for (name, entry) in &directory.current {
                if let Entry::File(inode) = entry
                    && let Some(inode) = self.inodes.get(inode)
                {
                    files.insert(path.join(name), Arc::clone(&inode.current));
                }
            }
        }
        files
    }

    /// Keeps what is durable and a part of the rest, as `choices` says.
    pub(super) fn lose_power(&mut self, choices: &mut Choices) {
        let fate = choices.fate();
        for directory in self.directories.values_mut().filter(|d| !d.changes.is_empty()) {
            Arc::make_mut(directory).lose_power(fate, choices);
        }
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
        // No process has a file open any more: those without a name are gone.
        let entries = self.directories.values().flat_map(|directory| directory.current.values());
        let named: BTreeSet<u64> = entries.filter_map(Entry::inode).collect();
        self.inodes.retain(|inode, _| named.contains(inode));
        for inode in self.inodes.values_mut().filter(|inode| !inode.is_durable()) {
            Arc::make_mut(inode).lose_power(fate, choices);
        }
    }

    /// In how many ways [`State::lose_power`] may choose, at most.
    pub(super) fn max_outcomes(&self) -> u64 {
        let directories = self.directories.values().map(|directory| directory.changes.len() as u32);
        let subsets = directories.map(|changes| 2u64.saturating_pow(changes));
        let contents = self.inodes.values().map(|inode| inode.max_outcomes());
        subsets.chain(contents).fold(1, u64::saturating_mul)
    }
}

impl Entry {
    fn inode(&self) -> Option<u64> {
        match self {
            Self::File(inode) => Some(*inode),
            Self::Directory => None,
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

    fn lose_power(&mut self, fate: Fate, choices: &mut Choices) {
        for change in std::mem::take(&mut self.changes) {
            if fate.pick(2, choices) == 1 {
                change.apply(&mut self.durable);
            }
        }
        self.current = self.durable.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Disk, Lie, SimDisk};
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
    fn all_outcomes_are_those_that_chance_finds() {
        let disk = SimDisk::new(0);
        disk.create_dir_all(Path::new("/d")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        put(&disk, "a", &[b'x'; 600]);
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.rename(Path::new("/d/a"), Path::new("/d/b")).unwrap();
        put(&disk, "c", b"z");
        let found = (0..4000).map(|seed| disk.fork().power_cut(seed).files());
        let all = disk.power_cuts(64).unwrap();
        assert_eq!(
            found.collect::<BTreeSet<_>>(),
            all.iter().map(SimDisk::files).collect::<BTreeSet<_>>()
        );
        // Length 0, or 600 with two sectors there or not, by two names; "c" absent, empty, 0 or z.
        assert_eq!(all.len(), 5 * 2 * 4);
        assert!(disk.power_cuts(39).is_none() && !disk.is_dead());
    }

    #[test]
    fn what_a_failed_sync_left_behind_is_lost_unless_written_again() {
        let run = |again: bool| {
            outcomes(move |disk| {
                put(disk, "a", b"old");
                let file = disk.open(Path::new("/d/a"), true).unwrap();
                file.sync().unwrap();
                disk.sync_dir(Path::new("/d")).unwrap();
                file.write_all_at(b"new", 0).unwrap();
                disk.fail_sync_at(disk.syncs());
                assert!(file.sync().is_err());
                // Another process finds it, and syncs it.
                let file = disk.open(Path::new("/d/a"), true).unwrap();
                let mut found = [0; 3];
                file.read_exact_at(&mut found, 0).unwrap();
                assert_eq!(&found, b"new");
                if again {
                    file.write_all_at(b"w", 2).unwrap();
                }
                file.sync().unwrap();
            })
        };
        let file = |text: &str| vec![("a".to_owned(), text.to_owned())];
        assert_eq!(run(false), BTreeSet::from([file("old"), file("new")]));
        assert_eq!(run(true), BTreeSet::from([file("new")]));
    }

    #[test]
    fn what_a_lying_sync_did_not_keep_may_be_lost() {
        // Two writes, each synced; the first sync lies, then both.
        let run = |lies: u64, lie: Lie| {
            outcomes(move |disk| {
                put(disk, "a", b"");
                disk.sync_dir(Path::new("/d")).unwrap();
                let file = disk.open(Path::new("/d/a"), true).unwrap();
                let first = disk.all_syncs();
                disk.lie_at_syncs(first..first + lies, lie);
                for (sector, byte) in [b'x', b'y'].into_iter().enumerate() {
                    file.write_all_at(&[byte; 512], 512 * sector as u64).unwrap();
                    file.sync().unwrap();
                }
                assert_eq!(disk.all_syncs(), first + 2);
            })
        };
        let of = |texts: &[(&str, &str)]| -> BTreeSet<Vec<(String, String)>> {
            let text = |(x, y): &(&str, &str)| x.repeat(512) + &y.repeat(512);
            texts.iter().map(|halves| vec![("a".to_owned(), text(halves))]).collect()
        };
        assert_eq!(run(1, Lie::Delays), of(&[("x", "y")]));
        assert_eq!(run(1, Lie::Loses), of(&[("x", "y"), ("0", "y")]));
        assert_eq!(run(2, Lie::Loses), of(&[("x", "y"), ("0", "y"), ("x", "0"), ("0", "0")]));
        // Its length is lost, too.
        assert!(run(2, Lie::Delays).is_superset(&of(&[("x", ""), ("", ""), ("0", "y")])));
        let lying_dir = outcomes(|disk| {
            put(disk, "a", b"");
            disk.lie_at_syncs(disk.all_syncs()..u64::MAX, Lie::Loses);
            disk.sync_dir(Path::new("/d")).unwrap();
        });
        assert_eq!(lying_dir, BTreeSet::from([vec![], vec![("a".to_owned(), String::new())]]));
    }

    #[test]
    fn moments_are_before_each_change_and_stay_as_they_were() {
        let disk = SimDisk::new(0);
        disk.keep_moments();
        disk.create_dir_all(Path::new("/d")).unwrap();
        put(&disk, "a", b"x");
        let held = |moment: &SimDisk| moment.files().into_values().collect::<Vec<_>>();
        let held: Vec<_> = disk.take_moments().iter().map(held).collect();
        assert_eq!(held, [vec![], vec![], vec![vec![]]]);
        assert!(disk.take_moments().is_empty());
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
