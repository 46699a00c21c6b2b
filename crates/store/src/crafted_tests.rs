//! Stores of files that no store writes, made with its own encoders: whole by their checksums, and
//! refused by the check that is there for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_codec::{Compression, Encoder};
use tidemill_model::{Column, Duplicates, FieldType, TimeRange, Value};

use crate::bytes::Put;
use crate::chunk::Chunk;
use crate::definition::{Definition, Mark};
use crate::definition_file::DefinitionFile;
use crate::disk::{Disk, RealDisk, SimDisk};
use crate::manifest::{Manifest, SegmentEntry, TableEntry, definition_path};
use crate::segment::{EncodedBlock, SegmentWriter};
use crate::wal::{End, log_path, tests::log_of, tests::marked};
use crate::{Error, ErrorKind, Options, Store};

const DIR: &str = "/store";

fn options(disk: &SimDisk) -> Options {
    Options { disk: Arc::new(disk.clone()), ..Options::default() }
}

fn put(disk: &dyn Disk, path: &Path, bytes: &[u8]) {
    disk.create(path).unwrap().write_all_at(bytes, 0).unwrap();
}

fn names(disk: &SimDisk) -> Vec<PathBuf> {
    disk.files().into_keys().collect()
}

fn directory() -> SimDisk {
    let disk = SimDisk::new(0);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk
}

#[track_caller]
fn refused(opened: Result<Store, Error>, reason: &str) {
    let error = opened.err().unwrap();
    assert!(error.kind() == ErrorKind::Corrupt && error.path().is_some(), "{error}");
    assert!(error.to_string().contains(reason), "{error}, not {reason}");
}

/// A table with one series and an integer field.
fn table() -> Definition {
    let mut table = Definition::new("t", Duplicates::Last);
    table.add_field("v", FieldType::Int);
    let tag = table.add_tag("host");
    let code = table.index.intern_value(tag, "a");
    table.index.intern_series(&[(0, code)]);
    table
}

fn addition(table: &Definition) -> Vec<u8> {
    let mut out = Vec::new();
    table.encode_since(&Mark::default(), &mut out);
    out
}

fn integers(field: u32) -> (u32, Column) {
    let mut column = Column::new(FieldType::Int);
    column.push(Some(Value::Int(7)));
    (field, column)
}

fn row(series: u32, columns: Vec<(u32, Column)>) -> Chunk {
    Chunk { series: vec![series], times: vec![5], columns, ..Chunk::default() }
}

fn record(additions: &[(u32, &[u8])], rows: &[(u32, Chunk)]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_varint(additions.len() as u64);
    for (table, addition) in additions {
        out.put_varint(*table);
        out.put_bytes(addition);
    }
    let mut encoder = Encoder::new();
    rows.iter().for_each(|(table, chunk)| {
        crate::wal::encode_rows(*table, chunk, &mut encoder, &mut out);
    });
    out
}

/// Opens an empty store whose log is of these writes, the first of number `base`.
fn with_log(base: u64, frames: &[(u64, &[u8])]) -> Result<Store, Error> {
    let disk = SimDisk::new(0);
    drop(Store::open(DIR, options(&disk)).unwrap());
    let frames: Vec<_> = frames.iter().map(|(number, payload)| (*number, 0, *payload)).collect();
    put(&disk, &log_path(Path::new(DIR), 1), &log_of(1, base, &frames));
    Store::open(DIR, options(&disk))
}

#[test]
fn writes_come_in_order_and_none_is_missing() {
    let table = addition(&table());
    let first = record(&[(0, &table)], &[(0, row(0, vec![integers(0)]))]);
    let next = record(&[], &[(0, row(0, vec![integers(0)]))]);
    let store = with_log(1, &[(1, &first), (2, &next), (3, &next)]).unwrap();
    assert_eq!(store.recovery().replayed_rows, 3);
    refused(with_log(1, &[(1, &first), (3, &next)]), "write 3 where write 2 is missing");
    refused(with_log(1, &[(1, &first), (2, &next), (2, &next)]), "write 2 where write 3");
    refused(with_log(2, &[(2, &first)]), "writes 1 to 1 are missing before this log");
}

/// Each file's numbers rise, but the second begins with one that is in the first.
#[test]
fn a_later_log_repeats_nothing() {
    let table = addition(&table());
    let first = record(&[(0, &table)], &[(0, row(0, vec![integers(0)]))]);
    let next = record(&[], &[(0, row(0, vec![integers(0)]))]);
    let open = |second: u64| {
        let disk = SimDisk::new(0);
        drop(Store::open(DIR, options(&disk)).unwrap());
        let log = log_of(1, 1, &[(1, 0, &first), (2, 0, &next)]);
        let length = log.len() as u64;
        put(&disk, &log_path(Path::new(DIR), 1), &marked(log, length, End::OfFile));
        put(&disk, &log_path(Path::new(DIR), 2), &log_of(2, second, &[(second, 0, &next)]));
        Store::open(DIR, options(&disk))
    };
    assert_eq!(open(3).unwrap().recovery().replayed_rows, 3);
    refused(open(2), "write 2 where write 3 is missing");
}

#[test]
fn a_write_is_of_what_is_defined() {
    let table = addition(&table());
    let refused = |additions: &[(u32, &[u8])], rows: &[(u32, Chunk)], reason: &str| {
        refused(with_log(1, &[(1, &record(additions, rows))]), reason);
    };
    refused(&[(0, &[&table[..], &[0]].concat())], &[], "1 bytes too many");
    refused(&[(1, &table)], &[], "table 1 before those before it");
    refused(&[(0, &table), (2, &table)], &[], "table 2 before those before it");
    refused(&[], &[(0, row(0, vec![]))], "rows of table 0, which is not defined");
    let lacks = "series or fields that table 0 lacks";
    let defined: [(u32, &[u8]); 1] = [(0, &table)];
    refused(&defined, &[(1, row(0, vec![]))], "rows of table 1, which is not defined");
    refused(&defined, &[(0, row(1, vec![]))], lacks);
    refused(&defined, &[(0, row(0, vec![integers(1)]))], lacks);
    let mut texts = Column::new(FieldType::Text);
    texts.push(Some(Value::Text("x")));
    refused(&defined, &[(0, row(0, vec![(0, texts)]))], lacks);
    refused(&defined, &[(0, row(0, vec![integers(1), integers(0)]))], "fields out of order");
    let raw = |rows: u64, series: u64| {
        let mut out = record(&defined, &[]);
        out.put_varint(0u32);
        out.put_varint(rows);
        for numbers in [[series], [0]] {
            let mut bytes = Vec::new();
            Encoder::new().uints(&numbers, &mut bytes);
            out.put_bytes(&bytes);
        }
        out.put_varint(0u32);
        out
    };
    let raw =
        |rows, series, reason: &str| self::refused(with_log(1, &[(1, &raw(rows, series))]), reason);
    raw(0, 0, "0 rows");
    raw(8193, 0, "8193 rows");
    raw(1, 1 << 32, "a series beyond 32 bits");
    assert!(with_log(1, &[(1, &record(&defined, &[(0, row(0, vec![]))]))]).is_ok());
}

/// A segment of one row, written as `file`.
fn segment(disk: &SimDisk, table: u32, series: u32, fields: Vec<(u32, FieldType)>) -> SegmentEntry {
    let chunks = vec![(4, crc32c::crc32c(&[0; 4])); 1 + fields.len()];
    let bytes = vec![0; 4 * chunks.len()];
    let runs = vec![(series, 1, TimeRange::new(5, 5))];
    let mut writer =
        SegmentWriter::create(disk, Path::new(DIR), 9, table, 1, fields, Compression::Fast)
            .unwrap();
    writer.push(&EncodedBlock { rows: 1, runs, bytes, chunks }).unwrap();
    writer.finish().unwrap()
}

/// Opens a store with the table and a segment, which `change` may change or damage.
fn with_segment(
    make: impl FnOnce(&SimDisk) -> SegmentEntry,
    change: impl FnOnce(&mut Manifest),
) -> Result<Store, Error> {
    Store::open(DIR, options(&disk_with_segment(make, change)))
}

fn disk_with_segment(
    make: impl FnOnce(&SimDisk) -> SegmentEntry,
    change: impl FnOnce(&mut Manifest),
) -> SimDisk {
    let disk = directory();
    let mut file = DefinitionFile::new(Path::new(DIR), 0);
    let definition_bytes = file.append(&disk, &table()).unwrap().unwrap().bytes;
    let tables = vec![TableEntry { id: 0, definition_bytes, ..TableEntry::default() }];
    let segments = vec![make(&disk)];
    let mut manifest = Manifest { next_file: 10, tables, segments, ..Manifest::default() };
    change(&mut manifest);
    manifest.replace(&disk, Path::new(DIR)).unwrap();
    disk
}

#[test]
fn an_addition_ends_where_its_frame_does() {
    let (disk, dir) = (directory(), Path::new(DIR));
    let mut bytes = {
        let appended = DefinitionFile::new(dir, 0).append(&disk, &table()).unwrap();
        disk.files()[&definition_path(dir, 0)][..appended.unwrap().bytes as usize].to_vec()
    };
    let longer = [&addition(&table())[..], &[0]].concat();
    bytes.truncate(16);
    bytes.put_u32(longer.len() as u32);
    bytes.put_u32(crc32c::crc32c(&longer));
    bytes.put(&longer);
    put(&disk, &definition_path(dir, 0), &bytes);
    let definition_bytes = bytes.len() as u64;
    let tables = vec![TableEntry { id: 0, definition_bytes, ..TableEntry::default() }];
    Manifest { next_file: 1, tables, ..Manifest::default() }.replace(&disk, dir).unwrap();
    refused(Store::open(DIR, options(&disk)), "1 bytes too many");
    let damages = crate::check(DIR, &options(&disk)).unwrap().damages;
    assert!(
        damages[0].to_string().contains("behind the first 0 fields and 0 series"),
        "{damages:?}"
    );
    // In a log `check` says it of the definitions by themselves.
    let disk = SimDisk::new(0);
    drop(Store::open(DIR, options(&disk)).unwrap());
    put(&disk, &log_path(dir, 1), &log_of(1, 1, &[(1, 0, &record(&[(0, &longer)], &[]))]));
    let damages = crate::check(DIR, &options(&disk)).unwrap().damages;
    let says = |what: &str| damages.iter().any(|damage| damage.to_string().contains(what));
    assert!(says("definitions in write 1 that do not fit: 1 bytes too many"), "{damages:?}");
}

#[test]
fn a_segment_is_of_its_table_and_its_manifest() {
    let ints = || vec![(0, FieldType::Int)];
    let good = |disk: &SimDisk| segment(disk, 0, 0, ints());
    assert!(with_segment(good, |_| {}).is_ok());
    refused(with_segment(good, |m| m.tables[0].id = 1), "table 1 where 0 is expected");
    refused(with_segment(|disk| segment(disk, 5, 0, ints()), |_| {}), "a segment of table 5");
    let lacks = "a segment with series or fields its table lacks";
    refused(with_segment(|disk| segment(disk, 0, 1, ints()), |_| {}), lacks);
    let floats = vec![(0, FieldType::Float)];
    refused(with_segment(|disk| segment(disk, 0, 0, floats), |_| {}), lacks);
    refused(with_segment(|disk| segment(disk, 0, 0, vec![(1, FieldType::Int)]), |_| {}), lacks);
    refused(with_segment(good, |m| m.segments[0].bytes += 1), "bytes where the manifest says");
    let other = "the footer is not that of this segment";
    refused(with_segment(good, |m| m.segments[0].sequence += 1), other);
    refused(with_segment(good, |m| m.segments[0].rows += 1), other);
    refused(with_segment(good, |m| m.segments[0].table = 1), "a segment of another table");
    let bytes = |m: &mut Manifest| m.tables[0].definition_bytes += 1;
    refused(with_segment(good, bytes), "bytes where the manifest counts");
}

#[test]
fn a_segment_has_room_for_its_parts() {
    let disk_with_bytes = |change: fn(&mut Vec<u8>)| {
        let make = |disk: &SimDisk| {
            let mut entry = segment(disk, 0, 0, vec![(0, FieldType::Int)]);
            let path = entry.path(Path::new(DIR));
            let mut bytes = disk.files()[&path].clone();
            change(&mut bytes);
            entry.bytes = bytes.len() as u64;
            put(disk, &path, &bytes);
            entry
        };
        disk_with_segment(make, |_| {})
    };
    let with_bytes = |change| Store::open(DIR, options(&disk_with_bytes(change)));
    assert!(with_bytes(|_| {}).is_ok());
    refused(with_bytes(|bytes| bytes.truncate(31)), "31 bytes where");
    let trailer = "not the trailer of a segment";
    fn footer_at(bytes: &mut [u8], start: i64) {
        let at = bytes.len() - 16;
        bytes[at..at + 4].copy_from_slice(&((at as i64 - start) as u32).to_le_bytes());
    }
    // A footer that begins in the header, and one before the file.
    refused(with_bytes(|bytes| footer_at(bytes, 15)), trailer);
    refused(with_bytes(|bytes| footer_at(bytes, -1)), trailer);
    refused(with_bytes(|bytes| bytes.extend_from_slice(b"TIDEMSEG")), trailer);
    // Bytes that are no chunk's: the chunks may stand somewhere else.
    let other = "the footer is not that of this segment";
    let disk = disk_with_bytes(|bytes| drop(bytes.splice(24..24, [0; 4])));
    let damages = crate::check(DIR, &options(&disk)).unwrap().damages;
    assert!(damages[0].to_string().contains(other) && !damages[0].lost.is_nothing(), "{damages:?}");
    refused(Store::open(DIR, options(&disk)), other);
}

/// What `check` says of a store with these logs, the first writes of which define a table; what it
/// notes counts as well.
fn said_of_logs(logs: &[(u64, Vec<u8>)]) -> Vec<String> {
    let disk = SimDisk::new(0);
    drop(Store::open(DIR, options(&disk)).unwrap());
    logs.iter().for_each(|(number, bytes)| put(&disk, &log_path(Path::new(DIR), *number), bytes));
    let report = crate::check(DIR, &options(&disk)).unwrap();
    report.damages.iter().map(ToString::to_string).chain(report.notes).collect()
}

#[test]
fn check_says_what_opening_would_refuse() {
    let first = record(&[(0, &addition(&table()))], &[(0, row(0, vec![integers(0)]))]);
    let next = record(&[], &[(0, row(0, vec![integers(0)]))]);
    let said = |logs: &[(u64, Vec<u8>)], want: &[&str]| {
        let said = said_of_logs(logs);
        let is_it = said.len() == want.len() && said.iter().zip(want).all(|(s, w)| s.contains(w));
        assert!(is_it, "{said:#?}, not {want:?}");
    };
    let open = "was not closed";
    said(&[(1, log_of(1, 1, &[(1, 0, &first), (2, 0, &next)]))], &[open]);
    let twice = log_of(1, 1, &[(1, 0, &first), (2, 0, &next), (2, 0, &next)]);
    said(&[(1, twice)], &["write 2 where write 3 is expected", open]);
    let older = log_of(1, 2, &[(1, 0, &first)]);
    said(&[(1, older)], &["writes 1 to 1 are missing", "write 1 where write 2 is", open]);
    let hole = log_of(1, 1, &[(1, 0, &first), (3, 0, &next)]);
    said(&[(1, hole)], &["writes 2 to 2 are missing", open]);
    let late = log_of(1, 2, &[(2, 0, &first)]);
    said(&[(1, late)], &["writes 1 to 1 are missing", open]);
    said(&[(1, log_of(1, 3, &[]))], &["writes 1 to 2 are missing before this one", open]);
    let fields = row(0, vec![integers(0), integers(1)]);
    let unknown = log_of(1, 1, &[(1, 0, &record(&[(0, &addition(&table()))], &[(0, fields)]))]);
    said(&[(1, unknown)], &["values of field number 1, whose definition is lost", open]);
    let early = log_of(1, 1, &[(1, 0, &first)]);
    said(&[(1, early), (2, log_of(2, 2, &[]))], &["the log ends too early", open]);
    // Nobody knew the second write durable when the third was written: both may be torn.
    let mut torn = log_of(1, 1, &[(1, 0, &first), (2, 0, &next), (3, 0, &next)]);
    let end = torn.len();
    torn[end - next.len() - 30] ^= 1;
    said(&[(1, torn.clone())], &["one that was cut off", open]);
    // A hole in an earlier log is damage, whatever the last one says.
    let damage = ["bytes of the log are no write", "the log ends too early", "2 are missing", open];
    said(&[(1, torn), (2, log_of(2, 4, &[]))], &damage);
    // Nothing is left of the header and of the first write.
    let mut headless = log_of(1, 1, &[(1, 0, &first), (2, 0, &next)]);
    headless[..1536 + 40].fill(0);
    let all = said_of_logs(&[(1, headless)]);
    assert!(all.iter().any(|said| said.contains("bytes of the log are no write")), "{all:#?}");
    // Where the header and the first write are gone the numbers of what is left still tell.
    let mut headless = log_of(1, 1, &[(1, 0, &first), (2, 0, &next), (4, 0, &next)]);
    headless[..1536 + 40].fill(0);
    let all = said_of_logs(&[(1, headless)]);
    assert!(all.iter().any(|said| said.contains("writes 3 to 3 are missing")), "{all:#?}");
    // What stands at the end of a log that is damaged elsewhere is not taken for a write that was cut off.
    let durable = log_of(1, 1, &[(1, 0, &first), (2, 0, &next)]).len();
    let writes: [(u64, u64, &[u8]); 3] =
        [(1, 0, &first), (2, 0, &next), (3, durable as u64, &next)];
    let mut holes = log_of(1, 1, &writes);
    holes[durable - 3] ^= 1;
    holes.extend([7; 7]);
    let no_write = "bytes of the log are no write";
    said(&[(1, holes)], &[no_write, no_write, "writes 2 to 2 are missing", open]);
    // A header that is damaged beside its marks costs nothing.
    let mut header = log_of(1, 1, &[(1, 0, &first)]);
    header[20] ^= 1;
    said(&[(1, header)], &["lost: nothing (writes are found without the header)", open]);
}

/// A log that was flushed, and not removed before the end.
#[test]
fn writes_that_are_flushed_may_still_be_in_a_log() {
    let first = record(&[(0, &addition(&table()))], &[(0, row(0, vec![integers(0)]))]);
    let disk = SimDisk::new(0);
    drop(Store::open(DIR, options(&disk)).unwrap());
    let (path, log) = (log_path(Path::new(DIR), 1), log_of(1, 1, &[(1, 0, &first)]));
    put(&disk, &path, &log);
    Store::open(DIR, options(&disk)).unwrap().close().unwrap();
    assert!(!disk.files().contains_key(&path));
    let length = log.len() as u64;
    put(&disk, &path, &marked(log, length, End::OfFile));
    let report = crate::check(DIR, &options(&disk)).unwrap();
    assert!(report.is_sound(), "{:?}", report.damages);
    assert_eq!(Store::open(DIR, options(&disk)).unwrap().recovery().replayed_rows, 0);
}

/// `repair` goes over all writes once for each policy there is.
#[test]
fn what_repair_meets_twice_it_says_once() {
    let mut other = Definition::new("u", Duplicates::Keep);
    other.add_field("v", FieldType::Int);
    let tag = other.add_tag("host");
    let code = other.index.intern_value(tag, "a");
    other.index.intern_series(&[(0, code)]);
    let tables = [addition(&table()), addition(&other)];
    let rows = [0, 1].map(|table| (table, row(0, vec![integers(0)])));
    let first = record(&[(0, &tables[0]), (1, &tables[1])], &rows);
    let disk = SimDisk::new(0);
    drop(Store::open(DIR, options(&disk)).unwrap());
    let log = log_of(1, 1, &[(1, 0, &first), (2, 0, &[0xff; 3])]);
    put(&disk, &log_path(Path::new(DIR), 1), &log);
    let repaired = crate::repair(DIR, "/new", options(&disk)).unwrap();
    let damages: Vec<String> = repaired.report.damages.iter().map(ToString::to_string).collect();
    let said: std::collections::HashSet<&String> = damages.iter().collect();
    assert!(!damages.is_empty() && said.len() == damages.len(), "{damages:#?}");
    assert_eq!(repaired.tables.len(), 2);
}

/// A segment of one row at time 5, with a value of this type, or with these bytes of one.
fn row_segment(disk: &SimDisk, series: u32, ty: FieldType, values: Option<&[u8]>) -> SegmentEntry {
    let times = [0, 0, 0, 10, 0, 2];
    let mut encoded = vec![0];
    match ty {
        FieldType::Float => Encoder::new().floats(&[0.5], &mut encoded),
        _ => Encoder::new().ints(&[7], &mut encoded),
    }
    let values = values.unwrap_or(&encoded);
    let chunks = [&times[..], values].map(|bytes| (bytes.len() as u32, crc32c::crc32c(bytes)));
    let runs = vec![(series, 1, TimeRange::new(5, 5))];
    let fields = vec![(0, ty)];
    let mut writer =
        SegmentWriter::create(disk, Path::new(DIR), 9, 0, 1, fields, Compression::Fast).unwrap();
    let bytes = [&times[..], values].concat();
    writer.push(&EncodedBlock { rows: 1, runs, bytes, chunks: chunks.to_vec() }).unwrap();
    writer.finish().unwrap()
}

#[test]
fn check_decodes_every_column() {
    for (values, found) in [(None, ""), (Some(&[0, 99][..]), "an unknown encoding")] {
        let make = |disk: &SimDisk| row_segment(disk, 0, FieldType::Int, values);
        let check = with_segment(make, |_| {}).unwrap().check().unwrap();
        let problems: String = check.problems.iter().map(ToString::to_string).collect();
        assert!(problems.is_empty() == found.is_empty() && problems.contains(found), "{problems}");
        assert_eq!((check.blocks, check.rows), (1, 1), "its checksums match");
    }
}

/// Rows of a series, and values of a field, that the table's definition does not have, are nobody's.
#[test]
fn repair_gives_no_row_another_name() {
    let cases = [
        (0, FieldType::Int, 1, ""),
        (1, FieldType::Int, 0, "rows of series whose definition is lost"),
        (0, FieldType::Float, 0, "values of field number 0, whose definition is lost"),
    ];
    for (series, ty, rows, said) in cases {
        let disk = disk_with_segment(|disk| row_segment(disk, series, ty, None), |_| {});
        let repaired = crate::repair(DIR, "/new", options(&disk)).unwrap();
        let damages: String =
            repaired.report.damages.iter().map(|damage| damage.to_string() + "\n").collect();
        assert!(damages.is_empty() == said.is_empty() && damages.contains(said), "{damages}");
        assert_eq!(repaired.rows(), rows, "{said}");
    }
}

/// A definition for which the manifest vouches is not doubted for what a log says.
#[test]
fn a_log_does_not_redefine_what_is_committed() {
    let make = |disk: &SimDisk| row_segment(disk, 0, FieldType::Int, None);
    let disk = disk_with_segment(make, |manifest| manifest.generation = 1);
    let mut other = Definition::new("t", Duplicates::Last);
    other.add_field("v", FieldType::Float);
    let write = record(&[(0, &addition(&other))], &[]);
    put(&disk, &log_path(Path::new(DIR), 1), &log_of(1, 1, &[(1, 0, &write)]));
    let report = crate::check(DIR, &options(&disk)).unwrap();
    let damages: Vec<String> = report.damages.iter().map(ToString::to_string).collect();
    assert!(damages.len() == 1 && damages[0].contains("that do not fit: field `v`"), "{damages:?}");
}

/// What `check` says, of the open store and of the file, of a segment of one column, the times of two
/// rows of a series.
fn checked(times: &[u8], range: (i64, i64)) -> [String; 2] {
    let make = |disk: &SimDisk| {
        let chunks = vec![(times.len() as u32, crc32c::crc32c(times))];
        let runs = vec![(0, 2, TimeRange::new(range.0, range.1))];
        let dir = Path::new(DIR);
        let mut writer =
            SegmentWriter::create(disk, dir, 9, 0, 1, Vec::new(), Compression::Fast).unwrap();
        let block = EncodedBlock { rows: 2, runs, bytes: times.to_vec(), chunks };
        writer.push(&block).unwrap();
        writer.finish().unwrap()
    };
    let disk = disk_with_segment(make, |_| {});
    let damages = crate::check(DIR, &options(&disk)).unwrap().damages;
    let problems = Store::open(DIR, options(&disk)).unwrap().check().unwrap().problems;
    [
        problems.iter().map(ToString::to_string).collect(),
        damages.iter().map(|damage| damage.error.to_string()).collect(),
    ]
}

#[test]
fn check_finds_times_that_are_not_those_of_their_block() {
    // Flags, a constant interval, the first time, the interval.
    let (five, step) = ([0, 0, 0, 10], [0, 2]);
    let good = [&five[..], &step].concat();
    assert_eq!(checked(&good, (5, 6)), ["", ""]);
    let found = |times: &[u8], range| {
        let [open, file] = checked(times, range);
        assert!(open.contains("times of series 0 are not those of its block"), "{open}");
        assert!(file.contains("the times of block 0 are not those the footer says"), "{file}");
    };
    for range in [(5, 5), (6, 6), (7, 9), (1, 5)] {
        found(&good, range);
    }
    found(&[&five[..], &[0, 0]].concat(), (5, 5));
    let flags = checked(&[&[4][..], &good[1..]].concat(), (5, 6));
    assert!(flags.iter().all(|said| said.contains("block 0 has no times")), "{flags:?}");
}

#[test]
fn only_files_of_the_store_are_removed_and_none_is_overwritten() {
    let disk = SimDisk::new(0);
    let error = Store::open(DIR, Options { create: false, ..options(&disk) }).unwrap_err();
    assert_eq!((error.kind(), names(&disk).len()), (ErrorKind::NotFound, 0));
    for name in ["00000001.seg", "00000001.wal", "table-000000.def"] {
        let disk = directory();
        put(&disk, &Path::new(DIR).join(name), b"");
        refused(Store::open(DIR, options(&disk)), &format!("there is no manifest, but `{name}`"));
    }
    let disk = directory();
    let theirs =
        ["00001.seg", "notes.seg", "table-a.def", "table-000001.txt", "a.wal.next", "5.wal"];
    theirs.iter().for_each(|name| put(&disk, &Path::new(DIR).join(name), b"theirs"));
    drop(Store::open(DIR, options(&disk)).unwrap());
    let ours = ["00000099.seg", "table-000007.def", "00000099.wal.next", "MANIFEST.next"];
    ours.iter().for_each(|name| put(&disk, &Path::new(DIR).join(name), b"ours"));
    let store = Store::open(DIR, options(&disk)).unwrap();
    assert_eq!(store.recovery().removed_files.len(), ours.len());
    let left = names(&disk);
    assert!(theirs.iter().all(|name| left.contains(&Path::new(DIR).join(name))), "{left:?}");
    assert!(!ours.iter().any(|name| left.contains(&Path::new(DIR).join(name))), "{left:?}");
}

#[test]
fn a_manifest_of_any_length_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = RealDisk.create(&Manifest::path(dir.path())).unwrap();
    file.set_len((256 << 20) + 1).unwrap();
    let error = Store::open(dir.path(), Options::default()).unwrap_err();
    assert!(error.to_string().contains("at most 268435456 expected"), "{error}");
}
