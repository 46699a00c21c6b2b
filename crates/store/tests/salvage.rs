//! Every file of a store damaged at many places: `check` names what is lost, `repair` salvages the
//! rest into a new store, invents nothing, and loses nothing that it does not name.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{
    Held, Random, Row, Rows, Val, WrittenValues, dump, fill, judge_repair, note_written, texts,
};
use tidemill_model::{Batch, Duplicates};
use tidemill_store::{
    BulkMap, Damage, Disk, ErrorKind, Options, Repaired, SimDisk, Store, check, repair,
};

const DIR: &str = "/store";
const NEW: &str = "/new";

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn options(disk: &SimDisk) -> Options {
    Options { disk: Arc::new(disk.clone()), ..Options::default() }
}

/// A store, what it says, and every value that was ever written to a row.
struct Sample {
    files: Files,
    rows: Rows,
    /// What its segments hold.
    held: Held,
    written: WrittenValues,
}

impl Sample {
    fn new() -> Self {
        let (files, rows) = (Files::new(), Rows::new());
        Self { files, rows, held: Held::default(), written: WrittenValues::new() }
    }
}

fn bulk(store: &Store, duplicates: Duplicates, rows: &[Row], sample: &mut Sample) {
    let mut batch = Batch::new();
    fill(&mut batch, rows);
    note_written(rows, &mut sample.written);
    let mut bulk = store.bulk(duplicates).unwrap();
    bulk.append(&mut batch, &mut BulkMap::default(), &mut Vec::new()).unwrap();
    bulk.commit().unwrap();
}

fn write(store: &Store, rows: &[Row], sample: &mut Sample) {
    let mut batch = Batch::new();
    fill(&mut batch, rows);
    note_written(rows, &mut sample.written);
    store.write(&mut batch).unwrap();
    sample.held.allow(&dump(&store.snapshot()));
}

/// Tables of each policy with segments that overlap, values of every type, series and fields that
/// only the log knows, and rows in it.
fn sample() -> Sample {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(&disk)).unwrap();
    let mut sample = Sample::new();
    let row = |index: i64| {
        let mut fields = vec![("i", Val::Int(index % 7)), ("f", Val::Float(1.5f64.to_bits()))];
        if index % 2 == 0 {
            fields.push(("u", Val::UInt(u64::MAX)));
            fields.push(("b", Val::Bool(index % 3 == 0)));
            fields.push(("s", Val::Text(format!("s{}", index % 4))));
        }
        let host = if index < 130 { "a" } else { "b" }.to_owned();
        Row { table: "t", host, time: index * 10, fields }
    };
    write(&store, &(0..140).map(row).collect::<Vec<_>>(), &mut sample);
    store.flush().unwrap();
    for value in [1, 2] {
        let rows = [Row::new("k", "a", 1, value), Row::new("k", "b", value, value)];
        bulk(&store, Duplicates::Keep, &rows, &mut sample);
        let rows = [Row::new("e", "a", 1, value), Row::new("e", "b", value, value)];
        bulk(&store, Duplicates::Error, &rows, &mut sample);
    }
    sample.held.hold(&dump(&store.snapshot()));
    write(&store, &[Row::new("t", "a", 3, 1), Row::new("k", "a", 1, 9)], &mut sample);
    write(&store, &[Row::new("t", "c", 4, 2), Row::new("t", "a", 0, 8)], &mut sample);
    let late = Row { fields: vec![("late", Val::Int(5))], ..Row::new("t", "c", 5, 0) };
    write(&store, &[late, Row::new("new", "", 6, 3)], &mut sample);
    write(&store, &[Row::new("t", "c", 7, 4), Row::new("t", "b", 8, 4)], &mut sample);
    sample.rows = dump(&store.snapshot());
    drop(store);
    sample.files = disk.files();
    sample.files.retain(|path, _| !path.ends_with("LOCK"));
    sample
}

fn disk_of(files: &Files) -> SimDisk {
    let disk = SimDisk::new(0);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    for (path, bytes) in files {
        disk.create(path).unwrap().write_all_at(bytes, 0).unwrap();
    }
    disk
}

/// Checks and repairs damaged files; what is in the new store must be true, and what is not must
/// be said. Returns what was repaired.
fn salvage(sample: &Sample, files: &Files, what: &str) -> (Rows, Repaired) {
    let disk = disk_of(files);
    let before = disk.files();
    let report = check(DIR, &options(&disk)).unwrap_or_else(|error| panic!("{what}: {error}"));
    let repaired =
        repair(DIR, NEW, options(&disk)).unwrap_or_else(|error| panic!("{what}: {error}"));
    let now = disk.files();
    assert!(before.iter().all(|(path, bytes)| now.get(path) == Some(bytes)), "{what}: changed");
    let said: std::collections::HashSet<_> =
        repaired.report.damages.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), repaired.report.damages.len(), "{what}: each damage is said once");
    let got = Store::open(NEW, options(&disk)).unwrap();
    assert!(got.check().unwrap().problems.is_empty());
    let got = dump(&got.snapshot());
    if let Err(wrong) =
        judge_repair((&sample.rows, &sample.held), &sample.written, &got, &report, &repaired)
    {
        panic!("{what}: {wrong}");
    }
    (got, repaired)
}

fn paths(files: &Files, ending: &str) -> Vec<PathBuf> {
    let is_it = |path: &&PathBuf| path.to_string_lossy().ends_with(ending);
    files.keys().filter(is_it).cloned().collect()
}

/// All damages name a file.
fn names_file(damages: &[Damage], path: &Path) -> bool {
    damages.iter().any(|damage| damage.error.path() == Some(path))
}

#[test]
fn a_sound_store_is_repaired_to_the_same() {
    let sample = sample();
    let (got, repaired) = salvage(&sample, &sample.files, "sound");
    assert_eq!(got, sample.rows);
    assert_eq!(texts(&repaired.report), Vec::<String>::new());
    let disk = disk_of(&sample.files);
    let report = check(DIR, &options(&disk)).unwrap();
    assert!(report.is_sound() && report.superfluous.is_empty() && report.notes.is_empty());
    assert_eq!((report.tables, report.segments, report.writes), (4, 5, 4));
    assert_eq!(report.blocks, 5);
}

#[test]
fn every_flipped_bit_costs_no_more_than_is_said() {
    let sample = sample();
    for path in sample.files.keys() {
        let length = sample.files[path].len();
        let (mut salvaged, mut cases) = (0, 0);
        // All of the small files, and of the others each byte and in turn each of its bits.
        let step = if length > 100 { 9 } else { 1 };
        for bit in (0..length * 8).step_by(step) {
            let mut files = sample.files.clone();
            files.get_mut(path).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let what = format!("{} bit {bit}", path.display());
            let (got, repaired) = salvage(&sample, &files, &what);
            assert!(names_file(&repaired.report.damages, path), "{what}");
            salvaged += got.len();
            cases += 1;
        }
        let share = salvaged as f64 / (cases * sample.rows.len()) as f64;
        println!("{}: {cases} cases, {:.1} % of the rows", path.display(), 100.0 * share);
        // Nearly all rows are in one segment, whose names are in one addition.
        let least = match path.file_name().and_then(|name| name.to_str()).unwrap() {
            "00000003.seg" => 0.8,
            "table-000000.def" => 0.2,
            "MANIFEST" => 1.0,
            _ => 0.97,
        };
        assert!(share >= least, "{}: {share}", path.display());
    }
}

#[test]
fn every_truncation_costs_no_more_than_is_said() {
    let sample = sample();
    for path in sample.files.keys() {
        for cut in 0..sample.files[path].len() {
            let mut files = sample.files.clone();
            files.get_mut(path).unwrap().truncate(cut);
            let what = format!("{} cut at {cut}", path.display());
            let (_, repaired) = salvage(&sample, &files, &what);
            assert!(names_file(&repaired.report.damages, path), "{what}");
            // The disk did not fail.
            let mut kinds = repaired.report.damages.iter().map(|damage| damage.error.kind());
            assert!(kinds.all(|kind| kind == ErrorKind::Corrupt), "{what}");
        }
        // What stands behind a file's end costs nothing.
        let mut files = sample.files.clone();
        files.get_mut(path).unwrap().extend([7; 40]);
        let what = format!("{} with more behind it", path.display());
        let (got, repaired) = salvage(&sample, &files, &what);
        assert_eq!(got, sample.rows, "{what}");
        let is_damage = [".seg", "MANIFEST"].iter().any(|end| what.contains(end));
        assert_eq!(names_file(&repaired.report.damages, path), is_damage, "{what}");
    }
}

#[test]
fn every_file_may_be_missing_zeroed_or_swapped() {
    let sample = sample();
    for path in sample.files.keys() {
        let mut files = sample.files.clone();
        files.remove(path);
        let what = format!("{} missing", path.display());
        let (_, repaired) = salvage(&sample, &files, &what);
        assert!(!repaired.report.is_sound(), "{what}");
        for (other, content) in &sample.files {
            let mut files = sample.files.clone();
            files.insert(path.clone(), content.clone());
            if other != path {
                salvage(&sample, &files, &format!("{} over {}", other.display(), path.display()));
            }
        }
        for start in (0..sample.files[path].len()).step_by(64) {
            let mut files = sample.files.clone();
            let bytes = files.get_mut(path).unwrap();
            let end = bytes.len().min(start + 64);
            bytes[start..end].fill(0);
            salvage(&sample, &files, &format!("{} zeroed from {start}", path.display()));
        }
    }
}

/// Several damages at once: flipped bits, zeroed stretches, cuts, missing files.
#[test]
fn many_damages_cost_no_more_than_is_said() {
    let sample = sample();
    let mut random = Random(11);
    let paths: Vec<&PathBuf> = sample.files.keys().collect();
    for case in 0..300 {
        let mut files = sample.files.clone();
        let mut what = format!("case {case}");
        for _ in 0..2 + random.below(4) {
            let path = paths[random.below(paths.len())];
            if case % 2 == 0 && path.ends_with("MANIFEST") {
                continue;
            }
            let Some(bytes) = files.get_mut(path).filter(|bytes| !bytes.is_empty()) else {
                continue;
            };
            let at = random.below(bytes.len());
            match random.below(8) {
                0 => bytes.truncate(at),
                // Without a manifest nobody knows which files there were.
                1 if case % 2 == 0 => {
                    files.remove(path);
                }
                2 => {
                    let end = bytes.len().min(at + 40);
                    bytes[at..end].fill(0);
                }
                _ => bytes[at] ^= 1 << random.below(8),
            }
            what.push_str(&format!(", {} at {at}", path.display()));
        }
        salvage(&sample, &files, &what);
    }
}

/// Files of earlier versions are as sound as they were.
#[test]
fn golden_stores_are_sound() {
    for (version, writes, rows) in [("v1", 1, 4), ("v2", 1, 4), ("v2-small", 0, 2500)] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version);
        let disk = SimDisk::new(0);
        disk.create_dir_all(Path::new(DIR)).unwrap();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let file = disk.create(&Path::new(DIR).join(path.file_name().unwrap())).unwrap();
            file.write_all_at(&std::fs::read(&path).unwrap(), 0).unwrap();
        }
        let report = check(DIR, &options(&disk)).unwrap();
        assert_eq!(texts(&report), Vec::<String>::new(), "{version}");
        let counts = (report.tables, report.segments, report.writes, report.rows);
        assert_eq!(counts, (1, 1, writes, rows), "{version}");
        assert_eq!(repair(DIR, NEW, options(&disk)).unwrap().rows(), rows, "{version}");
    }
}

#[test]
fn without_a_manifest_the_directory_says_it() {
    let sample = sample();
    let mut files = sample.files.clone();
    files.remove(&Path::new(DIR).join("MANIFEST")).unwrap();
    let (got, repaired) = salvage(&sample, &files, "no manifest");
    assert_eq!(got, sample.rows);
    assert_eq!(texts(&repaired.report).len(), 1, "{:#?}", texts(&repaired.report));
    // And with each other file damaged besides.
    for path in files.keys() {
        for at in (0..files[path].len()).step_by(5) {
            let mut files = files.clone();
            files.get_mut(path).unwrap()[at] ^= 0x10;
            salvage(&sample, &files, &format!("no manifest, {} byte {at}", path.display()));
        }
    }
}

/// Files of others, whatever they are called, are no part of the store, with a manifest or without.
#[test]
fn files_of_others_are_left_alone() {
    let mut sample = sample();
    for name in ["1.seg", "+0000001.seg", "table-1.def", "table-+00001.def", "5.wal", "x.seg"] {
        sample.files.insert(Path::new(DIR).join(name), b"theirs".to_vec());
    }
    for manifest in [true, false] {
        if !manifest {
            sample.files.remove(&Path::new(DIR).join("MANIFEST")).unwrap();
        }
        let (got, repaired) = salvage(&sample, &sample.files, "beside others");
        assert_eq!(got, sample.rows);
        assert_eq!(repaired.report.superfluous, Vec::<PathBuf>::new());
        assert_eq!(repaired.report.damages.len(), usize::from(!manifest));
    }
}

/// The last log, and where its writes begin.
fn last_log(sample: &Sample) -> (PathBuf, Vec<usize>) {
    let log = paths(&sample.files, ".wal").pop().unwrap();
    let bytes = &sample.files[&log];
    let frames = (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(b"TFRM")).collect();
    (log, frames)
}

#[test]
fn writes_behind_a_damaged_one_are_found() {
    let sample = sample();
    let (log, frames) = last_log(&sample);
    // In the second write `c` is defined; the last one is of `c` and `b`.
    let mut files = sample.files.clone();
    files.get_mut(&log).unwrap()[frames[1] + 30] ^= 1;
    let (got, repaired) = salvage(&sample, &files, "second write");
    let key = |host: &str, time| ("t".to_owned(), host.to_owned(), time);
    assert!(got.contains_key(&key("a", 3)) && got.contains_key(&key("b", 8)));
    assert!(!got.contains_key(&key("c", 4)) && !got.contains_key(&key("c", 7)));
    let texts = texts(&repaired.report);
    assert!(
        texts.iter().any(|text| text.contains("writes 6 to 6 are missing")
            || text.contains("are missing before this one")),
        "{texts:#?}"
    );
    assert!(texts.iter().any(|text| text.contains("1 row of `t`, times 7 to 7")), "{texts:#?}");
}

#[test]
fn a_write_in_anothers_place_is_named() {
    let sample = sample();
    let (log, frames) = last_log(&sample);
    // The sector of another log, or an old one, may hold whole writes.
    let mut files = sample.files.clone();
    let copy = sample.files[&log][frames[0]..frames[1]].to_vec();
    files.get_mut(&log).unwrap().extend(copy);
    let (got, repaired) = salvage(&sample, &files, "the first write again");
    assert_eq!(got, sample.rows);
    let texts = texts(&repaired.report);
    assert!(texts.iter().any(|text| text.contains("is expected")), "{texts:#?}");
    // Of a file that is damaged elsewhere a torn end may be more than a torn end.
    let mut files = sample.files.clone();
    let bytes = files.get_mut(&log).unwrap();
    bytes[20] ^= 1;
    bytes.extend(b"torn");
    let (_, repaired) = salvage(&sample, &files, "a damaged header and a torn end");
    assert!(!repaired.report.notes.iter().any(|note| note.contains("no whole write")));
    assert_eq!(repaired.report.damages.len(), 2);
}

#[test]
fn a_definition_that_was_never_committed_names_nothing() {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(&disk)).unwrap();
    let mut sample = Sample::new();
    write(&store, &[Row::new("t", "a", 1, 1)], &mut sample);
    store.flush().unwrap();
    let definition = paths(&disk.files(), ".def").pop().unwrap();
    let whole = disk.files()[&definition].len();
    // A process defined `x`, and ended before the manifest counted it.
    let other = SimDisk::new(0);
    let x = Store::open(DIR, options(&other)).unwrap();
    write(&x, &[Row::new("t", "a", 1, 1)], &mut sample);
    x.flush().unwrap();
    write(&x, &[Row::new("t", "x", 1, 1)], &mut sample);
    x.flush().unwrap();
    let uncommitted = other.files()[&definition][whole..].to_vec();
    // The next one defines `b` in its place, in the log.
    write(&store, &[Row::new("t", "b", 2, 2)], &mut sample);
    sample.rows = dump(&store.snapshot());
    drop(store);
    sample.files = disk.files();
    sample.files.retain(|path, _| !path.ends_with("LOCK"));
    sample.files.get_mut(&definition).unwrap().extend(uncommitted);
    assert_eq!(salvage(&sample, &sample.files, "with a manifest").0, sample.rows);
    let mut files = sample.files.clone();
    files.remove(&Path::new(DIR).join("MANIFEST")).unwrap();
    assert_eq!(salvage(&sample, &files, "without").0, sample.rows);
}

/// A file of any kind is a store that lost its manifest, not none; a later version is left alone.
#[test]
fn any_file_makes_a_store() {
    let sample = sample();
    let manifest = Path::new(DIR).join("MANIFEST");
    for end in ["seg", "def", "wal"] {
        let mut files = sample.files.clone();
        files.retain(|path, _| path.extension().is_some_and(|found| found == end));
        assert!(!files.is_empty(), "{end}");
        let report = check(DIR, &options(&disk_of(&files))).unwrap();
        assert!(!report.damages.is_empty(), "{end}");
    }
    let mut files = sample.files.clone();
    let bytes = files.get_mut(&manifest).unwrap();
    bytes[8] = 9;
    let end = bytes.len() - 4;
    let crc = crc32c::crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    let refused = check(DIR, &options(&disk_of(&files))).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Version);
}

#[test]
fn what_is_no_store_is_said() {
    let disk = SimDisk::new(0);
    assert_eq!(check(DIR, &options(&disk)).unwrap_err().kind(), ErrorKind::NotFound);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    assert_eq!(check(DIR, &options(&disk)).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(repair(DIR, NEW, options(&disk)).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(disk.list(Path::new(NEW)).is_err(), "nothing is made of nothing");
    let sample = sample();
    let disk = disk_of(&sample.files);
    assert_eq!(repair(DIR, DIR, options(&disk)).unwrap_err().kind(), ErrorKind::Invalid);
    disk.create(&Path::new(DIR).join("00000099.seg")).unwrap();
    let report = check(DIR, &options(&disk)).unwrap();
    assert_eq!(report.superfluous, [Path::new(DIR).join("00000099.seg")]);
}
