//! Our side: an import or an opening in a fresh process, so that its memory and processor time are its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tidemill::import::{ImportOptions, Input as Text, import};
use tidemill::{Column, Options, Scan, ScannedRows, Store, Values};

use super::clock::{cpu_seconds, machine_cpu_seconds, memory_bytes};
use super::files::Input;
use super::send::{Sending, send};
use super::{Found, Load};

/// What the process is to do, as the argument after `--job`.
const IMPORT: &str = "import";
const WRITE: &str = "write";
const OPEN: &str = "open";

/// What it takes to open a store.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Until the store is open.
    pub seconds: f64,
    /// Processor seconds of that.
    pub cpu: f64,
    /// And until all rows of one series were read, found by its tag.
    pub first_rows_seconds: f64,
    /// Memory of the process when it is open.
    pub resident_bytes: f64,
    /// The most memory it had, the reading of the series included.
    pub peak_bytes: f64,
    /// Series, of all tables.
    pub series: f64,
}

/// Imports a file into a new store in `dir`.
///
/// # Errors
/// When it fails, or leaves rows out.
pub fn load(input: &Input, dir: &Path) -> Result<Load> {
    all_rows(
        input,
        &json!({ "do": IMPORT, "file": input.path, "store": dir, "fields": input.fields }),
    )
}

/// Writes the lines of a file to a new store in `dir`, from several threads, each write acknowledged when it is on the
/// disk.
///
/// # Errors
/// When it fails, or leaves rows out.
pub fn write(input: &Input, dir: &Path, sending: Sending) -> Result<Load> {
    let Sending { connections, lines } = sending;
    let how = json!({
        "do": WRITE, "file": input.path, "store": dir, "fields": input.fields, "connections": connections,
        "lines": lines,
    });
    all_rows(input, &how)
}

fn all_rows(input: &Input, job: &Value) -> Result<Load> {
    let told = run(job)?;
    let rows = told["rows"].as_u64();
    ensure!(rows == Some(input.rows), "{} rows in the file, {rows:?} in the store", input.rows);
    Load::read(&told)
}

/// Opens the store in `dir`, and reads the series of a host.
///
/// # Errors
/// When it fails.
pub fn open(dir: &Path, host: &str) -> Result<Opening> {
    let told = run(&json!({ "do": OPEN, "store": dir, "host": host }))?;
    let number = |name| super::number(&told, name);
    Ok(Opening {
        seconds: number("seconds")?,
        cpu: number("cpu")?,
        first_rows_seconds: number("first")?,
        resident_bytes: number("resident")?,
        peak_bytes: number("peak")?,
        series: number("series")?,
    })
}

/// Has another process of this program do a job, and gives what it tells.
///
/// # Errors
/// When it fails, or tells no JSON.
pub fn run(job: &Value) -> Result<Value> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args(["--job", &job.to_string()]).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "our process: {}; what it said is above", output.status);
    serde_json::from_slice(&output.stdout).context("our process said no JSON")
}

/// Does a job, in the process that is for it, and tells on standard output.
///
/// # Errors
/// When it fails.
pub fn work(job: &str) -> Result<()> {
    let job: Value = serde_json::from_str(job)?;
    let told = match job["do"].as_str() {
        Some(IMPORT) => fill(&job, true)?,
        Some(WRITE) => fill(&job, false)?,
        Some(OPEN) => open_store(&job)?,
        _ => bail!("no job: {job}"),
    };
    println!("{told}");
    Ok(())
}

fn text<'a>(job: &'a Value, name: &str) -> Result<&'a str> {
    job[name].as_str().with_context(|| format!("no {name}"))
}

/// An import, or writes; then all that is there is counted.
fn fill(job: &Value, is_import: bool) -> Result<Value> {
    let (file, pid) = (Path::new(text(job, "file")?), std::process::id());
    let store = Store::open(text(job, "store")?, Options::default())?;
    let (start, machine, cpu) = (Instant::now(), machine_cpu_seconds()?, cpu_seconds(pid)?);
    let (late, times) = match is_import {
        true => (import_file(&store, file)?, Vec::new()),
        false => (0, write_lines(&store, file, job)?),
    };
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds(pid)? - cpu);
    let (machine, peak) = (machine_cpu_seconds()? - machine, memory_bytes(pid, "VmHWM")?);
    let snapshot = store.snapshot();
    let stored: u64 = snapshot.tables().iter().map(tidemill::TableView::stored_bytes).sum();
    let (mut rows, mut found) = (0, Vec::new());
    for table in snapshot.tables() {
        let (count, fields) = count(&store, table.name())?;
        rows += count;
        found
            .extend(fields.into_iter().map(|(field, found)| (json!([table.name(), field]), found)));
    }
    let values: u64 = found.iter().map(|(_, found)| found.count).sum();
    let wanted = job["fields"].as_array().context("no fields")?.iter().map(|field| {
        let found = found.iter().find(|(name, _)| name == field);
        found.map(|(_, it)| json!([it.count, it.sum])).with_context(|| format!("no {field}"))
    });
    let wanted = wanted.collect::<Result<Vec<_>>>()?;
    // Of writes, a part is in memory and in the log.
    let stored = if is_import { json!(stored) } else { Value::Null };
    Ok(json!({
        "seconds": seconds, "cpu": cpu, "machine": machine, "peak": peak, "stored": stored, "rows": rows,
        "values": values, "late": late, "times": times, "found": wanted,
    }))
}

/// Rows that came late.
fn import_file(store: &Store, file: &Path) -> Result<u64> {
    let options = ImportOptions { table: Some("cpu".into()), ..ImportOptions::default() };
    let report = import(store.inner(), &Text::File(file.to_owned()), &options, &mut ())?;
    ensure!(report.bad_rows == 0 && report.duplicates == 0, "{report:?}");
    Ok(report.late)
}

/// Milliseconds of each write.
fn write_lines(store: &Store, file: &Path, job: &Value) -> Result<Vec<f64>> {
    let [connections, lines] = ["connections", "lines"].map(|name| super::number(job, name));
    let sending = Sending { connections: connections? as usize, lines: lines? as usize };
    let write = |piece: &[u8]| {
        let written = store.write_line_protocol(piece)?;
        ensure!(written.bad_lines.is_empty(), "{written:?}");
        Ok(())
    };
    send(file, sending, || Ok(write))
}

/// All rows of a table are read: how many there are, and what there is of each field.
fn count(store: &Store, table: &str) -> Result<(u64, Vec<(String, Found)>)> {
    let mut scan = store.scan(table, &Scan::default())?;
    let snapshot = store.snapshot();
    let schema = snapshot.table(table).context("no table")?.shared_schema();
    let mut sums = vec![Found::default(); schema.fields.len()];
    let (mut rows, mut piece) = (0, ScannedRows::default());
    while scan.next_into(&mut piece)? {
        rows += piece.times.len() as u64;
        for (found, column) in sums.iter_mut().zip(&piece.columns) {
            found.count += column.valid_count() as u64;
            found.sum += sum(column);
        }
    }
    let names = schema.fields.iter().map(|field| field.name.clone());
    Ok((rows, names.zip(sums).collect()))
}

fn sum(column: &Column) -> f64 {
    let valid = (0..column.len()).filter(|row| column.is_valid(*row));
    match column.values() {
        Values::Float(values) => valid.map(|row| values[row]).sum(),
        Values::Int(values) => valid.map(|row| values[row] as f64).sum(),
        Values::UInt(values) => valid.map(|row| values[row] as f64).sum(),
        Values::Bool(_) | Values::Text(_) => 0.0,
    }
}

fn open_store(job: &Value) -> Result<Value> {
    let pid = std::process::id();
    let (start, cpu) = (Instant::now(), cpu_seconds(pid)?);
    let store = Store::open(text(job, "store")?, Options::default())?;
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds(pid)? - cpu);
    let resident = memory_bytes(pid, "VmRSS")?;
    let tags = vec![("hostname".to_owned(), text(job, "host")?.to_owned())];
    let scan = Scan { tags, ..Scan::default() };
    let (mut rows, mut piece) = (0, ScannedRows::default());
    let mut scanned = store.scan("cpu", &scan)?;
    while scanned.next_into(&mut piece)? {
        rows += piece.times.len();
    }
    let first = start.elapsed().as_secs_f64();
    ensure!(rows > 0, "the series has no rows: {job}");
    let series: u32 = store.snapshot().tables().iter().map(tidemill::TableView::series_count).sum();
    let peak = memory_bytes(pid, "VmHWM")?;
    Ok(
        json!({ "seconds": seconds, "cpu": cpu, "first": first, "resident": resident, "peak": peak, "series": series }),
    )
}
