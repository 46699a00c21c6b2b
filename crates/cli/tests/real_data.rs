//! Totals of whole files beside an independent, naive computation.
//!
//! It reads the project's own sample and, where `TIDEMILL_DATA` names a folder, every file of line
//! protocol and CSV in it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What is known of one field.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

#[derive(Debug, Default)]
struct TableTotals {
    /// Values of a row by series and time: the last one of a field wins.
    rows: HashMap<(String, i64), BTreeMap<String, f64>>,
}

impl TableTotals {
    fn fields(&self) -> BTreeMap<&str, Totals> {
        let mut fields: BTreeMap<&str, Totals> = BTreeMap::new();
        for (name, value) in self.rows.values().flatten() {
            let totals = fields.entry(name).or_insert(Totals {
                min: f64::INFINITY,
                max: f64::NEG_INFINITY,
                ..Totals::default()
            });
            totals.count += 1;
            totals.sum += value;
            totals.min = totals.min.min(*value);
            totals.max = totals.max.max(*value);
        }
        fields
    }
}

fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        text = String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text
}

/// Line protocol without escapes and strings, which is what these files are.
fn lines(text: &str) -> BTreeMap<String, TableTotals> {
    let mut tables: BTreeMap<String, TableTotals> = BTreeMap::new();
    for line in text.lines() {
        let parts: Vec<&str> = line.split(' ').collect();
        let [key, fields, time] = parts[..] else { panic!("{line}") };
        let (table, tags) = key.split_once(',').unwrap_or((key, ""));
        let mut tags: Vec<&str> = tags.split(',').collect();
        tags.sort_unstable();
        let row = tables.entry(table.to_owned()).or_default();
        let row = row.rows.entry((tags.join(","), time.parse().unwrap())).or_default();
        for field in fields.split(',') {
            let (name, value) = field.split_once('=').unwrap();
            row.insert(name.to_owned(), value.trim_end_matches(['i', 'u']).parse().unwrap());
        }
    }
    tables
}

/// CSV without quotes: a time and numbers.
fn csv(text: &str, table: &str) -> BTreeMap<String, TableTotals> {
    let mut rows = text.lines();
    let names: Vec<&str> = rows.next().unwrap().split(',').collect();
    let mut totals = TableTotals::default();
    for line in rows {
        let cells: Vec<&str> = line.split(',').collect();
        let time: jiff::civil::DateTime = cells[0].parse().unwrap();
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_nanosecond();
        let row = totals.rows.entry((String::new(), i64::try_from(time).unwrap())).or_default();
        for (name, cell) in names.iter().zip(&cells).skip(1).filter(|(_, cell)| !cell.is_empty()) {
            row.insert((*name).to_owned(), cell.parse().unwrap());
        }
    }
    BTreeMap::from([(table.to_owned(), totals)])
}

fn check(path: &Path) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = read(path);
    let table = name.trim_end_matches(".csv");
    let want = if name.ends_with(".csv") { csv(&text, table) } else { lines(&text) };
    let output = Command::new(env!("CARGO_BIN_EXE_tidemill"))
        .args(["analyze", "--json"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tables = report["tables"].as_array().unwrap();
    assert_eq!(tables.len(), want.len(), "{name}: tables");
    for table in tables {
        let table_name = table["name"].as_str().unwrap();
        let want = &want[table_name];
        assert_eq!(
            table["rows"].as_u64().unwrap() as usize,
            want.rows.len(),
            "{name} {table_name}: rows"
        );
        let fields = want.fields();
        for field in table["fields"].as_array().unwrap() {
            let field_name = field["name"].as_str().unwrap();
            let number = |key: &str| field[key].to_string().parse::<f64>().unwrap();
            let want = &fields[field_name];
            let got = Totals {
                count: field["count"].as_u64().unwrap(),
                sum: number("sum"),
                min: number("min"),
                max: number("max"),
            };
            let place = format!("{name} {table_name}.{field_name}");
            assert_eq!((got.count, got.min, got.max), (want.count, want.min, want.max), "{place}");
            let scale = want.min.abs().max(want.max.abs()) * want.count as f64;
            assert!(
                (got.sum - want.sum).abs() <= 1e-12 * scale,
                "{place}: {} {}",
                got.sum,
                want.sum
            );
        }
        assert_eq!(table["fields"].as_array().unwrap().len(), fields.len(), "{name} {table_name}");
    }
    println!("{name}: {} rows in {} tables agree", report["rows"], tables.len());
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, found);
        } else if name.ends_with(".csv") || name.ends_with(".lp.gz") {
            found.push(path);
        }
    }
}

#[test]
fn the_sample_and_real_files_have_the_totals_of_a_naive_reader() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = vec![root.join("samples/host.lp")];
    if let Some(folder) = std::env::var_os("TIDEMILL_DATA") {
        files(Path::new(&folder), &mut paths);
        assert!(paths.len() > 1, "no files in {folder:?}");
    }
    paths.iter().for_each(|path| check(path));
}
