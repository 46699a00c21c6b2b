//! Opening a store on a disk where something happens between two calls.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Row, dump, fill};
use tidemill_model::Batch;
use tidemill_store::{Disk, DiskFile, ErrorKind, Options, SimDisk, Store};

const DIR: &str = "/store";

type Hook = dyn Fn(&Path) -> io::Result<()> + Send + Sync;

/// A disk that calls a hook before it opens a file to be read or syncs a directory. Relative paths
/// start at the root.
#[derive(Clone)]
struct Hooked {
    disk: SimDisk,
    on_open: Arc<Hook>,
    on_sync_dir: Arc<Hook>,
}

impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooked")
    }
}

fn absolute(path: &Path) -> PathBuf {
    if path == Path::new(".") { PathBuf::from("/") } else { Path::new("/").join(path) }
}

impl Disk for Hooked {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(&absolute(dir))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(&absolute(path))
    }
    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        (self.on_open)(path)?;
        self.disk.open(&absolute(path), writable)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(&absolute(from), &absolute(to))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(&absolute(path))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(&absolute(dir))
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        (self.on_sync_dir)(dir)?;
        self.disk.sync_dir(&absolute(dir))
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock(&absolute(path))
    }
    fn now_ns(&self) -> i64 {
        self.disk.now_ns()
    }
    fn has_real_time(&self) -> bool {
        false
    }
}

fn hooked(
    disk: &SimDisk,
    on_open: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static,
) -> Hooked {
    Hooked { disk: disk.clone(), on_open: Arc::new(on_open), on_sync_dir: Arc::new(|_| Ok(())) }
}

fn options(disk: impl Disk + 'static, read_only: bool) -> Options {
    Options { disk: Arc::new(disk), read_only, ..Options::default() }
}

fn write(store: &Store, time: i64) {
    let mut batch = Batch::new();
    fill(&mut batch, &[Row::new("t", "a", time, time)]);
    store.write(&mut batch).unwrap();
}

/// A store with a row in a segment and one in the log.
fn writer(disk: &SimDisk) -> Store {
    let store = Store::open(DIR, options(disk.clone(), false)).unwrap();
    write(&store, 1);
    store.flush().unwrap();
    write(&store, 2);
    store
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "wal")
}

#[test]
fn a_reader_looks_again_when_the_writer_was_at_work() {
    for flushes in [1, 3, usize::MAX] {
        let disk = SimDisk::new(0);
        let store = writer(&disk);
        let opened = AtomicUsize::new(0);
        let flush = move |path: &Path| {
            let is_next = is_log(path) && opened.fetch_add(1, SeqCst) < flushes;
            if is_next {
                store.flush().unwrap();
                write(&store, 3);
            }
            Ok(())
        };
        let read = Store::open(DIR, options(hooked(&disk, flush), true));
        if flushes == usize::MAX {
            let error = read.unwrap_err();
            assert!(error.to_string().contains("could not read the log"), "{error}");
        } else {
            let want = dump(&Store::open(DIR, options(disk, true)).unwrap().snapshot());
            assert_eq!(dump(&read.unwrap().snapshot()), want);
            assert_eq!(want.len(), 3);
        }
    }
}

#[test]
fn a_manifest_replaced_all_the_time_is_said() {
    let disk = SimDisk::new(0);
    let store = writer(&disk);
    let replace = move |path: &Path| {
        if path.ends_with("MANIFEST") {
            store.set_retention("t", Some(std::time::Duration::from_secs(1 << 30))).unwrap();
        }
        Ok(())
    };
    let error = Store::open(DIR, options(hooked(&disk, replace), true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("faster than they can be read"), "{error}");
}

#[test]
fn a_log_that_is_gone_may_be_one_that_nobody_needs() {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(disk.clone(), false)).unwrap();
    write(&store, 1);
    store.sync().unwrap();
    let (path, _) = disk.files().into_iter().find(|file| is_log(&file.0)).unwrap();
    store.flush().unwrap();
    // It was listed, and is removed before it is opened. No manifest was replaced meanwhile.
    let other = disk.clone();
    disk.create(&path).unwrap();
    let gone = path.clone();
    let remove = move |path: &Path| if path == gone { other.remove(path) } else { Ok(()) };
    let read = Store::open(DIR, options(hooked(&disk, remove), true)).unwrap();
    assert_eq!(dump(&read.snapshot()).len(), 1);
    // One that the directory names and that cannot be opened is an error in the end.
    let fail = |path: &Path| {
        if is_log(path) { Err(io::ErrorKind::NotFound.into()) } else { Ok(()) }
    };
    let error = Store::open(DIR, options(hooked(&disk, fail), true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
}

#[test]
fn directories_above_are_synced_as_far_as_they_may_be_read() {
    for (forbidden, kind, opens) in [
        ("/", io::ErrorKind::PermissionDenied, true),
        ("/", io::ErrorKind::Other, false),
        ("none", io::ErrorKind::Other, true),
    ] {
        let disk = SimDisk::new(0);
        let mut hooked = hooked(&disk, |_| Ok(()));
        hooked.on_sync_dir =
            Arc::new(
                move |dir: &Path| {
                    if dir == Path::new(forbidden) { Err(kind.into()) } else { Ok(()) }
                },
            );
        let opened = Store::open("/a/b/store", options(hooked, false));
        assert_eq!(opened.is_ok(), opens, "{kind:?}");
    }
    // A path that starts here.
    let disk = SimDisk::new(0);
    drop(Store::open("store", options(hooked(&disk, |_| Ok(())), false)).unwrap());
    assert!(disk.files().contains_key(Path::new("/store/MANIFEST")));
}

/// What opening creates is there after a power cut, the directories above it included.
#[test]
fn a_new_store_in_new_directories_survives_a_power_cut() {
    for seed in 0..64 {
        let disk = SimDisk::new(seed);
        let store = Store::open("/a/b/store", options(disk.clone(), false)).unwrap();
        write(&store, 1);
        let cut = disk.power_cut(seed);
        drop(store);
        let store = Store::open("/a/b/store", Options { create: false, ..options(cut, false) });
        assert_eq!(dump(&store.unwrap().snapshot()).len(), 1, "seed {seed}");
    }
}
